"""What a Markdown file of ours has in it: marked blocks, links and anchors."""

import re

# A fence with the comment before it, and what stands between its lines.
FENCE = re.compile(r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
                   re.MULTILINE | re.DOTALL)
GIVEN = re.compile(r"^<!-- given\n(?P<text>.*?)^-->$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<target>[^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
MARKS = ("runnable", "fails", "prints", "file ")


def blocks(text):
    """(line, mark, text) of each marked block and each `given`, in their order."""
    found = [(match.start(), "given", match["text"]) for match in GIVEN.finditer(text)]
    for match in FENCE.finditer(text):
        mark = match["mark"]
        if mark and mark.startswith(MARKS):
            found.append((match.start(), mark, match["text"]))
    return [(text.count("\n", 0, place) + 1, mark, block) for place, mark, block in sorted(found)]


def prose(text):
    """The text without code, in which nothing is a link or a heading."""
    return re.sub(r"`[^`\n]*`", "``", FENCE.sub("", text))


def links(text):
    return [match["target"] for match in LINK.finditer(prose(text))]


def anchors(text):
    """The names that GitHub gives to headings."""
    names = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        unique, number = name, 0
        while unique in names:
            number += 1
            unique = f"{name}-{number}"
        names.add(unique)
    return names
