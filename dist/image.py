#!/usr/bin/env python3
"""Makes a container image from nothing, without a daemon: image.py ARCHIVE CERTIFICATES FOLDER

Writes FOLDER, an OCI image layout with one image for the Linux machine of ARCHIVE (a release archive of the static
build): the program, the CA certificates of CERTIFICATES (a PEM bundle), and a user without rights. FOLDER may hold
the image of another machine: the index then names both. The same files give the same bytes.
"""

import gzip
import hashlib
import io
import json
import re
import sys
import tarfile
from pathlib import Path

NAME = "docker-credential-ecr-rs"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
USER = 65532  # "nonroot" of distroless images
FILES = "application/vnd.oci.image."


def program_of(archive):
    with tarfile.open(archive) as members:
        top = Path(archive).name.removesuffix(".tar.gz")
        return members.extractfile(f"{top}/{NAME}").read()


def layer(program, certificates):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        def add(path, content=None, mode=0o755, owner=0):
            entry = tarfile.TarInfo(path)
            entry.mode, entry.uid, entry.gid = mode, owner, owner
            entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content or b""))

        for folder in ["etc", "etc/ssl", "etc/ssl/certs", "usr", "usr/bin"]:
            add(folder)
        add("etc/ssl/certs/ca-certificates.crt", certificates, 0o644)
        add("etc/passwd", f"nonroot:x:{USER}:{USER}::/home/nonroot:/sbin/nologin\n".encode(), 0o644)
        add("home")
        add("home/nonroot", None, 0o700, USER)
        add("tmp", None, 0o1777)
        add(f"usr/bin/{NAME}", program)
    return packed.getvalue()


def main(archive, certificates, folder):
    version, machine = re.fullmatch(
        NAME + r"-([0-9.]+)-(x86_64|aarch64)-unknown-linux-musl\.tar\.gz", Path(archive).name
    ).groups()
    blobs = Path(folder) / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def put(kind, content, **more):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": FILES + kind, "digest": f"sha256:{digest}", "size": len(content), **more}

    def put_json(kind, value, **more):
        return put(kind, json.dumps(value, separators=(",", ":")).encode(), **more)

    plain = layer(program_of(archive), Path(certificates).read_bytes())
    platform = {"architecture": MACHINES[machine], "os": "linux"}
    config = {
        **platform,
        "config": {
            "User": f"{USER}:{USER}",
            "Env": ["PATH=/usr/bin", "HOME=/home/nonroot"],
            "Entrypoint": [f"/usr/bin/{NAME}"],
            "Labels": {"org.opencontainers.image.version": version, "org.opencontainers.image.title": NAME},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": FILES + "manifest.v1+json",
        "config": put_json("config.v1+json", config),
        "layers": [put("layer.v1.tar+gzip", gzip.compress(plain, mtime=0))],
    }
    image = put_json("manifest.v1+json", manifest, platform=platform)

    (Path(folder) / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    index = Path(folder) / "index.json"
    images = [image]
    if index.exists():
        old = json.loads(index.read_text())["manifests"][0]["digest"].removeprefix("sha256:")
        others = json.loads((blobs / old).read_text())["manifests"]
        images += [other for other in others if other["platform"] != platform]
    images.sort(key=lambda image: image["platform"]["architecture"])
    everyone = {"schemaVersion": 2, "mediaType": FILES + "index.v1+json", "manifests": images}
    tag = {"org.opencontainers.image.ref.name": version}
    named = put_json("index.v1+json", everyone, annotations=tag)
    index.write_text(json.dumps({"schemaVersion": 2, "mediaType": FILES + "index.v1+json", "manifests": [named]}))
    print(f"{folder}: {named['digest']}, for {', '.join(image['platform']['architecture'] for image in images)}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
