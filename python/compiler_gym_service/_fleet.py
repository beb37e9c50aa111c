"""What the lanes of a vector environment are at, and what replies do to them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import _requests as requests
from . import commandline as command_lines
from ._batch import ObservationBatch
from ._episode import EPISODE_ENDS, Episode, Plan, error_info
from ._infos import columns
from ._lane import Lane, Work
from ._proto import compiler_gym_stream_pb2 as stream_pb
from ._sessions import Sessions
from .benchmark import Benchmark
from .client import Client
from .errors import (
    DeadlineExceeded,
    FailedPrecondition,
    NotFound,
    ServiceError,
    SessionNotFound,
    SessionsLost,
    Unavailable,
)
from .rewards import MetricReward
from .state import CompilerState

_RESTORE_ATTEMPTS = 3


class Fleet:
    """`step` and `begin` say what is to be done, `flush` has it done, `wait` and `collect` take in what comes of it.

    Any of the last three may find that the service has died: then everything is restored and goes on, or SessionsLost is
    raised.
    """

    def __init__(
        self,
        client: Client,
        plan: Plan,
        lanes: list[Lane],
        observations: ObservationBatch,
        max_episode_steps: int | None,
        same_step: bool,
    ) -> None:
        self.lanes = lanes
        self._plan = plan
        self._observations = observations
        self._max_episode_steps = max_episode_steps
        self._same_step = same_step
        self._sessions = Sessions(client, plan)
        self._busy = 0
        self._ready: deque[int] = deque()
        self._infos: dict[int, dict[str, Any]] = {}
        size = len(lanes)
        self.rewards = np.zeros(size, np.float64)
        self.terminated = np.zeros(size, np.bool_)
        self.truncated = np.zeros(size, np.bool_)
        self._had_no_effect = np.zeros(size, np.bool_)
        self._cost_position = self._where_the_cost_is()

    def _where_the_cost_is(self) -> int:
        """The position of the one number that the reward needs; -1 if it needs something else."""
        options = self._plan.reward_options
        for position, info in enumerate(self._plan.step_infos):
            if options.function is None and info.name == options.metric and info.kind == "int64_value":
                return position
        return -1

    # ------------------------------------------------------------------------------------------------------------ sending

    def step(self, lane: Lane, action: int) -> None:
        """One action."""
        lane.action = action
        lane.work = Work.STEPPING
        self._busy += 1
        self._sessions.add_step(lane)

    def begin(self, lane: Lane, benchmark: Benchmark) -> None:
        """A new episode; the session before ends."""
        self._sessions.add_end(lane)
        lane.episode = None
        lane.benchmark = benchmark
        lane.is_over = False
        lane.work = Work.BEGINNING
        self._busy += 1
        try:
            self._sessions.add_start(lane)
        except Unavailable as error:
            self._restore(error)
        except ServiceError:
            lane.work = Work.IDLE
            self._busy -= 1
            raise

    def flush(self) -> None:
        """Sends all that has been said."""
        try:
            self._sessions.flush()
        except Unavailable as error:
            self._restore(error)

    # ---------------------------------------------------------------------------------------------------------- receiving

    @property
    def unreceived(self) -> int:
        """Under way, or done and not taken."""
        return self._busy + len(self._ready)

    def wait(self, minimum: int, timeout: float | None) -> None:
        """Until so many are ready, or nothing is under way, or the time is up."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while len(self._ready) < minimum and self._busy:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left < 0:
                return
            self._receive(left)

    def take(self, maximum: int) -> list[int]:
        """The indices of those that are ready, the first done first."""
        ready = self._ready
        taken = [ready.popleft() for _ in range(min(maximum, len(ready)))]
        for index in taken:
            self.lanes[index].work = Work.IDLE
        return taken

    def collect(self, lanes: Sequence[Lane]) -> list[int]:
        """Waits for these, and takes them."""
        if len(lanes) == len(self.lanes):
            while self._busy:
                self._receive(None)
            return self.take(len(lanes))
        while any(lane.is_busy for lane in lanes):
            self._receive(None)
        indices = {lane.index for lane in lanes if lane.work is Work.READY}
        self._ready = deque(index for index in self._ready if index not in indices)
        for index in indices:
            self.lanes[index].work = Work.IDLE
        return sorted(indices)

    def drop(self, lanes: Sequence[Lane]) -> None:
        """Waits for these, and forgets what came of it."""
        for index in self.collect(lanes):
            self._infos.pop(index, None)

    def _receive(self, timeout: float | None) -> None:
        # The service ends what takes too long itself; a client waits a little longer for its word.
        limit = self._sessions.client.options.timeout + 30.0
        begun = time.monotonic()
        try:
            replies = self._sessions.receive(limit if timeout is None else timeout)
        except Unavailable as error:
            self._restore(error)
            return
        if not replies and timeout is None and time.monotonic() - begun >= limit:
            raise DeadlineExceeded(f"no answer within {limit:g} s")
        lost: list[Lane] = []
        failed: ServiceError | None = None
        for reply in replies:
            lane = self.lanes[reply.id - 1]
            try:
                if lane.work is Work.STEPPING:
                    self._stepped(lane, reply)
                elif lane.work is Work.BEGINNING:
                    self._begun(lane, reply)
            except SessionNotFound:
                lost.append(lane)
            except ServiceError as error:
                if lane.is_busy:
                    lane.work = Work.IDLE
                    self._busy -= 1
                failed = failed or error
        if lost:
            self._restore(SessionNotFound("the service has ended the sessions"), lost)
        if self._sessions.has_requests:
            self.flush()
        if failed is not None:
            raise failed

    def _stepped(self, lane: Lane, reply: stream_pb.StreamReply) -> None:
        index = lane.index
        episode = lane.episode
        assert episode is not None
        if reply.HasField("error"):
            error = requests.stream_error(reply.error)
            if not isinstance(error, EPISODE_ENDS):
                raise error
            episode.steps += 1
            self.rewards[index] = 0.0
            self.terminated[index], is_over = False, True
            self._infos[index] = error_info(error)
        else:
            step = reply.step
            events = step.observation
            reward = lane.reward
            if self._cost_position >= 0 and type(reward) is MetricReward:
                value = reward.step_cost(events[self._cost_position].int64_value)
            else:
                value = reward.step(self._plan.values(events, self._plan.step_infos))
            self._observations.write(index, events)
            episode.actions += self._plan.table.sequences[lane.action]
            episode.steps += 1
            episode.reward += value
            self.rewards[index] = value
            self.terminated[index] = step.end_of_session
            is_over = self._max_episode_steps is not None and episode.steps >= self._max_episode_steps
            self._had_no_effect[index] = step.action_had_no_effect
        self.truncated[index] = is_over
        if is_over or self.terminated[index]:
            lane.is_over = True
            if self._same_step:
                self._begin_at_once(lane)
                return
        self._busy -= 1
        lane.work = Work.READY
        self._ready.append(index)

    def _begin_at_once(self, lane: Lane) -> None:
        index = lane.index
        benchmark = lane.next_benchmark()  # which may fail
        final_info = self._infos.pop(index, None) or {"action_had_no_effect": bool(self._had_no_effect[index])}
        self._infos[index] = {"final_obs": self._observations.row(index), "final_info": final_info}
        self._busy -= 1
        self.begin(lane, benchmark)

    def _begun(self, lane: Lane, reply: stream_pb.StreamReply) -> None:
        index = lane.index
        benchmark = lane.benchmark
        assert benchmark is not None
        if reply.HasField("error"):
            error = requests.stream_error(reply.error)
            if isinstance(error, NotFound) and self._sessions.client.has_sent(benchmark):
                self._sessions.client.forget_sent(benchmark)  # it has been evicted
                self._sessions.add_start(lane, with_program=True)
                return
            raise error
        start = reply.start_session
        lane.episode = Episode(benchmark, None, 0)
        self._sessions.started(lane, start.session_id)
        lane.reward.reset(self._plan.values(start.observation, self._plan.start_infos))
        self._observations.write(index, start.observation)
        info = self._infos.setdefault(index, {})
        info["benchmark"] = benchmark.uri
        if "final_obs" not in info:  # else these are the step's that ended the episode before
            self.rewards[index] = 0.0
            self.terminated[index] = self.truncated[index] = False
        self._busy -= 1
        lane.work = Work.READY
        self._ready.append(index)

    def infos(self, indices: Iterable[int]) -> dict[str, Any]:
        """Of those, as Gymnasium has infos of vectors."""
        size = len(self.lanes)
        mask = np.zeros(size, np.bool_)
        mask[list(indices)] = True
        special = [(index, self._infos.pop(index)) for index in indices if index in self._infos]
        infos = columns(special, size)
        for index, _ in special:
            mask[index] = False
        if mask.any():
            infos["action_had_no_effect"] = self._had_no_effect & mask
            infos["_action_had_no_effect"] = mask
        return infos

    # ---------------------------------------------------------------------------------------------------------- restoring

    def _restore(self, reason: ServiceError, lanes: Sequence[Lane] | None = None) -> None:
        """Everything after the connection has gone, or the sessions of these lanes: what was under way goes on."""
        for _ in range(_RESTORE_ATTEMPTS):
            try:
                if lanes is None:
                    self._sessions.reconnect()
                affected = self.lanes if lanes is None else lanes
                generation = self._sessions.client.generation
                stale = []
                for lane in affected:
                    episode = lane.episode
                    # Whether a step that was under way has been done nobody knows.
                    if episode and (lane.work is Work.STEPPING or episode.generation != generation):
                        if lanes is None:
                            self._sessions.add_end(lane)
                        stale.append(lane)
                self._sessions.replay(stale)
                for lane in affected:
                    if lane.work is Work.STEPPING:
                        self._sessions.add_step(lane)
                    elif lane.work is Work.BEGINNING:
                        self._sessions.add_start(lane)
                self._sessions.flush()
            except Unavailable as error:
                reason, lanes = error, None
            except ServiceError as error:
                raise self._give_up(error) from error
            else:
                return
        raise self._give_up(reason) from reason

    def _give_up(self, reason: ServiceError) -> SessionsLost:
        indices = tuple(lane.index for lane in self.lanes if lane.episode is not None or lane.is_busy)
        for lane in self.lanes:
            lane.episode = None
            lane.work = Work.IDLE
        self._busy = 0
        self._ready.clear()
        self._infos.clear()
        return SessionsLost(f"{len(indices)} sessions are lost: {reason}", indices)

    # ------------------------------------------------------------------------------------------------------------- others

    def observe(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Of all lanes, in one exchange."""
        if any(lane.work is not Work.IDLE or lane.episode is None for lane in self.lanes):
            raise FailedPrecondition("sub-environments are under way, or have not been reset")
        infos = requests.observation_infos(self._plan.spaces, names)
        for attempt in range(_RESTORE_ATTEMPTS):
            wanted = {}
            for lane in self.lanes:
                assert lane.episode is not None and lane.episode.session is not None
                step = requests.step_request(lane.episode.session, [], infos)
                wanted[lane.index] = stream_pb.StreamRequest(step=step)
            try:
                replies = self._sessions.ask(wanted)
                return [requests.named_values(infos, replies[lane.index].step.observation) for lane in self.lanes]
            except Unavailable as error:
                if attempt + 1 == _RESTORE_ATTEMPTS:
                    raise self._give_up(error) from error
                self._restore(error)
        raise AssertionError

    def states(self) -> list[CompilerState]:
        """Of all, with the IR's hash."""
        space = self._plan.table.space
        states = []
        for lane, values in zip(self.lanes, self.observe(["IrSha1"]), strict=True):
            episode = lane.episode
            assert episode is not None
            states.append(
                CompilerState(
                    benchmark=episode.benchmark.uri,
                    commandline=command_lines.to_flags(space, episode.actions),
                    walltime=time.monotonic() - episode.started,
                    reward=episode.reward,
                    ir_sha1=values["IrSha1"],
                    action_space=space.name,
                )
            )
        return states

    def end(self) -> None:
        """All sessions."""
        self._sessions.end(self.lanes)
