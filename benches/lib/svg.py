"""The picture of the table: a bar for each ratio, a tick for its bound. Plain SVG, legible on light and dark."""

from html import escape

WIDTH, LABELS, VALUES = 1000, 490, 150  # px: in all, for what was measured, for the figures
ROW, TOP, BOTTOM = 40, 74, 64
FULL = 1.6  # the ratio at the end of the scale; longer bars are cut, and their figures say how long

EXPLAINED = "A bar up to 1: as long as what stands below the work's name. The tick is the bound. Shorter is better."
AXIS = "time as a part of the other's: the median of the rounds' ratios"

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.small { font-size: 11.5px; fill: #57606a }
.title { font-size: 16px; font-weight: 600 }
.ground { fill: #ffffff } .grid { stroke: #d0d7de } .one { stroke: #57606a }
.kept { fill: #2f7d4f } .missed { fill: #c4562b } .bound { stroke: #24292f; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b1 }
  .ground { fill: #0d1117 } .grid { stroke: #30363d } .one { stroke: #9da7b1 }
  .kept { fill: #57ab74 } .missed { fill: #e0754a } .bound { stroke: #e6edf3 }
}"""


def draw(rows, machine):
    """Rows with a ratio and a ceiling for it."""
    end = TOP + ROW * len(rows)
    height = end + BOTTOM
    foot = f"{machine.day}, {machine.cores} cores, {machine.kernel}, {machine.system}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">Time of each work beside what it is compared with</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        text(16, 28, "Time beside what it is compared with", "title"),
        text(16, 50, EXPLAINED, "small"),
    ]
    for step in range(round(FULL * 5) + 1):
        ratio, x = step / 5, place(step / 5)
        parts.append(f'<line class="{"one" if ratio == 1 else "grid"}" x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{end}"/>')
        parts.append(text(x, end + 17, f"{ratio:.1f}", "small", "middle"))
    parts.append(text(place(FULL / 2), end + 36, AXIS, "small", "middle"))
    for number, row in enumerate(rows):
        parts += bar(TOP + ROW * number, row)
    parts.append(text(16, height - 8, foot, "small"))
    return "\n".join([*parts, "</svg>", ""])


def bar(y, row):
    peer, time = row.peer.rsplit(": ", 1)
    kind, width, tick = "kept" if row.kept else "missed", place(min(row.ratio, FULL)) - LABELS, place(row.ceiling)
    yield text(LABELS - 10, y + 16, plain(f"{row.what}: {row.ours}"), "", "end")
    yield text(LABELS - 10, y + 31, plain(f"{peer}: {time}"), "small", "end")
    yield f'<rect class="{kind}" x="{LABELS}" y="{y + 8}" width="{width:.1f}" height="{ROW - 16}" rx="2"/>'
    yield f'<line class="bound" x1="{tick}" y1="{y + 4}" x2="{tick}" y2="{y + ROW - 4}"/>'
    verdict = f"{row.ratio:.2f} (≤ {row.ceiling:g}){'' if row.kept else ' missed'}"
    yield text(WIDTH - VALUES + 12, y + 24, verdict, "small")


def place(ratio):
    return round(LABELS + (WIDTH - LABELS - VALUES) * ratio / FULL, 1)


def plain(words):
    return words.replace("`", "")


def text(x, y, words, kind, anchor="start"):
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
