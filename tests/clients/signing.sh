# shellcheck shell=bash
# Signatures: what the program signs, real Notation verifies; what real Notation signs, the program reads.
# Sourced by clients.sh.
#
# Notation signs and verifies for AWS Signer through a plugin: this program, under the plugin's name, or with
# ECR_RS_SIGNER_PLUGIN=FILE AWS's own, built as CONTRIBUTING.md says. Every line whose case needs a plugin says which
# it was.

signer_plugin=com.amazonaws.signer.notation.plugin

signing_cases() {
    local by
    by=$(plugin_by_name)
    image=$ecr/signed
    profile=$LOOPBACK_SIGNING_PROFILE
    # notation with a configuration of its own; the logins come from the helper.
    export XDG_CONFIG_HOME=$scratch/signing-config
    docker-credential-ecr-rs erase <<<"$ecr" >/dev/null 2>&1

    check 1 "oras push (ECR, images to sign)" push_images_to_sign
    check 0 "notation (the plugin and who is trusted)" trust_signer
    check 0 "ecr-rs sign fails (not AWS's root)" refuse_root
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
    [ -n "${ECR_RS_SIGNER_PLUGIN:-}" ] || check 0 "notation sign (AWS Signer, $by)" notation_signs_with_aws
    check 0 "ecr-rs sign --if-unsigned (notation signed it)" if_unsigned
    check 0 "ecr-rs sign, verify (Docker's manifest, $by)" sign_docker_manifest
    check 0 "ecr-rs sign --recursive, verify ($by)" sign_index
    check 0 "ecr-rs sign, verify (image layout, $by)" sign_layout
    check 0 "notation sign (image layout), ecr-rs signatures list" notation_signs_layout
    check 0 "ecr-rs sign, verify (other registry, $by)" sign_other
    check 0 "ecr-rs signatures delete (other registry)" delete_other
    check 0 "notation sign (local keys of five kinds, JWS)" notation_signs jws true
    check 0 "notation sign (local keys of five kinds, COSE)" notation_signs cose false
    check 0 "ecr-rs signatures list (what notation signed)" list_local
    check 0 "ecr-rs signatures inspect (what notation signed)" inspect_local
    check 0 "ecr-rs signatures delete (what notation signed)" delete_local
    check 0 "notation verify fails (job revoked, $by)" revoke_job
    check 0 "notation verify fails (profile revoked, $by)" revoke_profile
    unset XDG_CONFIG_HOME
}

push_images_to_sign() {
    cd "$scratch/content" || return
    local tag
    for tag in native old metadata by-notation local; do
        oras push --no-tty --annotation "made-for=$tag" "$image:$tag" hello:text/plain
    done
}

plugin_by_name() {
    if [ -n "${ECR_RS_SIGNER_PLUGIN:-}" ]; then echo "AWS's plugin"; else echo "our plugin"; fi
}

# The helper and the plugin, as `setup` installs them; AWS's in the place of ours where it is given.
set_up_notation() {
    local plugin=$XDG_CONFIG_HOME/notation/plugins/$signer_plugin/notation-$signer_plugin
    docker-credential-ecr-rs setup notation --plugin
    cmp "$plugin" "$scratch/bin/docker-credential-ecr-rs"
    [ -z "${ECR_RS_SIGNER_PLUGIN:-}" ] || cp "$ECR_RS_SIGNER_PLUGIN" "$plugin"
}

# What docs/notation.md tells a reader to set up: the helper, the plugin, the root in the trust store, the profile
# in the policy.
trust_signer() {
    set_up_notation
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
    }]}' >"$scratch/trustpolicy.json"
    notation policy import --force "$scratch/trustpolicy.json"
}

# behave LINE: the loopback AWS behaves so when this returns.
behave() {
    echo "$1" >&"$loopback_commands"
    until_true "$1" grep -Fx "done: $1" "$scratch/logs/loopback"
}

digest_of() { crane digest "$image:$1"; }
sign_image() { docker-credential-ecr-rs sign "$image:$1" --signing-profile "$profile" "${@:2}"; }
signer_calls() { grep -c "$1" "$scratch/loopback/calls" || true; }

# verified TAG: accepted, and the signer was asked once whether it was revoked.
verified() {
    local before
    before=$(signer_calls GetRevocationStatus)
    notation verify "$image@$(digest_of "$1")" | grep 'Successfully verified'
    [ "$(signer_calls GetRevocationStatus)" = $((before + 1)) ]
}

# Without --signer-root AWS's own root is asked for, and nothing is pushed.
refuse_root() {
    fails sign_image native >"$scratch/refused" 2>&1
    cat "$scratch/refused"
    grep -e 'hint: AWS Signer did not make it: ask who did' "$scratch/refused"
}

sign_native() {
    sign_image native --signer-root "$LOOPBACK_SIGNER_ROOT" --output json | tee "$scratch/native.json"
    jq -e --arg image "$image@$(digest_of native)" '.images[0].image == $image' "$scratch/native.json"
}
verify_native() { verified native; }
notation_lists() { notation list "$image:native" | grep "$(jq -r '.images[0].signature' "$scratch/native.json")"; }
notation_inspects() {
    notation inspect --output json "$image:native" >"$scratch/inspected.json"
    jq . "$scratch/inspected.json"
    jq -e --arg profile "$profile" '.Signatures[0]
        | .signatureAlgorithm == "ECDSA-SHA-384"
        and (.signedAttributes["com.amazonaws.signer.signingProfileVersion"] | startswith($profile + "/"))
        and (.certificates | length == 4)' "$scratch/inspected.json"
}
oras_discovers() {
    oras discover --format json --artifact-type application/vnd.cncf.notary.signature "$image:native" |
        grep "$(jq -r '.images[0].signature' "$scratch/native.json")"
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
    # Go writes `<`, `&` and `>` in JSON in its own way.
    sign_image metadata --signer-root "$LOOPBACK_SIGNER_ROOT" -m commit=c0ffee -m 'by=Zoë <z&z@example.com>'
    notation verify --user-metadata commit=c0ffee --user-metadata 'by=Zoë <z&z@example.com>' "$image@$(digest_of metadata)" | grep 'Successfully verified'
    fails notation verify --user-metadata commit=decaf "$image@$(digest_of metadata)"
}

# refused TAG TEXT: not verified, for this reason.
refused() {
    fails notation verify --verbose "$image@$(digest_of "$1")" >"$scratch/refused" 2>&1
    tail -n 20 "$scratch/refused"
    grep "$2" "$scratch/refused"
}
distrust() {
    trust "${profile}_of_others"
    refused native "doesn't match any trusted identities"
    trust "$profile"
}

sign_through_notation() {
    sign_image by-notation --engine notation --signer-root "$LOOPBACK_SIGNER_ROOT" | grep '^signed '
    fails crane manifest "$image:$(digest_of by-notation | tr : -)" # the referrers API lists it
    verified by-notation
    docker-credential-ecr-rs signatures list "$image:by-notation" | grep "$profile"
}

# What Notation has of the plugin: a signature by a version's ARN, and one sentence for each refusal.
notation_signs_with_aws() {
    local version sign
    version=$(docker-credential-ecr-rs profile show "$profile" --output json | jq -r '.. | strings | select(test("signing-profiles/.*/..........$"))' | head -n 1)
    sign=(notation sign --plugin "$signer_plugin" --force-referrers-tag=false "$image@$(digest_of old)")
    "${sign[@]}" --id "$version" --plugin-config "signer-root=$LOOPBACK_SIGNER_ROOT" | grep 'Successfully signed'
    verified old
    plugin_refuses "is not a root of AWS Signer" --id "$profile"
    plugin_refuses "takes no expiry for one signature" --id "$profile" --expiry 24h
    plugin_refuses "makes no envelope .application/cose." --id "$profile" --signature-format cose
    plugin_refuses "does not exist" --id "${profile}_of_nobody"
    plugin_refuses "service is .kms., not" --id "${profile/:signer:/:kms:}"
}
plugin_refuses() {
    fails "${sign[@]}" "${@:2}" >"$scratch/refused" 2>&1
    cat "$scratch/refused"
    grep "$1" "$scratch/refused"
}

if_unsigned() {
    sign_image by-notation --signer-root "$LOOPBACK_SIGNER_ROOT" --if-unsigned
    sign_image by-notation --signer-root "$LOOPBACK_SIGNER_ROOT" --if-unsigned --engine notation | grep 'already signed'
    [ "$(docker-credential-ecr-rs signatures list "$image:by-notation" --output json | jq '.signatures | length')" = 1 ]
}

# By tag and digest at once.
sign_docker_manifest() {
    crane push "$scratch/images/docker.tar" "$image:docker"
    docker-credential-ecr-rs sign "$image:docker@$(digest_of docker)" --signing-profile "$profile" \
        --signer-root "$LOOPBACK_SIGNER_ROOT"
    verified docker
    docker-credential-ecr-rs signatures inspect "$image:docker" --output json |
        jq -e '.signatures[0].signed_artifact.media_type == "application/vnd.docker.distribution.manifest.v2+json"'
}

# An index of two images: three signatures.
sign_index() {
    crane index append --manifest "$image:old" --manifest "$image:metadata" --tag "$image:index"
    sign_image index --signer-root "$LOOPBACK_SIGNER_ROOT" --recursive --output json | tee "$scratch/index.json"
    jq -e '.images | length == 3' "$scratch/index.json"
    local one
    for one in $(jq -r '.images[].image' "$scratch/index.json"); do
        notation verify "$one" | grep 'Successfully verified'
    done
}

# An image layout on disk: Notation reads what we write into it, and we what it writes.
sign_layout() {
    local layout=$scratch/layout
    oras copy --no-tty --to-oci-layout "$image@$(digest_of native)" "$layout:v1"
    docker-credential-ecr-rs sign --oci-layout "$layout:v1" --signing-profile "$profile" --signer-root "$LOOPBACK_SIGNER_ROOT"
    NOTATION_EXPERIMENTAL=1 notation verify --oci-layout --scope local/app "$layout@$(digest_of native)" |
        grep 'Successfully verified'
}
notation_signs_layout() {
    local layout=$scratch/layout
    NOTATION_EXPERIMENTAL=1 notation sign --oci-layout "$layout@$(digest_of native)"
    docker-credential-ecr-rs signatures list --oci-layout "$layout:v1" | tee "$scratch/listed"
    [ "$(grep -c '^  sha256:' "$scratch/listed")" = 2 ]
}

# Debian's docker-registry has no referrers API and no TLS.
sign_other() {
    printf %s "$password" | oras login --plain-http --username "$user" --password-stdin "$other"
    oras copy --no-tty --to-plain-http "$image:native" "$other/signed:1"
    docker-credential-ecr-rs sign "$other/signed:1" --signing-profile "$profile" --signer-root "$LOOPBACK_SIGNER_ROOT"
    docker-credential-ecr-rs sign "$other/signed:1" --signing-profile "$profile" --engine notation \
        --signer-root "$LOOPBACK_SIGNER_ROOT"
    [ "$(notation list --insecure-registry "$other/signed:1" | grep -c '── sha256:')" = 2 ]
    notation verify --insecure-registry "$other/signed@$(digest_of native)" | grep 'Successfully verified'
    oras discover --plain-http "$other/signed:1" | grep application/vnd.cncf.notary.signature
}
delete_other() {
    fails docker-credential-ecr-rs signatures delete "$other/signed:1" --all
    docker-credential-ecr-rs signatures delete "$other/signed:1" --all --yes
    notation list --insecure-registry "$other/signed:1" | grep 'has no associated signature'
    oras logout "$other"
}

# make_key NAME ALGORITHM...: a key and its self-signed certificate, known to notation by the name.
make_key() {
    local name=$1 folder=$XDG_CONFIG_HOME/notation
    shift
    cat >"$scratch/key.cnf" <<CONFIG
[req]
prompt = no
distinguished_name = name
x509_extensions = usage
[name]
C = US
ST = WA
O = Notary
CN = $name.local.example
[usage]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
CONFIG
    openssl req -x509 -nodes -days 2 -config "$scratch/key.cnf" -newkey "$@" -sha256 \
        -keyout "$scratch/$name.key" -out "$scratch/$name.crt"
    jq --arg name "$name" --arg at "$scratch/$name" '.keys += [{name: $name, keyPath: "\($at).key", certPath: "\($at).crt"}]' \
        "$folder/signingkeys.json" >"$scratch/signingkeys.json"
    cp "$scratch/signingkeys.json" "$folder/signingkeys.json"
}
# The program's library for cryptography has no P-521, so such a signature would be told as one that cannot be read.
key_names="local.example rsa-3072 rsa-4096 p-256 p-384"
# notation_signs FORMAT TAGS: with each key; into a tag of the registry, which is 1.x's default, or not.
notation_signs() {
    local key digest
    if [ ! -e "$scratch/p-384.key" ]; then
        make_key rsa-3072 rsa:3072
        make_key rsa-4096 rsa:4096
        make_key p-256 ec -pkeyopt ec_paramgen_curve:P-256
        make_key p-384 ec -pkeyopt ec_paramgen_curve:P-384
    fi
    digest=$(digest_of local)
    for key in $key_names; do
        notation sign --key "$key" --signature-format "$1" --force-referrers-tag="$2" --expiry 24h \
            --user-metadata "key=$key" "$image@$digest" | grep 'Successfully signed'
    done
}
list_local() {
    docker-credential-ecr-rs signatures list "$image:local" | tee "$scratch/local.txt"
    notation list "$image:local" | sed -n 's/.*── \(sha256:\)/\1/p' >"$scratch/local.digests"
    [ "$(wc -l <"$scratch/local.digests")" = 10 ]
    [ "$(grep -c -F -f "$scratch/local.digests" "$scratch/local.txt")" = 10 ]
}
# Both say the same of every signature.
inspect_local() {
    docker-credential-ecr-rs signatures inspect "$image:local" --output json >"$scratch/ours.json"
    notation inspect --output json "$image:local" >"$scratch/notations.json"
    jq -S '[.signatures[] | {
        digest, type: .envelope, algorithm, scheme: .signing_scheme, signed: .signing_time, expiry,
        metadata: .user_metadata, signer: [.certificates[].sha256],
        subject: .signed_artifact | {digest, mediaType: .media_type, size}
    }] | sort_by(.digest)' "$scratch/ours.json" >"$scratch/ours.said"
    jq -S '[.Signatures[] | {
        digest, type: .mediaType, algorithm: .signatureAlgorithm, scheme: .signedAttributes.signingScheme,
        signed: .signedAttributes.signingTime, expiry: .signedAttributes.expiry, metadata: .userDefinedAttributes,
        signer: [.certificates[].SHA256Fingerprint],
        subject: .signedArtifact | {digest, mediaType, size}
    }] | sort_by(.digest)' "$scratch/notations.json" >"$scratch/notations.said"
    diff "$scratch/notations.said" "$scratch/ours.said"
    jq -e 'length == 10 and ([.[].type] | unique | length) == 2 and ([.[].algorithm] | unique | length) == 5' \
        "$scratch/ours.said"
    docker-credential-ecr-rs signatures inspect "$image:local" | grep -c 'envelope: application/cose' | grep '^5$'
}
delete_local() {
    docker-credential-ecr-rs signatures delete "$image:local" --all --yes
    notation list "$image:local" | grep 'has no associated signature'
}

revoke_job() {
    local job
    job=$(jq -r '.Signatures[0].signedAttributes["com.amazonaws.signer.signingJob"]' "$scratch/inspected.json")
    behave "revoke $job"
    refused native "Resource(s) .*$job.* have been revoked"
    verified by-notation
}
revoke_profile() {
    docker-credential-ecr-rs profile revoke "$profile" --reason "the key was lost" --from 2020-01-01T00:00:00Z --yes
    refused by-notation "Resource(s) .*$profile/.* have been revoked"
    # Whoever revokes a profile cannot sign with it any more, and nothing is pushed.
    fails sign_image local --signer-root "$LOOPBACK_SIGNER_ROOT"
    docker-credential-ecr-rs signatures list "$image:local" --output json | jq -e '.signatures == []'
}
