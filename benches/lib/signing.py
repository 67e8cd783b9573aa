"""Programs that sign and verify: ours, and Notation with AWS's helper and plugin, or ours where AWS's is not there."""

import json
import shutil
from contextlib import contextmanager

from .loopback import HOST, REGION, Relay
from .measure import Program
from .registry import Registry
from .running import succeed

PLUGIN = "com.amazonaws.signer.notation.plugin"
STORE = "aws-signer-ts"
LATENCY = 20  # ms, of a request, and of a round trip where those cost
SLOW = [
    "SignPayload", "GetRevocationStatus", "GetManifest", "HeadManifest", "PutManifest", "GetReferrers", "GetBlob",
    "HeadBlob", "DownloadLayer", "PostUpload", "PatchUpload", "PutUpload",
]


class Signing:
    """Notation set up as AWS's documentation says, with nothing of ours, and one registry for all."""

    def __init__(self, bench):
        self.bench, self.loopback = bench, bench.loopback
        folder = bench.folder / "signing"
        programs, config = folder / "bin", folder / "config"
        notation = config / "notation"
        plugin = notation / "plugins" / PLUGIN / f"notation-{PLUGIN}"
        roots = notation / "truststore/x509/signingAuthority" / STORE
        for path in (programs, plugin.parent, roots):
            path.mkdir(parents=True)
        (programs / "docker-credential-ecr-login").symlink_to(bench.go_helper)
        shutil.copy(bench.signer_plugin or bench.ours, plugin)
        self.profile = self.loopback.variables["LOOPBACK_SIGNING_PROFILE"]
        self.root = self.loopback.variables["LOOPBACK_SIGNER_ROOT"]
        shutil.copy(self.root, roots / "root.pem")  # Notation takes no link here
        (notation / "config.json").write_text('{"credsStore": "ecr-login"}')
        (notation / "trustpolicy.json").write_text(json.dumps(self.policy()))
        for path in (notation / "config.json", notation / "trustpolicy.json"):
            path.chmod(0o600)
        path = f"{programs}:{bench.base['PATH']}"
        cache = str(folder / "go-cache")
        self.environment = bench.environment(XDG_CONFIG_HOME=str(config), PATH=path, AWS_ECR_CACHE_DIR=cache)
        # Each finds a token from here on: ours in the keychain, the other in its file.
        for helper in (bench.go_helper, bench.ours):
            token = json.loads(succeed([helper, "get"], HOST.encode(), self.environment))["Secret"]
        self.registry = Registry(self.loopback.variables, token)

    def policy(self):
        return {"version": "1.0", "trustPolicies": [{
            "name": "bench", "registryScopes": ["*"], "signatureVerification": {"level": "strict"},
            "trustStores": [f"signingAuthority:{STORE}"], "trustedIdentities": [self.profile],
        }]}

    def sign(self, image, *more, ours=None, **variables):
        options = ["--signing-profile", self.profile, "--signer-root", self.root, *more]
        return self.program([ours or self.bench.ours, "sign", image, *options], variables)

    def verify(self, image, ours=None):
        options = ["--signing-profile", self.profile, "--signer-root", self.root]
        return self.program([ours or self.bench.ours, "verify", image, *options], {})

    def notation_sign(self, image, **variables):
        options = ["--plugin", PLUGIN, "--id", self.profile, "--plugin-config", f"aws-region={REGION}"]
        options += ["--plugin-config", f"signer-root={self.root}"]
        return self.program([self.bench.program("notation"), "sign", *options, image], variables)

    def notation_verify(self, image):
        return self.program([self.bench.program("notation"), "verify", image], {})

    def program(self, command, variables):
        return Program(command, b"", {**self.environment, **variables})

    @contextmanager
    def slow(self):
        """AWS Signer and the registry answer late."""
        for operation in SLOW:
            self.loopback.behave(f"delay {operation} {LATENCY}")
        try:
            yield
        finally:
            for operation in SLOW:
                self.loopback.behave(f"delay {operation} 0")

    def requests(self, program):
        """How many calls a run makes that must succeed."""
        before = self.loopback.calls()
        succeed(program.command, program.stdin, program.environment)
        return self.loopback.calls() - before

    def relay(self):
        """What makes round trips cost."""
        return Relay(self.loopback, LATENCY)
