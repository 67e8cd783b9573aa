#!/bin/bash
# Type-checks everything, tests and examples too, for platforms other than this one; a warning fails.
# bash scripts/check-platforms.sh [TARGET...]
#
# Nothing is linked or run: that takes the platforms themselves. So C code (ring's) need not be compiled, and stands
# as empty files. Where rustup has no standard library of a target, Debian's compiler checks that too: some nine
# minutes of a processor for the first target. Prints a row a target.

set -euo pipefail
cd "$(dirname "$0")/.."
unset CARGO_TARGET_DIR RUSTFLAGS
. scripts/debian-rust.sh

folder=$PWD/target/platforms
mkdir -p "$folder/stand-in/tools"
cat >"$folder/stand-in/cc" <<'END'
#!/bin/sh
# A C compiler that writes an empty object.
while [ $# -gt 0 ]; do
    [ "$1" != -o ] || { : >"$2"; exit; }
    shift
done
END
cat >"$folder/stand-in/ar" <<'END'
#!/bin/sh
# An archiver that writes an empty archive.
for argument; do
    case $argument in *.a | *.lib) : >"$argument"; exit ;; esac
done
END
cat >"$folder/stand-in/tools/x86_64-w64-mingw32-dlltool" <<'END'
#!/bin/sh
# What makes import libraries of Windows: an archive of nothing. The library is behind -l.
while [ $# -gt 0 ]; do
    [ "$1" != -l ] || { echo '!<arch>' >"$2"; exit; }
    shift
done
END
chmod +x "$folder"/stand-in/{cc,ar,tools/*}
export PATH=$folder/stand-in/tools:$PATH

# check TARGET: its errors are on standard error.
check() (
    target=$1 name=${1//-/_} library=()
    if ! has_target "$target"; then
        needs "$target" apt-get dpkg
        use_debian_compiler "$PWD/target/static/rust"
        # shellcheck disable=SC2054 # one word, with commas
        library=(-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test)
    fi
    export "CC_$name=$folder/stand-in/cc" "AR_$name=$folder/stand-in/ar"
    export "CARGO_TARGET_${name^^}_RUSTFLAGS=-D warnings"
    cargo check --quiet --locked --all-targets --keep-going --target "$target" --target-dir "$folder" "${library[@]}"
)

[ $# -gt 0 ] || set -- x86_64-pc-windows-gnu aarch64-apple-darwin aarch64-unknown-linux-musl
failed=0
for target; do
    verdict=ok
    # Not as a condition: in one, bash would go on after a failed command of `check`.
    check "$target" &
    wait $! || verdict=FAILED failed=1
    printf '%-7s %-28s type-checked with all tests, no warning\n' "$verdict" "$target"
done
exit "$failed"
