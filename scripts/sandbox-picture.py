#!/usr/bin/env python3
"""Draws docs/sandbox.svg, the README's picture, from a recording of the sandbox.

    cargo run --example sandbox -- --record target/sandbox.cast
    python3 scripts/sandbox-picture.py target/sandbox.cast docs/sandbox.svg

With --check before them, it writes nothing, and fails where the picture shows something else than the recording:
but for times, digests and names that differ in each run.

A recording is an asciicast of version 2. The picture shows one page after the other, each for as long as it takes
to read; what does not animate it shows the first page.
"""

import json
import re
import sys
from html import escape
from pathlib import Path

ROWS = 22  # of a page, at most
ADVANCE, LINE, MARGIN, BAR = 8.4, 18, 16, 34  # pixels: a character, a line, the border, the window's bar
SECONDS_A_PAGE, SECONDS_A_ROW = 2.5, 0.28  # a page is shown for the first and, for each row, the second
TITLE = "1;36"
LOOKS = {"": "plain", "1": "typed", TITLE: "title", "2": "said"}  # SGR parameters as examples/sandbox/screen.rs has them
STYLE = """\
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; }
.plain { fill: #c9d1d9; }
.typed { fill: #ffffff; font-weight: bold; }
.title { fill: #56d4dd; font-weight: bold; }
.said { fill: #8b949e; }
.page { animation-duration: %.1fs; animation-iteration-count: infinite; animation-timing-function: step-end; }
@media (prefers-reduced-motion: reduce) { .page { animation: none !important; } }
"""


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    if len(arguments) != 2 + check:
        sys.exit(__doc__)
    recording, picture = map(Path, arguments[check:])
    header, *events = map(json.loads, recording.read_text(encoding="utf-8").splitlines())
    if header["version"] != 2:
        sys.exit(f"{recording}: not an asciicast of version 2")
    text = "".join(data for _, kind, data in events if kind == "o")
    lines = [styled(line) for line in text.split("\r\n")]
    drawn = draw(pages(lines), header)
    if not check:
        picture.write_text(drawn, encoding="utf-8")
    elif lasting(drawn) != lasting(picture.read_text(encoding="utf-8")):
        sys.exit(f"{picture} does not show what the sandbox shows: make it anew, as {sys.argv[0]} says")


def lasting(drawn):
    """The picture's texts without what is another one in each run."""
    texts = re.findall(r"<text [^>]*>(.*?)</text>", drawn)
    changing = r"\d+ ms|\d+\.\d s|sandbox-\w{6}|\b[0-9a-f]{6,}\b|\d{4}-\d\d-\d\d(T\S*| \d\d:\d\d)"
    return [re.sub(changing, "", text) for text in texts]


def styled(line):
    """A line as its look and its text: the sandbox styles whole lines."""
    look, text = re.fullmatch(r"(?:\x1b\[([\d;]*)m)?(.*?)(?:\x1b\[0m)?", line).groups()
    return LOOKS[look or ""], text


def pages(lines):
    """A page for each scene, or for as many commands of a scene as it has room for."""
    done, page = [], []
    for block in blocks(lines):
        a_scene = any(look == "title" for look, _ in block)
        if page and (a_scene or len(page) + 1 + len(block) > ROWS):
            done.append(page)
            page = []
        page += ([("plain", "")] if page else []) + block
    return done + [page]


def blocks(lines):
    """A command with what it prints, and with what is said before it. Empty lines part them."""
    block, typed = [], False
    for look, text in lines:
        if not text and typed:
            yield block
            block, typed = [], False
        elif text or block:
            block.append((look, text))
            typed = typed or look == "typed"
    if block:
        yield block


def draw(shown, header):
    columns, rows = header["width"], max(map(len, shown))
    width, height = round(2 * MARGIN + columns * ADVANCE), BAR + rows * LINE + MARGIN
    times = [SECONDS_A_PAGE + SECONDS_A_ROW * len(page) for page in shown]
    total = sum(times)
    frames, drawn, start = [], [], 0.0
    for number, (page, time) in enumerate(zip(shown, times)):
        begins, ends = 100 * start / total, 100 * (start + time) / total
        hidden = "0% { opacity: 0; } " if begins else ""
        frames.append(f"@keyframes page{number} {{ {hidden}{begins:.3f}% {{ opacity: 1; }} "
                      f"{ends:.3f}% {{ opacity: {int(ends > 99.99)}; }} }}\n")
        drawn.append(f'<g class="page" style="animation-name: page{number}" opacity="{int(number == 0)}">\n')
        for row, (look, text) in enumerate(page):
            y = BAR + row * LINE + 14
            drawn += [f'<text class="{look}" x="{MARGIN}" y="{y}" xml:space="preserve">{escape(text)}</text>\n'] if text else []
        drawn.append("</g>\n")
        start += time
    dots = "".join(f'<circle cx="{MARGIN + 6 + 18 * n}" cy="15" r="5" fill="#484f58"/>' for n in range(3))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(header["title"])}">\n'
            f"<title>{escape(header['title'])}</title>\n<style>\n{STYLE % total}{''.join(frames)}</style>\n"
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>{dots}\n{"".join(drawn)}</svg>\n')


if __name__ == "__main__":
    main()
