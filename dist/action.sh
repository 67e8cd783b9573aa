#!/bin/bash
# The GitHub Action's one step (action.yml), on Linux and macOS. Its inputs are variables of action.yml's names.
#
# The release is that of the tag by which the action was used; install.sh verifies its checksum and its provenance.

set -euo pipefail
name=docker-credential-ecr-rs
prefix=$RUNNER_TEMP/$name
source=()
if [ -n "$ARCHIVE" ]; then
    source=(--archive "$ARCHIVE")
elif [[ $ACTION_REF =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
    source=(--release "${ACTION_REF#v}")
else
    echo "::error::use this action by the tag of a release, such as @v0.1.0, not by ${ACTION_REF:-a folder}; or give archive"
    exit 1
fi
for choice in "$SIGN" "$VERIFY"; do
    case $choice in
        true | false) ;;
        *) echo "::error::sign and verify are true or false, not: $choice" && exit 1 ;;
    esac
done
if [[ $SIGN$VERIFY == *true* && -z $IMAGE ]]; then
    echo "::error::sign and verify need an image"
    exit 1
fi

# A copy outside the checkout: there install.sh would build. It is filled in as the one of a release is.
if [[ ! $ACTION_REPOSITORY =~ ^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$ ]]; then
    echo "::error::the repository of the action is no OWNER/NAME: $ACTION_REPOSITORY"
    exit 1
fi
sed "s|^repository=.*|repository=$ACTION_REPOSITORY|" "$GITHUB_ACTION_PATH/install.sh" >"$RUNNER_TEMP/install-$name.sh"
sh "$RUNNER_TEMP/install-$name.sh" --prefix "$prefix" "${source[@]}"
echo "$prefix/bin" >>"$GITHUB_PATH"
export PATH=$prefix/bin:$PATH

read -ra words <<<"$CLIENTS"
[ ${#words[@]} = 0 ] || "$name" setup "${words[@]}"
profile=()
[ -z "$SIGNING_PROFILE" ] || profile=(--signing-profile "$SIGNING_PROFILE")
[ "$SIGN" = false ] || "$name" sign "${profile[@]}" -- "$IMAGE"
if [ "$VERIFY" = true ]; then
    digest=$("$name" verify --quiet "${profile[@]}" -- "$IMAGE")
    echo "$digest"
    echo "digest=$digest" >>"$GITHUB_OUTPUT"
fi
