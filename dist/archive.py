#!/usr/bin/env python3
"""Packs a built program into a release archive: archive.py TARGET PROGRAM FOLDER

Writes FOLDER/docker-credential-ecr-rs-VERSION-TARGET.tar.gz (.zip for Windows) with the program, its licences and
texts, and what the program prints of itself: manual pages and completions. So it must run on this machine. The same
program gives the same bytes: names are sorted, owners and times are fixed.
"""

import gzip
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

NAME = "docker-credential-ecr-rs"
ROOT = Path(__file__).resolve().parent.parent
TEXTS = ["README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE-APACHE", "LICENSE-MIT"]
COMPLETIONS = {"bash": NAME, "zsh": f"_{NAME}", "fish": f"{NAME}.fish", "powershell": f"_{NAME}.ps1"}
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can name


def version():
    return re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M).group(1)


def contents(program):
    """Name to (bytes, whether it is a program)."""
    says = lambda *words: subprocess.run([program, *words], check=True, capture_output=True, timeout=60).stdout
    files = {NAME + program.suffix: (program.read_bytes(), True)}
    files |= {text: ((ROOT / text).read_bytes(), False) for text in TEXTS}
    files |= {f"completions/{file}": (says("completions", shell), False) for shell, file in COMPLETIONS.items()}
    files[f"man/{NAME}.1"] = (says("man"), False)
    return files


def tar_gz(top, files):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, is_program) in sorted(files.items()):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode = len(content), 0o755 if is_program else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=0)


def zipped(top, files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, _) in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{top}/{name}", DATE)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 0
            archive.writestr(entry, content)
    return packed.getvalue()


def main(target, program, folder):
    top = f"{NAME}-{version()}-{target}"
    files = contents(Path(program).resolve())
    suffix, packed = (".zip", zipped(top, files)) if "windows" in target else (".tar.gz", tar_gz(top, files))
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / (top + suffix)
    path.write_bytes(packed)
    print(f"{path}: {len(packed)} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
