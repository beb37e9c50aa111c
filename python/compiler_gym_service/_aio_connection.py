"""A connection for asyncio: Http2Connection as a protocol, with one stream that all calls share."""

from __future__ import annotations

import asyncio
from typing import Any

from ._http2 import Call, Http2Connection
from ._proto import compiler_gym_stream_pb2 as stream_pb
from ._requests import STREAM_PATH, Reply, Request, Rpc, stream_error
from ._transport import Endpoint, tls_context
from .errors import Internal, ServiceError, Unavailable, Unimplemented
from .options import TlsOptions

# The service's default.
_MAX_BATCH = 1024


class AsyncConnection(asyncio.Protocol):
    """What is asked for in one turn of the event loop goes in one message.

    Where a service has no stream, calls are unary. Everything runs on the event loop that made it.
    """

    def __init__(self, authority: str, scheme: str, token: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._http2 = Http2Connection(authority, scheme, token)
        self._transport: asyncio.Transport | None = None
        self._stream: Call | None = None
        self._is_unary = False
        self._next_id = 1
        self._unsent: list[stream_pb.StreamRequest] = []
        self._flush_is_due = False
        # By the request's id: who waits, and for a service without a stream what was asked.
        self._waiting: dict[int, tuple[asyncio.Future[Any], Rpc[Any, Any], stream_pb.StreamRequest]] = {}
        self._unary: dict[Call, tuple[asyncio.Future[Any], Rpc[Any, Any]]] = {}
        self._is_lost = self._loop.create_future()

    @classmethod
    async def connect(cls, address: str, *, token: str, tls: TlsOptions | None, timeout: float) -> AsyncConnection:
        """Raises Unavailable."""
        endpoint = Endpoint.parse(address)
        loop = asyncio.get_running_loop()
        scheme = "http" if tls is None else "https"

        def protocol() -> AsyncConnection:
            return cls(endpoint.authority, scheme, token)

        try:
            if endpoint.path:
                connecting = loop.create_unix_connection(protocol, endpoint.path)
            else:
                context = None if tls is None else tls_context(tls)
                name = (tls.server_name or endpoint.host) if tls else None
                connecting = loop.create_connection(
                    protocol, endpoint.host, endpoint.port, ssl=context, server_hostname=name
                )
            return (await asyncio.wait_for(connecting, timeout))[1]
        except (OSError, asyncio.TimeoutError) as error:
            raise Unavailable(f"cannot connect to {address}: {error}", not_sent=True) from error

    @property
    def closed(self) -> ServiceError | None:
        """Why no more calls can be made on it."""
        return self._http2.closed

    async def call(self, rpc: Rpc[Request, Reply], request: Request) -> Reply:
        """Raises ServiceError. If it is cancelled, the service does it all the same, and the reply is dropped."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._is_unary:
            self._call_unary(future, rpc, request.SerializeToString())
        else:
            message = stream_pb.StreamRequest(id=self._next_id)
            getattr(message, rpc.field).MergeFrom(request)
            getattr(message, rpc.field).SetInParent()
            self._next_id += 1
            self._waiting[message.id] = (future, rpc, message)
            self._unsent.append(message)
            if not self._flush_is_due:
                self._flush_is_due = True
                self._loop.call_soon(self._flush)
        return await future

    async def close(self) -> None:
        """Calls under way fail."""
        if self._transport is not None:
            self._transport.close()
            await asyncio.wait([self._is_lost])

    def abandon(self) -> None:
        """In a child of fork(): the parent goes on with it."""
        self._http2.lose("it belongs to the parent process")

    # ------------------------------------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By the event loop."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._write()

    def data_received(self, data: bytes) -> None:
        """By the event loop."""
        self._http2.receive(data)
        self._deliver()
        self._write()

    def connection_lost(self, error: Exception | None) -> None:
        """By the event loop."""
        self._http2.lose(f"the connection broke: {error}" if error else "the connection was closed")
        self._deliver()
        if not self._is_lost.done():
            self._is_lost.set_result(None)

    # --------------------------------------------------------------------------------------------------------- details

    def _write(self) -> None:
        outgoing = self._http2.outgoing
        if outgoing and self._transport is not None:
            self._transport.write(bytes(outgoing))
            outgoing.clear()

    def _flush(self) -> None:
        self._flush_is_due = False
        unsent, self._unsent = self._unsent, []
        try:
            if self._stream is None:
                self._stream = self._http2.start(STREAM_PATH)
        except ServiceError as error:
            self._fail(error)
            return
        for first in range(0, len(unsent), _MAX_BATCH):
            batch = stream_pb.RequestBatch(request=unsent[first : first + _MAX_BATCH])
            self._stream.send(batch.SerializeToString())
        self._write()

    def _deliver(self) -> None:
        stream = self._stream
        if stream is not None:
            while stream.messages:
                for reply in stream_pb.ReplyBatch.FromString(stream.messages.popleft()).reply:
                    self._answer(reply)
            if stream.is_done:
                self._stream_ended(stream.error)
        for call in [call for call in self._unary if call.is_done]:
            future, rpc = self._unary.pop(call)
            if future.done():
                continue
            if call.error is not None:
                future.set_exception(call.error)
            else:
                future.set_result(rpc.parse(call.messages[0]))

    def _answer(self, reply: stream_pb.StreamReply) -> None:
        future, rpc, _ = self._waiting.pop(reply.id, (None, None, None))
        if future is None or rpc is None or future.done():
            return  # whoever asked was cancelled
        kind = reply.WhichOneof("reply")
        if kind == "error":
            future.set_exception(stream_error(reply.error))
        elif kind == rpc.field:
            future.set_result(getattr(reply, kind))
        else:
            future.set_exception(Internal(f"the service answered {rpc.name} by {kind}"))

    def _stream_ended(self, error: ServiceError | None) -> None:
        self._stream = None
        if isinstance(error, Unimplemented):
            self._is_unary = True
            waiting, self._waiting = self._waiting, {}
            self._unsent.clear()
            for future, rpc, request in waiting.values():
                self._call_unary(future, rpc, getattr(request, rpc.field).SerializeToString())
        else:
            self._fail(error or Unavailable("the service has ended the stream"))

    def _fail(self, error: ServiceError) -> None:
        waiting, self._waiting = self._waiting, {}
        for future, _, _ in waiting.values():
            if not future.done():
                future.set_exception(type(error)(error.reason, not_sent=error.not_sent))

    def _call_unary(self, future: asyncio.Future[Any], rpc: Rpc[Any, Any], request: bytes) -> None:
        try:
            call = self._http2.start(rpc.path)
        except ServiceError as error:
            future.set_exception(error)
            return
        self._unary[call] = (future, rpc)
        call.send(request, is_last=True)
        self._write()
