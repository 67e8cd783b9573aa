#!/bin/bash
# Tests of install.sh: each case runs it into a prefix of its own and prints one line.
#
# Release archives are made here, around a stand-in for the program. The one case that installs from the checkout
# runs `cargo build --release --locked`, which is quick where a release build is at hand. Nothing outside a
# temporary folder is written, but for cargo's target folder.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

program=docker-credential-ecr-rs
installer=$PWD/install.sh
world=$(mktemp -d)
server=
clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    chmod -R u+w "$world" 2>/dev/null
    rm -rf "$world"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
chmod 0755 "$world" # the read-only case runs as another user

passed=0 failed=0
# case_ends NAME: reads the problems that the case found from $problems.
case_ends() {
    if [ -z "$problems" ]; then
        passed=$((passed + 1))
        printf 'ok      install: %s\n' "$1"
    else
        failed=$((failed + 1))
        printf 'FAILED  install: %s\n%s\n' "$1" "$problems"
        printf '%s\n' "$output" | sed 's/^/        | /'
    fi
    problems=
}
problems=
wrong() { problems+="        $*"$'\n'; }

# run STATUS ARGUMENTS...: runs the installer outside the checkout; its text is in $output.
run() {
    local expected=$1 status
    shift
    output=$(cd "$world" && HOME=$world/home PATH=$path sh "$world/alone/install.sh" "$@" 2>&1 </dev/null)
    status=$?
    [ "$status" = "$expected" ] || wrong "exit status $status, not $expected: install.sh $*"
}
says() { [[ $output == *"$1"* ]] || wrong "does not say: $1"; }
# Every path below a folder, so that "writes nothing" and "leaves nothing" are exact.
listing() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort); }
holds() { [ "$(listing "$1")" = "$2" ] || wrong "$1 holds: $(listing "$1" | tr '\n' ' ')"; }

mkdir -p "$world/alone" "$world/home" "$world/release" "$world/empty"
cp "$installer" "$world/alone/install.sh" # not in a checkout
path=$PATH

# archive VERSION WORDS: a release archive around a stand-in that answers `version` with WORDS.
archive() {
    local name=$program-$1-x86_64-unknown-linux-musl
    mkdir -p "$world/stage/$name"
    # shellcheck disable=SC2016 # $1 belongs to the stand-in
    printf '#!/bin/sh\n[ "$1" = version ] && echo "%s"\n' "$2" >"$world/stage/$name/$program"
    chmod 0755 "$world/stage/$name/$program"
    echo text >"$world/stage/$name/README.md"
    tar -C "$world/stage" -czf "$world/release/$name.tar.gz" "$name"
    (cd "$world/release" && sha256sum ./*.tar.gz | sed 's| \./| |' >SHA256SUMS)
}
archive 0.1.0 first
archive 0.2.0 second
first=$world/release/$program-0.1.0-x86_64-unknown-linux-musl.tar.gz
second=$world/release/$program-0.2.0-x86_64-unknown-linux-musl.tar.gz
installed="./bin
./bin/$program
./share
./share/$program
./share/$program/manifest"

# From archives.

mkdir "$world/p1"
run 0 --prefix "$world/p1" --archive "$first"
holds "$world/p1" "$installed"
[ "$("$world/p1/bin/$program" version)" = first ] || wrong "the program does not run"
[ "$(stat -c %a "$world/p1/bin/$program")" = 755 ] || wrong "mode $(stat -c %a "$world/p1/bin/$program")"
says "export PATH=\"$world/p1/bin:\$PATH\""
says '"credsStore": "ecr-rs"'
case_ends "an archive goes into an empty prefix, and PATH is explained"

run 0 --prefix "$world/p1" --archive "$second"
holds "$world/p1" "$installed"
[ "$("$world/p1/bin/$program" version)" = second ] || wrong "the old program is still there"
case_ends "a second run replaces the program"

run 0 --prefix "$world/p1" --uninstall --dry-run
says "would remove $world/p1/bin/$program"
holds "$world/p1" "$installed"
run 0 --prefix "$world/p1" --uninstall
holds "$world/p1" ""
case_ends "uninstall leaves an empty prefix, and its dry run removes nothing"

run 0 --prefix "$world/new/deep/prefix" --archive "$first"
run 0 --prefix "$world/new/deep/prefix" --uninstall
[ ! -e "$world/new" ] || wrong "left behind: $(find "$world/new" | tr '\n' ' ')"
case_ends "uninstall removes the folders that install made, and the prefix itself"

mkdir -p "$world/shared/bin"
echo other >"$world/shared/bin/other"
run 0 --prefix "$world/shared" --archive "$first"
run 0 --prefix "$world/shared" --uninstall
holds "$world/shared" $'./bin\n./bin/other'
case_ends "uninstall keeps what was there before"

run 0 --prefix "$world/mine" --archive "$first"
echo changed >"$world/mine/bin/$program"
run 1 --prefix "$world/mine" --uninstall
says "kept, for it is not what was installed"
[ -f "$world/mine/bin/$program" ] || wrong "removed a program that it did not install"
case_ends "uninstall keeps a program that someone replaced"

run 1 --prefix "$world/empty" --uninstall
says "nothing was installed below $world/empty"
case_ends "uninstall without an install is a clear error"

run 0 --prefix "$world/dry" --archive "$first" --dry-run
says "would write $world/dry/bin/$program"
[ ! -e "$world/dry" ] || wrong "the dry run wrote $(find "$world/dry" | tr '\n' ' ')"
case_ends "a dry run of an archive writes nothing"

run 0 --prefix "$world/with spaces/and 'quotes'" --archive "$first"
[ "$("$world/with spaces/and 'quotes'/bin/$program" version)" = first ] || wrong "the program does not run"
run 0 --prefix "$world/with spaces/and 'quotes'" --uninstall
[ ! -e "$world/with spaces" ] || wrong "left behind: $(find "$world/with spaces" | tr '\n' ' ')"
case_ends "a prefix with spaces and quotes"

run 0 --archive "$first"
says "installed $world/home/.local/bin/$program"
path=$world/home/.local/bin:$PATH
run 0 --archive "$first"
[[ $output != *warning* ]] || wrong "warns although PATH holds the folder"
path=$PATH
run 0 --uninstall
holds "$world/home" ""
case_ends "the default prefix is ~/.local, and a PATH that holds it is not mentioned"

# What must be refused.

mkdir "$world/bad"
wrong_sum=$(printf '%064d' 0)
cp "$first" "$world/bad/"
sed "s/^[0-9a-f]*/$wrong_sum/" "$world/release/SHA256SUMS" >"$world/bad/SHA256SUMS"
run 1 --prefix "$world/none" --archive "$world/bad/${first##*/}"
says "nothing was installed"
[ ! -e "$world/none" ] || wrong "wrote $(find "$world/none" | tr '\n' ' ')"
run 1 --prefix "$world/none" --archive "$world/bad/${first##*/}" --dry-run
case_ends "a bad checksum is refused before anything is written"

printf x >>"$world/bad/${first##*/}"
cp "$world/release/SHA256SUMS" "$world/bad/SHA256SUMS"
run 1 --prefix "$world/none" --archive "$world/bad/${first##*/}"
[ ! -e "$world/none" ] || wrong "wrote $(find "$world/none" | tr '\n' ' ')"
case_ends "an archive that was changed is refused"

grep -v 0.1.0 "$world/release/SHA256SUMS" >"$world/bad/SHA256SUMS"
run 1 --prefix "$world/none" --archive "$world/bad/${first##*/}"
says "has no checksum of ${first##*/}"
rm "$world/bad/SHA256SUMS"
run 1 --prefix "$world/none" --archive "$world/bad/${first##*/}"
says "there is no checksum file"
[ ! -e "$world/none" ] || wrong "wrote $(find "$world/none" | tr '\n' ' ')"
case_ends "an archive without a checksum is refused"

printf 'exit 3\n' >"$world/stage/$program"
tar -C "$world/stage" -czf "$world/bad/broken.tar.gz" "$program"
(cd "$world/bad" && sha256sum broken.tar.gz >SHA256SUMS)
run 1 --prefix "$world/none" --archive "$world/bad/broken.tar.gz"
says "does not run on this machine"
[ ! -e "$world/none" ] || wrong "left behind $(find "$world/none" | tr '\n' ' ')"
case_ends "a program that does not run is not installed"

tar -C "$world/stage" -czf "$world/bad/two.tar.gz" "$program-0.1.0-x86_64-unknown-linux-musl" "$program-0.2.0-x86_64-unknown-linux-musl"
tar -C "$world/alone" -czf "$world/bad/zero.tar.gz" install.sh
(cd "$world/bad" && sha256sum two.tar.gz zero.tar.gz >SHA256SUMS)
run 1 --prefix "$world/none" --archive "$world/bad/two.tar.gz"
says "holds more than one"
run 1 --prefix "$world/none" --archive "$world/bad/zero.tar.gz"
says "holds no $program"
[ ! -e "$world/none" ] || wrong "left behind $(find "$world/none" | tr '\n' ' ')"
case_ends "an archive with two programs or none is refused"

mkdir -p "$world/readonly"
chmod 0555 "$world/readonly"
chmod -R a+rX "$world/release" "$world/alone"
if [ "$(id -u)" = 0 ]; then # root may write anywhere, so nobody tries
    output=$(cd / && HOME=$world/home setpriv --reuid=65534 --regid=65534 --clear-groups \
        sh "$world/alone/install.sh" --prefix "$world/readonly" --archive "$first" 2>&1 </dev/null)
    [ $? = 1 ] || wrong "exit status is not 1"
else
    run 1 --prefix "$world/readonly" --archive "$first"
fi
says "cannot make the folder $world/readonly/bin"
says "hint: choose a --prefix"
holds "$world/readonly" ""
case_ends "a read-only prefix is a clear error"

run 1 --prefix "$world/none"
says "this is not a checkout, and no release was named"
run 2 --nonsense
says "unknown argument: --nonsense"
run 2 --prefix
says "--prefix needs a value"
run 0 --help
says "Usage: install.sh"
[ ! -e "$world/none" ] || wrong "wrote $(find "$world/none" | tr '\n' ' ')"
case_ends "no source, wrong arguments and --help"

# Downloads, from a loopback HTTPS server that answers with whole files.

# respond NAME STATUS HEADER FILE: what the server says to GET /NAME.
respond() {
    { printf 'HTTP/1.0 %s\r\n%s\r\n\r\n' "$2" "$3"; [ -z "$4" ] || cat "$4"; } >"$world/www/$1"
}
mkdir -p "$world/www/moved" "$world/www/plain" "$world/www/bad" "$world/tls"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$world/tls/key" -out "$world/tls/cert" 2>/dev/null
(cd "$world/www" && exec openssl s_server -HTTP -accept 127.0.0.1:0 -cert "$world/tls/cert" -key "$world/tls/key" \
    >"$world/tls/log" 2>&1 </dev/null) &
server=$!
until [ -f "$world/tls/log" ]; do :; done
until port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$world/tls/log") && [ -n "$port" ]; do
    kill -0 "$server" || exit 1
done
for file in SHA256SUMS "${first##*/}"; do
    respond "$file" '200 OK' 'Connection: close' "$world/release/$file"
    respond "moved/$file" '302 Found' "Location: https://localhost:$port/$file" ''
    respond "plain/$file" '302 Found' "Location: http://localhost:$port/$file" ''
done
sed "s/^[0-9a-f]*/$wrong_sum/" "$world/release/SHA256SUMS" >"$world/bad/wrong"
respond bad/SHA256SUMS '200 OK' 'Connection: close' "$world/bad/wrong"
respond "bad/${first##*/}" '200 OK' 'Connection: close' "$first"

# A PATH with everything this script needs but one downloader, which trusts the loopback server.
for downloader in curl wget; do
    mkdir -p "$world/with-$downloader"
    for tool in sh id dirname basename cat sed awk tail tr tar gzip grep mktemp mkdir rmdir rm mv chmod uname sha256sum; do
        ln -s "$(command -v "$tool")" "$world/with-$downloader/$tool"
    done
done
printf '#!/bin/sh\nexec %s --cacert %s "$@"\n' "$(command -v curl)" "$world/tls/cert" >"$world/with-curl/curl"
printf '#!/bin/sh\nexec %s --ca-certificate=%s "$@"\n' "$(command -v wget)" "$world/tls/cert" >"$world/with-wget/wget"
chmod +x "$world/with-curl/curl" "$world/with-wget/wget"

for downloader in curl wget; do
    command -v "$downloader" >/dev/null || wrong "$downloader is not installed here"
    path=$world/with-$downloader
    for folder in '' /moved; do
        export ECR_RS_RELEASES=https://localhost:$port$folder
        run 0 --prefix "$world/loaded" --target x86_64-unknown-linux-musl
        [ "$("$world/loaded/bin/$program" version)" = first ] || wrong "the program does not run"
        run 0 --prefix "$world/loaded" --uninstall
    done
    case_ends "a release comes over https with $downloader, redirects included"

    ECR_RS_RELEASES=https://localhost:$port/plain
    run 1 --prefix "$world/none" --target x86_64-unknown-linux-musl
    case $downloader in # the reason is the scheme, not what else may be wrong at that address
        curl) says "rotocol" ;;
        wget) says "is not https" ;;
    esac
    ECR_RS_RELEASES=http://localhost:$port
    run 1 --prefix "$world/none" --target x86_64-unknown-linux-musl
    says "not an https address"
    ECR_RS_RELEASES=https://localhost:$port/bad
    run 1 --prefix "$world/none" --target x86_64-unknown-linux-musl
    says "the checksum of"
    ECR_RS_RELEASES=https://localhost:$port
    run 1 --prefix "$world/none" --target no-such-target
    [ ! -e "$world/none" ] || wrong "wrote $(find "$world/none" | tr '\n' ' ')"
    case_ends "cleartext, a redirect to cleartext, a bad checksum and a missing archive are refused with $downloader"
done
run 0 --prefix "$world/none" --dry-run --target x86_64-unknown-linux-musl
says "would download https://localhost:$port/SHA256SUMS"
[ ! -e "$world/none" ] || wrong "wrote $(find "$world/none" | tr '\n' ' ')"
case_ends "a dry run of a download writes nothing"
unset ECR_RS_RELEASES
path=$PATH

# From the checkout.

output=$(sh "$installer" --prefix "$world/built" --dry-run 2>&1 </dev/null) || wrong "exit status $?"
says "would run: cargo build --release --locked"
[ ! -e "$world/built" ] || wrong "the dry run wrote $(find "$world/built" | tr '\n' ' ')"
output=$(sh "$installer" --prefix "$world/built" 2>&1 </dev/null) || wrong "exit status $?"
holds "$world/built" "$installed"
"$world/built/bin/$program" version >"$world/version" 2>&1 || wrong "the program does not run"
output=$(sh "$installer" --prefix "$world/built" --uninstall 2>&1 </dev/null) || wrong "exit status $?"
[ ! -e "$world/built" ] || wrong "left behind $(find "$world/built" | tr '\n' ' ')"
case_ends "the checkout is built and installed"

output=$(PATH=$world/with-curl sh "$installer" --prefix "$world/built" 2>&1 </dev/null) && wrong "exit status 0"
says "cargo is not installed"
says "hint:"
case_ends "a checkout without cargo is a clear error"

output=$(sed -n 's/^release=\([^ ]*\).*/\1/p' install.sh)
[ "$output" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ] || wrong "install.sh is of release $output, Cargo.toml is not"
case_ends "install.sh and Cargo.toml name the same release"

printf 'install.sh: %s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
