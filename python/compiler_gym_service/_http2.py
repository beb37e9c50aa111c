"""The client's side of HTTP/2 (RFC 9113) and of gRPC over it, without a socket: bytes in, bytes out.

Why not grpcio: a step that costs the service 20 us costs its Python client 60 to 200 there (a thread hop each way), its
threads do not survive fork(), and its blocking calls hold back Ctrl-C. A connection here has no thread, and is the same
for blocking and for asyncio code. docs/python.md has the figures.
"""

from __future__ import annotations

import struct
from collections import deque
from urllib.parse import unquote

from . import _hpack
from .errors import Internal, ServiceError, Unavailable, error_of

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 1, 1, 4, 8, 32
_HEADER_TABLE_SIZE, _ENABLE_PUSH, _INITIAL_WINDOW, _MAX_FRAME, _MAX_HEADERS = 1, 2, 4, 5, 6
_CANCEL = 8

_MAX_WINDOW = 2**31 - 1
# The peer may send this much before it hears of the client having read it.
_WINDOW = 2**30
_MAX_FRAME_BYTES = 2**22
_MAX_HEADER_BYTES = 2**20  # error texts travel in headers

_frame_head = struct.Struct(">BHBBI")
_message_head = struct.Struct(">BI")
_setting = struct.Struct(">HI")
_uint32 = struct.Struct(">I")

# gRPC's statuses for the errors that end a stream without one.
_STATUS_OF_RESET = {0: 13, 7: 14, 8: 1, 11: 8, 12: 7}
_STATUS_OF_HTTP = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = len(payload)
    return _frame_head.pack(length >> 16, length & 0xFFFF, kind, flags, stream) + payload


class Call:
    """One RPC on a connection: messages to and from the service, and at the end its status."""

    __slots__ = ("_connection", "_head_seen", "_partial", "_unsent", "_window", "error", "id", "is_done", "messages")

    def __init__(self, connection: Http2Connection, number: int, window: int) -> None:
        self._connection = connection
        self._window = window
        self._unsent: deque[tuple[bytes | memoryview, bool]] = deque()
        self._partial = bytearray()
        self._head_seen = False
        self.id = number
        #: What the service has sent and nobody has taken yet.
        self.messages: deque[bytes] = deque()
        #: The status has come, or the connection has gone.
        self.is_done = False
        #: Why it failed; None once done if it has not.
        self.error: ServiceError | None = None

    def send(self, message: bytes, *, is_last: bool = False) -> None:
        """Puts a message into the connection's `outgoing`."""
        payload = _message_head.pack(0, len(message)) + message
        if self._unsent or len(payload) > self._connection.sendable(self):
            self._unsent.append((memoryview(payload), is_last))  # its parts are not copied
            self._connection.flush(self)
        else:
            self._connection.put_data(self, payload, is_last)

    def close(self) -> None:
        """No more messages: the service's side closes when it has answered all."""
        if self._unsent:
            self._unsent.append((b"", True))
        else:
            self._connection.put_data(self, b"", True)

    def cancel(self) -> None:
        """Takes the call back, if it is not done."""
        if not self.is_done:
            self._connection.reset(self)

    def _take(self, data: bytes) -> None:
        """What a DATA frame has brought; most frames are a message and nothing else."""
        if not self._partial and len(data) >= 5 and _message_head.unpack_from(data)[1] == len(data) - 5:
            if data[0]:
                raise _ProtocolError("a compressed message, which was not asked for")
            self.messages.append(data[5:])
            return
        self._partial += data
        at = 0
        while len(self._partial) - at >= 5:
            is_compressed, length = _message_head.unpack_from(self._partial, at)
            if is_compressed:
                raise _ProtocolError("a compressed message, which was not asked for")
            if len(self._partial) - at - 5 < length:
                break
            self.messages.append(bytes(self._partial[at + 5 : at + 5 + length]))
            at += 5 + length
        del self._partial[:at]

    def _finish(self, error: ServiceError | None) -> None:
        if not self.is_done:
            self.is_done = True
            self.error = error
            self._unsent.clear()


class _ProtocolError(Exception):
    """The peer does not speak HTTP/2 as it should."""


class Http2Connection:
    """A client's connection. Not for use by several threads at a time.

    Call `receive` with what has come, and send what is in `outgoing` (and clear it). When the connection has gone, `lose`.
    """

    def __init__(self, authority: str, scheme: str, token: str = "") -> None:
        self.outgoing = bytearray(_PREFACE)
        settings = {
            _HEADER_TABLE_SIZE: 4096,
            _ENABLE_PUSH: 0,
            _INITIAL_WINDOW: _WINDOW,
            _MAX_FRAME: _MAX_FRAME_BYTES,
            _MAX_HEADERS: _MAX_HEADER_BYTES,
        }
        self.outgoing += _frame(_SETTINGS, 0, 0, b"".join(_setting.pack(*item) for item in settings.items()))
        self.outgoing += _frame(_WINDOW_UPDATE, 0, 0, _uint32.pack(_WINDOW - 65535))
        #: Why no more calls can be made.
        self.closed: ServiceError | None = None
        self._calls: dict[int, Call] = {}
        self._next_id = 1
        self._decoder = _hpack.Decoder()
        self._buffer = bytearray()
        self._headers: tuple[int, int, bytearray] | None = None  # stream, flags, the block so far
        self._window = 65535  # what may be sent
        self._initial_window = 65535
        self._max_frame = 16384
        self._received = 0  # bytes that the peer has not been told of
        common = [(b":method", b"POST"), (b":scheme", scheme.encode()), (b":authority", authority.encode())]
        common += [(b"te", b"trailers"), (b"content-type", b"application/grpc")]
        common += [(b"user-agent", b"compiler-gym-service-python")]
        if token:
            common.append((b"authorization", b"Bearer " + token.encode()))
        self._common = _hpack.encode(common[:3]), _hpack.encode(common[3:])

    def start(self, path: str, timeout: float | None = None) -> Call:
        """Begins a call. Raises why it can't, if the connection is closed."""
        if self.closed is not None:
            raise self.closed
        block = self._common[0] + _hpack.encode([(b":path", path.encode())]) + self._common[1]
        if timeout is not None:
            block += _hpack.encode([(b"grpc-timeout", _grpc_timeout(timeout))])
        call = self._calls[self._next_id] = Call(self, self._next_id, self._initial_window)
        self.outgoing += _frame(_HEADERS, _END_HEADERS, self._next_id, block)
        self._next_id += 2
        if self._next_id > _MAX_WINDOW:
            self.closed = Unavailable("the connection has no numbers for calls left", not_sent=True)
        return call

    # ------------------------------------------------------------------------------------------------------- sending

    def sendable(self, call: Call) -> int:
        """How many bytes can be sent at once."""
        return min(self._window, call._window, self._max_frame)

    def put_data(self, call: Call, payload: bytes | memoryview, is_last: bool) -> None:
        """One DATA frame, for which there is room."""
        size = len(payload)
        self._window -= size
        call._window -= size
        self.outgoing += _frame_head.pack(size >> 16, size & 0xFFFF, _DATA, _END_STREAM if is_last else 0, call.id)
        self.outgoing += payload

    def flush(self, call: Call) -> None:
        """As many frames of what the call has not sent as there is room for."""
        unsent = call._unsent
        while unsent:
            payload, is_last = unsent[0]
            room = self.sendable(call)
            if len(payload) <= room:
                unsent.popleft()
                self.put_data(call, payload, is_last)
            elif room > 0:
                self.put_data(call, payload[:room], False)
                unsent[0] = (payload[room:], is_last)
            else:
                return

    def reset(self, call: Call) -> None:
        """Tells the service that nobody wants the reply."""
        self.outgoing += _frame(_RST_STREAM, 0, call.id, _uint32.pack(_CANCEL))
        self._calls.pop(call.id, None)
        call._finish(error_of(1, "cancelled"))

    # ----------------------------------------------------------------------------------------------------- receiving

    def receive(self, data: bytes) -> None:
        """Takes in what the peer has sent. Never raises: what is wrong with it ends the connection's calls."""
        try:
            if self._buffer:
                self._buffer += data
                consumed = self._frames(bytes(self._buffer))
                del self._buffer[:consumed]
            else:
                self._buffer += data[self._frames(data) :]
        except (_ProtocolError, _hpack.HpackError, struct.error, IndexError) as error:
            self.lose(f"not gRPC over HTTP/2: {error}")
        if self._received > _WINDOW // 4:
            self._give_window()

    def lose(self, reason: str) -> None:
        """The connection has gone: all its calls fail."""
        if self.closed is None:
            self.closed = Unavailable(reason, not_sent=True)
        for call in list(self._calls.values()):
            call._finish(Unavailable(reason))
        self._calls.clear()

    def _frames(self, data: bytes) -> int:
        at = 0
        end = len(data)
        unpack = _frame_head.unpack_from
        while end - at >= 9:
            high, low, kind, flags, stream = unpack(data, at)
            length = high << 16 | low
            if length > _MAX_FRAME_BYTES:
                raise _ProtocolError(f"a frame of {length} bytes")
            if end - at - 9 < length:
                break
            payload = data[at + 9 : at + 9 + length]
            at += 9 + length
            if kind == _DATA:
                self._received += length
                call = self._calls.get(stream)
                if call is not None:
                    call._take(_without_padding(payload) if flags & _PADDED else payload)
                    if flags & _END_STREAM:
                        self._end(call, Internal("the service ended the call without a status"))
            else:
                self._control(kind, flags, stream, payload)
        return at

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _HEADERS:
            if flags & _PADDED:
                payload = _without_padding(payload)
            self._headers = (stream, flags, bytearray(payload[5:] if flags & _PRIORITY else payload))
            if flags & _END_HEADERS:
                self._header_block()
        elif kind == _CONTINUATION:
            if self._headers is None or self._headers[0] != stream:
                raise _ProtocolError("a continuation of nothing")
            self._headers[2].extend(payload)
            if len(self._headers[2]) > 2 * _MAX_HEADER_BYTES:
                raise _ProtocolError("headers without end")
            if flags & _END_HEADERS:
                self._header_block()
        elif kind == _SETTINGS and not flags & _ACK:
            self._settings(payload)
        elif kind == _PING and not flags & _ACK:
            self.outgoing += _frame(_PING, _ACK, 0, payload)
        elif kind == _WINDOW_UPDATE:
            self._window_update(stream, _uint32.unpack(payload)[0] & _MAX_WINDOW)
        elif kind == _RST_STREAM and stream in self._calls:
            code = _uint32.unpack(payload)[0]
            status = _STATUS_OF_RESET.get(code, 13)
            reason = f"the service reset the call (HTTP/2 error {code})"
            self._end(self._calls[stream], error_of(status, reason, not_sent=code == 7))
        elif kind == _GOAWAY:
            self._go_away(_uint32.unpack_from(payload)[0] & _MAX_WINDOW, payload[8:])

    def _header_block(self) -> None:
        assert self._headers is not None
        stream, flags, block = self._headers
        self._headers = None
        headers = dict(self._decoder.decode(bytes(block)))  # decoded always: it changes the decoder's table
        call = self._calls.get(stream)
        if call is None:
            return
        if not call._head_seen:
            call._head_seen = True
            status = headers.get(b":status", b"")
            if status != b"200":
                number = int(status) if status.isdigit() else 0
                self._end(
                    call, error_of(_STATUS_OF_HTTP.get(number, 2), f"HTTP status {number}: is it a gRPC service?")
                )
                return
        if flags & _END_STREAM:
            self._end(call, _status_of(headers))

    def _end(self, call: Call, error: ServiceError | None) -> None:
        self._calls.pop(call.id, None)
        call._finish(error)

    def _settings(self, payload: bytes) -> None:
        for key, value in _setting.iter_unpack(payload):
            if key == _INITIAL_WINDOW:
                for call in self._calls.values():
                    call._window += value - self._initial_window
                self._initial_window = value
            elif key == _MAX_FRAME:
                self._max_frame = value
        self.outgoing += _frame(_SETTINGS, _ACK, 0, b"")
        for call in list(self._calls.values()):
            self.flush(call)

    def _window_update(self, stream: int, increment: int) -> None:
        if stream == 0:
            self._window += increment
            for call in list(self._calls.values()):
                if call._unsent:
                    self.flush(call)
        elif stream in self._calls:
            call = self._calls[stream]
            call._window += increment
            if call._unsent:
                self.flush(call)

    def _give_window(self) -> None:
        # A call's own window is as large as the connection's, and no less is given back to it.
        for stream in (0, *self._calls):
            self.outgoing += _frame(_WINDOW_UPDATE, 0, stream, _uint32.pack(self._received))
        self._received = 0

    def _go_away(self, last: int, text: bytes) -> None:
        reason = "the service is closing the connection" + (f": {text.decode(errors='replace')}" if text else "")
        self.closed = Unavailable(reason, not_sent=True)
        for call in [call for call in self._calls.values() if call.id > last]:
            self._end(call, Unavailable(reason, not_sent=True))

    @property
    def calls_under_way(self) -> int:
        """Calls whose status has not come."""
        return len(self._calls)


def _without_padding(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise _ProtocolError("more padding than frame")
    return payload[1 : len(payload) - payload[0]]


def _status_of(headers: dict[bytes, bytes]) -> ServiceError | None:
    text = headers.get(b"grpc-status", b"")
    if not text.isdigit():
        return Internal("the service ended the call without a status")
    if text == b"0":
        return None
    return error_of(int(text), unquote(headers.get(b"grpc-message", b"").decode("utf-8", "replace")))


def _grpc_timeout(seconds: float) -> bytes:
    """At most eight digits, and a unit."""
    microseconds = max(0, int(seconds * 1e6))
    if microseconds < 10**8:
        return b"%du" % microseconds
    return b"%dm" % min(microseconds // 1000, 10**8 - 1)
