#!/bin/bash
# Real clients against the built binary: docker, skopeo, buildah, podman, oras, crane and notation log in, push,
# pull, copy, list, sign and verify, with ECR's real host names on a loopback AWS and gnome-keyring as the keychain.
#
# Run it as root (dockerd needs that) on Debian 12 or one of its kin, with cargo and Go on PATH:
#
#     bash tests/clients.sh
#
# ECR_RS_BINARY names the binary to test (default: a debug build of this checkout).
# FAMILIES names the families of cases to run (default: all, "docker containers oci signing accounts
# absent setup identities policies vectors verifying containerd").
# ECR_RS_SIGNER_PLUGIN names AWS's plugin for Notation (default: this program, see tests/clients/signing.sh).
# KEEP_WORLD=1 keeps the temporary folder with every log and says where it is.
#
# It installs clients that are missing, from Debian's packages and Go's module proxy (tests/clients/programs.sh)
# and, in its temporary folder, the AWS CLI from PyPI (tests/clients/identities.sh); one that cannot be installed
# fails the script. Everything else happens in mount and process namespaces of its own: whatever a client writes
# lands in a temporary folder, whatever it starts ends with the script.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD

. tests/loopback.sh
. tests/clients/programs.sh
. tests/clients/report.sh
. tests/clients/session.sh
. tests/clients/docker.sh
. tests/clients/containers.sh
. tests/clients/oci.sh
. tests/clients/signing.sh
. tests/clients/accounts.sh
. tests/clients/absent.sh
. tests/clients/setup.sh
. tests/clients/identities.sh
. tests/clients/policies.sh
. tests/clients/vectors.sh
. tests/clients/verifying.sh
. tests/clients/containerd.sh

# The outer half: programs, the built binary, a folder; then this script again inside the namespaces.
outer() {
    FAMILIES=${FAMILIES:-docker containers oci signing accounts absent setup identities policies vectors verifying containerd}
    [ "$(id -u)" = 0 ] || stop "clients.sh must run as root: dockerd needs it"
    step install_packages
    step install_go_programs
    if [ -z "${ECR_RS_BINARY:-}" ]; then
        cargo build --locked || stop "the program does not build"
        ECR_RS_BINARY=$root/target/debug/docker-credential-ecr-rs
    fi
    cargo build --locked --example loopback || stop "the loopback AWS does not build"

    scratch=$(mktemp -d /tmp/ecr-rs.XXXXXX)
    mkdir -p "$scratch/bin"
    cp "$ECR_RS_BINARY" "$scratch/bin/docker-credential-ecr-rs" || exit 1
    trap outer_ends EXIT
    trap 'exit 130' INT TERM
    case " $FAMILIES " in *" identities "*) step install_aws_cli ;; esac
    # In the background, so that a signal is answered at once; the namespaces die with their first process.
    env -i PATH="$scratch/bin:$go_programs:$PATH" HOME="$scratch/home" LANG=C.UTF-8 SCRATCH="$scratch" \
        FAMILIES="$FAMILIES" \
        ECR_RS_SIGNER_PLUGIN="${ECR_RS_SIGNER_PLUGIN:-}" \
        unshare --mount --pid --fork --kill-child --mount-proc "$BASH" "$root/tests/clients.sh" inside </dev/null &
    inner=$!
    wait "$inner"
}

outer_ends() {
    local status=$?
    if [ -n "${inner:-}" ] && kill "$inner" 2>/dev/null; then wait "$inner"; fi
    if [ -n "${KEEP_WORLD:-}" ]; then
        printf 'everything is kept in %s\n' "$scratch"
    else
        rm -rf "$scratch"
    fi
    exit "$status"
}

# The inner half: the machine, then every family of clients.
inside() {
    scratch=$SCRATCH
    export -n SCRATCH
    step private_machine
    step start_loopback
    step start_keyring
    step start_registry
    step start_dockerd
    step make_images
    local family
    for family in $FAMILIES; do
        "${family}_cases"
    done
    stop_dockerd
    report
}

case ${1:-outer} in
    outer) outer ;;
    inside) inside ;;
    *) stop "unknown argument: $1" ;;
esac
