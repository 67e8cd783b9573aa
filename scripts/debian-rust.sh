# shellcheck shell=bash
# For other scripts: the standard library of another target. rustup fetches it. Where it may not, Debian 12's own
# compiler (rustc-web, newer than Debian's rustc) brings the source: it is unpacked below target/ and never installed,
# since the package conflicts with a packaged rustup.

# has_target TARGET: whether the toolchain in use has the standard library of the target, or just got it.
has_target() {
    local library
    library="$(rustc --print sysroot)/lib/rustlib/$1/lib/libstd-*.rlib"
    compgen -G "$library" >/dev/null && return
    command -v rustup >/dev/null && timeout 300 rustup --quiet target add "$1" && compgen -G "$library" >/dev/null
}

# needs TARGET PROGRAM...: fails where one of them is not installed.
needs() {
    local target=$1 program
    shift
    for program; do
        command -v "$program" >/dev/null || {
            echo "error: $program is needed, or: rustup target add $target" >&2
            return 1
        }
    done
}

# use_debian_compiler FOLDER: unpacks it there, once, and has cargo use it.
use_debian_compiler() {
    local root=$1 packages
    if [ ! -e "$root/complete" ]; then
        rm -rf "$root"
        mkdir -p "$root"
        apt-get -qq update
        packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
            --no-enhances rustc-web rust-web-src | grep -E '^(rustc-web|rust-web-src|libstd-rust-web.*|libllvm[0-9]+)$')
        # shellcheck disable=SC2086 # several names
        (cd "$root" && apt-get -qq download $packages && for package in *.deb; do dpkg -x "$package" .; done && rm ./*.deb)
        touch "$root/complete"
    fi
    export RUSTC=$root/usr/bin/rustc LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu RUSTC_BOOTSTRAP=1
}
