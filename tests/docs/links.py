"""Every relative link of every Markdown file leads to a file that is there, and to a heading that is in it.

    python3 tests/docs/links.py ROOT
"""

import sys
from pathlib import Path
from urllib.parse import unquote

from markdown import anchors, links


def main():
    root = Path(sys.argv[1]).resolve()
    pages = [page for page in sorted(root.rglob("*.md")) if "target" not in page.relative_to(root).parts]
    wrong = [f"{page.relative_to(root)}: {target}: {why}" for page in pages for target, why in broken(page, root)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"links: {sum(len(links(page.read_text())) for page in pages)} in {len(pages)} pages, {len(wrong)} broken")
    sys.exit(bool(wrong))


def broken(page, root):
    for target in links(page.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = unquote(target).partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            yield target, "there is no such file"
        elif not file.is_relative_to(root):
            yield target, "it leads out of the repository"
        elif anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text())):
            yield target, "there is no such heading"


if __name__ == "__main__":
    main()
