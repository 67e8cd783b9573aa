# shellcheck shell=bash
# A printed line for each case of a script, and the count at the end. Sourced by install.sh and windows.sh, which keep
# in $said what a case said.

suite=${0##*/}
passed=0 failed=0 problems='' said=''
wrong() { problems+="        $*"$'\n'; }

# row WHAT: ends a case; a failure also prints its problems and what it said.
row() {
    if [ -z "$problems" ]; then
        passed=$((passed + 1))
        printf 'ok      %s: %s\n' "${suite%.sh}" "$1"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s: %s\n%s' "${suite%.sh}" "$1" "$problems"
        printf '%s\n' "$said" | sed 's/^/        | /'
    fi
    problems='' said=''
}

# rows_end: the count, and the status of the script.
rows_end() {
    printf '\n%s: %s passed, %s failed\n' "$suite" "$passed" "$failed"
    [ "$failed" = 0 ]
}
