#!/usr/bin/env bash
# The contract that every keychain keeps, on the real daemons of Linux, each in a session and a home of its own.
# tests/keychains.sh [ROW…]; without a name, all rows. --packages prints what they need of Debian.
# Ends with 77 where something is not installed, which is then not checked, and nothing failed.
# shellcheck disable=SC2317,SC2329 # functions are called by their names
set -u

# A row is a function below, which leaves an empty keychain that answers; the program that keeps it; its packages.
rows() {
    cat <<'ROWS'
gnome_keyring              gnome-keyring-daemon    gnome-keyring dbus
gnome_keyring_empty        gnome-keyring-daemon    gnome-keyring dbus
gnome_keyring_locked       gnome-keyring-daemon    gnome-keyring dbus
kwallet                    kwalletd5               libkf5wallet-bin dbus python3
keepassxc_open             keepassxc               keepassxc dbus python3
keepassxc_locked           keepassxc               keepassxc dbus python3
keepassxc_without_database keepassxc               keepassxc dbus
pass                       docker-credential-pass  golang-docker-credential-helpers pass gnupg dbus
ROWS
}

# An ordinary desktop's keyring, opened by the password of the login.
gnome_keyring() { printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null; }

# The same, started where nobody has logged in by a password: by a key of ssh, or by a fingerprint.
gnome_keyring_locked() {
    gnome_keyring && wait_for_service && end_daemon && gnome-keyring-daemon --start --components=secrets >/dev/null &&
        wait_for_service
}

# Who logs in without a password: nothing is encrypted, and it is locked until somebody says Unlock.
gnome_keyring_empty() {
    mkdir -p "$HOME/.local/share/keyrings" || return 1
    printf login >"$HOME/.local/share/keyrings/default"
    printf '[keyring]\ndisplay-name=Login\nctime=0\nmtime=0\nlock-on-idle=false\nlock-after=false\n' \
        >"$HOME/.local/share/keyrings/login.keyring"
    gnome-keyring-daemon --start --components=secrets >/dev/null
}

# Opened with the key of the login's password, as pam_kwallet does it: through a pipe, the environment through a socket.
kwallet() {
    mkdir -p "$HOME/.config" "$HOME/.local/share/kwalletd" || return 1
    printf '[Wallet]\nEnabled=true\nFirst Use=false\n[org.freedesktop.secrets]\napiEnabled=true\n' >"$HOME/.config/kwalletrc"
    head -c 56 /dev/urandom >"$HOME/.local/share/kwalletd/kdewallet.salt"
    kwallet_login && end_daemon && kwallet_login # the first login makes the wallet
}

kwallet_login() {
    python3 - <<'PYTHON' && wait_for_service
import hashlib, os, socket, subprocess
home = os.environ["HOME"]
salt = open(home + "/.local/share/kwalletd/kdewallet.salt", "rb").read()
key = hashlib.pbkdf2_hmac("sha512", b"password", salt, 50000, 56)
place = os.environ["PAM_KWALLET5_LOGIN"] = home + "/kwallet.socket"
if os.path.exists(place):
    os.unlink(place)
listener = socket.socket(socket.AF_UNIX)
listener.bind(place)
listener.listen(1)
read, write = os.pipe()
log = open(home + "/daemon.log", "a")
subprocess.Popen(["kwalletd5", "--pam-login", str(read), str(listener.fileno())],
                 pass_fds=(read, listener.fileno()), stdout=log, stderr=log)
os.write(write, key)
os.close(write)
client = socket.socket(socket.AF_UNIX)
client.connect(place)
client.sendall("".join(f"{name}={value}\n" for name, value in os.environ.items()).encode())
PYTHON
}

# An open database whose root group is shown to the Secret Service, with no confirmations.
keepassxc_open() { keepassxc_with '--pw-stdin'; }

# The same, locked: nothing can be kept, and no window opens.
keepassxc_locked() { keepassxc_with ''; }

# Started, and nothing else: it would ask for a database in a window. Nothing can be kept, and none opens.
keepassxc_without_database() { keepassxc_settings && start_keepassxc </dev/null; }

# Another helper, by Docker's protocol, with a key that has no passphrase.
pass() {
    export GNUPGHOME=$HOME/gnupg PASSWORD_STORE_DIR=$HOME/store
    mkdir -m 700 "$GNUPGHOME" &&
        gpg --batch --quiet --passphrase '' --quick-generate-key keychains.example default default never &&
        command pass init keychains.example
}

# Without saving after every change: KeePassXC 2.7.4 saves in a thread of its own, and a change by D-Bus in the meantime
# ends it with a segmentation fault, in every second run of the contract.
keepassxc_settings() {
    mkdir -p "$HOME/.config/keepassxc" || return 1
    printf '[General]\nConfigVersion=2\nUpdateCheckMessageShown=true\nAutoSaveAfterEveryChange=false\n[GUI]\nCheckForUpdates=false\n[FdoSecrets]\nEnabled=true\nShowNotification=false\nConfirmDeleteItem=false\nConfirmAccessItem=false\n' \
        >"$HOME/.config/keepassxc/keepassxc.ini"
}

start_keepassxc() {
    printf 'password\n' | keepassxc "$@" >"$HOME/daemon.log" 2>&1 &
    wait_for_service
}

keepassxc_with() {
    keepassxc_settings || return 1
    printf 'password\npassword\n' | keepassxc-cli db-create -p "$HOME/new.kdbx" >/dev/null 2>&1 || return 1
    printf 'password\n' | keepassxc-cli export "$HOME/new.kdbx" 2>/dev/null | python3 -c '
import base64, re, sys, uuid
text = sys.stdin.read()
root = uuid.UUID(bytes=base64.b64decode(re.search(r"<Group>\s*<UUID>([^<]*)", text)[1]))
item = "<Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{%s}</Value></Item>" % root
print(text.replace("<Binaries/>", "<Binaries/><CustomData>" + item + "</CustomData>", 1))' >"$HOME/db.xml" || return 1
    printf 'password\npassword\n' | keepassxc-cli import -p "$HOME/db.xml" "$HOME/db.kdbx" >/dev/null 2>&1 || return 1
    # shellcheck disable=SC2086 # no word, or one
    start_keepassxc $1 "$HOME/db.kdbx" && wait_for has_default_collection
}

has_default_collection() {
    dbus-send --print-reply=literal --dest=org.freedesktop.secrets /org/freedesktop/secrets \
        org.freedesktop.Secret.Service.ReadAlias string:default | grep -q collection
}

wait_for() {
    local tries
    for tries in $(seq 100); do
        eval "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    printf 'after %s tries: not %s\n' "$tries" "$1"
    return 1
}

wait_for_service() { wait_for 'daemon_pid >/dev/null'; }

daemon_pid() {
    dbus-send --print-reply=literal --dest=org.freedesktop.DBus /org/freedesktop/DBus \
        org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets | grep -o '[0-9]*$'
}

end_daemon() {
    local pid
    pid=$(daemon_pid) && kill "$pid" && { wait_for "! daemon_pid >/dev/null" || kill -9 "$pid"; }
}

# What is shown on a daemon: the contract, or that nothing can be kept and each verb says so within its bound.
shown_on() {
    local kind=(ECR_RS_TEST_BUS="$DBUS_SESSION_BUS_ADDRESS" ECR_RS_TEST_KEYCHAIN="$1") status
    [ "$1" != pass ] || kind=(ECR_RS_TEST_HELPER=pass)
    "$1" || { echo "$1: it does not start"; return 1; }
    env "${kind[@]}" HOME="$REAL_HOME" cargo test --locked --test keychain_contract -- --nocapture real_
    status=$?
    case $1 in
        pass) gpgconf --kill all ;;
        *) end_daemon ;;
    esac
    return "$status"
}

if [ "${1-}" = --inside ]; then
    shown_on "$2"
    exit
fi
if [ "${1-}" = --packages ]; then
    rows | awk '{ for (at = 3; at <= NF; at++) print $at }' | sort -u
    exit
fi
for row; do
    rows | grep -q "^$row " || { echo "$0: there is no row $row"; exit 2; }
done
failed=() missing=()
while read -r daemon program packages <&3; do
    [ $# = 0 ] || [[ " $* " = *" $daemon "* ]] || continue
    if ! command -v "$program" >/dev/null; then
        echo "$daemon: $program is not installed ($packages): not checked"
        missing+=("$daemon")
        continue
    fi
    folder=$(mktemp -d) || exit 1
    mkdir "$folder/run" && chmod 700 "$folder/run"
    env REAL_HOME="$HOME" CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" \
        HOME="$folder" XDG_RUNTIME_DIR="$folder/run" TMPDIR="$folder" QT_QPA_PLATFORM=offscreen \
        timeout --kill-after=10 300 dbus-run-session -- bash "$0" --inside "$daemon" >"$folder/log" 2>&1
    status=$?
    if [ "$status" = 0 ]; then
        echo "$daemon: ok"
    else
        failed+=("$daemon")
        echo "$daemon: failed ($status)"
        cat "$folder/log"
    fi
    rm -rf "$folder"
done 3< <(rows)
[ ${#failed[@]} = 0 ] || exit 1
[ ${#missing[@]} = 0 ] || exit 77
