# shellcheck shell=bash
# The docker CLI and dockerd, with `credsStore: "ecr-rs"`. Sourced by clients.sh.

docker_cases() {
    check 1 "docker login (ECR, no prompt)" docker_login_ecr
    check 0 "docker login (ECR, password from a pipe)" docker_login_ecr_pipe
    check 0 "docker push (ECR)" docker_push_ecr
    check 0 "docker pull (ECR)" docker_pull_ecr
    check 0 "docker build (ECR base image, classic builder)" docker_build_ecr
    check 0 "docker logout (ECR)" docker_logout_ecr
    check 1 "docker pull (ECR, after the logout: a new token)" docker_pull_ecr
    check 0 "docker pull (other registry, no login)" docker_pull_refused
    check 0 "docker login (other registry, wrong password)" docker_login_wrong
    check 0 "docker login (other registry)" docker_login_other
    check 0 "docker push (other registry)" docker_push_other
    check 0 "docker pull (other registry)" docker_pull_other
    check 0 "docker logout (other registry)" docker_logout_other
    check 0 "docker login (Docker Hub, three keys)" docker_login_hub
    check 0 "docker pull (Docker Hub)" docker_pull_hub
    check 0 "docker logout (Docker Hub)" docker_logout_hub
    check 1 "docker push (ECR Public)" docker_push_public
    check 0 "docker pull (ECR Public)" docker_pull_public
    check 0 "docker pull (ECR Public, no AWS credentials)" docker_pull_public_anonymous
    check 1 "docker pull (ECR, wrong AWS key: the cause is shown)" docker_pull_wrong_key
    check 1 "docker pull (ECR, no keychain)" docker_pull_no_keychain
    check 0 "docker login (other registry, no keychain: refused)" docker_login_no_keychain
}

# What clients.sh asks the program itself, as a client would.
helper() { docker-credential-ecr-rs "$@"; }
listed() { helper list | jq -e --arg server "$1" 'has($server)' >/dev/null; }
not_found() {
    local answer
    ! answer=$(printf %s "$1" | helper get) && [ "$answer" = "credentials not found in native keychain" ]
}

docker_login_ecr() {
    docker login "$ecr" | grep 'Login Succeeded'
    listed "$ecr"
    # In the keychain, where every program of the desktop sees it.
    secret-tool search service docker-credential-ecr-rs host "$ecr"
    secret-tool search service docker-credential-ecr-rs host "$ecr" 2>&1 | grep -x "attribute.host = $ecr"
}

# AWS's documented way, `aws ecr get-login-password | docker login`, goes on to work.
docker_login_ecr_pipe() {
    printf %s "$ecr" | helper get | jq -j .Secret >"$scratch/pipe"
    docker login --username AWS --password-stdin "https://$ecr" <"$scratch/pipe" | grep 'Login Succeeded'
}

docker_push_ecr() {
    docker tag tiny:latest "$ecr/docker:1"
    docker push "$ecr/docker:1"
}

docker_pull_ecr() {
    local pushed
    pushed=$(docker image inspect --format '{{.Id}}' tiny:latest)
    docker rmi "$ecr/docker:1"
    docker pull "$ecr/docker:1"
    [ "$(docker image inspect --format '{{.Id}}' "$ecr/docker:1")" = "$pushed" ]
}

# The classic builder asks `list`, then `get` for each server in it, and sends all logins with the build.
docker_build_ecr() {
    printf 'FROM %s\nLABEL built=yes\n' "$ecr/docker:1" >"$scratch/Dockerfile"
    docker rmi "$ecr/docker:1"
    DOCKER_BUILDKIT=0 docker build --pull --tag built:1 - <"$scratch/Dockerfile"
}

docker_logout_ecr() {
    docker logout "$ecr" 2>&1 | tee "$scratch/said"
    fails grep -i warning "$scratch/said"
    fails listed "$ecr"
}

# Without a login docker must go on anonymously, and here be refused by the registry, not by the helper.
docker_pull_refused() {
    not_found "$other"
    fails docker pull "$other/docker:1" 2>&1 | tee "$scratch/said"
    grep 'no basic auth credentials' "$scratch/said"
}

docker_login_wrong() {
    fails docker login --username "$user" --password-stdin "$other" <<<wrong
    not_found "$other"
}

docker_login_other() {
    printf %s "$password" | docker login --username "$user" --password-stdin "$other" | grep 'Login Succeeded'
    [ "$(printf %s "$other" | helper get | jq -r '.Username + " " + .Secret')" = "$user $password" ]
    listed "$other"
    docker login "$other" | grep 'Login Succeeded' # the stored login, not a prompt
    # In the keychain alone: no file has it, in clear or as docker's own base64.
    fails grep -rF -e "$password" -e "$(printf '%s:%s' "$user" "$password" | base64)" "$HOME"
}

docker_push_other() {
    docker tag tiny:latest "$other/docker:1"
    docker push "$other/docker:1"
}

docker_pull_other() {
    docker rmi "$other/docker:1"
    docker pull "$other/docker:1"
}

docker_logout_other() {
    docker logout "$other" 2>&1 | tee "$scratch/said"
    fails grep -i warning "$scratch/said"
    not_found "$other"
    fails listed "$other"
    fails docker pull "$other/docker:1"
}

# The Hub's key is a URL, and its login in a browser keeps three entries, two of them long tokens. The loopback
# AWS answers for the Hub with user and password; the two tokens are stored as docker stores them.
docker_login_hub() {
    local hub=https://index.docker.io/v1/ key
    printf %s "$password" | docker login --username "$hub_user" --password-stdin | grep 'Login Succeeded'
    for key in access-token refresh-token; do
        jq -n --arg key "$hub$key" --arg secret "$(long_secret)$key" \
            '{ServerURL: $key, Username: "alice", Secret: $secret}' | helper store
    done
    [ "$(printf %s "$hub" | helper get | jq -r .Secret)" = "$password" ]
    for key in access-token refresh-token; do
        [ "$(printf %s "$hub$key" | helper get | jq -r .Secret)" = "$(long_secret)$key" ]
        listed "$hub$key"
    done
}
long_secret() { printf '%05000d' 7; }

docker_pull_hub() {
    docker tag tiny:latest "$hub_user/tiny:1"
    docker push "$hub_user/tiny:1"
    docker rmi "$hub_user/tiny:1"
    docker pull "$hub_user/tiny:1"
}

docker_logout_hub() {
    docker logout
    not_found https://index.docker.io/v1/
    fails docker pull "$hub_user/tiny:1"
}

docker_push_public() {
    docker tag tiny:latest public.ecr.aws/loopback/docker:1
    docker push public.ecr.aws/loopback/docker:1
}
docker_pull_public() {
    docker rmi public.ecr.aws/loopback/docker:1
    docker pull public.ecr.aws/loopback/docker:1
}
# The public gallery is open to everyone: no AWS credentials must not stand in the way.
docker_pull_public_anonymous() {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    docker_pull_public
}

# docker hides what a helper says on stdout; people see its standard error.
docker_pull_wrong_key() {
    export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7UNKNOWN
    fails docker pull "$ecr/docker:1" 2>&1 | tee "$scratch/said"
    grep '^ *hint: ' "$scratch/said"
    fails grep -F "$AWS_SECRET_ACCESS_KEY" "$scratch/said"
}

# Without a keychain a pull from ECR costs a call and works; a login that cannot be kept is not a success.
docker_pull_no_keychain() {
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$scratch/no-bus XDG_RUNTIME_DIR=$scratch/no-run
    docker_pull_ecr
}
docker_login_no_keychain() {
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$scratch/no-bus XDG_RUNTIME_DIR=$scratch/no-run
    fails docker login --username "$user" --password-stdin "$other" <<<"$password" 2>&1 | tee "$scratch/said"
    grep 'error storing credentials' "$scratch/said"
}
