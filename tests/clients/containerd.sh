# shellcheck shell=bash
# A node: containerd asks the program before each pull. First containerd's own package calls it (bindir_verifier),
# then a containerd of our own pulls, for `ctr` and for a client of the CRI. Sourced by clients.sh.

containerd_cases() {
    image=$ecr/node
    profile=${LOOPBACK_SIGNING_PROFILE%/*}/nodes # another family revokes the one that is there
    verifiers=$scratch/verifiers
    docker-credential-ecr-rs erase <<<"$ecr" >/dev/null 2>&1

    check 1 "crane push (ECR, images for a node)" push_images_for_node
    check 0 "ecr-rs sign (one of them)" sign_for_node
    check 0 "ecr-rs setup containerd" setup_node
    check 1 "ecr-rs doctor containerd" doctor_node
    check 1 "ecr-rs doctor containerd (a key that goes past verifiers)" doctor_bypass
    check 1 "containerd's bindir: allowed" bindir_allowed
    check 0 "containerd's bindir: allowed, from the verdict that was kept" bindir_kept
    check 1 "containerd's bindir: rejected with our sentence" bindir_rejected
    check 1 "containerd's bindir: a registry that hangs, our sentence" bindir_hangs
    check 0 "containerd's bindir: a link under another name" bindir_link
    check 1 "containerd's bindir: a stray file blocks every pull" bindir_stray
    check 1 "containerd's bindir: a file in the folder's place blocks every pull" bindir_no_folder
    check 1 "containerd's bindir: a root that cannot be written, allowed" bindir_read_only
    step start_containerd
    check 1 "ctr, containerd $containerd: what is signed is pulled" ctr_pulls
    check 1 "ctr, containerd $containerd: what is not signed is refused" ctr_refuses
    check 0 "CRI, containerd $containerd: what is signed is pulled" cri_pulls
    check 1 "CRI, containerd $containerd: what is not signed is refused" cri_refuses
    stop_containerd
    local key
    mkdir -p /etc/containerd/conf.d
    for key in "${bypasses[@]}"; do
        printf '[plugins."io.containerd.cri.v1.images"]\n%s\n' "$key" >/etc/containerd/conf.d/bypass.toml
        start_containerd || stop "containerd does not start with $key"
        key=${key%%$'\n'*}
        check 1 "CRI, ${key%% *}: pulled unverified, as doctor says" cri_bypassed
        stop_containerd
    done
    rm -r /etc/containerd/conf.d
    # After all that asks AWS: a failure answers for three seconds.
    check 0 "containerd's bindir: no network, our sentence" bindir_no_network
    step start_containerd
    check 0 "ecr-rs setup --undo containerd: everything is pulled" containerd_undone
    stop_containerd
}

# Each key with which the CRI pulls without its transfer service, so that no verifier is asked.
bypasses=(
    'use_local_image_pull = true'
    'disable_snapshot_annotations = false'
    'discard_unpacked_layers = true'
    'registry.mirrors."h.example".endpoint = ["https://h.example"]'
    'registry.configs."h.example".auth.username = "x"'
    'registry.auths."https://h.example".username = "x"'
    'max_concurrent_downloads = 4'
    'image_pull_with_sync_fs = true'
    # Of version 1 of the file, which is carried over where there is a runtime.
    $'[plugins.cri.containerd]\ndiscard_unpacked_layers = true\nruntimes.runc.runtime_type = "io.containerd.runc.v2"'
)

push_images_for_node() {
    crane push "$scratch/images/docker.tar" "$image:signed"
    crane mutate --label signed=no --tag "$image:unsigned" "$image:signed"
    fails test "$(crane digest "$image:signed")" = "$(crane digest "$image:unsigned")"
}

sign_for_node() {
    docker-credential-ecr-rs profile create "${profile##*/}"
    docker-credential-ecr-rs sign "$image:signed" --signing-profile "$profile" --signer-root "$LOOPBACK_SIGNER_ROOT"
}

# As on a node, but for the folder of verifiers, and the root of the loopback's AWS Signer in the store.
setup_node() {
    mkdir -p /etc/containerd
    cat >/etc/containerd/config.toml <<CONFIG
version = 3
imports = ["conf.d/*.toml"]
[plugins."io.containerd.image-verifier.v1.bindir"]
bin_dir = "$verifiers" # ours
per_verifier_timeout = "5s"
CONFIG
    cp /etc/containerd/config.toml "$scratch/containerd.before"
    docker-credential-ecr-rs setup containerd --dry-run --signing-profile "$profile" |
        grep -F 'per_verifier_timeout: "\"5s\"" -> "\"10s\""'
    cmp /etc/containerd/config.toml "$scratch/containerd.before"
    fails test -e "$verifiers"
    docker-credential-ecr-rs setup containerd --signing-profile "$profile"
    grep -F 'per_verifier_timeout = "10s"' /etc/containerd/config.toml
    [ "$(ls -A "$verifiers")" = docker-credential-ecr-rs ]
    cp "$LOOPBACK_SIGNER_ROOT" /etc/docker-credential-ecr-rs/truststore/x509/signingAuthority/aws-signer-ts/loopback.pem
}

# doctor_says WORDS: with the containerd of these cases in place of Debian's.
doctor_says() {
    mkdir -p "$scratch/newer"
    ln -sf "$(command -v "containerd-$containerd")" "$scratch/newer/containerd"
    PATH=$scratch/newer:$PATH docker-credential-ecr-rs doctor containerd | tee "$scratch/doctor"
    grep -F "$1" "$scratch/doctor"
}
doctor_node() { doctor_says "/containerd ${containerd#v}" && grep -F 'first: nothing to do' "$scratch/doctor"; }
doctor_bypass() {
    docker-credential-ecr-rs doctor containerd >"$scratch/doctor" && return 1
    mkdir -p /etc/containerd/conf.d
    printf '[plugins."io.containerd.cri.v1.images"]\ndiscard_unpacked_layers = true\n' >/etc/containerd/conf.d/eks.toml
    mkdir "$scratch/node" "$scratch/node/etc"
    cp -r /etc/containerd "$scratch/node/etc"
    docker-credential-ecr-rs doctor containerd --root "$scratch/node" >"$scratch/doctor" && return 1
    rm -r /etc/containerd/conf.d
    cat "$scratch/doctor"
    grep 'discard_unpacked_layers = true in .*/conf.d/eks.toml' "$scratch/doctor"
}

# Without a home folder and a session, as a service of the machine has it. No function: what is started with it in
# the background is the program itself.
as_containerd=(env -u HOME -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR -u DOCKER_HOST)
# bindir TAG: exit 0 allowed, 1 blocked, 3 not called. `within_namespace` has the program that starts it, if any.
within_namespace=()
bindir() {
    local status=0
    "${as_containerd[@]}" "${within_namespace[@]}" bindir-verifier "$verifiers" "$image:$1" "$(crane digest "$image:$1")" >"$scratch/judgement" || status=$?
    cat "$scratch/judgement"
    return "$status"
}
# says STATUS TAG WORDS
says() {
    local status=0
    bindir "$2" || status=$?
    [ "$status" = "$1" ]
    grep -F "$3" "$scratch/judgement"
}
bindir_allowed() { says 0 signed "ok=true reason=docker-credential-ecr-rs => $image@$(crane digest "$image:signed") is verified: signed by $profile/"; }
bindir_kept() { says 0 signed '; judged '; }
bindir_rejected() { says 1 unsigned "verifier docker-credential-ecr-rs rejected image (exit code 1): $image:unsigned is not verified: it has no signature"; }
bindir_hangs() {
    behave 'delay GetReferrers 60000'
    says 1 unsigned 'is not verified: there is no verdict within 8 s, while asking its registry'
    behave clear
}
bindir_no_network() {
    rm -rf /run/docker-credential-ecr-rs
    local within_namespace=(unshare --net)
    says 1 signed "is not verified: "
    grep -F 'cannot reach' "$scratch/judgement"
}
bindir_read_only() {
    rm -rf /run/docker-credential-ecr-rs
    local within_namespace=(unshare --mount bash -c 'mount -o remount,bind,ro / && ! touch /writable && exec "$@"' -)
    says 0 signed 'is verified: '
}
bindir_link() {
    ln -s "$(command -v docker-credential-ecr-rs)" "$verifiers/zz-other"
    says 0 signed ', zz-other => '
    rm "$verifiers/zz-other"
}
bindir_stray() {
    echo notes >"$verifiers/README"
    says 3 signed 'permission denied'
    docker-credential-ecr-rs doctor containerd >"$scratch/doctor" && return 1
    grep 'README is no program: containerd runs it all the same, and every pull is blocked' "$scratch/doctor"
    rm "$verifiers/README"
}
bindir_no_folder() {
    mv "$verifiers" "$verifiers.kept"
    touch "$verifiers"
    says 3 signed 'failed to list directory contents'
    docker-credential-ecr-rs doctor containerd >"$scratch/doctor" && return 1
    grep 'cannot be listed, and every pull is blocked' "$scratch/doctor"
    rm "$verifiers"
    mv "$verifiers.kept" "$verifiers"
}

# containerd with folders and a socket of its own. It pulls; it never runs a container.
start_containerd() {
    cat >"$scratch/containerd.toml" <<CONFIG
version = 3
root = "$scratch/containerd/root"
state = "$scratch/containerd/state"
imports = ["/etc/containerd/config.toml"]
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
address = "$scratch/containerd.sock"
[plugins."io.containerd.transfer.v1.local"]
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
platform = "linux/amd64"
snapshotter = "native"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "native"
CONFIG
    rm -rf "$scratch/containerd"
    "${as_containerd[@]}" "containerd-$containerd" --config "$scratch/containerd.toml" >"$scratch/logs/containerd" 2>&1 </dev/null &
    containerd_process=$!
    until_true "containerd" ctr_of_node version
}
stop_containerd() {
    kill "$containerd_process"
    wait "$containerd_process" 2>/dev/null
}

ctr_of_node() { "ctr-$containerd" --address "$scratch/containerd.sock" "$@"; }
# pull TAG: through the transfer service, with a login as a kubelet's credential provider has it.
pull() {
    ctr_of_node images pull --snapshotter native --user "AWS:$(docker-credential-ecr-rs token "$ecr")" "$image:$1" 2>&1
}
pulled() { ctr_of_node images list --quiet | grep -Fx "$image:$1"; }

ctr_pulls() {
    rm -rf /run/docker-credential-ecr-rs
    pull signed
    pulled signed
}
ctr_refuses() {
    pull unsigned >"$scratch/refused" && return 1
    cat "$scratch/refused"
    grep -F "$image:unsigned is not verified: it has no signature" "$scratch/refused"
    fails pulled unsigned
}

# The kubelet's way.
cri() { PASSWORD=$(docker-credential-ecr-rs token "$ecr") cri-pull "$scratch/containerd.sock" "$image:$1"; }
cri_pulls() { cri signed; }
cri_refuses() {
    cri unsigned >"$scratch/refused" && return 1
    cat "$scratch/refused"
    grep -F "$image:unsigned is not verified: it has no signature" "$scratch/refused"
}
cri_bypassed() {
    cri unsigned
    docker-credential-ecr-rs doctor containerd >"$scratch/doctor" && return 1
    cat "$scratch/doctor"
    grep "failed   pulls  .* in /etc/containerd/conf.d/bypass.toml: the kubelet's pulls go past every verifier" "$scratch/doctor"
}

containerd_undone() {
    docker-credential-ecr-rs setup --undo containerd
    cmp /etc/containerd/config.toml "$scratch/containerd.before"
    [ -z "$(ls -A "$verifiers")" ]
    pull unsigned
    pulled unsigned
}
