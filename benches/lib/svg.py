"""The picture of the table: a bar for each ratio, a tick for its bound. Plain SVG, legible on light and dark."""

from html import escape

WIDTH, LABELS, VALUES = 980, 470, 120  # px: in all, for what was measured, for the figures
ROW, TOP, BOTTOM = 26, 74, 58
FULL = 1.6  # the ratio at the end of the scale; longer bars are cut, and their figures say how long

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.small { font-size: 12px; fill: #57606a }
.title { font-size: 16px; font-weight: 600 }
.grid { stroke: #d0d7de } .one { stroke: #57606a }
.kept { fill: #2f7d4f } .missed { fill: #c4562b } .bound { stroke: #24292f; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b1 } .ground { fill: #0d1117 }
  .grid { stroke: #30363d } .one { stroke: #9da7b1 }
  .kept { fill: #57ab74 } .missed { fill: #e0754a } .bound { stroke: #e6edf3 }
}"""


def draw(rows, machine):
    """Rows with a ratio and a ceiling for it."""
    height = TOP + ROW * len(rows) + BOTTOM
    end = TOP + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">Time of each work beside what it is compared with</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(16, 28, "Time beside what it is compared with", "title"),
        text(16, 50, "A bar up to 1 takes as long as the program named after “:”. The tick is the bound. Shorter is better.", "small"),
    ]
    for step in range(int(FULL / 0.2) + 1):
        ratio = step * 0.2
        x = place(ratio)
        parts.append(f'<line class="{"one" if step == 5 else "grid"}" x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{end}"/>')
        parts.append(text(x, end + 18, f"{ratio:.1f}", "small", "middle"))
    parts.append(text(place(FULL / 2), end + 36, "time, as a part of the other's (median of the rounds' ratios)", "small", "middle"))
    for number, row in enumerate(rows):
        parts += bar(TOP + ROW * number, row)
    parts.append(text(16, height - 6, f"{machine.day}, {machine.cores} cores, {machine.kernel}, {machine.system}", "small"))
    return "\n".join([*parts, "</svg>", ""])


def bar(y, row):
    label = f"{row.what}: {row.peer.rsplit(':', 1)[0]}".replace("`", "")
    kind, length = "kept" if row.kept else "missed", min(row.ratio, FULL)
    tick = place(row.ceiling)
    yield text(LABELS - 8, y + 16, shortened(label), "", "end")
    yield f'<rect class="{kind}" x="{LABELS}" y="{y + 4}" width="{place(length) - LABELS:.1f}" height="{ROW - 10}" rx="2"/>'
    yield f'<line class="bound" x1="{tick}" y1="{y + 1}" x2="{tick}" y2="{y + ROW - 3}"/>'
    word = "" if row.kept else " missed"
    yield text(WIDTH - VALUES + 10, y + 16, f"{row.ratio:.2f} (≤ {row.ceiling:g}){word}", "small")


def place(ratio):
    return round(LABELS + (WIDTH - LABELS - VALUES) * ratio / FULL, 1)


def shortened(label, most=72):
    return label if len(label) <= most else label[: most - 1] + "…"


def text(x, y, words, kind, anchor="start"):
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
