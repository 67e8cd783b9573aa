# shellcheck shell=bash
# Signatures: what the program signs, real Notation verifies; what real Notation signs, the program reads.
# Sourced by clients.sh.
#
# Signatures of AWS Signer are verified with a plugin that answers for the signer's identity and for revocation.
# AWS's own (1.0.350) is not installed: Go's module proxy refused it (403) when this was written. A stand-in of
# ours (signer_plugin.py) speaks for it, so these cases prove nothing about AWS's plugin, and every line whose case
# needs a plugin says which one it was. ECR_RS_SIGNER_PLUGIN=FILE puts AWS's in the stand-in's place.

signer_plugin=com.amazonaws.signer.notation.plugin

signing_cases() {
    local by="stand-in plugin"
    [ -z "${ECR_RS_SIGNER_PLUGIN:-}" ] || by="AWS's plugin"
    image=$ecr/signed
    profile=$LOOPBACK_SIGNING_PROFILE
    # notation with a configuration of its own; the logins come from the helper.
    export XDG_CONFIG_HOME=$world/signing-config
    docker-credential-ecr-rs erase <<<"$ecr" >/dev/null 2>&1

    check 1 "oras push (ECR, images to sign)" push_images_to_sign
    check 0 "notation (the plugin and who is trusted)" trust_signer
    check 0 "notation verify fails (no signature yet)" refused native "no signature is associated"
    check 0 "ecr-rs sign (native)" sign_native
    check 0 "notation verify (ours, $by)" verify_native
    check 0 "notation list (ours)" notation_lists
    check 0 "notation inspect (ours)" notation_inspects
    check 0 "oras discover (ours)" oras_discovers
    check 0 "notation verify (ours, no referrers API, $by)" sign_and_verify_old
    check 0 "notation verify (our metadata, $by)" verify_metadata
    check 0 "notation verify fails (other profile, $by)" distrust
    check 0 "ecr-rs sign --engine notation ($by)" sign_through_notation
    check 0 "notation sign (a local key, JWS)" notation_signs jws
    check 0 "notation sign (a local key, COSE)" notation_signs cose
    check 0 "ecr-rs signatures list (notation's JWS and COSE)" list_local
    check 0 "ecr-rs signatures inspect (notation's JWS and COSE)" inspect_local
    check 0 "notation verify fails (job revoked, $by)" revoke_job
    check 0 "notation verify fails (profile revoked, $by)" revoke_profile
    unset XDG_CONFIG_HOME
}

push_images_to_sign() {
    cd "$world/content" || return
    local tag
    for tag in native old metadata by-notation local; do
        oras push --no-tty --annotation "made-for=$tag" "$image:$tag" hello:text/plain
    done
}

# What README tells a reader to set up: the plugin, the root in the trust store, the profile in the policy.
trust_signer() {
    local folder=$XDG_CONFIG_HOME/notation plugin
    plugin=$folder/plugins/$signer_plugin/notation-$signer_plugin
    mkdir -p "${plugin%/*}"
    echo '{"credsStore": "ecr-rs"}' >"$folder/config.json"
    cp "${ECR_RS_SIGNER_PLUGIN:-$root/tests/clients/signer_plugin.py}" "$plugin"
    chmod +x "$plugin"
    notation plugin list | grep "$signer_plugin"
    notation cert add --type signingAuthority --store aws-signer-ts "$LOOPBACK_SIGNER_ROOT"
    notation cert generate-test --default local.example
    trust "$profile"
}

# trust ARN: AWS's documented policy for one signing profile.
trust() {
    jq -n --arg profile "$1" '{version: "1.0", trustPolicies: [{
        name: "aws-signer-tp",
        registryScopes: ["*"],
        signatureVerification: {level: "strict"},
        trustStores: ["signingAuthority:aws-signer-ts"],
        trustedIdentities: [$profile]
    }]}' >"$world/trustpolicy.json"
    notation policy import --force "$world/trustpolicy.json"
}

# behave LINE: the loopback world behaves so when this returns.
behave() {
    echo "$1" >&"$loopback_commands"
    until_true "$1" grep -Fx "done: $1" "$world/logs/loopback"
}

digest_of() { crane digest "$image:$1"; }
sign_image() { docker-credential-ecr-rs sign "$image:$1" --signing-profile "$profile" "${@:2}"; }
signer_calls() { grep -c "$1" "$world/loopback/calls" || true; }

# verified TAG: accepted, and the signer was asked once whether it was revoked.
verified() {
    local before
    before=$(signer_calls GetRevocationStatus)
    notation verify "$image@$(digest_of "$1")" | grep 'Successfully verified'
    [ "$(signer_calls GetRevocationStatus)" = $((before + 1)) ]
}

sign_native() {
    sign_image native --signer-root "$LOOPBACK_SIGNER_ROOT" --output json | tee "$world/native.json"
    jq -e --arg image "$image@$(digest_of native)" '.[0].image == $image' "$world/native.json"
}
verify_native() { verified native; }
notation_lists() { notation list "$image:native" | grep "$(jq -r '.[0].signature' "$world/native.json")"; }
notation_inspects() {
    notation inspect --output json "$image:native" >"$world/inspected.json"
    jq . "$world/inspected.json"
    jq -e --arg profile "$profile" '.Signatures[0]
        | .signatureAlgorithm == "ECDSA-SHA-384"
        and (.signedAttributes["com.amazonaws.signer.signingProfileVersion"] | startswith($profile + "/"))
        and (.certificates | length == 4)' "$world/inspected.json"
}
oras_discovers() {
    oras discover --format json --artifact-type application/vnd.cncf.notary.signature "$image:native" |
        grep "$(jq -r '.[0].signature' "$world/native.json")"
}

sign_and_verify_old() {
    behave 'referrers off'
    sign_image old --signer-root "$LOOPBACK_SIGNER_ROOT" --manifest-format config-mediatype
    crane ls "$image" | grep "$(digest_of old | tr : -)"
    verified old
    docker-credential-ecr-rs signatures list "$image:old" | grep "$profile"
    behave 'referrers on'
}

verify_metadata() {
    sign_image metadata --signer-root "$LOOPBACK_SIGNER_ROOT" -m commit=c0ffee
    notation verify --user-metadata commit=c0ffee "$image@$(digest_of metadata)" | grep 'Successfully verified'
    fails notation verify --user-metadata commit=decaf "$image@$(digest_of metadata)"
}

# refused TAG TEXT: not verified, for this reason.
refused() {
    fails notation verify --verbose "$image@$(digest_of "$1")" >"$world/refused" 2>&1
    tail -n 20 "$world/refused"
    grep "$2" "$world/refused"
}
distrust() {
    trust "${profile}_of_others"
    refused native "trusted identities that match .*: \[\]"
    trust "$profile"
}

sign_through_notation() {
    sign_image by-notation --engine notation | grep 'Successfully signed'
    verified by-notation
    docker-credential-ecr-rs signatures list "$image:by-notation" | grep "$profile"
}

notation_signs() {
    # The tag schema first, which is 1.x's default; then the registry's own list.
    notation sign --signature-format "$1" --force-referrers-tag="$([ "$1" = jws ] && echo true || echo false)" \
        "$image@$(digest_of local)" | grep 'Successfully signed'
}
list_local() {
    docker-credential-ecr-rs signatures list "$image:local" | tee "$world/local.txt"
    notation list "$image:local" | sed -n 's/.*── \(sha256:\)/\1/p' >"$world/local.digests"
    [ "$(wc -l <"$world/local.digests")" = 2 ]
    [ "$(grep -c -F -f "$world/local.digests" "$world/local.txt")" = 2 ]
}
inspect_local() {
    docker-credential-ecr-rs signatures inspect "$image:local" | tee "$world/local.txt"
    grep application/jose+json "$world/local.txt"
    grep application/cose "$world/local.txt"
    [ "$(grep -c local.example "$world/local.txt")" -ge 2 ]
}

revoke_job() {
    local job
    job=$(jq -r '.Signatures[0].signedAttributes["com.amazonaws.signer.signingJob"]' "$world/inspected.json")
    behave "revoke $job"
    refused native "revoked: .*$job"
    verified by-notation
}
revoke_profile() {
    docker-credential-ecr-rs profile revoke "$profile" --reason "the key was lost" --from 2020-01-01T00:00:00Z --yes
    refused by-notation "revoked: .*$profile/"
    # Whoever revokes a profile cannot sign with it any more, and nothing is pushed.
    fails sign_image local --signer-root "$LOOPBACK_SIGNER_ROOT"
    docker-credential-ecr-rs signatures list "$image:local" --output json | jq -e '.signatures | length == 2'
}
