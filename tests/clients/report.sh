# shellcheck shell=bash
# One printed line for each client and verb, and the count at the end. Sourced by clients.sh.

passed=0 failed=0
# A client that takes longer hangs: the program's own longest bound is 20 s, and no case calls it more than thrice.
patience=180

stop() {
    printf 'clients.sh: error: %s\n' "$*" >&2
    exit 1
}

# step FUNCTION: part of the preparation. Its time is printed; a failure ends the script.
step() {
    local before=$EPOCHREALTIME
    "$1" || stop "$1 failed"
    printf 'ready   %-58s %s\n' "${1//_/ }" "$(seconds_since "$before")"
}

seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%5.1f s", to - from }'; }

# check CALLS NAME FUNCTION...: runs FUNCTION, which must succeed with every command in it, without a prompt, and ask
# AWS for CALLS tokens. Prints one line; a failure also prints what the client was asked and what it said.
check() {
    local expected=$1 name=$2 log=$scratch/case.log before=$EPOCHREALTIME calls_before calls status watchdog
    shift 2
    calls_before=$(token_calls)
    set -m # each case is a process group of its own, so that it can be ended whole
    (
        set -eux
        "$@"
    ) >"$log" 2>&1 </dev/null &
    local case=$!
    (sleep "$patience" && kill -- "-$case") &
    watchdog=$!
    set +m
    wait "$case" 2>/dev/null
    status=$?
    kill -- "-$watchdog" 2>/dev/null
    wait "$watchdog" 2>/dev/null
    calls=$(($(token_calls) - calls_before))
    if [ "$status" = 0 ] && [ "$calls" = "$expected" ]; then
        passed=$((passed + 1))
        printf 'ok      %-58s %s  %s\n' "$name" "$(seconds_since "$before")" "$(calls_in_words "$calls")"
        return
    fi
    failed=$((failed + 1))
    printf 'FAILED  %-58s %s  %s\n' "$name" "$(seconds_since "$before")" "$(calls_in_words "$calls")"
    [ "$status" = 0 ] || printf '        exit status %s%s\n' "$status" "$([ "$status" != 143 ] || printf ' (still running after %s s)' "$patience")"
    [ "$calls" = "$expected" ] || printf '        expected: %s\n' "$(calls_in_words "$expected")"
    sed 's/^/        | /' "$log"
}

# rows_of ENDING PROGRAM ARGUMENT...: a program of python3 that prints a line `ok …` or `FAILED …` a row, and at its end
# one with ENDING in it.
rows_of() {
    local ending=$1 line ended=no
    shift
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
            'ok '*) passed=$((passed + 1)) ;;
            'FAILED '*) failed=$((failed + 1)) ;;
            *"$ending"*) ended=yes ;;
        esac
    done < <(python3 "$@" 2>&1)
    [ "$ended" = no ] || return 0
    failed=$((failed + 1))
    echo "FAILED  ${1##*/} did not come to its end"
}

calls_in_words() {
    case $1 in
        0) printf 'no token call' ;;
        1) printf '1 token call' ;;
        *) printf '%s token calls' "$1" ;;
    esac
}

# fails COMMAND...: succeeds when the command fails; for use inside a case.
fails() {
    if "$@"; then
        echo "this should have failed: $*"
        return 1
    fi
}

report() {
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}
