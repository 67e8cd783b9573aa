#!/usr/bin/env python3
"""Times `sign` side by side with `notation sign` and its AWS Signer plugin, and many images at once with one by one.

Everything runs on this machine, as in compare.py; AWS Signer and the registry answer 20 ms late. Every run signs
an image that was never signed before. A missed bound is marked, and with --strict exits 1.

Without --plugin, AWS's plugin is spoken for by the stand-in of the tests, a Python script: its start costs more
than that of AWS's program, so the time of notation is then shown and not judged. Its requests are judged: it makes
one, and AWS's plugin cannot make fewer.

Needs: what compare.py needs but the Go helper and GNU time, and notation 1.3.2.
"""

import argparse
import base64
import hashlib
import json
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from loopback import HOST, REGION, ROOT, Loopback, find_programs, run, table

PLUGIN = "com.amazonaws.signer.notation.plugin"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LATENCY = 20  # ms
SLOW = [
    "SignPayload", "GetManifest", "HeadManifest", "PutManifest", "GetReferrers", "GetBlob", "HeadBlob",
    "DownloadLayer", "PostUpload", "PatchUpload", "PutUpload",
]
MANY = 100


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--ours", default=str(ROOT / "target/release/docker-credential-ecr-rs"))
    arguments.add_argument("--notation", default="notation")
    arguments.add_argument("--plugin", help="AWS's plugin, notation-" + PLUGIN)
    arguments.add_argument("--keychain-helper", default="docker-credential-secretservice")
    arguments.add_argument("--loopback", default=str(ROOT / "target/release/examples/loopback"))
    arguments.add_argument("--strict", action="store_true")
    options = arguments.parse_args()
    find_programs(options, ("ours", "notation", "keychain_helper", "loopback"))
    with tempfile.TemporaryDirectory() as folder, Loopback(Path(folder), options) as loopback:
        signing = Signing(loopback, options)
        rows = [*one_image(signing), many_images(signing)]
    print(table(rows))
    sys.exit(options.strict and any(row["verdict"] == "missed" for row in rows))


class Signing:
    """Programs that sign, and the images that they sign."""

    def __init__(self, loopback, options):
        self.loopback, self.options, self.made = loopback, options, 0
        programs, config = loopback.folder / "bin", loopback.folder / "config"
        plugin = config / "notation/plugins" / PLUGIN / f"notation-{PLUGIN}"
        for path in (programs, plugin.parent):
            path.mkdir(parents=True)
        (programs / "docker-credential-ecr-rs").symlink_to(options.ours)
        (config / "notation/config.json").write_text('{"credsStore": "ecr-rs"}')
        shutil.copy(options.plugin or ROOT / "tests/clients/signer_plugin.py", plugin)
        plugin.chmod(0o755)
        self.environment = loopback.environment(XDG_CONFIG_HOME=str(config), PATH=f"{programs}:{loopback.base['PATH']}")
        self.profile = loopback.variables["LOOPBACK_SIGNING_PROFILE"]
        self.root = loopback.variables["LOOPBACK_SIGNER_ROOT"]
        # Both find the token in the keychain from here on.
        token = run([options.ours, "get"], HOST.encode(), self.environment)
        login = f"AWS:{json.loads(token.stdout)['Secret']}"
        self.login = "Basic " + base64.b64encode(login.encode()).decode()
        trusted = ssl.create_default_context(cafile=loopback.variables["LOOPBACK_CA"])
        proxy = urllib.request.ProxyHandler({"https": loopback.variables["HTTPS_PROXY"]})
        self.opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=trusted))
        self.images = [self.push_image("warm-up") for _ in range(2)]
        for operation in SLOW:
            loopback.behave(f"delay {operation} {LATENCY}")

    def ask(self, method, path, media_type, body):
        headers = {"Authorization": self.login, "Content-Type": media_type}
        request = urllib.request.Request(f"https://{HOST}/v2/{path}", body, headers, method=method)
        with self.opener.open(request, timeout=60):
            pass

    def push(self, repository, media_type, manifest):
        body = json.dumps(manifest).encode()
        digest = sha256(body)
        self.ask("PUT", f"{repository}/manifests/{digest}", media_type, body)
        return {"mediaType": media_type, "digest": digest, "size": len(body)}

    def push_image(self, repository):
        """Pushes an image that differs from all others, and gives its descriptor."""
        self.made += 1
        config = json.dumps({"number": self.made}).encode()
        self.ask("POST", f"{repository}/blobs/uploads/?digest={sha256(config)}", "application/octet-stream", config)
        config_type = "application/vnd.oci.image.config.v1+json"
        described = {"mediaType": config_type, "digest": sha256(config), "size": len(config)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
        return self.push(repository, MANIFEST, manifest)

    def ours(self, image, *more):
        options = ["--signing-profile", self.profile, "--signer-root", self.root, *more]
        return self.timed([self.options.ours, "sign", image, *options])

    def notation(self, image):
        options = ["--plugin", PLUGIN, "--id", self.profile, "--plugin-config", f"aws-region={REGION}"]
        return self.timed([self.options.notation, "sign", *options, image])

    def timed(self, command):
        """Seconds and requests of a run that must succeed."""
        before, start = self.loopback.aws_calls(), time.perf_counter()
        outcome = subprocess.run(command, env=self.environment, capture_output=True, timeout=120, check=False)
        seconds = time.perf_counter() - start
        if outcome.returncode != 0:
            sys.exit(f"error: {command}: {outcome.stdout.decode()} {outcome.stderr.decode()}")
        return seconds, self.loopback.aws_calls() - before


def one_image(signing):
    for sign, image in zip((signing.ours, signing.notation), signing.images):
        sign(f"{HOST}/warm-up@{image['digest']}")
    runs = ([], [])
    for _ in range(signing.options.rounds):
        for taken, sign in zip(runs, (signing.ours, signing.notation)):
            taken.append(sign(f"{HOST}/single@{signing.push_image('single')['digest']}"))
    (mine, my_calls), (yours, your_calls) = ([statistics.median(column) for column in zip(*taken)] for taken in runs)
    own = bool(signing.options.plugin)
    peer = "notation, AWS's plugin" if own else "notation, a stand-in for AWS's plugin"
    bound, verdict = ("≤ 0.4", "kept" if mine / yours <= 0.4 else "missed") if own else ("not judged", "kept")
    yield {
        "name": f"`sign` of one image, {LATENCY} ms of latency", "ours": f"{mine * 1000:.0f} ms",
        "peer": f"{peer}: {yours * 1000:.0f} ms", "ratio": f"{mine / yours:.2f}", "bound": bound, "verdict": verdict,
    }
    yield {
        "name": "its requests to AWS Signer and the registry", "ours": f"{my_calls:g}",
        "peer": f"{peer}: {your_calls:g}", "ratio": f"{my_calls / your_calls:.2f}",
        "bound": "< 1", "verdict": "kept" if my_calls < your_calls else "missed",
    }


def many_images(signing):
    def push(repository):
        children = [signing.push_image(repository) for _ in range(MANY)]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}
        return [f"{HOST}/{repository}@{one['digest']}" for one in (signing.push(repository, INDEX, index), *children)]

    together, _ = signing.ours(push("together")[0], "--recursive")
    apart = sum(signing.ours(image)[0] for image in push("apart"))
    return {
        "name": f"an index and its {MANY} images, `--recursive`", "ours": f"{together:.2f} s",
        "peer": f"one `sign` after another: {apart:.2f} s", "ratio": f"{together / apart:.2f}", "bound": "≤ 0.2",
        "verdict": "kept" if together / apart <= 0.2 else "missed",
    }


def sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


if __name__ == "__main__":
    main()
