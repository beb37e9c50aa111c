"""The sessions of many lanes on one exchange: sent to, asked, and restored when they are lost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from . import _requests as requests
from ._episode import Plan
from ._exchange import Exchange
from ._lane import Lane
from ._proto import compiler_gym_service_pb2 as pb
from ._proto import compiler_gym_stream_pb2 as stream_pb
from ._wire import StepEncoder
from .benchmark import Benchmark
from .client import Client
from .errors import Unavailable

# The service's default.
_MAX_BATCH = 1024
# Requests that no lane waits for have numbers from here on; the others have those of the lanes, from 1 on.
_NO_LANE = 1 << 32


class Sessions:
    """Requests are gathered by `add_…` and go out, in as few messages as possible, by `flush`.

    Raises Unavailable when the connection has gone, and with it all that was under way; `reconnect` then.
    """

    def __init__(self, client: Client, plan: Plan) -> None:
        self.client = client
        self._plan = plan
        self._encoder = StepEncoder(plan.table.sequences, [info.index for info in plan.step_infos])
        self._exchange: Exchange | None = None
        self._entries: list[bytes] = []
        self._deferred: list[stream_pb.StreamReply] = []
        self._next_number = _NO_LANE

    # ---------------------------------------------------------------------------------------------------------- gathering

    @property
    def has_requests(self) -> bool:
        """They have been gathered and not sent."""
        return bool(self._entries)

    def add_step(self, lane: Lane) -> None:
        """The lane's action, and what the plan asks for."""
        self._entries.append(self._encoder.encode(lane.head, lane.action))

    def add_start(self, lane: Lane, *, with_program: bool = False) -> None:
        """A session on the lane's benchmark."""
        benchmark = lane.benchmark
        assert benchmark is not None
        if not with_program:
            self._give(benchmark)
        space, infos = self._plan.table.space, self._plan.start_infos
        message = requests.start_request(benchmark, space, infos, with_program=with_program)
        self._add(stream_pb.StreamRequest(id=lane.index + 1, start_session=message))

    def add_end(self, lane: Lane) -> None:
        """Of the lane's session, if there is one in the service at hand. Nobody waits for the reply."""
        episode = lane.episode
        if episode is not None and episode.session is not None and episode.generation == self.client.generation:
            self._next_number += 1
            end = pb.EndSessionRequest(session_id=episode.session)
            self._add(stream_pb.StreamRequest(id=self._next_number, end_session=end))

    def _add(self, request: stream_pb.StreamRequest) -> None:
        self._entries.append(stream_pb.RequestBatch(request=[request]).SerializeToString())

    def _give(self, benchmark: Benchmark) -> None:
        """A start by URI must find the program, and order between requests on a stream is not promised."""
        if not self.client.has_sent(benchmark):
            self.client.add_benchmarks([benchmark])

    # ------------------------------------------------------------------------------------------------- sending, receiving

    def flush(self) -> None:
        """Sends what has been gathered."""
        exchange = self._current()
        entries, self._entries = self._entries, []
        for first in range(0, len(entries), _MAX_BATCH):
            exchange.send(b"".join(entries[first : first + _MAX_BATCH]))

    def receive(self, timeout: float | None) -> list[stream_pb.StreamReply]:
        """What has come for lanes: a reply's id is the lane's index and 1. Nothing if the time is up."""
        if self._deferred:
            deferred, self._deferred = self._deferred, []
            return deferred
        if self._exchange is None:
            raise Unavailable("the connection has gone")
        replies = self._exchange.receive(timeout)
        return [reply for reply in replies if reply.id < _NO_LANE]

    def ask(self, wanted: dict[int, stream_pb.StreamRequest]) -> dict[int, stream_pb.StreamReply]:
        """Several requests by lane, and waits for all their replies. Raises what the first that failed says."""
        exchange = self._current()
        lanes = {}
        for index, request in wanted.items():
            self._next_number += 1
            request.id = self._next_number
            lanes[request.id] = index
        everything = list(wanted.values())
        for first in range(0, len(everything), _MAX_BATCH):
            exchange.send(stream_pb.RequestBatch(request=everything[first : first + _MAX_BATCH]).SerializeToString())
        replies: dict[int, stream_pb.StreamReply] = {}
        deadline = time.monotonic() + self.client.options.timeout
        while len(replies) < len(wanted):
            left = deadline - time.monotonic()
            if left < 0:
                raise Unavailable(f"no answer within {self.client.options.timeout:g} s")
            for reply in exchange.receive(left):
                if reply.id in lanes:
                    if reply.HasField("error"):
                        raise requests.stream_error(reply.error)
                    replies[lanes[reply.id]] = reply
                elif reply.id < _NO_LANE:
                    self._deferred.append(reply)
        return replies

    # ---------------------------------------------------------------------------------------------------------- restoring

    def _current(self) -> Exchange:
        """Raises Unavailable once if it is another one than before: what was under way is not coming any more."""
        connection = self.client.connection()
        exchange = self._exchange
        if exchange is None or exchange.connection is not connection:
            self._exchange = Exchange(connection)
            if exchange is not None:
                raise Unavailable("the connection has gone")
        assert self._exchange is not None
        return self._exchange

    def reconnect(self) -> None:
        """Nothing is gathered or under way after it. Starts a new service if need be."""
        self._entries.clear()
        self._deferred.clear()
        self._exchange = None
        self._current()

    def started(self, lane: Lane, session: int) -> None:
        """The lane's episode has a session."""
        assert lane.episode is not None
        lane.episode.session, lane.episode.generation = session, self.client.generation
        lane.head = self._encoder.head(lane.index + 1, session)

    def replay(self, lanes: Sequence[Lane]) -> None:
        """New sessions for these, in which everything is done again."""
        starts, steps = {}, {}
        for lane in lanes:
            assert lane.episode is not None
            self._give(lane.episode.benchmark)
            message = requests.start_request(lane.episode.benchmark, self._plan.table.space, [], with_program=False)
            starts[lane.index] = stream_pb.StreamRequest(start_session=message)
        replies = self.ask(starts)
        for lane in lanes:
            assert lane.episode is not None
            self.started(lane, replies[lane.index].start_session.session_id)
            if lane.episode.actions:
                step = requests.step_request(replies[lane.index].start_session.session_id, lane.episode.actions, [])
                steps[lane.index] = stream_pb.StreamRequest(step=step)
        self.ask(steps)

    def end(self, lanes: Iterable[Lane]) -> None:
        """Ends the sessions of these, and waits for that: they cost the service memory."""
        wanted = {}
        for lane in lanes:
            episode, lane.episode = lane.episode, None
            if episode is not None and episode.session is not None and episode.generation == self.client.generation:
                end = pb.EndSessionRequest(session_id=episode.session)
                wanted[lane.index] = stream_pb.StreamRequest(end_session=end)
        if wanted and self.client.is_ours():
            self.ask(wanted)
