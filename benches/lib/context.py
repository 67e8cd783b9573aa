"""What the rows share: the programs, one loopback AWS, and a keyring of each size, started when a row asks for it."""

import os
import shutil
from contextlib import ExitStack
from functools import cached_property

from . import floor, roots
from .keyring import Keyring
from .loopback import HOST, Loopback
from .measure import Program
from .running import find
from .signing import Signing
from .versions import debian_version, module_version


class Context:
    """Everything that runs while rows are measured; it ends with the `with` that it is used in."""

    def __init__(self, folder, options):
        self.folder, self.options, self.sizes = folder, options, options.sizes
        self.keyrings = {}

    def __enter__(self):
        self.stack = ExitStack()
        home = self.folder / "home"
        home.mkdir()
        self.base = {"HOME": str(home), "PATH": os.environ["PATH"]}
        self.loopback = self.stack.enter_context(Loopback(self.folder / "aws", self.program("loopback")))
        return self

    def __exit__(self, *_):
        self.stack.close()

    def rounds(self, full, short):
        """How often a row is measured; `--effort` says how many hundredths of that."""
        wanted = short if self.options.short else full
        return max(2, round(wanted * self.options.effort))

    def program(self, name):
        """The path of a program that an option names."""
        return find(getattr(self.options, name), f"see --{name.replace('_', '-')} in --help")

    @cached_property
    def builds(self):
        """Our builds by their names. Without the static one, the rows of the other are still measured."""
        static = {"static": self.program("static")} if shutil.which(self.options.static) else {}
        return {**static, "glibc": self.program("ours")}

    @cached_property
    def build(self):
        """The build that rows with one of ours are about: what is released for Linux, static."""
        return next(iter(self.builds))

    @property
    def ours(self):
        return self.builds[self.build]

    def keyring(self, form="ours", logins=1):
        """A running keyring with so many logins of a program."""
        if (form, logins) not in self.keyrings:
            folder = self.folder / f"keyring-{form}-{logins}"
            folder.mkdir()
            self.keyrings[form, logins] = self.stack.enter_context(Keyring(folder, self.base, form, logins))
        return self.keyrings[form, logins]

    def environment(self, keyring=None, **more):
        """What a program sees; a variable that is `None` is unset."""
        of_keyring = (keyring or self.keyring()).variables
        merged = {**self.base, **self.loopback.variables, **of_keyring, **more}
        return {name: value for name, value in merged.items() if value is not None}

    def get(self, program, environment, server=HOST, status=0):
        return Program([program, "get"], server.encode(), environment, status)

    @cached_property
    def go_environment(self):
        """amazon-ecr-credential-helper's, whose cache is a file in clear text."""
        return self.environment(AWS_ECR_CACHE_DIR=str(self.folder / "go-cache"))

    @cached_property
    def system_roots(self):
        """The environment of a program that goes to AWS by its own names, trusting what this machine trusts."""
        roots.trust(self.loopback.variables["LOOPBACK_CA"], self.folder)
        return {"SSL_CERT_FILE": None, "AWS_CA_BUNDLE": None, "AWS_ECR_DISABLE_CACHE": "1"}

    @cached_property
    def floor(self):
        return floor.build(self)

    @cached_property
    def signing(self):
        return Signing(self)

    @cached_property
    def go_helper(self):
        return self.program("go_helper")

    @cached_property
    def signer_plugin(self):
        """AWS's plugin for Notation, where it is there."""
        return self.program("signer_plugin") if shutil.which(self.options.signer_plugin) else None

    @cached_property
    def names(self):
        """Peers as the table names them."""
        notation = module_version(self.program("notation"), "notation")
        plugin = "AWS's plugin" if self.signer_plugin else "our plugin"
        return {
            "go": f"ecr-login {module_version(self.go_helper, 'ecr-login')}",
            "notation": f"notation {notation} with {plugin}",
            "secretservice": f"secretservice {debian_version(self.program('secretservice'))}",
        }
