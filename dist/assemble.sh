#!/bin/bash
# All that a release holds besides its archives: bash dist/assemble.sh FOLDER ADDRESS
#
# FOLDER holds the archives that dist/archive.py made, ADDRESS (https) is where they will be. Adds a deb and an rpm of
# each static Linux archive, one container image of them all (an OCI layout, as tar), SHA256SUMS of every file so far,
# and the manifests of other package managers.

set -euo pipefail
[ $# = 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
dist=$(cd "$(dirname "$0")" && pwd)
cd "$1"
program=docker-credential-ecr-rs
certificates=${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shopt -s nullglob
for archive in "$program"-*-linux-musl.tar.gz; do
    bash "$dist/packages.sh" "$archive" .
    python3 "$dist/image.py" "$archive" "$certificates" "$work/image"
    version=${archive#"$program"-} version=${version%%-*}
done
if [ -d "$work/image" ]; then
    tar -C "$work/image" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$program-$version.oci.tar" .
fi
rm -f SHA256SUMS
find . -maxdepth 1 -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum >"$work/sums"
mv "$work/sums" SHA256SUMS
python3 "$dist/manifests.py" . "$2"
