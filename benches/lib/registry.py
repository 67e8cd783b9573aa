"""Images in the loopback registry, each different from all others."""

import base64
import hashlib
import http.client
import json
import ssl

from .loopback import HOST
from .running import Unmeasured

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


class Registry:
    """One connection to the registry, through the loopback's proxy."""

    def __init__(self, variables, token):
        self.login, self.made = "Basic " + base64.b64encode(f"AWS:{token}".encode()).decode(), 0
        proxy_host, port = variables["HTTPS_PROXY"].removeprefix("http://").split(":")
        trusted = ssl.create_default_context(cafile=variables["LOOPBACK_CA"])
        self.connection = http.client.HTTPSConnection(proxy_host, int(port), timeout=60, context=trusted)
        self.connection.set_tunnel(HOST, 443)

    def ask(self, method, path, media_type, body):
        headers = {"Authorization": self.login, "Content-Type": media_type}
        self.connection.request(method, f"/v2/{path}", body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Unmeasured(f"{method} {path} answered {answer.status}: {text[:300]}")

    def push_image(self, repository):
        """Pushes an image without layers, and gives its descriptor."""
        self.made += 1
        config = json.dumps({"number": self.made}).encode()
        self.ask("POST", f"{repository}/blobs/uploads/?digest={sha256(config)}", "application/octet-stream", config)
        described = {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)}
        return self.push(repository, {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []})

    def push_index(self, repository, images):
        """Pushes an index of so many new images, and gives its name and theirs."""
        children = [self.push_image(repository) for _ in range(images)]
        index = self.push(repository, {"schemaVersion": 2, "mediaType": INDEX, "manifests": children})
        return [name_of(repository, one) for one in (index, *children)]

    def push(self, repository, manifest):
        body = json.dumps(manifest).encode()
        self.ask("PUT", f"{repository}/manifests/{sha256(body)}", manifest["mediaType"], body)
        return {"mediaType": manifest["mediaType"], "digest": sha256(body), "size": len(body)}

    def new_image(self, repository):
        """The name of a new image."""
        return name_of(repository, self.push_image(repository))


def name_of(repository, descriptor):
    return f"{HOST}/{repository}@{descriptor['digest']}"


def sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
