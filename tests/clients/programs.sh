# shellcheck shell=bash
# The clients and where they come from. Sourced by clients.sh.

# Debian's packages, as "program package": the package is installed where the program is missing.
packages="
dockerd docker.io
skopeo skopeo
buildah buildah
podman podman
docker-registry docker-registry
htpasswd apache2-utils
gnome-keyring-daemon gnome-keyring
dbus-daemon dbus
dbus-send dbus-bin
docker-credential-secretservice golang-docker-credential-helpers
secret-tool libsecret-tools
jq jq
curl curl
openssl openssl
python3 python3
update-ca-certificates ca-certificates
unshare util-linux
"

# Go's modules, as "program version module package": the package is a folder of the module.
# docker-credential-ecr-login is the peer that benchmarks compare with.
go_modules="
oras v1.3.6 oras.land/oras cmd/oras
crane v0.22.1 github.com/google/go-containerregistry cmd/crane
notation v1.3.2 github.com/notaryproject/notation cmd/notation
docker-credential-ecr-login v0.12.0 github.com/awslabs/amazon-ecr-credential-helper/ecr-login cli/docker-credential-ecr-login
"
# containerd itself, whose verifiers Debian's is too old for, and programs of ours
# over its packages: one calls verifiers, one pulls as the kubelet does.
containerd=v2.4.2
# BuildKit's own code asks for logins in a program of ours: its daemon is not needed for that.
buildkit=v0.27.0
# Notation's own verifier as a library, which judges the vectors of tests/testkit.
notation_go=v1.3.2
go_programs=$PWD/target/clients/bin

install_packages() {
    local program package missing=()
    while read -r program package; do
        [ -z "$program" ] || command -v "$program" >/dev/null || missing+=("$package")
    done <<<"$packages"
    if [ ${#missing[@]} -gt 0 ]; then
        echo "installing: ${missing[*]}"
        # Once more after a failure: mirrors are renewed under our feet.
        apt-get -qq update || apt-get -qq update || return 1
        DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" \
            >target/clients-apt.log 2>&1 </dev/null || {
            tail -n 20 target/clients-apt.log
            return 1
        }
    fi
    # A package that no longer holds its program is as bad as one that is not there.
    while read -r program package; do
        [ -z "$program" ] || command -v "$program" >/dev/null || {
            echo "no $program after the installation of $package"
            return 1
        }
    done <<<"$packages"
}

# Each program is built in a module of its own: `go install PACKAGE@VERSION` refuses modules with `replace`
# directives, and one module for all would mix their dependencies. A program that is there already is kept: its
# file name in the cache holds its version.
install_go_programs() {
    local program version module package
    command -v go >/dev/null || {
        echo "go is not installed: the clients oras, crane and notation are built with it (Go 1.26)"
        return 1
    }
    mkdir -p "$go_programs"
    while read -r program version module package; do
        [ -n "$program" ] || continue
        if [ ! -x "$go_programs/$program-$version" ]; then
            build_go_program "$program" "$version" "$module" "$module/$package" || return 1
        fi
        ln -sf "$program-$version" "$go_programs/$program" || return 1
    done <<<"$go_modules"

    local source=$PWD/tests/clients/buildkit_auth/main.go
    if [ ! -x "$go_programs/buildkit-auth-$buildkit" ] || [ "$source" -nt "$go_programs/buildkit-auth-$buildkit" ]; then
        build_go_program buildkit-auth "$buildkit" github.com/moby/buildkit . "$source" || return 1
    fi
    ln -sf "buildkit-auth-$buildkit" "$go_programs/buildkit-auth"

    source=$PWD/tests/clients/vectors/main.go
    if [ ! -x "$go_programs/vectors-$notation_go" ] || [ "$source" -nt "$go_programs/vectors-$notation_go" ]; then
        build_go_program vectors "$notation_go" github.com/notaryproject/notation-go . "$source" || return 1
    fi
    ln -sf "vectors-$notation_go" "$go_programs/vectors"
    install_containerd
}

# Not under the names `containerd` and `ctr`: those on PATH are dockerd's.
install_containerd() {
    local program source module=github.com/containerd/containerd/v2
    for program in containerd ctr; do
        if [ ! -x "$go_programs/$program-$containerd" ]; then
            build_go_program "$program" "$containerd" "$module" "$module/cmd/$program" || return 1
        fi
    done
    for program in bindir-verifier cri-pull; do
        source=$PWD/tests/clients/${program/-/_}/main.go
        if [ ! -x "$go_programs/$program-$containerd" ] || [ "$source" -nt "$go_programs/$program-$containerd" ]; then
            build_go_program "$program" "$containerd" "$module" . "$source" || return 1
        fi
        ln -sf "$program-$containerd" "$go_programs/$program"
    done
}

# build_go_program PROGRAM VERSION MODULE PACKAGE [SOURCE]: SOURCE is copied into the new module.
build_go_program() {
    local program=$1 version=$2 module=$3 package=$4 source=${5:-} folder status
    echo "building: $program $version"
    folder=$(mktemp -d) || return 1
    (
        cd "$folder" &&
            export GOFLAGS='' GOBIN='' GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 &&
            { [ -z "$source" ] || cp "$source" .; } &&
            go mod init scratch.invalid/client &&
            go mod edit -require "$module@$version" &&
            go build -mod=mod -tags no_btrfs,no_devmapper,no_zfs -o "$go_programs/$program-$version" "$package"
    ) >target/clients-go.log 2>&1 </dev/null
    status=$?
    rm -rf "$folder"
    [ "$status" = 0 ] || tail -n 20 target/clients-go.log
    return "$status"
}
