# shellcheck shell=bash
# Verdicts: real Notation, with the plugin that signing.sh tells of, and `verify`, on the same images under the same
# policies (verifying.txt), and each deliberate difference of docs/verify.md that a verdict shows. Sourced by clients.sh.

verifying_cases() {
    export XDG_CONFIG_HOME=$scratch/verifying-config
    notation_folder=$XDG_CONFIG_HOME/notation
    judged=$ecr/judged
    profile=${LOOPBACK_SIGNING_PROFILE%/*}/judges # another family revokes the one that is there
    docker-credential-ecr-rs erase <<<"$ecr" >/dev/null 2>&1
    check 1 "oras push (ECR, images to judge)" push_images_to_judge
    check 0 "notation ($(plugin_by_name) and who is trusted)" trust_judged
    check 0 "signatures, good and bad" make_signatures
    local -a policies cells
    local row
    while read -r -a row; do
        case ${row[0]:-#} in
            '#'*) ;;
            image) policies=("${row[@]:1}") ;;
            *)
                cells=("${row[@]:1}")
                check 0 "verdicts on ${row[0]} (${#cells[@]} policies)" same_verdicts "${row[0]}"
                ;;
        esac
    done <"$root/tests/clients/verifying.txt"
    check 0 "verdicts with metadata (9 cases)" same_verdicts_with_metadata
    check 0 "difference skip-everything" differs_skip_everything
    check 0 "difference store-folders" differs_store_folders
    check 0 "difference leaf-any-usage" differs_leaf_any_usage
    check 0 "difference timestamp-countersignature" differs_timestamp
    check 0 "difference aws-without-plugin" differs_without_plugin
    unset XDG_CONFIG_HOME
}

push_images_to_judge() {
    cd "$scratch/content" || return
    local tag
    for tag in $(grep -v -e '^#' -e '^image' "$root/tests/clients/verifying.txt" | cut -d ' ' -f 1) any-usage; do
        oras push --no-tty --annotation "made-for=$tag" "$judged:$tag" hello:text/plain
    done
}

trust_judged() {
    docker-credential-ecr-rs profile create "${profile##*/}"
    set_up_notation
    notation cert add --type signingAuthority --store aws-signer-ts "$LOOPBACK_SIGNER_ROOT"
    notation cert generate-test --default local.example
}

judged_digest() { crane digest "$judged:$1"; }

# The payload that signs an image.
payload_of() {
    oras manifest fetch --descriptor "$judged:$1" | jq -c '{targetArtifact: {mediaType, digest, size}}' | tr -d '\n'
}

# attach TAG FILE [TYPE]: a signature as Notation 2 pushes one, whatever is in it.
attach() {
    local tag=$1 file=$2 type=${3:-application/jose+json}
    cd "$scratch/sealed" || return
    oras attach --no-tty --artifact-type application/vnd.cncf.notary.signature "$judged@$(judged_digest "$tag")" "$file:$type"
}

# seal TAG DEFECT: AWS Signer's envelope for an image, with something wrong in it, as a file.
seal() {
    behave "spoil $2"
    local body
    body=$(jq -n --arg payload "$(payload_of "$1" | base64 -w 0)" --arg name "${profile##*/}" \
        '{profileName: $name, profileOwner: "111122223333", payload: $payload, payloadFormat: "application/vnd.cncf.notary.payload.v1+json"}')
    curl --silent --show-error --fail-with-body --aws-sigv4 aws:amz:eu-west-1:signer \
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --cacert "$LOOPBACK_CA" --header 'Content-Type: application/json' \
        --data "$body" https://signer.eu-west-1.amazonaws.com/signing-jobs/with-payload >"$scratch/sealed/$1.answer"
    behave 'spoil nothing'
    jq -r .signature "$scratch/sealed/$1.answer" | base64 -d >"$scratch/sealed/$1.sig"
}

base64url() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }

# An envelope of a local key with a critical attribute that nobody knows, and no plugin that could.
seal_unknown() {
    local keys=$notation_folder/localkeys/local.example protected payload signature
    protected=$(jq -nc --arg now "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '{
        alg: "PS256", cty: "application/vnd.cncf.notary.payload.v1+json",
        crit: ["io.cncf.notary.signingScheme", "com.example.unknown"],
        "io.cncf.notary.signingScheme": "notary.x509", "io.cncf.notary.signingTime": $now,
        "com.example.unknown": "x"}' | tr -d '\n' | base64url)
    payload=$(payload_of "$1" | base64url)
    signature=$(printf %s "$protected.$payload" | openssl dgst -sha256 -sign "$keys.key" \
        -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 | base64url)
    jq -nc --arg protected "$protected" --arg payload "$payload" --arg signature "$signature" \
        --arg leaf "$(openssl x509 -in "$keys.crt" -outform DER | base64 -w 0)" \
        '{payload: $payload, protected: $protected, header: {x5c: [$leaf]}, signature: $signature}' >"$scratch/sealed/$1.sig"
}

make_signatures() {
    mkdir -p "$scratch/sealed"
    local sign=(docker-credential-ecr-rs sign --signing-profile "$profile" --signer-root "$LOOPBACK_SIGNER_ROOT" --quiet)
    local pair local_sign=(notation sign --key local.example --force-referrers-tag=false)
    "${sign[@]}" "$judged:good" "$judged:revoked" "$judged:two"
    "${sign[@]}" -m commit=c0ffee "$judged:metadata"
    for pair in never-valid=Expired other-profile=OtherProfile foreign-root=ForeignRoot ended-leaf=EndedLeaf \
        unknown-attribute=UnknownCritical no-profile=NoProfile; do
        seal "${pair%=*}" "${pair#*=}"
        attach "${pair%=*}" "${pair%=*}.sig"
    done
    seal aws-cose Cose
    attach aws-cose aws-cose.sig application/cose
    # One letter of what is signed.
    seal tampered nothing
    jq -c '.payload |= (.[0:40] + (if .[40:41] == "A" then "B" else "A" end) + .[41:])' "$scratch/sealed/tampered.sig" >"$scratch/sealed/two.sig"
    cp "$scratch/sealed/two.sig" "$scratch/sealed/tampered.sig"
    attach tampered tampered.sig
    attach two two.sig
    seal good nothing
    attach other-image good.sig
    docker-credential-ecr-rs signatures inspect "$judged:revoked" --output json >"$scratch/revoked.json"
    behave "revoke $(grep -o 'arn:aws:signer:[^"]*:/signing-jobs/[^"]*' "$scratch/revoked.json" | head -n 1)"
    "${local_sign[@]}" "$judged@$(judged_digest local-jws)"
    "${local_sign[@]}" --signature-format cose "$judged@$(judged_digest local-cose)"
    "${local_sign[@]}" --expiry 1s "$judged@$(judged_digest local-expired)"
    seal_unknown local-unknown
    attach local-unknown local-unknown.sig
    sleep 2 # the one that lives for a second
}

# write_policy NAME: a column of verifying.txt, in Notation's place.
write_policy() {
    local level=strict override='{}' profile_name=$profile subject='C=US, ST=WA, O=Notary, CN=local.example' scope='*'
    case $1 in
        strict) ;;
        permissive | audit) level=$1 ;;
        late) override='{"expiry": "log"}' ;;
        unrevoked) override='{"revocation": "skip"}' ;;
        stranger) profile_name=${profile}_of_others subject='C=US, ST=WA, O=Strangers' ;;
        stranger-audit) level=audit profile_name=${profile}_of_others subject='C=US, ST=WA, O=Strangers' ;;
        elsewhere) scope=$ecr/elsewhere ;;
        *) return 1 ;;
    esac
    jq -n --arg level "$level" --argjson override "$override" --arg profile "$profile_name" --arg subject "$subject" \
        --arg scope "$scope" '{version: "1.0", trustPolicies: [{
            name: "judges", registryScopes: [$scope],
            signatureVerification: {level: $level, override: $override},
            trustStores: ["signingAuthority:aws-signer-ts", "ca:local.example"],
            trustedIdentities: [$profile, "x509.subject:" + $subject]
        }]}' >"$notation_folder/trustpolicy.json"
    chmod 600 "$notation_folder/trustpolicy.json"
}

# verdict COMMAND...: `+` or `-`. A verdict is 0 or 1; anything else is none.
verdict() {
    local status=0
    "$@" >"$scratch/said" 2>&1 || status=$?
    cat "$scratch/said" >&2
    case $status in
        0) echo + ;;
        1) echo - ;;
        *) echo "$status" ;;
    esac
}

# both EXPECTED TAG [--user-metadata K=V]: what Notation and this program make of an image.
both() {
    local expected=$1 reference notations ours
    reference=$judged@$(judged_digest "$2")
    shift 2
    notations=$(verdict notation verify "$@" "$reference")
    ours=$(verdict docker-credential-ecr-rs verify "$@" "$reference")
    [ "$notations$ours" = "$expected" ] || { echo "notation: $notations, ecr-rs: $ours, expected: $expected"; return 1; }
}

# documented NAME: docs/verify.md has a row of that name.
documented() { grep -F "| \`$1\` |" "$root/docs/verify.md"; }

same_verdicts() {
    local place wrong=0
    for place in "${!policies[@]}"; do
        write_policy "${policies[$place]}"
        case ${cells[$place]} in
            + | -) both "${cells[$place]}${cells[$place]}" "$1" || { echo "WRONG: $1, ${policies[$place]}"; wrong=1; } ;;
            *)
                documented "${cells[$place]}"
                both +- "$1" || { echo "WRONG: $1, ${policies[$place]}"; wrong=1; }
                ;;
        esac
    done
    [ "$wrong" = 0 ]
}

same_verdicts_with_metadata() {
    local policy
    for policy in strict permissive audit; do
        write_policy "$policy"
        both ++ metadata --user-metadata commit=c0ffee
        both -- metadata --user-metadata commit=decaf
        both -- metadata --user-metadata absent=1
    done
}

# Every image would pass: the specification forbids the level `skip` for the scope `*`.
differs_skip_everything() {
    documented skip-everything
    echo '{"version": "1.0", "trustPolicies": [{"name": "judges", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}}]}' \
        >"$notation_folder/trustpolicy.json"
    both +- unsigned
}
differs_store_folders() {
    documented store-folders
    write_policy strict
    mkdir "$notation_folder/truststore/x509/ca/local.example/folder"
    both -+ local-jws
    rmdir "$notation_folder/truststore/x509/ca/local.example/folder"
}
# A leaf for any extended key usage. Notation does not look at it.
differs_leaf_any_usage() {
    documented leaf-any-usage
    make_key any-usage rsa:2048
    sed -i 's/^extendedKeyUsage = .*/extendedKeyUsage = codeSigning, anyExtendedKeyUsage/' "$scratch/key.cnf"
    openssl req -x509 -nodes -days 2 -config "$scratch/key.cnf" -newkey rsa:2048 -sha256 \
        -keyout "$scratch/any-usage.key" -out "$scratch/any-usage.crt"
    notation cert add --type ca --store local.example "$scratch/any-usage.crt"
    notation sign --key any-usage --force-referrers-tag=false "$judged@$(judged_digest any-usage)"
    write_policy strict
    jq '.trustPolicies[0].trustedIdentities[1] = "x509.subject: C=US, ST=WA, O=Notary"' "$notation_folder/trustpolicy.json" \
        >"$scratch/trustpolicy.json"
    cp "$scratch/trustpolicy.json" "$notation_folder/trustpolicy.json"
    both +- any-usage
}
# Neither passes without a countersignature where the policy asks for one; ours says that it never could.
differs_timestamp() {
    documented timestamp-countersignature
    openssl req -x509 -nodes -days 2 -newkey rsa:3072 -sha256 -subj '/C=US/ST=WA/O=Notary/CN=tsa' \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' \
        -keyout "$scratch/tsa.key" -out "$scratch/tsa.crt"
    notation cert add --type tsa --store clock "$scratch/tsa.crt"
    write_policy strict
    jq '.trustPolicies[0].trustStores += ["tsa:clock"]' "$notation_folder/trustpolicy.json" >"$scratch/trustpolicy.json"
    cp "$scratch/trustpolicy.json" "$notation_folder/trustpolicy.json"
    both -- local-jws
    grep 'which this program does not verify' "$scratch/said"
}
differs_without_plugin() {
    documented aws-without-plugin
    write_policy strict
    rm -r "$notation_folder/plugins"
    both -+ good
}
