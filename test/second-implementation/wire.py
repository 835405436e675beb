"""The streams, frames and messages of protocol/PROTOCOL.md, with nothing but Python's own library."""
import base64, hashlib, os, socket, ssl, struct, subprocess, zlib
from urllib.parse import urlsplit
from read import need, pack, unpack

FRAME_BYTES_MAX = 1 << 20
KINDS = range(1, 7)


class Refused(Exception):
    """The other side answered with an error."""


class Pieces:
    """A stream over the standard input and output of a command."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def write(self, data):
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._piece(data[at:at + FRAME_BYTES_MAX])

    def end(self):
        self._piece(b'')

    def read_piece(self):
        """Bytes as they come; none at the end that was announced."""
        head = self.process.stdout.read(4)
        need(len(head) == 4, 'an end that was not announced')
        size, = struct.unpack('>I', head)
        need(size <= FRAME_BYTES_MAX, 'a piece of', size)
        piece = self.process.stdout.read(size)
        need(len(piece) == size, 'an end that was not announced')
        return piece

    def close(self):
        self.process.stdin.close()
        need(self.process.stdout.read() == b'', 'bytes after the end')
        self.process.wait()

    def _piece(self, data):
        self.process.stdin.write(struct.pack('>I', len(data)) + data)
        self.process.stdin.flush()


class WebSocket:
    """A stream over one WebSocket (RFC 6455), in TLS to a server whose certificate has this SHA-256."""

    def __init__(self, url, fingerprint):
        to = urlsplit(url)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection((to.hostname, to.port), 60))
        shown = hashlib.sha256(self.socket.getpeercert(True)).hexdigest()
        need(shown == fingerprint, 'another certificate', shown)
        self.incoming = self.socket.makefile('rb')
        self.has_ended = self.is_over = False
        self._upgrade(to.netloc)

    def _upgrade(self, host):
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f'GET /dits HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                            f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode())
        status = self.incoming.readline().decode()
        need(status.split()[1:2] == ['101'], 'no WebSocket:', status.strip())
        headers = {}
        while line := self.incoming.readline().decode().strip():
            name, _, value = line.partition(':')
            headers[name.lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
        need(headers.get('sec-websocket-accept') == accept, 'Sec-WebSocket-Accept')
        need('sec-websocket-extensions' not in headers, 'an extension that was not offered')

    def write(self, data):
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._send(2, data[at:at + FRAME_BYTES_MAX])

    def end(self):
        self._send(2, b'')
        self.has_ended = True

    def read_piece(self):
        """Bytes as they come; none at the end that was announced."""
        message = b''
        while True:
            is_last, code, payload = self._receive()
            if code == 9:
                self._send(10, payload)
                continue
            if code == 8:
                raise EOFError(f'closed with {struct.unpack(">H", payload[:2])[0] if payload else 1005}: {payload[2:].decode()}')
            if code == 10: continue
            need(code == (0 if message else 2), 'a WebSocket frame of kind', code)
            message += payload
            need(len(message) <= FRAME_BYTES_MAX, 'a message of', len(message))
            if is_last: return message

    def close(self):
        """Once both directions have ended, either closes with code 1000; whoever is told answers alike."""
        self._send(8, struct.pack('>H', 1000))
        _, code, payload = self._receive()
        need((code, payload[:2]) == (8, struct.pack('>H', 1000)), 'no close with 1000', code, payload)
        self.socket.close()

    def _send(self, code, payload):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | code])
        if size < 126: head += bytes([0x80 | size])
        elif size < 65536: head += struct.pack('>BH', 0xfe, size)
        else: head += struct.pack('>BQ', 0xff, size)
        masked = int.from_bytes(payload, 'big') ^ int.from_bytes((mask * (size // 4 + 1))[:size], 'big')
        self.socket.sendall(head + mask + masked.to_bytes(size, 'big'))

    def _receive(self):
        first, second = self._exactly(2)
        need(first & 0x70 == 0 and second & 0x80 == 0, 'a WebSocket frame with', first, second)
        size = second & 127
        if size == 126: size, = struct.unpack('>H', self._exactly(2))
        elif size == 127: size, = struct.unpack('>Q', self._exactly(8))
        need(size <= FRAME_BYTES_MAX, 'a WebSocket frame of', size)
        return first & 0x80 != 0, first & 15, self._exactly(size)

    def _exactly(self, size):
        data = self.incoming.read(size)
        need(len(data) == size, 'an end that was not announced')
        return data


class Wire:
    """Frames over a stream: messages, and the data that they announce."""

    def __init__(self, stream):
        self.stream = stream
        self.arrived = bytearray()
        self.sent = 0

    def send(self, *message):
        self._frame(1, pack(list(message)))

    def send_data(self, data):
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._frame(2, data[at:at + FRAME_BYTES_MAX])

    def answer(self, *names):
        """The next message, of one of these names, and the data before it."""
        data = bytearray()
        while True:
            kind, body = self._next()
            if kind == 2: data += body
            if kind == 1: break
        message = unpack(body)
        need(isinstance(message, list) and message and isinstance(message[0], str), 'a message without a name')
        if message[0] == 'error':
            raise Refused(f'{message[1]} {message[2]}')
        need(message[0] in names, 'the message', message[0], 'instead of', *names)
        return message, bytes(data)

    def data(self, size):
        """So many bytes of data, with which a frame ends."""
        data = bytearray()
        while len(data) < size:
            kind, body = self._next()
            need(kind != 1, 'a message within data')
            data += body
        need(len(data) == size, 'more data than was announced')
        return bytes(data)

    def end(self):
        """Ends this direction, waits for the end of the other, and closes."""
        self.stream.end()
        need(not self.arrived and self.stream.read_piece() == b'', 'bytes after the last answer')
        self.stream.close()

    def _frame(self, kind, body):
        self.sent += 5 + len(body)
        self.stream.write(struct.pack('<IB', len(body), kind) + body)

    def _next(self):
        while True:
            length, kind = struct.unpack('<IB', self._exactly(5))
            need(kind in (1, 2, 3) and (length == 0 if kind == 3 else 1 <= length <= FRAME_BYTES_MAX), 'a frame of', kind, length)
            body = self._exactly(length)
            if kind != 3: return kind, body

    def _exactly(self, size):
        while len(self.arrived) < size:
            piece = self.stream.read_piece()
            need(piece != b'', 'the end within a frame')
            self.arrived += piece
        taken = bytes(self.arrived[:size])
        del self.arrived[:size]
        return taken


def encode_record(kind, ident, raw):
    """A pack record of an object as it stands."""
    head = struct.pack('<BBHII', kind, 0, 0, len(raw), len(raw))
    return head + struct.pack('<I', zlib.crc32(ident, zlib.crc32(head))) + ident + raw


def decode_records(data):
    """(kind, id, bytes) of each record; that the bytes are the id's is for the caller to verify."""
    records, at = [], 0
    while at < len(data):
        need(len(data) - at >= 48, 'a header that is cut off')
        kind, codec, zero, stored, raw, check = struct.unpack_from('<BBHIII', data, at)
        ident, payload = data[at + 16:at + 48], data[at + 48:at + 48 + stored]
        need(kind in KINDS and codec in (0, 1) and zero == 0, 'a record of', kind, codec, zero)
        need(len(payload) == stored, 'a record that is cut off')
        crc = zlib.crc32(ident, zlib.crc32(data[at:at + 12]))
        need(check == (zlib.crc32(payload, crc) if codec else crc), 'the check of a record')
        need(stored < raw if codec else stored == raw, 'sizes of a record')
        records.append((kind, ident, _inflate(payload) if codec else payload))
        need(len(records[-1][2]) == raw, 'raw size of a record')
        at += 48 + stored
    return records


def _inflate(payload):
    return subprocess.run(['zstd', '-dcq'], input=payload, capture_output=True, check=True).stdout
