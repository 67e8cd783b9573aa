#!/bin/bash
# The Windows program, run by Wine against the loopback AWS: a row a check. bash tests/windows.sh
#
# Needs mingw's C compiler, Wine and curl (Debian: gcc-mingw-w64-x86-64, wine64, curl), and Windows' standard library,
# which rustup fetches or Debian's source is built into (scripts/debian-rust.sh). The program is a dev build, without
# the checks of the keychain crate alone: Wine hands out credentials at odd addresses, which Windows does not. What is
# written lands in a temporary folder, Wine's registry with its Credential Manager too.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. scripts/debian-rust.sh
. tests/loopback.sh
. tests/rows.sh
unset CARGO_TARGET_DIR RUSTFLAGS
root=$PWD
target=x86_64-pc-windows-gnu
wine=/usr/lib/wine/wine64

scratch=$(mktemp -d)
loopback=
clean_up() {
    [ -z "$loopback" ] || kill "$loopback" 2>/dev/null
    [ ! -d "$scratch/wine" ] || /usr/lib/wine/wineserver64 -k
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

stop() {
    echo "windows.sh: error: $*" >&2
    exit 1
}

# The program, and the one function of Windows 10 that Wine 8 has not: random bytes under another name.
build() (
    set -e
    library=()
    needs "$target" x86_64-w64-mingw32-gcc curl "$wine"
    cargo build --quiet --locked --example loopback
    x86_64-w64-mingw32-gcc -shared -O2 -o "$scratch/bcryptprimitives.dll" -x c - -ladvapi32 <<'END'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length) { return RtlGenRandom(bytes, length); }
END
    if ! has_target "$target"; then
        use_debian_compiler "$root/target/static/rust"
        # shellcheck disable=SC2054 # one word, with commas
        library=(-Zbuild-std=std,panic_abort,panic_unwind)
    fi
    cargo build --quiet --locked --target "$target" --bin docker-credential-ecr-rs "${library[@]}" \
        --config 'profile.dev.package.windows-native-keyring-store.debug-assertions=false'
    cp "target/$target/debug/docker-credential-ecr-rs.exe" "$scratch/"
)

# run STATUS INPUT ARGUMENT...: the program, which must end so; what it says is in $out and $err. Wine's standard
# streams are files: from pipes of Linux it reads byte by byte.
run() {
    local expected=$1 status
    printf %s "$2" >"$scratch/in"
    shift 2
    (cd "$scratch/home" && timeout --kill-after=5 120 "$wine" "$scratch/docker-credential-ecr-rs.exe" "$@") \
        <"$scratch/in" >"$scratch/out" 2>"$scratch/err"
    status=$?
    out=$(tr -d '\r' <"$scratch/out") err=$(tr -d '\r' <"$scratch/err")
    said+="+ $*: exit status $status"$'\n'"$out"$'\n'"$err"$'\n'
    [ "$status" = "$expected" ] || wrong "exit status $status, not $expected: $*"
}
is() { [ "$2" = "$3" ] || wrong "$1 is: $2"; }
says() { [[ $out$err == *"$1"* ]] || wrong "does not say: $1"; }

calls() { grep -c "$1" "$scratch/aws/calls" || :; }

build || stop "the program does not build"
serve_loopback "$scratch/aws" "$scratch/aws.log" || stop "the loopback AWS does not start"
echo 'token-length 2714' >&"$loopback_commands" # as long as ECR's can be
mkdir "$scratch/home"
export HOME=$scratch/home WINEPREFIX=$scratch/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=;bcryptprimitives=n' LANG=C.UTF-8
# Wine has the root folder as its drive Z, and takes PATH from here.
export WINEPATH=Z:${scratch//\//\\}
export AWS_CA_BUNDLE=Z:$LOOPBACK_CA SSL_CERT_FILE=Z:$LOOPBACK_CA
timeout 300 "$wine" wineboot --init >"$scratch/wineboot" 2>&1 || stop "Wine does not start: $(cat "$scratch/wineboot")"
# As long as one program runs, Wine's own do too, and need not start for each of ours.
mkfifo "$scratch/idle"
"$wine" cmd.exe <"$scratch/idle" >"$scratch/wineboot" 2>&1 &
exec 9>"$scratch/idle"
not_found='credentials not found in native keychain'

run 0 '' version
says 'docker-credential-ecr-rs'
run 1 none.example get
is "get of nothing" "$out" "$not_found"
run 0 '' list
is "an empty list" "$out" '{}'
run 1 '' get
is "get without a server" "$out" 'no credentials server URL'
run 0 none.example erase
run 1 '{' store
row "the protocol's verbs where there is nothing"

# login SERVER USER SECRET
login() { printf '{"ServerURL":"%s","Username":"%s","Secret":"%s"}' "$@"; }
for length in 1 1280 1281 2560 2561 2714 5000 20000; do
    secret=$(seq 1 9999 | tr -d '\n' | head -c "$length")
    run 0 "$(login "https://$length.example" "user-$length" "$secret")" store
    run 0 "https://$length.example" get
    is "the answer" "$out" "$(login "https://$length.example" "user-$length" "$secret")"
    run 0 '' list
    is "the list" "$out" "{\"https://$length.example\":\"user-$length\"}"
    run 0 "$(login "https://$length.example" "user-$length" short)" store
    run 0 "https://$length.example" get
    says '"Secret":"short"'
    run 0 "https://$length.example" erase
    run 1 "https://$length.example" get
    is "what was erased" "$out" "$not_found"
    run 0 '' list
    is "the list at the end" "$out" '{}'
    row "the Credential Manager: $length bytes kept, listed, replaced and erased"
done

run 0 "$(login https://a.example 'Zoë@home' 'pässword \"\\ 密')" store
run 0 https://a.example get
says 'Zoë@home'
says 'pässword'
run 0 "$(login https://b.example b b)" store
run 0 '' list
says '"https://a.example":"Zoë@home"'
says '"https://b.example":"b"'
run 0 https://a.example erase
run 0 '' list
is "the list" "$out" '{"https://b.example":"b"}'
run 0 https://b.example erase
row "the Credential Manager: letters of every alphabet, two logins at once"

run 0 "$LOOPBACK_HOST" get
says '"Username":"AWS"'
first=$out
[ "${#first}" -gt 2714 ] || wrong "the token is short: $first"
run 0 "$LOOPBACK_HOST" get
is "the second answer" "$out" "$first"
is "calls of AWS" "$(calls GetAuthorizationToken)" 1
run 0 '' status
says "$LOOPBACK_HOST"
run 0 '' clear --all
run 0 "$LOOPBACK_HOST" get
is "calls of AWS" "$(calls GetAuthorizationToken)" 2
row "a token of ECR: from AWS once, then from the Credential Manager"

run 0 '' setup docker --dry-run
run 0 '' setup docker
config=$(find "$scratch/wine/drive_c/users" -path '*/.docker/config.json')
is "credsStore" "$(tr -d ' \t\r\n' <"$config")" '{"credsStore":"ecr-rs"}'
run 0 '' setup docker
run 0 '' setup --undo
[ ! -e "$config" ] || ! grep -q ecr-rs "$config" || wrong "not undone: $(cat "$config")"
row "setup docker, again, and undone"

run 0 '' doctor "$LOOPBACK_HOST"
says "gave a token until"
here=$WINEPATH WINEPATH=
run 1 '' doctor --offline "$LOOPBACK_HOST"
says "add $here to PATH"
[[ $out != */usr/* ]] || wrong "advises a folder that Windows has not"
WINEPATH=$here
row "doctor, with the program on PATH and without"

# An image in the registry, as small as they get.
push() {
    local repository=https://$LOOPBACK_HOST/v2/app config='{}' digest place
    digest=sha256:$(printf %s "$config" | sha256sum | cut -d ' ' -f 1)
    # A token's login would be among the arguments, so curl reads it.
    printf 'user = "AWS:%s"\ncacert = "%s"\nsilent\nshow-error\nfail\n' \
        "$(printf %s "$first" | sed 's/.*"Secret":"\([^"]*\)".*/\1/')" "$LOOPBACK_CA" >"$scratch/curl"
    place=$(curl --config "$scratch/curl" --request POST --dump-header - "$repository/blobs/uploads/" |
        sed -n 's/^[Ll]ocation: *\([^\r]*\)\r*$/\1/p')
    case $place in /*) place=https://$LOOPBACK_HOST$place ;; esac
    curl --config "$scratch/curl" --request PUT --data-binary "$config" --header 'Content-Type: application/octet-stream' \
        --url-query "digest=$digest" "$place" &&
        curl --config "$scratch/curl" --request PUT --header 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
            --data-binary "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"$digest\",\"size\":2},\"layers\":[]}" \
            "$repository/manifests/v1"
}
said=$(push 2>&1) || wrong "the image cannot be pushed"
image=$LOOPBACK_HOST/app:v1
trusted=(--signing-profile "$LOOPBACK_SIGNING_PROFILE" --signer-root "Z:$LOOPBACK_SIGNER_ROOT")
run 1 '' verify "$image" "${trusted[@]}"
run 0 '' sign "$image" "${trusted[@]}"
run 0 '' verify "$image" "${trusted[@]}" --quiet
is "what is verified" "${out%@*}" "${image%:*}"
run 0 '' signatures list "$image"
says "$LOOPBACK_SIGNING_PROFILE"
run 1 '' verify "$image" --signing-profile "$LOOPBACK_SIGNING_PROFILE-other" --signer-root "Z:$LOOPBACK_SIGNER_ROOT"
row "sign, verify and signatures list in ECR"

rows_end
