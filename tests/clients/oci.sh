# shellcheck shell=bash
# oras, crane and notation: programs of three Go libraries, each with its own way to ask a helper.
# Sourced by clients.sh.

oci_cases() {
    check 1 "oras push (ECR, the first after podman logged out of all)" oras_push
    check 0 "oras pull (ECR)" oras_pull
    check 0 "oras login (other registry)" oras_login
    check 0 "oras push (other registry)" oras_push_other
    check 0 "oras logout (other registry)" oras_logout
    check 1 "crane copy (ECR to ECR, a second registry: its own token)" crane_copy
    check 0 "crane auth get (ECR)" crane_auth_get
    check 0 "crane auth login (other registry)" crane_login
    check 0 "crane copy (ECR to other registry)" crane_copy_other
    check 0 "crane auth logout (other registry)" crane_logout

    # notation with a configuration of its own, and docker's out of its sight.
    export XDG_CONFIG_HOME=$scratch/notation-config DOCKER_CONFIG=$scratch/no-docker-config
    mkdir -p "$XDG_CONFIG_HOME/notation" "$DOCKER_CONFIG"
    echo '{"credsStore": "ecr-rs"}' >"$XDG_CONFIG_HOME/notation/config.json"
    check 0 "notation list (ECR, no login)" notation_list
    check 0 "notation login (other registry)" notation_login
    check 0 "notation list (other registry)" notation_list_other
    check 0 "notation logout (other registry)" notation_logout
    check 0 "notation logout (ECR)" notation_logout_ecr
    unset XDG_CONFIG_HOME DOCKER_CONFIG
    check 1 "notation list (ECR, docker's config.json)" notation_list
}

oras_push() {
    cd "$scratch/content" || return
    oras push --no-tty "$ecr/oras:1" hello:text/plain
}
oras_pull() {
    oras pull --no-tty --output "$scratch/pulled" "$ecr/oras:1"
    cmp "$scratch/content/hello" "$scratch/pulled/hello"
}
oras_login() {
    fails oras repo tags --plain-http "$other/oras"
    printf %s "$password" | oras login --plain-http --username "$user" --password-stdin "$other"
    listed "$other"
}
oras_push_other() {
    cd "$scratch/content" || return
    oras push --no-tty --plain-http "$other/oras:1" hello:text/plain
    oras repo tags --plain-http "$other/oras" | grep '^1$'
}
oras_logout() {
    oras logout "$other"
    not_found "$other"
}

crane_copy() {
    crane copy "$ecr/oras:1" "$ecr_other_region/crane:1"
    [ "$(crane digest "$ecr/oras:1")" = "$(crane digest "$ecr_other_region/crane:1")" ]
}
crane_auth_get() { [ "$(crane auth get "$ecr" | jq -r .Username)" = AWS ]; }
crane_login() {
    fails crane catalog --insecure "$other"
    printf %s "$password" | crane auth login --username "$user" --password-stdin "$other"
    listed "$other"
}
crane_copy_other() {
    crane copy --insecure "$ecr/oras:1" "$other/crane:1"
    [ "$(crane digest "$ecr/oras:1")" = "$(crane digest --insecure "$other/crane:1")" ]
}
crane_logout() {
    crane auth logout "$other"
    not_found "$other"
}

notation_list() { notation list "$ecr/oras:1"; }
notation_login() {
    printf %s "$password" | notation login --insecure-registry --username "$user" --password-stdin "$other" | grep 'Login Succeeded'
    listed "$other"
}
notation_list_other() { notation list --insecure-registry "$other/oras:1"; }
notation_logout() {
    notation logout "$other"
    not_found "$other"
    fails notation list --insecure-registry "$other/oras:1"
}
notation_logout_ecr() {
    notation logout "$ecr"
    fails listed "$ecr"
}
