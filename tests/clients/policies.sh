# shellcheck shell=bash
# Which trust policies are good: Notation's answer beside ours, for every line of policies.txt. Sourced by clients.sh.

policies_cases() {
    rows_of ' policies: ' "$root/tests/clients/policies.py" "$root/tests/clients/policies.txt" \
        "$root/docs/verify.md" notation "$scratch/bin/docker-credential-ecr-rs"
    # What `trust init` writes is Notation's own: its policy, and the certificate in its store.
    export NOTATION_CONFIG=$scratch/trust
    check 0 "trust init, read by notation policy show" trust_init
    check 0 "trust init, read by notation certificate show" \
        notation certificate show --type signingAuthority --store aws-signer-ts aws-signer-notation-root.pem
    unset NOTATION_CONFIG
}

trust_init() {
    local arn=arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release
    docker-credential-ecr-rs trust init --signing-profile "$arn"
    notation policy show | jq -e --arg arn "$arn" '.trustPolicies[0].trustedIdentities == [$arn]'
}
