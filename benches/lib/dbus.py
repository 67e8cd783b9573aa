"""As much of D-Bus as a small client writes and a recorder reads (specification 0.43)."""

import os
import socket
import struct

METHOD_CALL, METHOD_RETURN, ERROR = 1, 2, 3
FIELD_PATH, FIELD_MEMBER, FIELD_ERROR, FIELD_REPLY = 1, 3, 4, 5
PREFIX = 16  # bytes that every message starts with


class Writer:
    """Little-endian values, each aligned as the specification asks."""

    def __init__(self):
        self.bytes = bytearray()

    def align(self, to):
        self.bytes += bytes(-len(self.bytes) % to)

    def u32(self, number):
        self.align(4)
        self.bytes += struct.pack("<I", number)

    def string(self, text):
        data = text.encode()
        self.u32(len(data))
        self.bytes += data + b"\0"

    def signature(self, text):
        self.bytes += bytes([len(text)]) + text.encode() + b"\0"

    def data(self, data):
        self.u32(len(data))
        self.bytes += data

    def array(self, element_alignment, write):
        """An array of what `write` writes."""
        self.u32(0)
        length_at = len(self.bytes) - 4
        self.align(element_alignment)
        start = len(self.bytes)
        write()
        struct.pack_into("<I", self.bytes, length_at, len(self.bytes) - start)

    def strings(self, pairs):
        """a{ss}"""

        def write():
            for name, value in pairs.items():
                self.align(8)
                self.string(name)
                self.string(value)

        self.array(8, write)


class Message:
    """A message as it was read."""

    def __init__(self, raw):
        self.raw, self.kind, self.serial = raw, raw[1], struct.unpack_from("<I", raw, 8)[0]
        fields_length = struct.unpack_from("<I", raw, 12)[0]
        self.fields, at, end = {}, PREFIX, PREFIX + fields_length
        while at < end:
            at += -at % 8
            code, signature_length = raw[at], raw[at + 1]
            signature = raw[at + 2 : at + 2 + signature_length].decode()
            at += 3 + signature_length
            if signature == "g":
                length = raw[at]
                self.fields[code] = raw[at + 1 : at + 1 + length].decode()
                at += length + 2
                continue
            at += -at % 4
            number = struct.unpack_from("<I", raw, at)[0]
            at += 4
            if signature in ("s", "o"):
                self.fields[code] = raw[at : at + number].decode()
                at += number + 1
            else:
                self.fields[code] = number
        self.body = raw[end + (-end % 8) :]


def whole_length(data):
    """The length of the message that starts here; `None` while that cannot be told."""
    if len(data) < PREFIX:
        return None
    body, _, fields = struct.unpack_from("<III", data, 4)
    return PREFIX + fields + (-fields % 8) + body


class Connection:
    """A connection to a session bus, with a name."""

    def __init__(self, socket_path):
        self.serial, self.unread = 0, b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(socket_path))
        user = str(os.getuid()).encode().hex()
        self.socket.sendall(f"\0AUTH EXTERNAL {user}\r\nBEGIN\r\n".encode())
        while b"\r\n" not in self.unread:
            self.receive()
        greeting, self.unread = self.unread.split(b"\r\n", 1)
        if not greeting.startswith(b"OK "):
            raise OSError(f"D-Bus does not let this user in: {greeting.decode()}")
        bus = "org.freedesktop.DBus"
        self.call(bus, "/org/freedesktop/DBus", bus, "Hello")

    def send(self, destination, path, interface, member, signature="", body=None):
        """Sends a call and gives its serial."""
        self.serial += 1
        data = bytes(body.bytes) if body else b""
        message = Writer()
        message.bytes += bytes([ord("l"), METHOD_CALL, 0, 1])
        message.u32(len(data))
        message.u32(self.serial)

        def fields():
            for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination)):
                message.align(8)
                message.bytes.append(code)
                message.signature(kind)
                message.string(value)
            if signature:
                message.align(8)
                message.bytes.append(8)
                message.signature("g")
                message.signature(signature)

        message.array(8, fields)
        message.align(8)
        self.socket.sendall(message.bytes + data)
        return self.serial

    def answer(self):
        """The next answer to a call of ours; an error of the other side is one of ours."""
        while True:
            length = whole_length(self.unread)
            while length is None or len(self.unread) < length:
                self.receive()
                length = whole_length(self.unread)
            message, self.unread = Message(self.unread[:length]), self.unread[length:]
            if message.kind == ERROR:
                raise OSError(f"{message.fields[FIELD_ERROR]}: {message.body[4:-1].decode(errors='replace')}")
            if message.kind == METHOD_RETURN:
                return message

    def call(self, *call):
        self.send(*call)
        return self.answer()

    def receive(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise OSError("D-Bus closed the connection")
        self.unread += data
