#!/bin/bash
# The release build that links nothing at run time: x86_64 Linux with musl. bash scripts/build-static.sh
#
# With rustup's standard library for this target (`rustup target add x86_64-unknown-linux-musl`) it is one call of
# cargo. Where rustup may fetch nothing, Debian 12's own compiler, unpacked below target/ and never installed, builds
# the standard library first; then apt-get and musl-gcc (musl-tools) are needed. Prints where the program is.

set -euo pipefail
cd "$(dirname "$0")/.."
unset CARGO_TARGET_DIR

target=x86_64-unknown-linux-musl
program=target/$target/release/docker-credential-ecr-rs
# C code (ring's) is compiled for the same C library.
export CC_x86_64_unknown_linux_musl=musl-gcc

# has_target: whether the toolchain in use has the standard library of the target.
has_target() { compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null; }

# Debian's rustc-web is newer than Debian's rustc, and conflicts with a packaged rustup: so it is unpacked, not
# installed.
unpack_compiler() {
    local root=$1 packages
    [ ! -e "$root/complete" ] || return 0
    rm -rf "$root"
    mkdir -p "$root"
    apt-get -qq update
    packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances rustc-web rust-web-src | grep -E '^(rustc-web|rust-web-src|libstd-rust-web.*|libllvm[0-9]+)$')
    # shellcheck disable=SC2086 # several names
    (cd "$root" && apt-get -qq download $packages && for package in *.deb; do dpkg -x "$package" .; done && rm ./*.deb)
    touch "$root/complete"
}

# What libstd calls to unwind is in gcc's library for programs that link it statically. That was built for glibc.
make_unwinder() {
    local folder=$1
    mkdir -p "$folder"
    musl-gcc -O2 -Wall -Wextra -c -o "$folder/dl_find_object.o" scripts/dl_find_object.c
    cp "$(gcc -print-file-name=libgcc_eh.a)" "$folder/libunwind.a"
    ar r "$folder/libunwind.a" "$folder/dl_find_object.o"
}

# To a fixed place, as build.rs links the build for glibc, and for its reason.
flags=(-C relocation-model=static)
if has_target; then
    command -v musl-gcc >/dev/null || export CC_x86_64_unknown_linux_musl=cc
else
    for needed in apt-get dpkg musl-gcc gcc ar; do
        command -v "$needed" >/dev/null || {
            echo "error: $needed is needed, or: rustup target add $target" >&2
            exit 1
        }
    done
    folder=$PWD/target/static
    unpack_compiler "$folder/rust"
    make_unwinder "$folder/unwind"
    export RUSTC=$folder/rust/usr/bin/rustc LD_LIBRARY_PATH=$folder/rust/usr/lib/x86_64-linux-gnu RUSTC_BOOTSTRAP=1
    export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=musl-gcc
    flags=(-C link-self-contained=no -C target-feature=+crt-static "${flags[@]}" -C link-arg=-static
        -L "native=$folder/unwind")
    own_library=-Zbuild-std=std,panic_abort
fi
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS=${flags[*]}
# `version --verbose` tells it.
ECR_RS_COMMIT=${ECR_RS_COMMIT:-$(git rev-parse --short=12 HEAD 2>/dev/null || :)}
export ECR_RS_COMMIT
cargo build --release --locked --target "$target" --bin docker-credential-ecr-rs ${own_library:+"$own_library"}
echo "$program: $(stat -c %s "$program") bytes"
