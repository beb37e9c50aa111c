"""HTTP/2 and gRPC without a socket, against the reference implementation (h2) as the service."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler_gym_service import _http2, _transport, errors
from compiler_gym_service._http2 import Http2Connection


class Service:
    """A gRPC service on the other end, which answers what a test tells it to."""

    def __init__(self, token: str = "", window: int | None = None) -> None:
        self.client = Http2Connection("localhost", "http", token)
        self.server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        if window is not None:
            self.server.local_settings = h2.settings.Settings(
                client=False, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
            )
        self.server.initiate_connection()
        self.headers: dict[int, dict[bytes, bytes]] = {}
        self.bodies: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.reset: set[int] = set()

    def run(self, *, chunk: int = 1 << 20, reads: bool = True) -> None:
        """Until neither has anything to say. Each hears the other in pieces of `chunk` bytes."""
        while True:
            to_server = bytes(self.client.outgoing)
            self.client.outgoing.clear()
            for at in range(0, len(to_server), chunk):
                self._take(self.server.receive_data(to_server[at : at + chunk]), reads)
            to_client = self.server.data_to_send() or b""
            for at in range(0, len(to_client), chunk):
                self.client.receive(to_client[at : at + chunk])
            if not to_client and not self.client.outgoing:
                return

    def _take(self, events: list[Any], reads: bool) -> None:
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                self.headers[event.stream_id] = dict(event.headers)
                self.bodies[event.stream_id] = bytearray()
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                if reads:
                    self.server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.reset.add(event.stream_id)

    def messages(self, stream: int) -> list[bytes]:
        found, body = [], bytes(self.bodies[stream])
        while body:
            compressed, length = struct.unpack(">BI", body[:5])
            assert compressed == 0
            found.append(body[5 : 5 + length])
            body = body[5 + length :]
        return found

    def begin(self, stream: int, status: str = "200") -> None:
        self.server.send_headers(stream, [(":status", status), ("content-type", "application/grpc")])

    def send(self, stream: int, message: bytes, frame: int = 16384, padding: int | None = None) -> None:
        payload = struct.pack(">BI", 0, len(message)) + message
        for at in range(0, len(payload), frame):
            self.server.send_data(stream, payload[at : at + frame], pad_length=padding)

    def end(self, stream: int, status: int = 0, message: str = "") -> None:
        trailers = [("grpc-status", str(status))] + ([("grpc-message", message)] if message else [])
        self.server.send_headers(stream, trailers, end_stream=True)


@settings(max_examples=40, deadline=None)
@given(
    requests=st.lists(st.binary(max_size=300), max_size=5),
    replies=st.lists(st.binary(max_size=300), max_size=5),
    chunk=st.integers(1, 60),
    frame=st.integers(1, 100),
    padding=st.none() | st.integers(0, 20),
)
def test_messages_arrive_however_they_are_cut(
    requests: list[bytes], replies: list[bytes], chunk: int, frame: int, padding: int | None
) -> None:
    service = Service()
    call = service.client.start("/service/Method")
    for request in requests:
        call.send(request)
    call.close()
    service.run(chunk=chunk)
    assert service.messages(call.id) == requests
    assert call.id in service.ended
    service.begin(call.id)
    for reply in replies:
        service.send(call.id, reply, frame, padding)
    service.end(call.id)
    service.run(chunk=chunk)
    assert list(call.messages) == replies
    assert call.is_done and call.error is None
    assert service.client.calls_under_way == 0


@pytest.mark.parametrize("window", [0, 1, 1000, 65535])
def test_no_more_is_sent_than_there_is_room_for(window: int) -> None:
    service = Service(window=window)
    service.run()
    call = service.client.start("/service/Method")
    large = bytes(range(256)) * 2000
    call.send(large)
    call.send(b"small", is_last=True)
    # A service that does not read gets its window, and no byte more: h2 would say so.
    service.run(reads=False)
    assert len(service.bodies[call.id]) == min(window, 65535)
    for _ in range(2000):
        if call.id in service.ended:
            break
        service.server.increment_flow_control_window(60000, call.id)
        service.server.increment_flow_control_window(60000)
        service.run(reads=False)
    assert service.messages(call.id) == [large, b"small"]


def test_a_window_that_shrinks_under_way() -> None:
    service = Service(window=100)
    service.run()
    call = service.client.start("/service/Method")
    call.send(b"x" * 500)
    service.run(reads=False)
    service.server.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 10})
    service.run(reads=False)
    service.server.increment_flow_control_window(600, call.id)
    service.run(reads=False)
    assert service.messages(call.id) == [b"x" * 500]


def test_what_was_read_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http2, "_WINDOW", 100_000)
    service = Service()
    call = service.client.start("/service/Method")
    service.run()
    service.begin(call.id)
    for _ in range(50):  # five times the window: h2 refuses to send what there is no room for
        service.send(call.id, b"x" * 10_000)
        service.run()
    assert len(call.messages) == 50


def test_the_request_says_what_grpc_wants() -> None:
    service = Service(token="secret")
    call = service.client.start("/service/Method", timeout=2.5)
    service.run()
    headers = service.headers[call.id]
    assert headers[b":path"] == b"/service/Method"
    assert headers[b":method"] == b"POST"
    assert headers[b"te"] == b"trailers"
    assert headers[b"content-type"] == b"application/grpc"
    assert headers[b"grpc-timeout"] == b"2500000u"
    assert headers[b"authorization"] == b"Bearer secret"
    assert [_http2._grpc_timeout(seconds) for seconds in (0, 99.999999, 100, 1e9)] == [
        b"0u",
        b"99999999u",
        b"100000m",
        b"99999999m",
    ]


Failure = Callable[[Service, int], None]


def _without_status(service: Service, stream: int) -> None:
    service.begin(stream)
    service.server.end_stream(stream)


def _http_status(status: str) -> Failure:
    return lambda service, stream: service.server.send_headers(stream, [(":status", status)], end_stream=True)


@pytest.mark.parametrize(
    ("fail", "error", "reason"),
    [
        (_without_status, errors.Internal, "without a status"),
        (_http_status("404"), errors.Unimplemented, "HTTP status 404: is it a gRPC service"),
        (_http_status("503"), errors.Unavailable, "HTTP status 503"),
        (lambda service, stream: service.server.reset_stream(stream, 7), errors.Unavailable, "HTTP/2 error 7"),
        (lambda service, stream: service.server.reset_stream(stream, 2), errors.Internal, "HTTP/2 error 2"),
        (
            lambda service, stream: service.server.close_connection(last_stream_id=0),
            errors.Unavailable,
            "is closing the connection",
        ),
    ],
)
def test_what_ends_a_call_is_an_error(fail: Failure, error: type[errors.ServiceError], reason: str) -> None:
    service = Service()
    call = service.client.start("/service/Method")
    service.run()
    fail(service, call.id)
    service.run()
    assert call.is_done
    assert isinstance(call.error, error), call.error
    assert reason in str(call.error)


def test_a_status_has_its_reason_unquoted() -> None:
    service = Service()
    call = service.client.start("/service/Method")
    service.run()
    service.begin(call.id)
    service.end(call.id, 5, "Session not found: 7 %E2%82%AC 100%25")
    service.run()
    assert isinstance(call.error, errors.SessionNotFound)
    assert call.error.reason == "Session not found: 7 € 100%"


def test_headers_may_come_in_several_frames() -> None:
    service = Service()
    call = service.client.start("/service/Method")
    service.run()
    service.begin(call.id)
    service.end(call.id, 3, "x" * 40_000)  # h2 cuts this into CONTINUATION frames
    service.run(chunk=1000)
    assert isinstance(call.error, errors.InvalidArgument) and len(call.error.reason) == 40_000


def test_calls_go_on_when_no_more_are_taken() -> None:
    service = Service()
    old = service.client.start("/service/Method")
    service.run()
    service.server.close_connection()
    to_client = service.server.data_to_send()
    assert to_client
    service.client.receive(to_client)
    assert not old.is_done
    with pytest.raises(errors.Unavailable, match="is closing the connection") as refused:
        service.client.start("/service/Method")
    assert refused.value.not_sent


def test_a_call_that_is_taken_back_is_reset() -> None:
    service = Service()
    call = service.client.start("/service/Method")
    service.run()
    call.cancel()
    service.run()
    assert call.id in service.reset
    assert isinstance(call.error, errors.Cancelled)


def test_pings_are_answered() -> None:
    service = Service()
    service.run()
    service.server.ping(b"12345678")
    to_client = service.server.data_to_send()
    assert to_client
    service.client.receive(to_client)
    assert bytes(service.client.outgoing).endswith(b"12345678")


@given(st.binary(max_size=400))
def test_whatever_comes_ends_in_an_error_at_worst(data: bytes) -> None:
    client = Http2Connection("localhost", "http")
    call = client.start("/service/Method")
    client.receive(data)
    client.receive(data)
    client.lose("the connection broke")
    assert call.is_done and call.error is not None


def test_the_keeper_answers_pings_on_connections_that_nobody_reads(tmp_path: Any) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        connection = _transport.Connection(f"unix:{path}")
        connection.keep_alive()
        accepted, _ = listener.accept()
        with accepted:
            server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
            server.initiate_connection()
            server.ping(b"12345678")
            accepted.sendall(server.data_to_send() or b"")
            events: list[Any] = []
            accepted.settimeout(20)
            while not any(isinstance(event, h2.events.PingAckReceived) for event in events):
                _transport._keeper.tick()
                events += server.receive_data(accepted.recv(4096))
        connection.close()
