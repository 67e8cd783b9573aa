#!/bin/bash
# The linker of scripts/build-static.sh: cc, with the functions of a cached `get` side by side (scripts/function-order.txt).
#
# Pages of a program are read in windows of 64 KiB and more. Where the linker puts them, the 340 functions of a cached
# `get` are spread over all of its 7 MiB, and make up two thirds of its memory.
#
# The names of functions end in hashes, of which each compiler, each target and each set of dependencies has its own.
# The list has them without; how the objects at hand spell them is looked up here. Those that are gone are passed over.
# LLD alone orders by names. It comes with Rust, and ECR_RS_LLD says in which folder; without it, nothing is ordered.

set -euo pipefail
list=$(dirname "$0")/function-order.txt
if [ ! -e "${ECR_RS_LLD-}/ld.lld" ] || ! command -v nm >/dev/null; then
    exec cc "$@"
fi
objects=()
for argument; do
    case $argument in *.o | *.rlib | *.a) [ ! -f "$argument" ] || objects+=("$argument") ;; esac
done
order=$(mktemp)
trap 'rm -f "$order"' EXIT
nm --format=posix --defined-only "${objects[@]}" 2>/dev/null | awk '
    { plain = name = $1; sub(/17h[0-9a-f]+E$/, "", plain); gsub(/Cs[0-9A-Za-z]+_/, "C_", plain) }
    FILENAME == ARGV[1] { place[plain] = FNR; next }
    plain in place && !(name in seen) { seen[name]; print place[plain], name }
' "$list" - | sort -n | cut -d" " -f2 >"$order"
cc "$@" -fuse-ld=lld "-B$ECR_RS_LLD" "-Wl,--symbol-ordering-file=$order" -Wl,--no-warn-symbol-ordering
