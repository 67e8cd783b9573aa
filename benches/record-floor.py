#!/usr/bin/env python3
"""Records what a cached `get` says to the session bus, for floor.c.

Stands between the program and the bus of DBUS_SESSION_BUS_ADDRESS for one `get`, and writes recorded.h: the bytes of
its two writes, the calls whose answers it needs, where the bus is, and the JSON around the secret. A program that
speaks in another way is an error: then floor.c is no longer its floor, and must be written anew.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from lib.dbus import FIELD_MEMBER, Message, whole_length

BEGIN = b"BEGIN\r\n"
NEEDED = ("OpenSession", "SearchItems")  # of the first write's calls, those that the second needs


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", help="docker-credential-ecr-rs")
    arguments.add_argument("server", help="a server whose token is in the keychain")
    arguments.add_argument("header", type=Path, help="the file to write")
    options = arguments.parse_args()
    address = os.environ["DBUS_SESSION_BUS_ADDRESS"]
    if not address.startswith("unix:path="):
        sys.exit(f"error: the bus must be a socket in the file system: {address}")
    bus = address.removeprefix("unix:path=").split(",")[0]
    heard, answer = record(options.program, options.server, bus)
    options.header.write_text(header(heard, answer, bus))


def record(program, server, bus):
    """What went over the wire, as (who, bytes) in order, and what the program printed."""
    heard = []
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        place = f"{folder}/bus"
        listener.bind(place)
        listener.listen()
        relay = threading.Thread(target=serve, args=(listener, bus, heard), daemon=True)
        relay.start()
        environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={place}"}
        stdin, limits = server.encode(), {"capture_output": True, "timeout": 30, "check": False}
        outcome = subprocess.run([program, "get"], input=stdin, env=environment, **limits)
        relay.join(10)
    if outcome.returncode != 0:
        sys.exit(f"error: {program} cannot answer for {server}: {outcome.stderr.decode()}")
    return heard, outcome.stdout


def serve(listener, bus, heard):
    """Relays one connection, and notes who said what."""
    client, _ = listener.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect(bus)

    def carry(who, source, sink):
        while data := source.recv(1 << 16):
            heard.append((who, data))
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=carry, args=("bus", server, client), daemon=True)
    back.start()
    carry("program", client, server)


def header(heard, answer, bus):
    first, second = writes(heard)
    greeting, calls = first.split(BEGIN, 1)
    asked = {}
    for message in messages(calls):
        asked.setdefault(message.fields[FIELD_MEMBER], message)  # of the searches, the first finds the token
    said = list(messages(second))
    if not set(NEEDED) <= set(asked) or [message.fields[FIELD_MEMBER] for message in said] != ["GetSecret", "Get"]:
        sys.exit(f"error: floor.c does not know these calls: {list(asked)}, then {[one.fields for one in said]}")
    get_secret, get_attributes = said
    session = get_secret.body[4:-1]
    if not any(who == "bus" and session in data for who, data in heard):
        sys.exit("error: GetSecret has another argument than the session")
    secret = answer.split(b'"Secret":"', 1)[1].split(b'"', 1)[0]
    before, after = answer.split(secret)
    needed = [asked[name].serial for name in NEEDED]
    constants = {
        "FIRST_ANSWERS": len(needed), "OPEN_SESSION": asked["OpenSession"].serial,
        "GET_SECRET": get_secret.serial, "GET_ATTRIBUTES": get_attributes.serial, "SOCKET_PATH": f'"{bus}"',
    }
    arrays = {
        "first_write": greeting + BEGIN + calls, "get_secret": get_secret.raw[: -len(get_secret.body)],
        "get_attributes": get_attributes.raw, "json_before": before, "json_after": after,
    }
    lines = ["/* Written by record-floor.py. */"]
    lines += [f"#define {name} {value}" for name, value in constants.items()]
    lines.append(f"static const uint32_t first_serials[] = {{{', '.join(map(str, needed))}}};")
    for name, data in arrays.items():
        lines.append(f"static const unsigned char {name}[] = {{{', '.join(map(str, data))}}};")
    return "\n".join(lines) + "\n"


def writes(heard):
    """The program's bytes before the bus answered, and those after."""
    turns = []
    for who, data in heard:
        if turns and turns[-1][0] == who:
            turns[-1][1].extend(data)
        else:
            turns.append((who, bytearray(data)))
    spoken = [bytes(data) for who, data in turns if who == "program"]
    if len(spoken) != 2:
        sys.exit(f"error: the program speaks in {len(spoken)} turns, and floor.c in two")
    return spoken


def messages(data):
    while data:
        length = whole_length(data)
        yield Message(data[:length])
        data = data[length:]


if __name__ == "__main__":
    main()
