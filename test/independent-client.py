"""A client of the dits protocol, written from protocol/PROTOCOL.md alone, with nothing but Python's own library.

    independent-client.py refs|version|history ID -- COMMAND...

It speaks over the standard input and output of COMMAND, and prints what it hears.
"""
import struct
import subprocess
import sys

words = sys.argv[1:sys.argv.index("--")]
process = subprocess.Popen(sys.argv[sys.argv.index("--") + 1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def pack(value):
    """MessagePack, in its shortest form."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        assert 0 <= value < 128
        return bytes([value])
    if isinstance(value, str):
        text = value.encode()
        return (bytes([0xA0 + len(text)]) if len(text) < 32 else b"\xd9" + bytes([len(text)])) + text
    if isinstance(value, bytes):
        return b"\xc4" + bytes([len(value)]) + value
    return bytes([0x90 + len(value)]) + b"".join(map(pack, value))


def unpack(data, at=0):
    """One value, and where it ends."""
    first, at = data[at], at + 1
    if first < 0x80:
        return first, at
    if first == 0xC0:
        return None, at
    if 0xA0 <= first < 0xC0:
        length = first & 31
    elif first in (0xC4, 0xD9, 0xCC):
        length, at = data[at], at + 1
    elif first in (0xC5, 0xDA, 0xDC, 0xCD):
        length, at = struct.unpack_from(">H", data, at)[0], at + 2
    elif first in (0xC6, 0xDB, 0xCE):
        length, at = struct.unpack_from(">I", data, at)[0], at + 4
    elif 0x90 <= first < 0xA0:
        length = first & 15
    else:
        raise ValueError(f"type {first:#x}")
    if first in (0xCC, 0xCD, 0xCE):
        return length, at
    if 0x90 <= first < 0xA0 or first == 0xDC:
        items = []
        for _ in range(length):
            item, at = unpack(data, at)
            items.append(item)
        return items, at
    body = bytes(data[at:at + length])
    return (body if first in (0xC4, 0xC5, 0xC6) else body.decode()), at + length


def write(data):
    process.stdin.write(struct.pack(">I", len(data)) + data)
    process.stdin.flush()


def send(*message):
    body = pack(list(message))
    write(struct.pack("<IB", len(body), 1) + body)


arrived = bytearray()


def read(length):
    """So many bytes of the stream, out of the pieces that the pipe carries."""
    while len(arrived) < length:
        head = process.stdout.read(4)
        size = struct.unpack(">I", head)[0] if len(head) == 4 else 0
        if size == 0:
            raise EOFError
        arrived.extend(process.stdout.read(size))
    taken = bytes(arrived[:length])
    del arrived[:length]
    return taken


def frame():
    """The next message, or bytes of data."""
    while True:
        length, kind = struct.unpack("<IB", read(5))
        body = read(length)
        if kind == 1:
            value, end = unpack(body)
            assert end == len(body)
            return value
        if kind == 2:
            return body
        assert kind == 3 and length == 0


def expect_message():
    message = frame()
    if message[0] == "error":
        print("error", message[1], message[2])
        sys.exit(0)
    return message


send("hello", 2 if words[0] == "version" else 1, "", None, "independent client")
print("welcome", expect_message()[2])
if words[0] == "refs":
    send("refs", ["refs/heads/", "refs/tags/"])
    while (message := expect_message())[0] == "refs":
        for name, ref in zip(message[1][::2], message[1][1::2]):
            print(name, ref.hex())
    print("head", message[1])
else:
    send("history", bytes.fromhex(words[1]), b"", 0, 1)
    data = b""
    while isinstance(message := frame(), bytes):
        data += message
    if message[0] == "error":
        print("error", message[1], message[2])
        sys.exit(0)
    records = at = 0
    while at < len(data):
        kind, codec, zero, stored = struct.unpack_from("<BBHI", data, at)
        assert kind in (2, 3, 4, 5) and codec in (0, 1) and zero == 0
        at += 48 + stored
        records += 1
    assert at == len(data)
    print(records, "records")
    print("end", message[0])
write(b"")
