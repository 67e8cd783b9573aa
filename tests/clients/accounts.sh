# shellcheck shell=bash
# One configuration of ours for two accounts, and one that sends other registries' logins to another helper.
# Sourced by clients.sh.

accounts_cases() {
    mkdir -p "$HOME/.aws"
    cat >"$HOME/.aws/credentials" <<CREDENTIALS
[prod]
aws_access_key_id = $LOOPBACK_OTHER_ACCESS_KEY_ID
aws_secret_access_key = $LOOPBACK_OTHER_SECRET_ACCESS_KEY
CREDENTIALS

    configure <<CONFIG
[[registry]]
match = "$LOOPBACK_OTHER_ACCOUNT.dkr.ecr.*.amazonaws.com"
role-arn = "$LOOPBACK_OTHER_ROLE"
CONFIG
    check 1 "docker push (second account, by a role)" docker_push_second
    containers_use credential-helpers
    check 0 "skopeo copy (ECR to ECR, two accounts)" skopeo_copy_accounts
    containers_forget
    check 0 "crane copy (ECR to ECR, two accounts)" crane_copy_accounts
    check 0 "notation list (second account)" notation_list_second

    configure <<CONFIG
[[registry]]
match = "$LOOPBACK_OTHER_ACCOUNT.dkr.ecr.*.amazonaws.com"
profile = "prod"
CONFIG
    check 1 "docker pull (second account, by a profile)" docker_pull_second

    configure <<CONFIG
[other-registries]
store = "secretservice"
CONFIG
    check 0 "docker login (other registry, kept by docker-credential-secretservice)" docker_login_delegate
    check 0 "docker pull (ECR, beside the other helper)" docker_pull_ecr
    check 0 "docker logout (other registry, kept by docker-credential-secretservice)" docker_logout_delegate
    unset ECR_RS_CONFIG
}

# configure: our configuration from standard input.
configure() {
    export ECR_RS_CONFIG=$scratch/config.toml
    cat >"$ECR_RS_CONFIG"
}

roles_assumed() { grep -c '"operation":"AssumeRole"' "$scratch/loopback/calls" || true; }

docker_push_second() {
    local before
    before=$(roles_assumed)
    docker tag tiny:latest "$LOOPBACK_OTHER_HOST/docker:1"
    docker push "$LOOPBACK_OTHER_HOST/docker:1"
    [ "$(roles_assumed)" = $((before + 1)) ]
}
docker_pull_second() {
    docker rmi "$LOOPBACK_OTHER_HOST/docker:1"
    docker pull "$LOOPBACK_OTHER_HOST/docker:1"
}

# The cached token costs neither a token nor a role.
skopeo_copy_accounts() {
    local before
    before=$(roles_assumed)
    skopeo copy "docker://$ecr/oras:1" "docker://$LOOPBACK_OTHER_HOST/skopeo:1"
    [ "$(roles_assumed)" = "$before" ]
}
crane_copy_accounts() {
    local before
    before=$(roles_assumed)
    crane copy "$ecr/oras:1" "$LOOPBACK_OTHER_HOST/crane:1"
    [ "$(roles_assumed)" = "$before" ]
}
notation_list_second() {
    local before
    before=$(roles_assumed)
    notation list "$LOOPBACK_OTHER_HOST/crane:1"
    [ "$(roles_assumed)" = "$before" ]
}

docker_login_delegate() {
    printf %s "$password" | docker login --username "$user" --password-stdin "$other" | grep 'Login Succeeded'
    [ "$(printf %s "$other" | docker-credential-secretservice get | jq -r .Secret)" = "$password" ]
    listed "$other"
    docker pull "$other/docker:1"
}
docker_logout_delegate() {
    docker logout "$other"
    fails docker-credential-secretservice get <<<"$other"
    not_found "$other"
    listed "$ecr"
}
