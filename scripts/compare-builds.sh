#!/bin/bash
# Whether the static build is reproducible: bash scripts/compare-builds.sh [TARGET]
#
# Builds it by scripts/build-static.sh here and once more in a new folder, with a home of cargo of its own, and
# compares the two programs byte by byte. A build that is at hand is used. Prints the checksum of each.

set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-x86_64-unknown-linux-musl}
program=target/$target/release/docker-credential-ecr-rs
cargo_home=${CARGO_HOME:-$HOME/.cargo}
ECR_RS_COMMIT=${ECR_RS_COMMIT:-$(git rev-parse --short=12 HEAD 2>/dev/null || :)}
export ECR_RS_COMMIT

bash scripts/build-static.sh "$target"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
source=$scratch/another/place/of/the/source
mkdir -p "$source" "$scratch/cargo"
git ls-files -z | tar --null --files-from=- -c | tar -C "$source" -x
# The crates are the same files under another path: what was downloaded is not fetched again.
[ ! -d "$cargo_home/registry" ] || cp -a "$cargo_home/registry" "$scratch/cargo/registry"
CARGO_HOME=$scratch/cargo bash "$source/scripts/build-static.sh" "$target"

sha256sum "$program" "$source/$program"
cmp "$program" "$source/$program"
echo "ok      $target: built in two folders, the same bytes"
