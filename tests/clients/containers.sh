# shellcheck shell=bash
# skopeo, buildah and podman, which share a library that ignores `credsStore` and knows two other ways: `credHelpers`
# in auth.json, one host at a time, and `credential-helpers` in registries.conf, for every host. Both are shown.
# Sourced by clients.sh.

containers_cases() {
    containers_configure
    local way
    for way in credHelpers credential-helpers; do
        containers_use "$way"
        check 0 "skopeo login (ECR, $way)" skopeo_login
        check 0 "skopeo copy (ECR, $way)" skopeo_copy
        check 0 "skopeo inspect (ECR, $way)" skopeo_inspect
        check 0 "buildah login (ECR, $way)" buildah_login
        check 0 "buildah push (ECR, $way)" buildah_push
        check 0 "buildah pull (ECR, $way)" buildah_pull
        check 0 "podman login (ECR, $way)" podman_login
        check 0 "podman push (ECR, $way)" podman_push
        check 0 "podman pull (ECR, $way)" podman_pull
        check 0 "podman login (other registry, $way)" podman_login_other
        check 0 "skopeo copy (other registry, $way)" skopeo_copy_other
        check 0 "podman logout (other registry, $way)" podman_logout_other
        check 0 "podman logout (ECR, $way)" podman_logout
        check 1 "skopeo inspect (ECR, $way, after the logout: a new token)" skopeo_inspect
    done
    check 0 "podman logout --all (credential-helpers)" podman_logout_all
    containers_forget
}

containers_forget() {
    unset REGISTRY_AUTH_FILE
    rm "$HOME/.config/containers/registries.conf"
}

# Every file of theirs lies in one folder; vfs needs no mounts.
containers_configure() {
    mkdir -p "$scratch/containers"
    cat >"$scratch/containers/storage.conf" <<CONFIG
[storage]
driver = "vfs"
graphroot = "$scratch/containers/storage"
runroot = "$scratch/containers/run"
CONFIG
    cat >"$scratch/containers/containers.conf" <<CONFIG
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
CONFIG
    export CONTAINERS_STORAGE_CONF=$scratch/containers/storage.conf CONTAINERS_CONF=$scratch/containers/containers.conf
}

# containers_use WAY: the two files as that way has them.
containers_use() {
    local registries_conf=$HOME/.config/containers/registries.conf
    export REGISTRY_AUTH_FILE=$scratch/containers/auth-$1.json
    case $1 in
        credHelpers)
            jq -n --arg ecr "$ecr" --arg other "$other" '{credHelpers: {($ecr): "ecr-rs", ($other): "ecr-rs"}}' >"$REGISTRY_AUTH_FILE"
            : >"$registries_conf"
            ;;
        credential-helpers)
            echo '{}' >"$REGISTRY_AUTH_FILE"
            echo 'credential-helpers = ["ecr-rs"]' >"$registries_conf"
            ;;
    esac
    way=$1
}

skopeo_login() { skopeo login "$ecr" | grep 'Login Succeeded\|Existing credentials are valid'; }
skopeo_copy() { skopeo copy "oci:$scratch/images/oci:tiny" "docker://$ecr/skopeo:$way"; }
skopeo_inspect() { skopeo inspect "docker://$ecr/skopeo:$way" | jq -e '.Digest'; }

buildah_login() { buildah login "$ecr" | grep 'Login Succeeded\|Existing credentials are valid'; }
buildah_push() {
    local container
    container=$(buildah from scratch)
    buildah copy "$container" "$scratch/content/hello" /hello
    buildah commit "$container" "buildah:$way"
    buildah push "buildah:$way" "docker://$ecr/buildah:$way"
}
buildah_pull() {
    buildah rmi --force "buildah:$way"
    buildah pull "docker://$ecr/buildah:$way"
}

podman_login() { podman login "$ecr" | grep 'Login Succeeded\|Existing credentials are valid'; }
podman_push() {
    podman import "$scratch/images/content.tar" "podman:$way"
    podman push "podman:$way" "docker://$ecr/podman:$way"
}
podman_pull() {
    podman rmi "podman:$way"
    podman pull "docker://$ecr/podman:$way"
}
podman_logout() {
    podman logout "$ecr"
    fails listed "$ecr"
}

podman_login_other() {
    not_found "$other"
    printf %s "$password" | podman login --tls-verify=false --username "$user" --password-stdin "$other" | grep 'Login Succeeded'
    [ "$(printf %s "$other" | helper get | jq -r .Secret)" = "$password" ]
    fails grep "$(printf '%s:%s' "$user" "$password" | base64)" "$REGISTRY_AUTH_FILE"
}
skopeo_copy_other() {
    skopeo copy --dest-tls-verify=false "oci:$scratch/images/oci:tiny" "docker://$other/skopeo:$way"
    skopeo inspect --tls-verify=false "docker://$other/skopeo:$way" | jq -e '.Digest'
}
podman_logout_other() {
    podman logout "$other"
    not_found "$other"
    fails skopeo inspect --tls-verify=false "docker://$other/skopeo:$way"
}

# It lists, then erases each entry as it was listed.
podman_logout_all() {
    podman_login_other
    podman logout --all
    [ "$(helper list)" = '{}' ]
}
