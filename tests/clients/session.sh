# shellcheck shell=bash
# What the clients find: a machine of their own, a loopback AWS, a keychain, a registry that is not ECR, dockerd.
# Sourced by clients.sh inside its mount and process namespaces; $scratch is the temporary folder.

# Two registries of one account: what two hosts cost can be told apart.
ecr=111122223333.dkr.ecr.eu-west-1.amazonaws.com
ecr_other_region=111122223333.dkr.ecr.us-east-1.amazonaws.com
# The login of the registry that is not ECR. bcrypt, and so htpasswd, ends a password at 72 bytes.
user=alice
password=correct-horse-battery-staple
# Docker Hub's, which the loopback AWS plays with the same password.
hub_user=carol

# Whatever a client writes outside $HOME lands in memory, under $scratch/machine, and never on the machine itself.
private_machine() {
    mkdir -p "$HOME/.docker" "$HOME/.config/containers" "$scratch/machine" "$scratch/logs" "$scratch/images"
    mount -t tmpfs tmpfs "$scratch/machine" || return 1
    local folder
    for folder in etc var root; do
        mkdir -p "$scratch/machine/$folder" "$scratch/machine/$folder.work"
        mount -t overlay overlay "/$folder" \
            -o "lowerdir=/$folder,upperdir=$scratch/machine/$folder,workdir=$scratch/machine/$folder.work" || return 1
    done
    mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm || return 1
    export XDG_RUNTIME_DIR=$scratch/run
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    # docker, oras and crane read this one: the helper for every registry.
    echo '{"credsStore": "ecr-rs"}' >"$HOME/.docker/config.json"
    # skopeo, buildah and podman refuse to work without a policy on signatures.
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
}

# until_true WHAT COMMAND...: asks until it is so. 30 s are far more than any of these needs.
until_true() {
    local what=$1 deadline=$((SECONDS + 30))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "not ready after 30 s: $what"
            tail -n 20 "$scratch"/logs/*
            return 1
        fi
        sleep 0.05
    done
}

# The loopback AWS with ECR's registries: it is an HTTPS proxy, and its `env` makes clients trust and use it.
start_loopback() {
    serve_loopback "$scratch/loopback" "$scratch/logs/loopback" || return 1
    # As ECR: layers come from another host, which must not see the login, and passwords are long.
    printf '%s\n' 'redirects on' 'token-length 2714' >&"$loopback_commands"
}

# How often AWS was asked for a token since the start.
token_calls() { grep -c GetAuthorizationToken "$scratch/loopback/calls"; }

# A D-Bus session with an unlocked gnome-keyring. Both are first asked for what they must be able to do.
start_keyring() {
    dbus-daemon --session --nofork --nopidfile --address="unix:path=$XDG_RUNTIME_DIR/bus" >"$scratch/logs/dbus" 2>&1 </dev/null &
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus
    until_true "D-Bus" test -S "$XDG_RUNTIME_DIR/bus" || return 1
    printf %s keyring-password |
        gnome-keyring-daemon --unlock --components=secrets --foreground >"$scratch/logs/keyring" 2>&1 &
    until_true "gnome-keyring" owned org.freedesktop.secrets || return 1
    printf %s secret | secret-tool store --label=probe probe yes &&
        [ "$(secret-tool lookup probe yes)" = secret ] &&
        secret-tool clear probe yes
}

owned() {
    dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner "string:$1" |
        grep -q 'boolean true'
}

# A registry that is not ECR, with basic auth. It picks a free port and says which.
start_registry() {
    htpasswd -Bbc "$scratch/registry.htpasswd" "$user" "$password" 2>"$scratch/logs/htpasswd" || return 1
    cat >"$scratch/registry.yml" <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: $scratch/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0", relativeurls: true}
auth: {htpasswd: {realm: loopback, path: $scratch/registry.htpasswd}}
CONFIG
    docker-registry serve "$scratch/registry.yml" >"$scratch/logs/registry" 2>&1 </dev/null &
    until_true "docker-registry" grep -q 'listening on' "$scratch/logs/registry" || return 1
    other=$(sed -n 's/.*listening on \(127[0-9.]*:[0-9]*\).*/\1/p' "$scratch/logs/registry" | head -n 1)
    [ -n "$other" ]
}

# dockerd with folders of its own and no network of its own: it pulls and pushes, it never runs a container.
start_dockerd() {
    echo '{}' >"$scratch/dockerd.json"
    dockerd --config-file "$scratch/dockerd.json" --data-root "$scratch/docker" --exec-root "$scratch/docker-run" \
        --pidfile "$scratch/docker.pid" --host "unix://$scratch/docker.sock" --storage-driver vfs \
        --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
        >"$scratch/logs/dockerd" 2>&1 </dev/null &
    dockerd=$!
    export DOCKER_HOST=unix://$scratch/docker.sock
    until_true "dockerd" docker version
}

# dockerd unmounts what it mounted, which a kill would not.
stop_dockerd() {
    kill "$dockerd"
    wait "$dockerd" 2>/dev/null
}

# One small image, made without any network; each client gets it in the form that it takes.
make_images() {
    mkdir "$scratch/content"
    echo "hello from the loopback AWS" >"$scratch/content/hello"
    tar -C "$scratch/content" --owner=0 --group=0 --mtime=@0 -cf "$scratch/images/content.tar" hello
    docker import "$scratch/images/content.tar" tiny:latest >/dev/null &&
        docker save tiny:latest -o "$scratch/images/docker.tar" &&
        skopeo copy --quiet "docker-archive:$scratch/images/docker.tar" "oci:$scratch/images/oci:tiny"
}
