#!/bin/sh
# Installs docker-credential-ecr-rs below a prefix, and takes it away again.
#
# From a checkout it builds the program with cargo. Elsewhere it installs a release archive, from a file
# (--archive) or from an https address ($ECR_RS_RELEASES). The archive's checksum is verified before anything
# is unpacked or written. It never runs sudo and never edits the configuration of docker or another program.
# It acts in its last line alone, which is nothing until its brace is closed: a download that is cut off
# (`curl ... | sh`) installs nothing.

set -eu

program=docker-credential-ecr-rs
short=ecr-rs # the same program, for people who type it
release=0.1.0 # the release this script belongs to; tests/install.sh compares it with Cargo.toml
repository=   # OWNER/NAME at GitHub: the release workflow fills it in
workflow=.github/workflows/release.yml
statement=provenance.sigstore.json # what GitHub signed about all files of a release

usage() {
    cat <<USAGE
Usage: install.sh [--prefix DIR] [--archive FILE] [--release VERSION] [--target TARGET] [--dry-run]
       install.sh --uninstall [--prefix DIR] [--dry-run]

Installs $program into DIR/bin (default: ~/.local/bin), its short name ecr-rs beside it, and
below DIR/share its manual pages and the completions of bash, fish and zsh.

  --prefix DIR       where to install; root may want /usr/local, for every user of the machine
  --archive FILE     install $program-VERSION-TARGET.tar.gz, checked against SHA256SUMS beside it
  --release VERSION  the release to download (default: $release)
  --target TARGET    the target to download (default: this machine's)
  --dry-run          print what would be done, change nothing
  --uninstall        undo this user's \`setup\`, then remove what an earlier run installed, and only that
  --help             print this text

In a checkout: runs \`cargo build --release --locked\` and installs the result.
Elsewhere: give --archive FILE, or set ECR_RS_RELEASES to the https address of the folder that holds the
archive and SHA256SUMS. The install.sh of a release knows its own address.
USAGE
}

say() { printf '%s\n' "$*"; }

# fail WHAT [HINT]
fail() {
    printf 'install.sh: error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2
    exit 1
}

usage_error() {
    printf 'install.sh: error: %s\n\n' "$1" >&2
    usage >&2
    exit 2
}

has() { command -v "$1" >/dev/null 2>&1; }

# What an interrupted or failed run leaves behind goes away: temporary files, and folders that it made.
work='' staged='' staged_manifest='' created='' finished=''
# shellcheck disable=SC2317 # trap calls it
clean_up() {
    [ -z "$staged" ] || rm -f -- "$staged"
    [ -z "$staged_manifest" ] || rm -f -- "$staged_manifest"
    [ -z "$work" ] || rm -rf -- "$work"
    [ -n "$finished" ] || remove_folders "$created"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Removes the folders of a list, last made first, where they are empty.
remove_folders() {
    printf '%s' "$1" | sed '1!G;h;$!d' | while IFS= read -r folder; do
        rmdir -- "$folder" 2>/dev/null || :
    done
}

# make_folder DIR: makes it and its missing parents, and remembers each.
make_folder() {
    [ ! -d "$1" ] || return 0
    make_folder "$(dirname -- "$1")"
    if [ -n "$dry_run" ]; then
        say "would make the folder $1"
        return 0
    fi
    mkdir -- "$1" 2>/dev/null || fail "cannot make the folder $1" "$write_hint"
    created="$created$1
"
}

sha256() {
    if has sha256sum; then
        sum=$(sha256sum <"$1")
    elif has shasum; then
        sum=$(shasum -a 256 <"$1")
    elif has openssl; then
        sum=$(openssl dgst -sha256 -r <"$1")
    else
        fail "no program that computes SHA-256" "install coreutils (sha256sum), shasum or openssl"
    fi
    printf '%s\n' "${sum%% *}"
}

# The archive's target triple for this machine. Linux releases are static, so they run on every distribution.
this_target() {
    case $(uname -m) in
        x86_64 | amd64) machine=x86_64 ;;
        aarch64 | arm64) machine=aarch64 ;;
        *) fail "no release for the processor $(uname -m)" "build it from a checkout: sh install.sh" ;;
    esac
    case $(uname -s) in
        Linux) say "$machine-unknown-linux-musl" ;;
        Darwin) say "$machine-apple-darwin" ;;
        *) fail "no release for the system $(uname -s)" "build it from a checkout: sh install.sh" ;;
    esac
}

# download URL FILE: over https alone, redirects included.
download() {
    say "downloading $1"
    if has curl; then
        curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' \
            --connect-timeout 20 --max-time 600 --output "$2" "$1" ||
            fail "cannot download $1" "look at the line of curl above, or fetch the archive and give --archive FILE"
    elif has wget; then
        download_with_wget "$1" "$2"
    else
        fail "neither curl nor wget is installed" "install one of them, or give --archive FILE"
    fi
}

# wget follows a redirect from https to http, so each one is taken by hand.
download_with_wget() {
    url=$1
    for _ in 1 2 3 4 5; do
        case $url in
            https://*) ;;
            *) fail "$1 redirects to an address that is not https: $url" "fetch the archive and give --archive FILE" ;;
        esac
        if wget --timeout=60 --tries=2 --max-redirect=0 --server-response --output-document="$2" "$url" 2>"$work/wget"; then
            return 0
        fi
        next=$(sed -n 's/^ *[Ll]ocation: *\([^ ]*\).*/\1/p' "$work/wget" | tail -n 1 | tr -d '\r')
        if [ -z "$next" ]; then
            cat "$work/wget" >&2
            fail "cannot download $url" "look at the lines of wget above, or fetch the archive and give --archive FILE"
        fi
        url=$next
    done
    fail "too many redirects from $1" "fetch the archive and give --archive FILE"
}

# verify ARCHIVE SUMS: SUMS must name the archive once, with the checksum that the archive has.
verify() {
    name=$(basename -- "$1")
    [ -f "$1" ] || fail "there is no archive $1" "give the path of $program-VERSION-TARGET.tar.gz"
    [ -f "$2" ] || fail "there is no checksum file $2" "put the release's SHA256SUMS beside the archive"
    expected=$(awk -v name="$name" '$2 == name || $2 == "*" name { print tolower($1) }' "$2")
    case $expected in
        '') fail "$2 has no checksum of $name" "take archive and SHA256SUMS from the same release, and keep their names" ;;
        *[!0-9a-f]*) fail "$2 has no single SHA-256 checksum of $name" "fetch SHA256SUMS again" ;;
    esac
    actual=$(sha256 "$1")
    [ "$actual" = "$expected" ] || fail "the checksum of $name is $actual, not $expected as $2 says: nothing was installed" \
        "fetch the archive again; if it fails again, do not use it"
    say "checksum of $name: good"
}

# attest ARCHIVE: whether the release workflow made it, as GitHub's own program says where that is there and logged in,
# else cosign by the release's own statement, which GitHub signed.
attest() {
    [ -n "$repository" ] || return 0
    if has gh && gh auth status >/dev/null 2>&1 </dev/null; then
        by=gh
        gh attestation verify "$1" --repo "$repository" --signer-workflow "$repository/$workflow" >/dev/null </dev/null
    elif has cosign && cosign verify-blob-attestation --help 2>&1 </dev/null | grep -q -e --new-bundle-format; then
        by=cosign
        download "${ECR_RS_RELEASES%/}/$statement" "$work/$statement"
        cosign verify-blob-attestation --new-bundle-format --bundle "$work/$statement" --type slsaprovenance1 \
            --certificate-oidc-issuer https://token.actions.githubusercontent.com \
            --certificate-identity "https://github.com/$repository/$workflow@refs/tags/v$release" "$1" >/dev/null </dev/null
    else
        say "its provenance was not checked: that takes gh, logged in, or cosign 2.4 or newer"
        return 0
    fi || fail "$by did not find that a release of $repository made $(basename -- "$1"): nothing was installed" \
        "look at the lines of $by above; if it fails again, do not use the archive"
    say "provenance of $(basename -- "$1"), by $by: good"
}

# The one member of the archive that is the program.
program_in() {
    members=$(tar -tzf "$1") || fail "cannot read the archive $1"
    member=$(printf '%s\n' "$members" | awk -v name="$program" '$0 == name || $0 ~ ("^(\\./)?[^/]+/" name "$") || $0 == "./" name')
    case $member in
        '') fail "the archive $1 holds no $program" ;;
        *"
"*) fail "the archive $1 holds more than one $program" ;;
    esac
    printf '%s\n' "$member"
}

# Sets `source`, a function that writes the program to its standard output, and `origin`, words for people.
from_checkout() {
    has cargo || fail "cargo is not installed" "install Rust 1.94.1 or newer with rustup, or give --archive FILE"
    if [ -n "$dry_run" ]; then
        say "would run: cargo build --release --locked (in $checkout)"
    else
        say "building with: cargo build --release --locked"
        (cd "$checkout" && cargo build --release --locked --target-dir target) ||
            fail "the build failed" "look at cargo's lines above; Rust 1.94.1 or newer is needed"
    fi
    built=$checkout/target/release/$program
    write_program() { cat <"$built"; }
}

from_archive() {
    verify "$archive" "$(dirname -- "$archive")/SHA256SUMS"
    member=$(program_in "$archive")
    # Written to a pipe, so no name in the archive decides where anything lands.
    write_program() { tar -xzOf "$archive" "$member"; }
}

from_releases() {
    case $ECR_RS_RELEASES in
        https://*) ;;
        *) fail "ECR_RS_RELEASES is not an https address: $ECR_RS_RELEASES" ;;
    esac
    [ -n "$target" ] || target=$(this_target)
    name=$program-$release-$target.tar.gz
    if [ -n "$dry_run" ]; then
        say "would download ${ECR_RS_RELEASES%/}/SHA256SUMS"
        say "would download ${ECR_RS_RELEASES%/}/$name"
        say "would verify the checksum of $name"
        return 0
    fi
    work=$(mktemp -d)
    download "${ECR_RS_RELEASES%/}/SHA256SUMS" "$work/SHA256SUMS"
    download "${ECR_RS_RELEASES%/}/$name" "$work/$name"
    archive=$work/$name
    from_archive
    attest "$archive"
}

install_program() {
    [ -z "$repository" ] || : "${ECR_RS_RELEASES:=https://github.com/$repository/releases/download/v$release}"
    if [ -n "$archive" ]; then
        from_archive
    elif [ -n "$checkout" ]; then
        from_checkout
    elif [ -n "${ECR_RS_RELEASES:-}" ]; then
        from_releases
    else
        fail "this is not a checkout, and no release was named" \
            "give --archive FILE, or set ECR_RS_RELEASES to the https address of a release"
    fi
    make_folder "$bin"
    make_folder "$share"
    if [ -n "$dry_run" ]; then
        say "would write $bin/$program"
        say "would link $bin/$short"
        say "would write manual pages and completions below $prefix/share"
        say "would write $manifest"
        return 0
    fi

    staged=$(mktemp "$bin/.$program.XXXXXX" 2>/dev/null) || fail "cannot write into $bin" "$write_hint"
    staged_manifest=$(mktemp "$share/.manifest.XXXXXX" 2>/dev/null) || fail "cannot write into $share" "$write_hint"
    write_program >"$staged" || fail "cannot write $staged"
    chmod 0755 "$staged"
    chmod 0644 "$staged_manifest"
    "$staged" version >/dev/null 2>&1 </dev/null ||
        fail "the program does not run on this machine" "check the target of the archive: $(uname -sm) is this machine"
    sum=$(sha256 "$staged")
    {
        [ ! -f "$manifest" ] || grep '^folder ' "$manifest" || :
        printf '%s' "$created" | sed 's/^/folder /'
        say "file $sum $bin/$program"
    } >"$staged_manifest"

    # The manifest first: stopped in between, an uninstall still knows the program's name.
    mv -f -- "$staged_manifest" "$manifest"
    finished=yes
    mv -f -- "$staged" "$bin/$program"
    say "installed $bin/$program"
    install_extras
    say_next
}

# The short name, the manual and the completions. An older program has none of them, and without them the program
# works: what cannot be written is told, and no reason to stop. Each is in the manifest, before the program, so that
# a link is gone before what it points to.
install_extras() {
    [ -n "$work" ] || work=$(mktemp -d)
    extras='' extra_folders=''
    if [ ! -e "$bin/$short" ] || [ "$(sha256 "$bin/$short")" = "$sum" ]; then
        ln -sf -- "$program" "$bin/$short" && extras="file $sum $bin/$short
"
    fi
    if "$bin/$program" man "$work/man" >/dev/null 2>&1 </dev/null; then
        for page in "$work"/man/*.1; do
            [ -e "$page" ] || continue
            extra "$page" "$prefix/share/man/man1" "${page##*/}"
        done
    fi
    while read -r shell folder name; do
        "$bin/$program" completions "$shell" >"$work/completions" 2>/dev/null </dev/null || continue
        [ ! -s "$work/completions" ] || extra "$work/completions" "$prefix/share/$folder" "$name"
    done <<SHELLS
bash bash-completion/completions $program
bash bash-completion/completions $short
fish fish/vendor_completions.d $program.fish
fish fish/vendor_completions.d $short.fish
zsh zsh/site-functions _$program
SHELLS
    {
        grep '^folder ' "$manifest" || :
        printf '%s' "$extra_folders"
        printf '%s' "$extras"
        grep '^file ' "$manifest" || :
    } >"$work/manifest"
    cat <"$work/manifest" >"$manifest"
}

# extra FILE DIR NAME: one more file, its folders and its line of the manifest.
extra() {
    before=$created created=''
    make_folder "$2"
    [ -z "$created" ] || extra_folders="$extra_folders$(printf '%s' "$created" | sed 's/^/folder /')
"
    created=$before$created
    cat <"$1" >"$2/$3" && chmod 0644 "$2/$3" && extras="${extras}file $(sha256 "$2/$3") $2/$3
"
}

say_next() {
    case ":$PATH:" in
        *":$bin:"*)
            first=$(command -v "$program") || first=
            [ "$first" = "$bin/$program" ] || say "warning: $first comes first on PATH and hides it"
            ;;
        *)
            say "warning: PATH does not hold $bin, so docker would not find it; add this line to your shell's profile:"
            say "  export PATH=\"$bin:\$PATH\""
            ;;
    esac
    if "$bin/$program" setup --help >/dev/null 2>&1 </dev/null; then
        say "next: $program setup docker"
    else
        say "next: put this line into docker's config.json (~/.docker/config.json):"
        say '  "credsStore": "ecr-rs"'
    fi
}

# Gives the clients' files back while the program is there to do it: afterwards no client could pull, public
# images neither. Another copy that comes first on PATH goes on answering them.
undo_setup() {
    undone=
    grep -qxF "file $(sha256 "$bin/$program" 2>/dev/null) $bin/$program" "$manifest" || return 0
    first=$(command -v "$program") || first=
    [ -z "$first" ] || [ "$first" = "$bin/$program" ] || return 0
    "$bin/$program" setup --help >/dev/null 2>&1 </dev/null || return 0
    "$bin/$program" setup --undo ${dry_run:+--dry-run} </dev/null ||
        fail "the clients' files could not be given back, so nothing was removed" \
            "mend what is said above and run it again"
    undone=yes
}

uninstall_program() {
    [ -f "$manifest" ] || fail "nothing was installed below $prefix: there is no $manifest" \
        "give the --prefix that was used to install"
    undo_setup
    kept=
    while read -r kind rest; do
        [ "$kind" = file ] || continue
        sum=${rest%% *} path=${rest#* }
        case $path in
            "$prefix"/*) ;;
            *) fail "$manifest names $path, which is not below $prefix: nothing was removed" ;;
        esac
        if [ ! -e "$path" ]; then
            say "already gone: $path"
        elif [ "$(sha256 "$path")" != "$sum" ]; then
            say "kept, for it is not what was installed: $path"
            kept=yes
        elif [ -n "$dry_run" ]; then
            say "would remove $path"
        else
            rm -f -- "$path" || fail "cannot remove $path" "$write_hint"
            say "removed $path"
        fi
    done <"$manifest"
    if [ -n "$dry_run" ]; then
        say "would remove $manifest"
        sed -n 's/^folder /would remove, if empty: /p' "$manifest"
        return 0
    fi
    folders=$(sed -n 's/^folder //p' "$manifest")
    rm -f -- "$manifest" || fail "cannot remove $manifest" "$write_hint"
    remove_folders "$folders
"
    say "removed $manifest"
    [ -n "$undone" ] || say "docker's config.json was not touched: if it names \"ecr-rs\", take that line out"
    [ -z "$kept" ] || exit 1
}

main() {
    prefix='' archive='' target='' dry_run='' action=install
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix | --archive | --release | --target)
                [ -n "${2:-}" ] || usage_error "$1 needs a value"
                case $1 in
                    --prefix) prefix=$2 ;;
                    --archive) archive=$2 ;;
                    --release) release=$2 ;;
                    --target) target=$2 ;;
                esac
                shift 2
                ;;
            --prefix=* | --archive=* | --release=* | --target=*)
                option=${1%%=*} value=${1#*=}
                shift
                set -- "$option" "$value" "$@"
                ;;
            --dry-run) dry_run=yes && shift ;;
            --uninstall) action=uninstall && shift ;;
            -h | --help) usage && exit 0 ;;
            *) usage_error "unknown argument: $1" ;;
        esac
    done

    [ -n "$prefix" ] || prefix=${HOME:?is not set, so give --prefix DIR}/.local
    case $prefix in
        *"
"*) usage_error "the prefix holds a line break" ;;
        /*) ;;
        *) prefix=$(pwd)/$prefix ;;
    esac
    while [ "${prefix%/}" != "$prefix" ]; do prefix=${prefix%/}; done
    bin=$prefix/bin share=$prefix/share/$program manifest=$prefix/share/$program/manifest
    write_hint="choose a --prefix that $(id -un 2>/dev/null || id -u) may write to, or run this script as a user who may write there"

    checkout=
    if [ -f "$0" ]; then
        here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
        if grep -q "^name = \"$program\"\$" "$here/Cargo.toml" 2>/dev/null; then checkout=$here; fi
    fi

    case $action in
        install) install_program ;;
        uninstall) uninstall_program ;;
    esac
    finished=yes
}

{ main "$@"; exit; }
