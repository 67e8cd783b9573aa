#!/bin/bash
# Tests of dist/: a whole release is made in a temporary folder, twice, and each package of it is taken apart.
# bash tests/dist.sh [PROGRAM]
#
# PROGRAM is the static build: it signs and verifies its own image too. Without one a stand-in answers what the packers
# ask it. Needs python3, dpkg and rpm; root for the rpm and for running the image; cargo for the loopback AWS.
# Homebrew, Scoop and winget are not run. Nothing outside a temporary folder and target/ is written.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
name=docker-credential-ecr-rs
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
scratch=$(mktemp -d)
loopback=
trap '[ -z "$loopback" ] || kill "$loopback"; rm -rf "$scratch"' EXIT
. tests/loopback.sh

failed=0
# ok WHAT COMMAND...: one line for a command that must succeed.
ok() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      dist: %s\n' "$what"
    else
        failed=$((failed + 1))
        printf 'FAILED  dist: %s\n' "$what"
        printf '%s\n' "$output" | sed 's/^/        | /'
    fi
}

program=$(realpath -m "${1:-$scratch/program}")
if [ $# = 0 ]; then
    printf '#!/bin/sh\necho "stand-in: $*"\n' >"$program"
    chmod +x "$program"
fi
if [ $# = 1 ]; then
    cargo build --quiet --locked --example loopback && serve_loopback "$scratch/aws" "$scratch/aws.log" || exit 1
fi
printf -- '-----BEGIN CERTIFICATE-----\n' >"$scratch/certificates"
export CERTIFICATES=$scratch/certificates

targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-apple-darwin aarch64-apple-darwin
    x86_64-pc-windows-msvc aarch64-pc-windows-msvc)
# A release as the workflow makes it, each program under the name that its system gives it.
release() {
    local folder=$1 target file
    for target in "${targets[@]}"; do
        file=$program
        case $target in *windows*) file=$scratch/$name.exe && cp "$program" "$file" ;; esac
        python3 dist/archive.py "$target" "$file" "$folder" || return 1
    done
    bash dist/assemble.sh "$folder" https://releases.example/v1
}
ok "a release is made" release "$scratch/one"
ok "and once more" release "$scratch/two"
ok "the same program gives the same bytes" diff -r "$scratch/one" "$scratch/two"
cd "$scratch/one" || exit 1
ok "each file has its checksum" sha256sum --check --quiet --strict SHA256SUMS

read_zip() { python3 -m zipfile -l "$name-$version-x86_64-pc-windows-msvc.zip" | grep "/$name.exe"; }
ok "Windows' archive is a zip with the program" read_zip

# A package in a root of its own: the program, its other names, its pages.
is_whole() {
    local root=$1 link
    cmp "$program" "$root/usr/bin/$name" || return 1
    for link in ecr-rs docker-credential-ecr-login ecr-credential-provider; do
        [ "$(readlink "$root/usr/bin/$link")" = "$name" ] || return 1
    done
    [ "$("$root/usr/bin/docker-credential-ecr-login" version)" = "$("$program" version)" ] || return 1
    [ -s "$root/usr/share/bash-completion/completions/ecr-rs" ] || return 1
    gzip -t "$root/usr/share/man/man1/$name.1.gz" && [ -s "$root/usr/share/zsh/vendor-completions/_$name" ] &&
        [ -s "$root/usr/share/doc/$name/LICENSE-MIT" ]
}
deb() {
    local root=$scratch/deb file=${name}_${version}_amd64.deb
    mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info"
    touch "$root/var/lib/dpkg/status"
    dpkg --root="$root" --force-not-root --force-script-chrootless --force-bad-path --log="$scratch/dpkg.log" -i "$file" &&
        is_whole "$root" && dpkg --root="$root" --force-not-root --force-bad-path --log="$scratch/dpkg.log" -r "$name" &&
        [ ! -e "$root/usr/bin/$name" ]
}
ok "the deb is installed into a root of its own, and removed" deb
rpm_package() {
    local root=$scratch/rpm
    mkdir -p "$root"
    rpm --root "$root" --dbpath /db --initdb && rpm --root "$root" --dbpath /db -i --nosignature "$name-$version-1.x86_64.rpm" &&
        is_whole "$root" && rpm --root "$root" --dbpath /db -e "$name" && [ ! -e "$root/usr/bin/$name" ]
}
if [ "$(id -u)" = 0 ]; then
    ok "the rpm is installed into a root of its own, and removed" rpm_package
fi

# Every blob of the image under its digest, both machines, and nobody's rights but a user's.
image() {
    mkdir "$scratch/image" && tar -C "$scratch/image" -xf "$name-$version.oci.tar" && python3 - "$scratch/image" "$program" <<'END'
import gzip, hashlib, io, json, sys, tarfile
from pathlib import Path

folder, program = Path(sys.argv[1]), Path(sys.argv[2])


def blob(descriptor):
    algorithm, digest = descriptor["digest"].split(":")
    content = (folder / "blobs" / algorithm / digest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest and len(content) == descriptor["size"], descriptor
    return content


(named,) = json.loads((folder / "index.json").read_text())["manifests"]
images = json.loads(blob(named))["manifests"]
assert [image["platform"]["architecture"] for image in images] == ["amd64", "arm64"], images
for image in images:
    manifest = json.loads(blob(image))
    config = json.loads(blob(manifest["config"]))
    (layer,) = manifest["layers"]
    plain = gzip.decompress(blob(layer))
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(plain).hexdigest()]
    assert config["config"]["User"] == "65532:65532", config
    with tarfile.open(fileobj=io.BytesIO(plain)) as files:
        assert files.extractfile("usr/bin/docker-credential-ecr-rs").read() == program.read_bytes()
        assert files.extractfile("etc/ssl/certs/ca-certificates.crt").read().startswith(b"-----BEGIN")
END
}
ok "the image holds program and certificates of both machines, for an ordinary user" image

# The image without a container: its layer is all that there is, and the user is an ordinary one.
image_runs() {
    local layer
    mkdir "$scratch/root" && layer=$(python3 -c 'import json, sys
blob = lambda it: json.load(open(sys.argv[1] + "/blobs/" + it["digest"].replace(":", "/")))
index = blob(json.load(open(sys.argv[1] + "/index.json"))["manifests"][0])
print(blob(index["manifests"][0])["layers"][0]["digest"].replace(":", "/"))' "$scratch/image") &&
        tar -C "$scratch/root" -xzf "$scratch/image/blobs/$layer" &&
        [ "$(env -i HOME=/home/nonroot /usr/sbin/chroot --userspec=65532:65532 "$scratch/root" "/usr/bin/$name" version)" = "$("$program" version)" ]
}
# Signed on disk, every machine's image with the index, and verified by who signed; by nobody else.
image_is_signed() {
    local image=$scratch/image:$version
    our() { env HOME="$scratch" "$program" "$@" --signer-root "$LOOPBACK_SIGNER_ROOT"; }
    ! our verify --recursive --oci-layout "$image" --signing-profile "$LOOPBACK_SIGNING_PROFILE" &&
        our sign --recursive --oci-layout "$image" --signing-profile "$LOOPBACK_SIGNING_PROFILE" &&
        our verify --recursive --oci-layout "$image" --signing-profile "$LOOPBACK_SIGNING_PROFILE" &&
        ! our verify --oci-layout "$image" --signing-profile "${LOOPBACK_SIGNING_PROFILE}_other"
}
if [ $# = 1 ]; then
    [ "$(id -u)" != 0 ] || ok "the image's program runs with nothing but its layer, as its user" image_runs
    ok "the image is signed by the program in it, and verified" image_is_signed
fi

# Whatever a manifest names, with its checksum, is in the release.
manifests() {
    python3 - "$name" <<'END'
import json, re, sys
from pathlib import Path

name = sys.argv[1]
sums = {file: checksum for checksum, file in (line.split("  ") for line in Path("SHA256SUMS").read_text().splitlines())}
for pattern, count in [("*.rb", 4), ("*.scoop.json", 2), ("*.installer.yaml", 2)]:
    (path,) = Path(".").glob(pattern)
    text = path.read_text()
    pairs = re.findall(r'https://releases\.example/v1/([^"\s]+)"?,?\s+"?(?:sha256|hash|InstallerSha256)"?:? "?([0-9A-Fa-f]{64})', text)
    assert len(pairs) == count, (path, pairs)
    for file, checksum in pairs:
        assert sums[file] == checksum.lower(), (path, file)
json.loads(next(Path(".").glob("*.scoop.json")).read_text())
END
}
ok "the manifests name the release's files with their checksums" manifests

less() {
    mkdir "$scratch/less" && cp ./*linux-musl.tar.gz "$scratch/less" && (cd "$scratch/less" && sha256sum ./*.gz | sed 's| \./| |' >SHA256SUMS) &&
        cd "$OLDPWD" && python3 dist/manifests.py "$scratch/less" https://releases.example/v1 | grep -c 'left out' | grep -qx 3 &&
        ! python3 dist/manifests.py "$scratch/less" http://releases.example/v1
}
ok "a manager whose archives are missing is left out, and cleartext is refused" less

# The action: what it runs, what it leaves to later steps, and what it refuses before it installs anything.
action() {
    local status=$1 words=$2 output
    shift 2
    rm -rf "$scratch/runner" && mkdir "$scratch/runner"
    output=$(env RUNNER_TEMP="$scratch/runner" GITHUB_ACTION_PATH="$root" GITHUB_PATH="$scratch/runner/path" \
        GITHUB_OUTPUT="$scratch/runner/output" HOME="$scratch/runner" CLIENTS='docker notation' IMAGE='' SIGN=false \
        VERIFY=false SIGNING_PROFILE='' ACTION_REF='' ACTION_REPOSITORY=owner/name \
        ARCHIVE="$scratch/action/$name-$version-x86_64-unknown-linux-musl.tar.gz" \
        "$@" bash "$root/dist/action.sh" 2>&1)
    if [ $? != "$status" ] || [[ $output != *"$words"* ]]; then
        printf '%s\n' "$output"
        return 1
    fi
    [ "$status" = 0 ] || [ ! -e "$scratch/runner/$name" ]
}
# shellcheck disable=SC2016 # that is what is odd
odd='-x; $(y) `z`'
action_runs() {
    action 0 'setup docker notation' && grep -qx "$scratch/runner/$name/bin" "$scratch/runner/path" &&
        grep -qx 'repository=owner/name' "$scratch/runner/install-$name.sh" && [ ! -e "$scratch/runner/output" ] &&
        action 0 'sign --signing-profile arn -- r/a:1' SIGN=true IMAGE=r/a:1 SIGNING_PROFILE=arn &&
        action 0 "verify --quiet -- $odd" VERIFY=true IMAGE="$odd" &&
        [ "$(cat "$scratch/runner/output")" = "digest=stand-in: verify --quiet -- $odd" ]
}
action_refuses() {
    action 1 'sign and verify need an image' SIGN=true && action 1 'are true or false' SIGN=yes &&
        action 1 'by the tag of a release' ARCHIVE= ACTION_REF=main && action 1 'no OWNER/NAME' ACTION_REPOSITORY='a b'
}
printf '#!/bin/sh\necho "stand-in: $*"\n' >"$scratch/stand-in" && chmod +x "$scratch/stand-in"
(cd "$root" && python3 dist/archive.py x86_64-unknown-linux-musl "$scratch/stand-in" "$scratch/action") >/dev/null
(cd "$scratch/action" && sha256sum ./*.gz | sed 's| \./| |' >SHA256SUMS)
ok "the action installs, sets up, signs and verifies" action_runs
ok "the action refuses what it cannot do before it installs" action_refuses

[ "$failed" = 0 ]
