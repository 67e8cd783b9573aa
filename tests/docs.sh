#!/bin/bash
# Follows the documents: every marked block of README.md and docs/*.md does what the text says, every relative link of
# a Markdown file leads somewhere, the README is short, and its picture shows what the sandbox shows.
#
#     bash tests/docs.sh [PAGE...]
#
# A comment on the line before a block marks it:
#   <!-- runnable -->   it is run, and must succeed
#   <!-- fails -->      it is run, and its last command must fail
#   <!-- prints -->     the block before printed this; `…` stands for anything in a line, a line of `…` for any lines
#   <!-- file PATH -->  the file has this in it from here on
# A comment that begins with `given` and goes on for several lines is run too: what the text takes for granted.
#
# A page has a home folder, a keychain and an AWS of its own: examples/loopback, where the person of the page is alice of
# account 111122223333, with her keys in the environment, and the image team/app:v1 is in two registries. Nothing leaves
# the machine.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
words_ceiling=900 # of the README

cargo build --locked --quiet --bins --example loopback || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
status=0

# The reader's PATH: the program under both its names, and a few programs of the system, so that what `setup` and
# `doctor` find is the same on every machine. The short name says yes where `setup` asks, and adds the loopback's root
# where a command takes one.
mkdir "$scratch/bin"
for program in base64 bash cat cp cut date dirname env grep ln mkdir rm sed sha1sum sort tr wc; do
    ln -s "$(command -v "$program")" "$scratch/bin/$program" || exit 1
done
ln -s "$root/target/debug/docker-credential-ecr-rs" "$scratch/bin/docker-credential-ecr-rs"
cat >"$scratch/bin/ecr-rs" <<'PROGRAM' || exit 1
#!/bin/bash
case "${1:-} ${2:-}" in
    "setup ") set -- setup --yes ;;
    "sign "* | "verify "*) set -- "$1" --signer-root "$LOOPBACK_SIGNER_ROOT" "${@:2}" ;;
    "signatures list" | "signatures inspect") set -- "$1" "$2" --signer-root "$LOOPBACK_SIGNER_ROOT" "${@:3}" ;;
esac
exec docker-credential-ecr-rs "$@"
PROGRAM
chmod +x "$scratch/bin/ecr-rs"

pages=("$@")
[ $# -gt 0 ] || mapfile -t pages < <(grep -lE '^<!-- (runnable -->|fails -->|file .* -->|given)$' README.md docs/*.md)
for page in "${pages[@]}"; do
    python3 tests/docs/follow.py "$page" target/debug/examples/loopback "$scratch" || status=1
done

if TMPDIR=/tmp cargo run --locked --quiet --example sandbox -- --record "$scratch/sandbox.cast" >/dev/null; then
    python3 scripts/sandbox-picture.py --check "$scratch/sandbox.cast" docs/sandbox.svg || status=1
else
    echo "the sandbox fails" && status=1
fi
python3 tests/docs/links.py "$root" || status=1
words=$(wc -w <README.md)
echo "README.md: $words words ($words_ceiling allowed)"
[ "$words" -le "$words_ceiling" ] || status=1
exit "$status"
