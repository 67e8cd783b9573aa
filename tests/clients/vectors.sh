# shellcheck shell=bash
# The vectors of tests/testkit, judged by notation-go: what it decides otherwise than this program is listed in
# vectors.txt, each with its name in docs/verify.md. Sourced by clients.sh.

vectors_cases() {
    check 0 "the vectors of tests/testkit, judged by notation-go" \
        vectors "$root/tests/testkit/cases" "$root/tests/clients/vectors.txt"
    check 0 "each difference has its name in docs/verify.md" vectors_names
}

vectors_names() {
    local name
    while read -r name; do
        grep -qF "| \`$name\` |" "$root/docs/verify.md" || { echo "no row for $name" && return 1; }
    done < <(sed -n 's/^[^#].*: //p' "$root/tests/clients/vectors.txt" | sort -u)
}
