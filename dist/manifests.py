#!/usr/bin/env python3
"""Makes the manifests of other package managers: manifests.py FOLDER ADDRESS

FOLDER holds SHA256SUMS of a release, ADDRESS (https) is where its files will be. Writes into FOLDER the formula of
Homebrew, the manifest of Scoop and the three of winget. A package manager whose archives are not all there is left
out, and said so.
"""

import json
import re
import sys
from pathlib import Path

NAME = "docker-credential-ecr-rs"
HOME = "https://github.com/docker-credential-ecr-rs/docker-credential-ecr-rs"
ABOUT = "Docker credential helper for Amazon ECR"
LICENCE = "MIT OR Apache-2.0"
WINGET = "docker-credential-ecr-rs.docker-credential-ecr-rs"
X86_MAC, ARM_MAC = "x86_64-apple-darwin", "aarch64-apple-darwin"
X86_LINUX, ARM_LINUX = "x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"
X86_WINDOWS, ARM_WINDOWS = "x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc"


class Release:
    def __init__(self, folder, address):
        self.address = address.rstrip("/")
        self.sums = {}
        for line in (Path(folder) / "SHA256SUMS").read_text().splitlines():
            checksum, file = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line).groups()
            found = re.fullmatch(NAME + r"-([0-9]+\.[0-9]+\.[0-9]+)-(.+)\.(tar\.gz|zip)", file)
            if found:
                self.version = found.group(1)
                self.sums[found.group(2)] = (file, checksum)

    def url(self, target):
        return f"{self.address}/{self.sums[target][0]}"

    def checksum(self, target):
        return self.sums[target][1]


def homebrew(release):
    def source(target):
        return f'url "{release.url(target)}"\n      sha256 "{release.checksum(target)}"'

    def system(name, arm, intel):
        return f"""  on_{name} do
    on_arm do
      {source(arm)}
    end
    on_intel do
      {source(intel)}
    end
  end
"""

    return {
        f"{NAME}.rb": f"""class DockerCredentialEcrRs < Formula
  desc "{ABOUT}"
  homepage "{HOME}"
  version "{release.version}"
  license any_of: ["MIT", "Apache-2.0"]

{system("macos", ARM_MAC, X86_MAC)}
{system("linux", ARM_LINUX, X86_LINUX)}
  def install
    bin.install "{NAME}"
    man1.install "man/{NAME}.1"
    bash_completion.install "completions/{NAME}"
    zsh_completion.install "completions/_{NAME}"
    fish_completion.install "completions/{NAME}.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/{NAME} version")
  end
end
"""
    }


def scoop(release):
    def archive(target):
        folder = release.sums[target][0].removesuffix(".zip")
        return {"url": release.url(target), "hash": release.checksum(target), "extract_dir": folder}

    manifest = {
        "version": release.version,
        "description": ABOUT,
        "homepage": HOME,
        "license": LICENCE.replace(" OR ", "|"),
        "architecture": {"64bit": archive(X86_WINDOWS), "arm64": archive(ARM_WINDOWS)},
        "bin": f"{NAME}.exe",
    }
    return {f"{NAME}.scoop.json": json.dumps(manifest, indent=4) + "\n"}


def winget(release):
    def manifest(kind, more):
        return f"""PackageIdentifier: {WINGET}
PackageVersion: {release.version}
{more}ManifestType: {kind}
ManifestVersion: 1.6.0
"""

    def installer(machine, target):
        folder = release.sums[target][0].removesuffix(".zip")
        return f"""- Architecture: {machine}
  InstallerUrl: {release.url(target)}
  InstallerSha256: {release.checksum(target).upper()}
  NestedInstallerFiles:
  - RelativeFilePath: {folder}\\{NAME}.exe
    PortableCommandAlias: {NAME}
"""

    return {
        f"{WINGET}.yaml": manifest("version", "DefaultLocale: en-US\n"),
        f"{WINGET}.installer.yaml": manifest(
            "installer",
            "InstallerType: zip\nNestedInstallerType: portable\nInstallers:\n"
            + installer("x64", X86_WINDOWS)
            + installer("arm64", ARM_WINDOWS),
        ),
        f"{WINGET}.locale.en-US.yaml": manifest(
            "defaultLocale",
            f"PackageLocale: en-US\nPublisher: {NAME}\nPackageName: {NAME}\nPackageUrl: {HOME}\n"
            f"License: {LICENCE}\nShortDescription: {ABOUT}\n",
        ),
    }


def main(folder, address):
    if not address.startswith("https://"):
        sys.exit(f"error: {address} is not an https address")
    release = Release(folder, address)
    for make in [homebrew, scoop, winget]:
        try:
            made = make(release)
        except KeyError as missing:
            print(f"{make.__name__}: left out, for there is no archive for {missing.args[0]}")
            continue
        for file, text in made.items():
            (Path(folder) / file).write_text(text)
            print(f"{make.__name__}: {folder}/{file}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
