# shellcheck shell=bash
# What `setup` writes is what clients read: a person with nothing configured runs it once. Sourced by clients.sh.

setup_cases() {
    check 0 "setup docker notation podman" setup_all
    check 0 "docker pull (ECR, after setup)" after_setup docker_pull_ecr
    check 0 "skopeo inspect (ECR, after setup)" after_setup skopeo_inspect
    check 0 "notation list (ECR, after setup)" after_setup notation_list_own
    check 0 "setup --undo" setup_undo
}

# A home folder in which no client is configured; docker's config.json is there, as docker itself leaves it.
after_setup() {
    export HOME=$scratch/new-home
    unset DOCKER_CONFIG XDG_CONFIG_HOME REGISTRY_AUTH_FILE
    "$@"
}

setup_all() { after_setup setup_all_inside; }
setup_all_inside() {
    mkdir -p "$HOME/.docker" "$HOME/.config/containers"
    printf '{\n\t"detachKeys": "ctrl-e,e"\n}\n' >"$HOME/.docker/config.json"
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
    cp "$HOME/.docker/config.json" "$scratch/config.json.before"
    fails docker pull "$ecr/docker:1" # nothing else leads to the helper
    docker-credential-ecr-rs setup docker notation podman
}

# notation reads docker's file only where it has none of its own.
notation_list_own() { DOCKER_CONFIG=$scratch/no-docker-config notation list "$ecr/oras:1"; }

setup_undo() { after_setup setup_undo_inside; }
setup_undo_inside() {
    docker-credential-ecr-rs setup docker notation podman --undo
    cmp "$HOME/.docker/config.json" "$scratch/config.json.before"
    fails docker pull "$ecr/docker:1"
    fails skopeo inspect "docker://$ecr/skopeo:$way"
}
