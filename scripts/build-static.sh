#!/bin/bash
# The release build that links nothing at run time: Linux with musl. bash scripts/build-static.sh [TARGET]
#
# With rustup's standard library for the target, which is fetched, it is one call of cargo, on a machine of the
# target's kind. Where rustup may fetch nothing, Debian 12's own compiler, unpacked below target/ and never installed,
# builds the standard library of x86_64 first; then apt-get and musl-gcc (musl-tools) are needed. The same source and
# compiler give the same bytes in every folder (scripts/compare-builds.sh). Prints where the program is.
# Its functions are put in an order by scripts/link-in-order.sh, where rustup's LLD is.

set -euo pipefail
cd "$(dirname "$0")/.."
unset CARGO_TARGET_DIR
. scripts/debian-rust.sh

target=${1:-x86_64-unknown-linux-musl}
name=${target//-/_}
program=target/$target/release/docker-credential-ecr-rs
# C code (ring's) is compiled for the same C library.
export "CC_$name=musl-gcc"

# What libstd calls to unwind is in gcc's library for programs that link it statically. That was built for glibc.
make_unwinder() {
    local folder=$1
    mkdir -p "$folder"
    musl-gcc -O2 -Wall -Wextra -c -o "$folder/dl_find_object.o" scripts/dl_find_object.c
    cp "$(gcc -print-file-name=libgcc_eh.a)" "$folder/libunwind.a"
    ar rD "$folder/libunwind.a" "$folder/dl_find_object.o"
}

# To a fixed place, as build.rs links the build for glibc, and for its reason. The folders of the build and of cargo
# are named in panics: under one name everywhere.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
flags=(-C relocation-model=static "--remap-path-prefix=$PWD=/source" "--remap-path-prefix=$cargo_home=/cargo")
export "CFLAGS_$name=-ffile-prefix-map=$PWD=/source -ffile-prefix-map=$cargo_home=/cargo"
if has_target "$target"; then
    command -v musl-gcc >/dev/null || export "CC_$name=cc"
    export "CARGO_TARGET_${name^^}_LINKER=$PWD/scripts/link-in-order.sh"
    ECR_RS_LLD=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/gcc-ld
    export ECR_RS_LLD
else
    [ "$target" = x86_64-unknown-linux-musl ] || {
        echo "error: the standard library is needed: rustup target add $target" >&2
        exit 1
    }
    needs "$target" apt-get dpkg musl-gcc gcc ar
    folder=$PWD/target/static
    use_debian_compiler "$folder/rust"
    # Where rustc looks without being told: a path among its flags would be a part of what it makes.
    make_unwinder "$folder/rust/usr/lib/rustlib/$target/lib"
    export "CARGO_TARGET_${name^^}_LINKER=musl-gcc"
    flags=(-C link-self-contained=no -C target-feature=+crt-static "${flags[@]}" -C link-arg=-static)
    own_library=-Zbuild-std=std,panic_abort
fi
export "CARGO_TARGET_${name^^}_RUSTFLAGS=${flags[*]}"
# `version --verbose` tells it.
ECR_RS_COMMIT=${ECR_RS_COMMIT:-$(git rev-parse --short=12 HEAD 2>/dev/null || :)}
export ECR_RS_COMMIT
cargo build --release --locked --target "$target" --bin docker-credential-ecr-rs ${own_library:+"$own_library"}
echo "$program: $(stat -c %s "$program") bytes"
