# shellcheck shell=bash
# Clients on a machine without any keychain: no D-Bus session, as in CI and in containers. What anybody may pull
# is pulled, and ECR works. Sourced by clients.sh.

absent_cases() {
    local bus=$DBUS_SESSION_BUS_ADDRESS runtime=$XDG_RUNTIME_DIR
    unset DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR
    step start_anonymous_registry
    check 0 "helper get (no D-Bus: not found, and one line)" absent_get
    check 0 "crane pull (anonymous, no D-Bus)" absent_crane
    check 0 "BuildKit's auth (anonymous, no D-Bus)" absent_buildkit
    containers_configure
    containers_use credential-helpers
    check 0 "skopeo copy (anonymous, no D-Bus)" absent_skopeo
    containers_forget
    check 1 "crane auth get (ECR, no D-Bus: a token that is not cached)" absent_crane_ecr
    check 0 "crane auth login (no D-Bus: refused)" absent_login
    configure <<CONFIG
[other-registries]
store = "file"
CONFIG
    check 0 "crane auth login (no D-Bus, logins in files)" absent_login_file
    unset ECR_RS_CONFIG
    export DBUS_SESSION_BUS_ADDRESS=$bus XDG_RUNTIME_DIR=$runtime
}

# A registry that asks nobody for a login, with one image.
start_anonymous_registry() {
    cat >"$scratch/anonymous.yml" <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: $scratch/anonymous}}
http: {addr: "127.0.0.1:0", relativeurls: true}
CONFIG
    docker-registry serve "$scratch/anonymous.yml" >"$scratch/logs/anonymous" 2>&1 </dev/null &
    until_true "the anonymous registry" grep -q 'listening on' "$scratch/logs/anonymous" || return 1
    anonymous=$(sed -n 's/.*listening on \(127[0-9.]*:[0-9]*\).*/\1/p' "$scratch/logs/anonymous" | head -n 1)
    [ -n "$anonymous" ] &&
        skopeo copy --quiet --dest-no-creds --dest-tls-verify=false \
            "oci:$scratch/images/oci:tiny" "docker://$anonymous/tiny:1"
}

absent_get() {
    local said
    said=$(printf %s "$anonymous" | docker-credential-ecr-rs get 2>"$scratch/absent.stderr") && return 1
    [ "$said" = "credentials not found in native keychain" ]
    [ "$(wc -l <"$scratch/absent.stderr")" = 1 ]
    grep 'this machine has no Secret Service' "$scratch/absent.stderr"
}
absent_crane() {
    rm -rf "$scratch/absent.crane"
    crane pull --insecure --format oci "$anonymous/tiny:1" "$scratch/absent.crane"
    test -s "$scratch/absent.crane/index.json"
}
absent_buildkit() { [ "$(buildkit-auth "$anonymous")" = "username=" ]; }
absent_skopeo() {
    rm -rf "$scratch/absent.skopeo"
    skopeo copy --src-tls-verify=false "docker://$anonymous/tiny:1" "oci:$scratch/absent.skopeo:1"
    test -s "$scratch/absent.skopeo/index.json"
}
absent_crane_ecr() {
    crane auth get "$ecr" | jq -e '.Username == "AWS"'
}
absent_login() {
    printf %s "$password" >"$scratch/absent.password"
    fails crane auth login --username "$user" --password-stdin "$other" <"$scratch/absent.password"
}
absent_login_file() {
    printf %s "$password" | crane auth login --username "$user" --password-stdin "$other"
    crane catalog --insecure "$other"
    listed "$other"
    crane auth logout "$other"
    not_found "$other"
}
