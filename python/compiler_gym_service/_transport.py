"""A connection that blocks its caller: a socket around Http2Connection."""

from __future__ import annotations

import atexit
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from ._http2 import Call, Http2Connection
from .errors import DeadlineExceeded, InvalidArgument, ServiceError, Unavailable
from .options import TlsOptions

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Endpoint:
    """An address, taken apart."""

    host: str
    port: int
    path: str  # of a unix socket; then there is no host

    @classmethod
    def parse(cls, address: str) -> Endpoint:
        """`unix:PATH`, `unix:///PATH`, `host:port`, `[::1]:port`. Raises InvalidArgument."""
        if address.startswith("unix:"):
            path = address[len("unix:") :]
            return cls("", 0, path[2:] if path.startswith("//") else path)
        host, colon, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise InvalidArgument(f"'{address}' is no address: host:port or unix:PATH, e.g. localhost:4242")
        return cls(host, int(port), "")

    @property
    def authority(self) -> str:
        """What HTTP calls the host."""
        if self.path:
            return "localhost"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def tls_context(tls: TlsOptions) -> ssl.SSLContext:
    """For gRPC, which wants HTTP/2 agreed on. Raises InvalidArgument for files that can't be read."""
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
    except (OSError, ssl.SSLError) as error:
        names = " ".join(name for name in (tls.ca, tls.cert, tls.key) if name)
        raise InvalidArgument(f"cannot use the TLS files {names}: {error}") from error
    context.set_alpn_protocols(["h2"])
    return context


def connect(address: str, tls: TlsOptions | None, timeout: float) -> socket.socket:
    """A connected socket. Raises Unavailable, which says that nothing was sent."""
    endpoint = Endpoint.parse(address)
    try:
        if endpoint.path:
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                plain.settimeout(timeout)
                plain.connect(endpoint.path)
            except BaseException:
                plain.close()
                raise
        else:
            plain = socket.create_connection((endpoint.host, endpoint.port), timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return plain
        with plain:
            return tls_context(tls).wrap_socket(plain, server_hostname=tls.server_name or endpoint.host)
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(f"cannot connect to {address}: {error}", not_sent=True) from error


class Connection:
    """One connection. A thread that waits for a reply has it for itself; others take turns.

    Raises ServiceError. KeyboardInterrupt comes through while it waits; the call is taken back then.
    """

    def __init__(self, address: str, *, token: str = "", tls: TlsOptions | None = None, timeout: float = 30.0) -> None:
        self._socket = connect(address, tls, timeout)
        self._socket.setblocking(False)
        scheme = "http" if tls is None else "https"
        self._http2 = Http2Connection(Endpoint.parse(address).authority, scheme, token)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self.lock = threading.RLock()
        _keeper.add(self)

    def keep_alive(self) -> None:
        """From now on it is not lost for being idle: for one whose loss would cost something."""
        _keeper.keep(self)

    def call(self, path: str, request: bytes, timeout: float) -> bytes:
        """One unary call: the reply's bytes."""
        with self.lock:
            self.exchange()
            call = self._http2.start(path, timeout)
            try:
                call.send(request, is_last=True)
                # The service ends a call that takes too long itself, and says what it was at; its word comes first.
                self.wait(lambda: call.is_done, timeout + 1.0)
            except BaseException:
                self._take_back(call)
                raise
            if call.error is not None:
                raise call.error
            return call.messages[0]

    def start(self, path: str) -> Call:
        """A stream. Use it under `lock`; what it sends goes out with `exchange` or `wait`."""
        with self.lock:
            self.exchange()
            return self._http2.start(path)

    def wait(self, is_done: Callable[[], bool], timeout: float | None) -> None:
        """Sends and receives until it is so. Raises DeadlineExceeded."""
        with self.lock:
            deadline = None if timeout is None else time.monotonic() + timeout
            self.exchange()
            while not is_done():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise DeadlineExceeded(f"no answer within {timeout:g} s")
                self._poll.modify(
                    self._socket, select.POLLIN | select.POLLOUT if self._http2.outgoing else select.POLLIN
                )
                self._poll.poll(None if left is None else left * 1000 + 1)
                self.exchange()

    def exchange(self) -> None:
        """Sends what can be sent and takes what has come, without waiting."""
        outgoing = self._http2.outgoing
        try:
            if outgoing:
                del outgoing[: self._socket.send(outgoing)]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            self._http2.lose(f"the connection broke: {error}")
        try:
            while self._http2.closed is None or self._http2.calls_under_way:
                data = self._socket.recv(_CHUNK)
                if not data:
                    self._http2.lose("the service has closed the connection")
                else:
                    self._http2.receive(data)
                    if len(data) < _CHUNK and not isinstance(self._socket, ssl.SSLSocket):
                        break  # there is no more, most likely; poll() will tell
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._http2.lose(f"the connection broke: {error}")

    @property
    def closed(self) -> ServiceError | None:
        """Why no more calls can be made on it."""
        return self._http2.closed

    def close(self) -> None:
        """Its calls end."""
        with self.lock:
            _keeper.forget(self)
            self._http2.lose("closed")
            self._socket.close()

    def abandon(self) -> None:
        """Closes a copy that fork() has made: not a byte goes to the service, with which the parent goes on."""
        self._http2.lose("it belongs to the parent process")
        self._socket.detach() if isinstance(self._socket, ssl.SSLSocket) else self._socket.close()

    def _take_back(self, call: Call) -> None:
        call.cancel()
        if self._http2.closed is None:
            self.exchange()


class _Keeper:
    """Answers the service's pings on connections that nobody reads: without, it takes them for dead after 80 s.

    One thread for the process, and none where no connection needs it: Python warns of fork() where there are threads. A child
    of fork() has none until it needs one.
    """

    INTERVAL = 20.0

    def __init__(self) -> None:
        self._all: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._kept: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, connection: Connection) -> None:
        with self._lock:
            self._all.add(connection)

    def keep(self, connection: Connection) -> None:
        with self._lock:
            self._kept.add(connection)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="compiler_gym keepalive", daemon=True)
                self._thread.start()

    def forget(self, connection: Connection) -> None:
        with self._lock:
            self._all.discard(connection)
            self._kept.discard(connection)

    def close_all(self) -> None:
        with self._lock:
            connections = list(self._all)
        for connection in connections:
            if connection.lock.acquire(blocking=False):  # else a thread waits, that ends with the process
                connection.close()
                connection.lock.release()

    def _run(self) -> None:
        while True:
            time.sleep(self.INTERVAL)
            self.tick()

    def tick(self) -> None:
        with self._lock:
            connections = list(self._kept)
        for connection in connections:
            if connection.lock.acquire(blocking=False):  # else somebody is reading it
                try:
                    if connection.closed is None:
                        connection.exchange()
                finally:
                    connection.lock.release()


_keeper = _Keeper()
atexit.register(lambda: _keeper.close_all())


def forget_all_after_fork() -> None:
    """In a child of fork(), whose copies of locks and threads are of no use."""
    global _keeper
    _keeper = _Keeper()
