"""Many requests under way at a time, for one thread that blocks: on a stream, or as unary calls where there is none."""

from __future__ import annotations

from ._http2 import Call
from ._proto import compiler_gym_stream_pb2 as stream_pb
from ._requests import (
    ADD_BENCHMARK,
    END_SESSION,
    FORK_SESSION,
    START_SESSION,
    STEP,
    STREAM_PATH,
)
from ._transport import Connection
from .errors import DeadlineExceeded, ServiceError, Unavailable, Unimplemented

_RPCS = {rpc.field: rpc for rpc in (START_SESSION, FORK_SESSION, END_SESSION, STEP, ADD_BENCHMARK)}


class Exchange:
    """Sends batches of requests, and gives the replies as they come.

    Raises Unavailable when the connection or the stream has ended: then no reply is coming any more.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        connection.keep_alive()  # replies may come while nobody receives
        self._stream: Call | None = connection.start(STREAM_PATH)
        # What has been sent before the first reply: a service without a stream has seen none of it.
        self._unproven: list[bytes] | None = []
        self._unary: dict[Call, tuple[int, str]] = {}

    def send(self, batch: bytes) -> None:
        """A RequestBatch. Does not wait."""
        with self.connection.lock:
            if self._stream is None:
                self._send_unary(batch)
            else:
                if self._unproven is not None:
                    self._unproven.append(batch)
                self._stream.send(batch)
            self.connection.exchange()

    def receive(self, timeout: float | None) -> list[stream_pb.StreamReply]:
        """What has come, and waits for that if there is nothing. Nothing if the time is up."""
        with self.connection.lock:
            try:
                self.connection.wait(self._has_news, timeout)
            except DeadlineExceeded:
                return []
            stream = self._stream
            if stream is None:
                return self._unary_replies()
            replies: list[stream_pb.StreamReply] = []
            while stream.messages:
                replies += stream_pb.ReplyBatch.FromString(stream.messages.popleft()).reply
            if replies:
                self._unproven = None
            elif stream.is_done:
                self._stream_ended(stream.error)
            return replies

    def _has_news(self) -> bool:
        stream = self._stream
        if stream is not None:
            return bool(stream.messages) or stream.is_done
        return any(call.is_done for call in self._unary) or self.connection.closed is not None

    def _stream_ended(self, error: ServiceError | None) -> None:
        if not isinstance(error, Unimplemented) or self._unproven is None:
            raise Unavailable(f"the service has ended the stream: {error or 'without a reason'}")
        self._stream = None
        batches, self._unproven = self._unproven, None
        for batch in batches:
            self._send_unary(batch)
        self.connection.exchange()

    # ------------------------------------------------------------------------------------------------ without a stream

    def _send_unary(self, batch: bytes) -> None:
        for request in stream_pb.RequestBatch.FromString(batch).request:
            kind = request.WhichOneof("request")
            assert kind is not None
            call = self.connection.start(_RPCS[kind].path)
            self._unary[call] = (request.id, kind)
            call.send(getattr(request, kind).SerializeToString(), is_last=True)

    def _unary_replies(self) -> list[stream_pb.StreamReply]:
        replies = []
        for call in [call for call in self._unary if call.is_done]:
            number, kind = self._unary.pop(call)
            reply = stream_pb.StreamReply(id=number)
            if isinstance(call.error, Unavailable):
                raise call.error
            if call.error is not None:
                reply.error.code, reply.error.message = call.error.status, call.error.reason
            else:
                getattr(reply, kind).MergeFromString(call.messages[0])
                getattr(reply, kind).SetInParent()
            replies.append(reply)
        if not replies and self.connection.closed is not None:
            raise Unavailable(self.connection.closed.reason)
        return replies
