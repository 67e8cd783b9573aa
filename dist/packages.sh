#!/bin/bash
# A deb and an rpm from a release archive: bash dist/packages.sh ARCHIVE FOLDER
#
# They hold the program, its manual page and completions, and its other names: links that answer as
# amazon-ecr-credential-helper and as the kubelet's ecr-credential-provider. Needs dpkg-deb and rpmbuild, no root.
# The program is static, so it depends on nothing.

set -euo pipefail
[ $# = 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
archive=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
program=docker-credential-ecr-rs
short=ecr-rs # the same program, for people who type it
summary='Docker credential helper for Amazon ECR'
description=' Tokens of Amazon ECR in the keychain, renewed by themselves; image signing with AWS Signer.'
maintainer='The docker-credential-ecr-rs authors'
home=https://github.com/docker-credential-ecr-rs/docker-credential-ecr-rs

[[ ${archive##*/} =~ ^$program-([0-9][0-9.]*)-(x86_64|aarch64)-unknown-linux-musl\.tar\.gz$ ]] || {
    echo "error: $1 is no archive of a static Linux build" >&2
    exit 1
}
version=${BASH_REMATCH[1]} machine=${BASH_REMATCH[2]}
case $machine in x86_64) debian=amd64 ;; aarch64) debian=arm64 ;; esac
export SOURCE_DATE_EPOCH=315532800 # the same archive gives the same bytes

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/from" "$work/tree"
tar -C "$work/from" --strip-components=1 -xzf "$archive"
cd "$work/tree"
put() { install -D -m "$1" "$work/from/$2" "$work/tree/$3"; }
put 755 $program usr/bin/$program
ln -s $program usr/bin/$short
ln -s $program usr/bin/docker-credential-ecr-login
ln -s $program usr/bin/ecr-credential-provider
put 644 man/$program.1 usr/share/man/man1/$program.1
gzip -9n usr/share/man/man1/$program.1
put 644 completions/$program usr/share/bash-completion/completions/$program
put 644 completions/_$program usr/share/zsh/vendor-completions/_$program
put 644 completions/$program.fish usr/share/fish/vendor_completions.d/$program.fish
# These shells look for a file of the name that is typed.
ln -s $program usr/share/bash-completion/completions/$short
ln -s $program.fish usr/share/fish/vendor_completions.d/$short.fish
for text in README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT; do
    put 644 $text usr/share/doc/$program/$text
done
find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

cp -a "$work/tree" "$work/deb"
mkdir "$work/deb/DEBIAN"
cat >"$work/deb/DEBIAN/control" <<END
Package: $program
Version: $version
Architecture: $debian
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size usr | cut -f1)
Provides: amazon-ecr-credential-helper
Conflicts: amazon-ecr-credential-helper
Section: admin
Priority: optional
Homepage: $home
Description: $summary
$description
END
dpkg-deb --build --root-owner-group -Zxz "$work/deb" "$folder/${program}_${version}_$debian.deb" >/dev/null

cat >"$work/spec" <<END
Name: $program
Version: $version
Release: 1
Summary: $summary
License: MIT OR Apache-2.0
URL: $home
Provides: amazon-ecr-credential-helper
Conflicts: amazon-ecr-credential-helper
AutoReqProv: no
%global __os_install_post %{nil}
%global debug_package %{nil}
%global _buildhost localhost
%global use_source_date_epoch_as_buildtime 1
%global _build_id_links none
%description
${description# }
%install
cp -a $work/tree/. %{buildroot}/
%files
$(find . -not -type d -printf '/%P\n')
END
rpmbuild -bb --quiet --target "$machine" --define "_topdir $work/rpm" --define "_rpmdir $folder" \
    --define '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' "$work/spec"
stat -c '%n: %s bytes' "$folder/${program}_${version}_$debian.deb" "$folder/$program-$version-1.$machine.rpm"
