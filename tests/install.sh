#!/bin/bash
# Tests of install.sh: each case runs it into a prefix of its own and prints one line.
#
# Release archives are made here, around a stand-in for the program. The one case that installs from the checkout
# runs `cargo build --release --locked`, which is quick where a release build is at hand. Nothing outside a
# temporary folder is written, but for cargo's target folder.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/rows.sh

program=docker-credential-ecr-rs
installer=$PWD/install.sh
scratch=$(mktemp -d)
server=
clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    chmod -R u+w "$scratch" 2>/dev/null
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
chmod 0755 "$scratch" # the read-only case runs as another user

# run STATUS ARGUMENTS...: runs the installer outside the checkout; its text is in $said.
run() {
    local expected=$1 status
    shift
    said=$(cd "$scratch" && HOME=$scratch/home PATH=$path sh "$scratch/alone/install.sh" "$@" 2>&1 </dev/null)
    status=$?
    [ "$status" = "$expected" ] || wrong "exit status $status, not $expected: install.sh $*"
}
says() { [[ $said == *"$1"* ]] || wrong "does not say: $1"; }
# Every path below a folder, so that "writes nothing" and "leaves nothing" are exact.
listing() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort); }
holds() { [ "$(listing "$1")" = "$2" ] || wrong "$1 holds: $(listing "$1" | tr '\n' ' ')"; }

mkdir -p "$scratch/alone" "$scratch/home" "$scratch/release" "$scratch/empty"
cp "$installer" "$scratch/alone/install.sh" # not in a checkout
path=$PATH

# archive VERSION WORDS: a release archive around a stand-in that answers `version` with WORDS.
archive() {
    local name=$program-$1-x86_64-unknown-linux-musl
    mkdir -p "$scratch/stage/$name"
    # shellcheck disable=SC2016 # $1 belongs to the stand-in
    printf '#!/bin/sh\n[ "$1" = version ] && echo "%s"\n' "$2" >"$scratch/stage/$name/$program"
    chmod 0755 "$scratch/stage/$name/$program"
    echo text >"$scratch/stage/$name/README.md"
    tar -C "$scratch/stage" -czf "$scratch/release/$name.tar.gz" "$name"
    (cd "$scratch/release" && sha256sum ./*.tar.gz | sed 's| \./| |' >SHA256SUMS)
}
archive 0.1.0 first
archive 0.2.0 second
first=$scratch/release/$program-0.1.0-x86_64-unknown-linux-musl.tar.gz
second=$scratch/release/$program-0.2.0-x86_64-unknown-linux-musl.tar.gz
installed="./bin
./bin/$program
./bin/ecr-rs
./share
./share/$program
./share/$program/manifest"

# From archives.

mkdir "$scratch/p1"
run 0 --prefix "$scratch/p1" --archive "$first"
holds "$scratch/p1" "$installed"
[ "$("$scratch/p1/bin/$program" version)" = first ] || wrong "the program does not run"
[ "$(stat -c %a "$scratch/p1/bin/$program")" = 755 ] || wrong "mode $(stat -c %a "$scratch/p1/bin/$program")"
says "export PATH=\"$scratch/p1/bin:\$PATH\""
says '"credsStore": "ecr-rs"'
row "an archive goes into an empty prefix, and PATH is explained"

run 0 --prefix "$scratch/p1" --archive "$second"
holds "$scratch/p1" "$installed"
[ "$("$scratch/p1/bin/$program" version)" = second ] || wrong "the old program is still there"
row "a second run replaces the program"

run 0 --prefix "$scratch/p1" --uninstall --dry-run
says "would remove $scratch/p1/bin/$program"
holds "$scratch/p1" "$installed"
run 0 --prefix "$scratch/p1" --uninstall
holds "$scratch/p1" ""
row "uninstall leaves an empty prefix, and its dry run removes nothing"

run 0 --prefix "$scratch/new/deep/prefix" --archive "$first"
run 0 --prefix "$scratch/new/deep/prefix" --uninstall
[ ! -e "$scratch/new" ] || wrong "left behind: $(find "$scratch/new" | tr '\n' ' ')"
row "uninstall removes the folders that install made, and the prefix itself"

mkdir -p "$scratch/shared/bin"
echo other >"$scratch/shared/bin/other"
run 0 --prefix "$scratch/shared" --archive "$first"
run 0 --prefix "$scratch/shared" --uninstall
holds "$scratch/shared" $'./bin\n./bin/other'
row "uninstall keeps what was there before"

run 0 --prefix "$scratch/mine" --archive "$first"
echo changed >"$scratch/mine/bin/$program"
run 1 --prefix "$scratch/mine" --uninstall
says "kept, for it is not what was installed"
[ -f "$scratch/mine/bin/$program" ] || wrong "removed a program that it did not install"
row "uninstall keeps a program that someone replaced"

# undoing ANSWER: a release whose stand-in notes each `setup` and ends `setup --undo` so.
undoing() {
    local name=$program-0.3.0-x86_64-unknown-linux-musl
    mkdir -p "$scratch/stage/$name"
    # shellcheck disable=SC2016 # $0, $1 and $* belong to the stand-in
    printf '#!/bin/sh\n[ "$1" != setup ] || echo "$0 $*" >>"%s/calls"\n[ "$*" != "setup --undo" ] || exit %s\n' \
        "$scratch" "$1" >"$scratch/stage/$name/$program"
    chmod 0755 "$scratch/stage/$name/$program"
    tar -C "$scratch/stage" -czf "$scratch/release/$name.tar.gz" "$name"
    (cd "$scratch/release" && sha256sum ./*.tar.gz | sed 's| \./| |' >SHA256SUMS)
    third=$scratch/release/$name.tar.gz
}
undoing 0
mkdir "$scratch/undone"
run 0 --prefix "$scratch/undone" --archive "$third"
: >"$scratch/calls"
run 0 --prefix "$scratch/undone" --uninstall --dry-run
grep -q "setup --undo --dry-run$" "$scratch/calls" || wrong "the dry run does not show what undo would do"
grep -q "setup --undo$" "$scratch/calls" && wrong "the dry run undoes"
run 0 --prefix "$scratch/undone" --uninstall
grep -q "^$scratch/undone/bin/$program setup --undo$" "$scratch/calls" || wrong "setup is not undone"
[[ $said != *"was not touched"* ]] || wrong "says that nothing was touched"
holds "$scratch/undone" ""
undoing 1
mkdir "$scratch/stuck"
run 0 --prefix "$scratch/stuck" --archive "$third"
run 1 --prefix "$scratch/stuck" --uninstall
says "nothing was removed"
holds "$scratch/stuck" "$installed"
undoing 0
row "uninstall gives the clients' files back first, and removes nothing where that fails"

run 1 --prefix "$scratch/empty" --uninstall
says "nothing was installed below $scratch/empty"
row "uninstall without an install is a clear error"

run 0 --prefix "$scratch/dry" --archive "$first" --dry-run
says "would write $scratch/dry/bin/$program"
[ ! -e "$scratch/dry" ] || wrong "the dry run wrote $(find "$scratch/dry" | tr '\n' ' ')"
row "a dry run of an archive writes nothing"

run 0 --prefix "$scratch/with spaces/and 'quotes'" --archive "$first"
[ "$("$scratch/with spaces/and 'quotes'/bin/$program" version)" = first ] || wrong "the program does not run"
run 0 --prefix "$scratch/with spaces/and 'quotes'" --uninstall
[ ! -e "$scratch/with spaces" ] || wrong "left behind: $(find "$scratch/with spaces" | tr '\n' ' ')"
row "a prefix with spaces and quotes"

run 0 --archive "$first"
says "installed $scratch/home/.local/bin/$program"
path=$scratch/home/.local/bin:$PATH
run 0 --archive "$first"
[[ $said != *warning* ]] || wrong "warns although PATH holds the folder"
path=$PATH
run 0 --uninstall
holds "$scratch/home" ""
row "the default prefix is ~/.local, and a PATH that holds it is not mentioned"

# What must be refused.

mkdir "$scratch/bad"
wrong_sum=$(printf '%064d' 0)
cp "$first" "$scratch/bad/"
sed "s/^[0-9a-f]*/$wrong_sum/" "$scratch/release/SHA256SUMS" >"$scratch/bad/SHA256SUMS"
run 1 --prefix "$scratch/none" --archive "$scratch/bad/${first##*/}"
says "nothing was installed"
[ ! -e "$scratch/none" ] || wrong "wrote $(find "$scratch/none" | tr '\n' ' ')"
run 1 --prefix "$scratch/none" --archive "$scratch/bad/${first##*/}" --dry-run
row "a bad checksum is refused before anything is written"

printf x >>"$scratch/bad/${first##*/}"
cp "$scratch/release/SHA256SUMS" "$scratch/bad/SHA256SUMS"
run 1 --prefix "$scratch/none" --archive "$scratch/bad/${first##*/}"
[ ! -e "$scratch/none" ] || wrong "wrote $(find "$scratch/none" | tr '\n' ' ')"
row "an archive that was changed is refused"

grep -v 0.1.0 "$scratch/release/SHA256SUMS" >"$scratch/bad/SHA256SUMS"
run 1 --prefix "$scratch/none" --archive "$scratch/bad/${first##*/}"
says "has no checksum of ${first##*/}"
rm "$scratch/bad/SHA256SUMS"
run 1 --prefix "$scratch/none" --archive "$scratch/bad/${first##*/}"
says "there is no checksum file"
[ ! -e "$scratch/none" ] || wrong "wrote $(find "$scratch/none" | tr '\n' ' ')"
row "an archive without a checksum is refused"

printf 'exit 3\n' >"$scratch/stage/$program"
tar -C "$scratch/stage" -czf "$scratch/bad/broken.tar.gz" "$program"
(cd "$scratch/bad" && sha256sum broken.tar.gz >SHA256SUMS)
run 1 --prefix "$scratch/none" --archive "$scratch/bad/broken.tar.gz"
says "does not run on this machine"
[ ! -e "$scratch/none" ] || wrong "left behind $(find "$scratch/none" | tr '\n' ' ')"
row "a program that does not run is not installed"

tar -C "$scratch/stage" -czf "$scratch/bad/two.tar.gz" "$program-0.1.0-x86_64-unknown-linux-musl" "$program-0.2.0-x86_64-unknown-linux-musl"
tar -C "$scratch/alone" -czf "$scratch/bad/zero.tar.gz" install.sh
(cd "$scratch/bad" && sha256sum two.tar.gz zero.tar.gz >SHA256SUMS)
run 1 --prefix "$scratch/none" --archive "$scratch/bad/two.tar.gz"
says "holds more than one"
run 1 --prefix "$scratch/none" --archive "$scratch/bad/zero.tar.gz"
says "holds no $program"
[ ! -e "$scratch/none" ] || wrong "left behind $(find "$scratch/none" | tr '\n' ' ')"
row "an archive with two programs or none is refused"

mkdir -p "$scratch/readonly"
chmod 0555 "$scratch/readonly"
chmod -R a+rX "$scratch/release" "$scratch/alone"
if [ "$(id -u)" = 0 ]; then # root may write anywhere, so nobody tries
    said=$(cd / && HOME=$scratch/home setpriv --reuid=65534 --regid=65534 --clear-groups \
        sh "$scratch/alone/install.sh" --prefix "$scratch/readonly" --archive "$first" 2>&1 </dev/null)
    [ $? = 1 ] || wrong "exit status is not 1"
else
    run 1 --prefix "$scratch/readonly" --archive "$first"
fi
says "cannot make the folder $scratch/readonly/bin"
says "hint: choose a --prefix"
holds "$scratch/readonly" ""
row "a read-only prefix is a clear error"

run 1 --prefix "$scratch/none"
says "this is not a checkout, and no release was named"
run 2 --nonsense
says "unknown argument: --nonsense"
run 2 --prefix
says "--prefix needs a value"
run 0 --help
says "Usage: install.sh"
[ ! -e "$scratch/none" ] || wrong "wrote $(find "$scratch/none" | tr '\n' ' ')"
row "no source, wrong arguments and --help"

# Downloads, from a loopback HTTPS server that answers with whole files.

# respond NAME STATUS HEADER FILE: what the server says to GET /NAME.
respond() {
    { printf 'HTTP/1.0 %s\r\n%s\r\n\r\n' "$2" "$3"; [ -z "$4" ] || cat "$4"; } >"$scratch/www/$1"
}
mkdir -p "$scratch/www/moved" "$scratch/www/plain" "$scratch/www/bad" "$scratch/tls"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$scratch/tls/key" -out "$scratch/tls/cert" 2>/dev/null
(cd "$scratch/www" && exec openssl s_server -HTTP -accept 127.0.0.1:0 -cert "$scratch/tls/cert" -key "$scratch/tls/key" \
    >"$scratch/tls/log" 2>&1 </dev/null) &
server=$!
until [ -f "$scratch/tls/log" ]; do :; done
until port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$scratch/tls/log") && [ -n "$port" ]; do
    kill -0 "$server" || exit 1
done
for file in SHA256SUMS "${first##*/}"; do
    respond "$file" '200 OK' 'Connection: close' "$scratch/release/$file"
    respond "moved/$file" '302 Found' "Location: https://localhost:$port/$file" ''
    respond "plain/$file" '302 Found' "Location: http://localhost:$port/$file" ''
done
sed "s/^[0-9a-f]*/$wrong_sum/" "$scratch/release/SHA256SUMS" >"$scratch/bad/wrong"
respond bad/SHA256SUMS '200 OK' 'Connection: close' "$scratch/bad/wrong"
respond "bad/${first##*/}" '200 OK' 'Connection: close' "$first"

# A PATH with everything this script needs but one downloader, which trusts the loopback server.
for downloader in curl wget; do
    mkdir -p "$scratch/with-$downloader"
    for tool in sh id dirname basename cat sed awk tail tr tar gzip grep mktemp mkdir rmdir rm mv ln chmod uname sha256sum; do
        ln -s "$(command -v "$tool")" "$scratch/with-$downloader/$tool"
    done
done
printf '#!/bin/sh\nexec %s --cacert %s "$@"\n' "$(command -v curl)" "$scratch/tls/cert" >"$scratch/with-curl/curl"
printf '#!/bin/sh\nexec %s --ca-certificate=%s "$@"\n' "$(command -v wget)" "$scratch/tls/cert" >"$scratch/with-wget/wget"
chmod +x "$scratch/with-curl/curl" "$scratch/with-wget/wget"

for downloader in curl wget; do
    command -v "$downloader" >/dev/null || wrong "$downloader is not installed here"
    path=$scratch/with-$downloader
    for folder in '' /moved; do
        export ECR_RS_RELEASES=https://localhost:$port$folder
        run 0 --prefix "$scratch/loaded" --target x86_64-unknown-linux-musl
        [ "$("$scratch/loaded/bin/$program" version)" = first ] || wrong "the program does not run"
        run 0 --prefix "$scratch/loaded" --uninstall
    done
    row "a release comes over https with $downloader, redirects included"

    ECR_RS_RELEASES=https://localhost:$port/plain
    run 1 --prefix "$scratch/none" --target x86_64-unknown-linux-musl
    case $downloader in # the reason is the scheme, not what else may be wrong at that address
        curl) says "rotocol" ;;
        wget) says "is not https" ;;
    esac
    ECR_RS_RELEASES=http://localhost:$port
    run 1 --prefix "$scratch/none" --target x86_64-unknown-linux-musl
    says "not an https address"
    ECR_RS_RELEASES=https://localhost:$port/bad
    run 1 --prefix "$scratch/none" --target x86_64-unknown-linux-musl
    says "the checksum of"
    ECR_RS_RELEASES=https://localhost:$port
    run 1 --prefix "$scratch/none" --target no-such-target
    [ ! -e "$scratch/none" ] || wrong "wrote $(find "$scratch/none" | tr '\n' ' ')"
    row "cleartext, a redirect to cleartext, a bad checksum and a missing archive are refused with $downloader"
done
run 0 --prefix "$scratch/none" --dry-run --target x86_64-unknown-linux-musl
says "would download https://localhost:$port/SHA256SUMS"
[ ! -e "$scratch/none" ] || wrong "wrote $(find "$scratch/none" | tr '\n' ' ')"
row "a dry run of a download writes nothing"

# A release's own script: its address is in it, and gh or cosign says where the archive was made.
sed 's|^repository=.*|repository=owner/name|' "$installer" >"$scratch/alone/install.sh"
run 0 --prefix "$scratch/none" --archive "$first" --dry-run
path=$scratch/with-curl
# stand_in PROGRAM SCRIPT: a program on that PATH, which can write down its words.
stand_in() {
    printf '#!/bin/sh\nnote() { echo "$*" >"%s"; }\n%s\n' "$scratch/asked" "$2" >"$path/$1"
    chmod +x "$path/$1"
}
# attested STATUS WORDS: installs a download, which must end so, say that, and leave nothing where it fails.
attested() {
    : >"$scratch/asked"
    run "$1" --prefix "$scratch/attested" --target x86_64-unknown-linux-musl
    says "$2"
    [ "$1" != 0 ] || run 0 --prefix "$scratch/attested" --uninstall
    [ ! -e "$scratch/attested" ] || wrong "left behind $(find "$scratch/attested" | tr '\n' ' ')"
}
# asked PATTERN: the words that the stand-in wrote down.
# shellcheck disable=SC2053 # a pattern
asked() { [[ $(cat "$scratch/asked") == $1 ]] || wrong "was asked: $(cat "$scratch/asked")"; }

attested 0 "was not checked: that takes gh, logged in, or cosign 2.4 or newer"
row "without gh and cosign it is said that the provenance was not checked"

for verdict in 0 1; do
    # shellcheck disable=SC2016 # its own
    stand_in gh '[ "$1" = attestation ] || exit 0; note "$@"; exit '$verdict
    stand_in cosign 'note "cosign $*"; exit 1'
    case $verdict in
        0) attested 0 "provenance of ${first##*/}, by gh: good" ;;
        1) attested 1 "gh did not find that a release of owner/name made ${first##*/}: nothing was installed" ;;
    esac
    asked "attestation verify */${first##*/} --repo owner/name --signer-workflow owner/name/.github/workflows/release.yml"
done
row "gh says whether a release made the archive, and where it says no nothing is installed"

# gh that is not logged in is as good as none.
stand_in gh 'exit 1'
for verdict in 0 1; do
    # shellcheck disable=SC2016 # its own
    stand_in cosign 'case $* in *--help) echo "  --new-bundle-format" && exit ;; esac; note "$@"; grep -q signed "$4" || exit 3; exit '$verdict
    respond provenance.sigstore.json '404 Not Found' 'Connection: close' ''
    attested 1 "cannot download https://localhost:$port/provenance.sigstore.json"
    echo signed >"$scratch/release/provenance"
    respond provenance.sigstore.json '200 OK' 'Connection: close' "$scratch/release/provenance"
    case $verdict in
        0) attested 0 "provenance of ${first##*/}, by cosign: good" ;;
        1) attested 1 "cosign did not find that a release of owner/name made ${first##*/}: nothing was installed" ;;
    esac
    asked "verify-blob-attestation --new-bundle-format --bundle */provenance.sigstore.json --type slsaprovenance1 --certificate-oidc-issuer https://token.actions.githubusercontent.com --certificate-identity https://github.com/owner/name/.github/workflows/release.yml@refs/tags/v0.1.0 */${first##*/}"
done
stand_in cosign 'note "$@"; exit 0'
attested 0 "was not checked: that takes gh, logged in, or cosign 2.4 or newer"
row "without gh cosign says it by the release's statement, and one that is too old is not asked"
rm "$path/gh" "$path/cosign"
unset ECR_RS_RELEASES
run 0 --prefix "$scratch/none" --dry-run --target x86_64-unknown-linux-musl
says "would download https://github.com/owner/name/releases/download/v0.1.0/SHA256SUMS"
row "a release's own script knows its address"
cp "$installer" "$scratch/alone/install.sh"
path=$PATH

# curl | sh, cut off after each line and in the middle of the last.
lines=$(wc -l <"$installer")
for ((line = 1; line < lines; line++)); do
    said=$(head -n "$line" "$installer" | HOME=$scratch/home sh -s -- --prefix "$scratch/cut" --archive "$first" 2>&1)
    [ ! -e "$scratch/cut" ] || { wrong "installed after line $line" && break; }
done
last=$(tail -n 1 "$installer")
for ((length = 1; length < ${#last}; length++)); do
    said=$({ head -n "$((lines - 1))" "$installer" && printf %s "${last:0:length}"; } |
        HOME=$scratch/home sh -s -- --prefix "$scratch/cut" --archive "$first" 2>&1)
    [ ! -e "$scratch/cut" ] || { wrong "installed after: ${last:0:length}" && break; }
done
said=$(HOME=$scratch/home sh -s -- --prefix "$scratch/cut" --archive "$first" 2>&1 <"$installer") || wrong "exit status $?"
[ "$("$scratch/cut/bin/$program" version)" = first ] || wrong "the whole script does not install"
row "a script that is cut off installs nothing"

# From the checkout.

said=$(sh "$installer" --prefix "$scratch/built" --dry-run 2>&1 </dev/null) || wrong "exit status $?"
says "would run: cargo build --release --locked"
[ ! -e "$scratch/built" ] || wrong "the dry run wrote $(find "$scratch/built" | tr '\n' ' ')"
said=$(sh "$installer" --prefix "$scratch/built" 2>&1 </dev/null) || wrong "exit status $?"
[ "$("$scratch/built/bin/ecr-rs" version)" = "$("$scratch/built/bin/$program" version)" ] || wrong "no short name"
for extra in man/man1/$program.1 man/man1/$program-signatures-list.1 bash-completion/completions/$program \
    bash-completion/completions/ecr-rs fish/vendor_completions.d/ecr-rs.fish fish/vendor_completions.d/$program.fish zsh/site-functions/_$program; do
    [ -s "$scratch/built/share/$extra" ] || wrong "share/$extra is missing"
done
"$scratch/built/bin/$program" version >"$scratch/version" 2>&1 || wrong "the program does not run"
said=$(sh "$installer" --prefix "$scratch/built" --uninstall 2>&1 </dev/null) || wrong "exit status $?"
[ ! -e "$scratch/built" ] || wrong "left behind $(find "$scratch/built" | tr '\n' ' ')"
row "the checkout is built and installed"

said=$(PATH=$scratch/with-curl sh "$installer" --prefix "$scratch/built" 2>&1 </dev/null) && wrong "exit status 0"
says "cargo is not installed"
says "hint:"
row "a checkout without cargo is a clear error"

said=$(sed -n 's/^release=\([^ ]*\).*/\1/p' install.sh)
[ "$said" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ] || wrong "install.sh is of release $said, Cargo.toml is not"
row "install.sh and Cargo.toml name the same release"

rows_end
