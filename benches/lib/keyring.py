"""A D-Bus session with a gnome-keyring of its own, which may hold thousands of logins already.

gnome-keyring writes its whole file for each new item, so that thousands take minutes. It also reads a file in clear
text, written here at once, and its change of password makes of it the encrypted file that logging in makes.
"""

import shutil
import subprocess

from .dbus import Connection, Writer
from .running import ending, wait_for

SERVICE, ROOT = "org.freedesktop.secrets", "/org/freedesktop/secrets"
COLLECTION = ROOT + "/collection/login"
SECRET = "org.freedesktop.Secret"
MASTER = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
PASSWORD = "password"

# How each program marks a login (src/docker/logins.rs; docker-credential-helpers, secretservice/secretservice.c).
FORMS = {
    "ours": lambda server: {
        "xdg:schema": "docker-credential-ecr-rs.Entry", "service": "docker-credential-ecr-rs", "kind": "login",
        "server": server, "spelled": server, "username": "alice",
    },
    "secretservice": lambda server: {
        "xdg:schema": "io.docker.Credentials", "docker_cli": "1", "label": "Docker Credentials", "server": server,
        "username": "alice",
    },
}


class Keyring:
    """A session bus and an unlocked gnome-keyring with so many logins of one program."""

    def __init__(self, folder, base, form, logins):
        self.folder, self.base, self.form, self.logins = folder, base, form, logins

    def __enter__(self):
        self.daemons = []
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        home, runtime = self.folder / "home", self.folder / "run"
        keyrings = home / ".local/share/keyrings"
        keyrings.mkdir(parents=True)
        runtime.mkdir(mode=0o700)
        (keyrings / "default").write_text("login")
        (keyrings / "login.keyring").write_text(clear_text(self.form, self.logins))
        (keyrings / "login.keyring").chmod(0o600)
        socket = self.folder / "bus"
        address = f"unix:path={socket}"
        own = {**self.base, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "DBUS_SESSION_BUS_ADDRESS": address}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": own}
        session = ["dbus-daemon", "--session", "--nofork", f"--address={address}"]
        self.daemons.append(subprocess.Popen(session, **pipes))
        wait_for(socket.exists, "the session bus")
        keyring = ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"]
        self.daemons.append(subprocess.Popen(keyring, **pipes))
        self.bus = Connection(socket)
        wait_for(self.is_owned, "the keyring")
        self.encrypt()
        self.variables = {"XDG_RUNTIME_DIR": str(runtime), "DBUS_SESSION_BUS_ADDRESS": address}

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            ending(daemon)
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_owned(self):
        name = Writer()
        name.string(SERVICE)
        bus = "org.freedesktop.DBus"
        return self.bus.call(bus, "/org/freedesktop/DBus", bus, "NameHasOwner", "s", name).body[0]

    def encrypt(self):
        """Gives the keyring a password and opens it with that."""
        self.session = self.open_session()
        for member, signature, passwords in (
            ("ChangeWithMasterPassword", "o(oayays)(oayays)", ("", PASSWORD)),
            ("UnlockWithMasterPassword", "o(oayays)", (PASSWORD,)),
        ):
            body = Writer()
            body.string(COLLECTION)
            for password in passwords:
                self.write_secret(body, password)
            self.bus.call(SERVICE, ROOT, MASTER, member, signature, body)

    def open_session(self):
        request = Writer()
        request.string("plain")
        request.signature("s")
        request.string("")
        opened = self.bus.call(SERVICE, ROOT, f"{SECRET}.Service", "OpenSession", "sv", request)
        return opened.body[opened.body.rindex(b"/org/") : -1].decode()

    def write_secret(self, body, secret):
        body.align(8)
        body.string(self.session)
        body.data(b"")
        body.data(secret.encode())
        body.string("text/plain; charset=utf8")

    def create_and_delete(self):
        """One item made and removed by nothing but the calls for it: what the keyring itself takes."""
        body = Writer()

        def properties():
            body.align(8)
            body.string(f"{SECRET}.Item.Label")
            body.signature("s")
            body.string("probe")
            body.align(8)
            body.string(f"{SECRET}.Item.Attributes")
            body.signature("a{ss}")
            body.strings({"probe": "yes"})

        body.array(8, properties)
        self.write_secret(body, "x" * 2000)
        body.u32(0)  # replace: no
        made = self.bus.call(SERVICE, COLLECTION, f"{SECRET}.Collection", "CreateItem", "a{sv}(oayays)b", body)
        item = made.body[4 : made.body.index(b"\0", 4)].decode()
        self.bus.call(SERVICE, item, f"{SECRET}.Item", "Delete")


def clear_text(form, logins):
    """gnome-keyring's file format for a keyring without a password."""
    lines = ["[keyring]", "display-name=login", "ctime=0", "mtime=0", "lock-on-idle=false", "lock-after=false", ""]
    for number in range(1, logins + 1):
        server = f"registry-{number}.example"
        lines += [f"[{number}]", "item-type=0", f"display-name={server}", f"secret={number:040}"]
        lines += ["mtime=1700000000", "ctime=1700000000", ""]
        for place, (name, value) in enumerate(FORMS[form](server).items()):
            lines += [f"[{number}:attribute{place}]", f"name={name}", "type=string", f"value={value}", ""]
    return "\n".join(lines)
