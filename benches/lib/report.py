"""The table, and the files that are written from it: docs/speed.md, docs/speed.svg, the table of README.md."""

from . import svg

HEADS = ["what", "this program", "beside it", "ratio", "of minima", "bound", "", "runs"]
BEGIN, END = "<!-- benches/run writes from here -->", "<!-- to here -->"
GROUPS = {
    "A cached `get`": ("cached", "file", "role"),
    "A `get` that asks AWS": ("miss", "at-once"),
    "What a keyring holds besides": ("grown", "mint", "list", "other"),
    "`sign` and `verify`": ("sign", "index", "verify"),
    "What is installed": ("binary",),
}
# The README's rows: the kind, and a word of the first one that is meant.
HEADLINES = (("cached", "ecr-login"), ("miss", "ecr-login"), ("sign", "round trip"), ("list", "1,000"))

HOW = """\
## How

- Whole processes, started one after another, round by round; every second round in the other order. *Ratio* is the \
median of the ratios of each round, *of minima* that of the shortest runs; times are medians. The ratio is what a \
bound is held against. Trust ratios, not times.
- *Static* is the build with musl, which a release has for Linux; *glibc* is what `cargo build --release` makes. A row \
that names one of them is of the static one.
- AWS, AWS Signer and the registry are `examples/loopback.rs` on this machine, over TLS, so a real network's time \
comes on top for everyone. *20 ms a request*: AWS Signer and the registry answer that much later. *And a round \
trip*: besides, a relay holds every byte for 10 ms each way, so that a connection costs 20 ms, TLS 20 ms more, and \
each request 20 ms more.
- The keyrings are gnome-keyring's, encrypted, each in a D-Bus session of its own. *ecr-login* keeps its tokens in a \
file in clear text: that is what it has.
- *An item made and deleted in gnome-keyring itself*: it writes its whole file anew for each change, so that keeping \
a token takes the longer the more the file holds, whoever keeps it.
- *The floor in C* (`benches/floor.c`) sends the bytes that a cached `get` sends, in the same two writes, waits for \
the same answers and prints the same JSON; it reads no configuration, no identity and no attribute, has no bounds \
and wipes nothing. `benches/record-floor.py` records the bytes anew for each run.
- *Notation* logs in through ecr-login, and signs and verifies through *AWS's plugin* for AWS Signer, built from its \
public sources (CONTRIBUTING.md says how): nothing of this program is in it. Where a row says *our plugin*, AWS's was \
not there, and this program stood in its place.
- *The system's own roots*: the loopback's authority stands in this machine's bundle of root certificates, and both \
programs read what they read anywhere.
- Instructions are callgrind's, in user space; system calls strace's; peak memory GNU time's, the lowest of three.
"""


def table(rows):
    lines = [HEADS, ["---"] * len(HEADS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write(root, rows, machine, failures):
    """Writes all three. What could not be measured is told with its reason."""
    docs = root / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "speed.md").write_text(page(rows, machine, failures))
    (docs / "speed.svg").write_text(svg.draw([row for _, row in rows if row.ceiling], machine))
    readme = root / "README.md"
    before, rest = readme.read_text().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{BEGIN}\n{headlines(rows, machine)}\n{END}{after}")


def page(rows, machine, failures):
    sections = []
    for title, kinds in GROUPS.items():
        of_group = [row for kind, row in rows if kind in kinds]
        if of_group:
            sections.append(f"## {title}\n\n{table(of_group)}\n")
    if failures:
        sections.append("## Not measured\n\n" + "\n".join(f"- {failure}" for failure in failures) + "\n")
    others = "; ".join(f"*{name.split(' ')[0]}* is {what} ({name})" for name, what in said_of(machine.peers))
    return "\n".join([
        "# Speed", "",
        "`benches/run` measured every figure on this page and wrote it; none was typed in.", "",
        machine.line(), "", others + ".", "",
        "![Each work's time beside what it is compared with, and its bound](speed.svg)", "",
        *sections, HOW,
    ])


def said_of(peers):
    yield peers["go"], "amazon-ecr-credential-helper"
    yield peers["secretservice"], "docker-credential-secretservice of docker-credential-helpers"
    yield peers["notation"], "the Notary Project's Notation"


def headlines(rows, machine):
    chosen = []
    for wanted, word in HEADLINES:
        of_kind = (row for kind, row in rows if kind == wanted)
        chosen += [row.cells() for row in of_kind if word in row.line()][:1]
    lines = [HEADS[:4], ["---"] * 4, *(cells[:4] for cells in chosen)]
    written = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{written}\n\n{machine.line()}"
