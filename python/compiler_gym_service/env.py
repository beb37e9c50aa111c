"""One program at a time, as a Gymnasium environment."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium

from . import _requests as requests
from . import commandline as command_lines
from ._episode import EPISODE_ENDS, BenchmarkOrder, Episode, EpisodeOptions, ObservationNames, Plan, error_info
from ._proto import compiler_gym_service_pb2 as pb
from ._resolve import Source
from ._values import value_of
from .actions import Actions, ActionTable
from .benchmark import Benchmark
from .client import Client
from .errors import (
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    ServiceError,
    SessionNotFound,
    SessionsLost,
    Unavailable,
    Unimplemented,
)
from .options import ServiceOptions
from .rewards import Reward
from .state import CompilerState
from .validation import ValidationResult, compare_runs, is_broken


class ObservationView:
    """`env.observation["Ir"]`: computed when looked at, without a step; the module is as it was."""

    def __init__(self, env: CompilerEnv) -> None:
        self._env = env

    def __getitem__(self, name: str) -> Any:
        return self._env.observe(name)[name]

    def __iter__(self) -> Any:
        return iter(self._env.plan.spaces.observations)

    def __len__(self) -> int:
        return len(self._env.plan.spaces.observations)


class CompilerEnv(gymnasium.Env[Any, Any]):
    """Optimises programs, pass by pass.

    All arguments are plain data, so that `spec` can be written down and made from again:

    service             see ServiceOptions: nothing, an address, the path of a binary, or fields. Environments of a process
                        that say the same share one service.
    benchmark, dataset  one or several programs, or a set of them; the demo programs if neither is given. See `dataset_of`.
    compile_args        what clang is told besides when it compiles one that is a source, in the folder of which it is
                        started; None: what the reward wants, which is nothing but for ShippedTextSizeBytes.
    benchmark_order     "random" (by the seed) or "sequential", from number `first_benchmark` on.
    action_space        one of the service's, by name; its first one if not given.
    actions             some of its actions, or macros of several; or a file of these.
    observation_space   a name, or a tuple or dictionary of them.
    reward              a name of CompilerGym's, or the fields of Reward.
    max_episode_steps   the episode is truncated then. (`gymnasium.make` has an argument of that name, and a wrapper.)

    A step that breaks the compiler (DATA_LOSS), takes too long or finds a limit of the service truncates the episode, with
    `error_type` and `error_details` in its `info`, the observation as it was and reward 0. When the service dies, the
    session is restored in a new one by doing its actions again; SessionsLost is raised if that fails too. A bad argument
    raises InvalidArgument, which is a ValueError.

    Not for use by several threads at a time. A child of fork() that has a copy goes on in a service of its own.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 (an instance variable to Gymnasium)

    def __init__(
        self,
        *,
        service: ServiceOptions | dict[str, Any] | str | None = None,
        benchmark: Source | None = None,
        dataset: Source | None = None,
        benchmark_order: str = "random",
        first_benchmark: int = 0,
        compile_args: Sequence[str] | None = None,
        action_space: str | None = None,
        actions: Actions = None,
        observation_space: ObservationNames = "Autophase",
        reward: Reward | Mapping[str, Any] | str = "IrInstructionCountOz",
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise InvalidArgument(f"no render mode '{render_mode}'; there is ansi")
        self.render_mode = render_mode
        self._options = EpisodeOptions(
            benchmark=benchmark,
            dataset=dataset,
            benchmark_order=benchmark_order,
            first_benchmark=first_benchmark,
            compile_args=compile_args,
            action_space=action_space,
            actions=actions,
            observation_space=observation_space,
            reward=reward,
            max_episode_steps=max_episode_steps,
        )
        self.client = Client(service)
        try:
            self._set_up(Plan(self.client.spaces, self._options), BenchmarkOrder(self._options))
        except BaseException:
            self.client.close()
            raise

    def _set_up(self, plan: Plan, order: BenchmarkOrder) -> None:
        #: What is asked for and what actions mean.
        self.plan = plan
        self.order = order
        self.action_space = plan.action_space
        self.observation_space = plan.observation_space
        self.observation = ObservationView(self)
        self._reward = plan.make_reward()
        self._episode: Episode | None = None
        self._last: Any = None
        self._is_closed = False

    # --------------------------------------------------------------------------------------------------------- Gymnasium

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins with another program, or with options["benchmark"]; info["benchmark"] is its URI."""
        super().reset(seed=seed)
        chosen = (options or {}).get("benchmark")
        benchmark = self.order.find(chosen) if chosen is not None else self.order.next(self.np_random)
        return self._begin(benchmark), {"benchmark": benchmark.uri}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Applies one action; info["action_had_no_effect"] says whether it changed anything."""
        return self.multistep([int(action)])

    def multistep(self, actions: Iterable[int | str]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Applies several in one request, as one step: the reward is that of all of them."""
        numbers = self.plan.table.flatten(self.plan.table.number(action) for action in actions)
        return self._step(numbers)

    def render(self) -> Any:
        """The IR, as text, in render mode ansi."""
        return self.observation["Ir"] if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Ends the session. The service goes on for other environments of this process, until it ends."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(ServiceError):
            self._end_session()
        self.client.close()

    # ---------------------------------------------------------------------------------------------------- what users know

    @property
    def benchmark(self) -> Benchmark:
        """The program at hand. Set it, to a Benchmark, URI or file, to get it at each reset from now on."""
        return self._running().benchmark

    @benchmark.setter
    def benchmark(self, benchmark: str | Benchmark) -> None:
        self.order.fixed = self.order.find(benchmark)

    @property
    def actions(self) -> list[str]:
        """What has been done to it, by name."""
        return [self.plan.table.space.names[number] for number in self._running().actions]

    @property
    def episode_reward(self) -> float:
        """All together."""
        return self._running().reward

    @property
    def in_episode(self) -> bool:
        """There is a program at hand."""
        return self._episode is not None

    def observe(self, *names: str) -> dict[str, Any]:
        """Several observations in one request: numbers, text, bytes, arrays; None where one does not apply."""
        infos = requests.observation_infos(self.plan.spaces, names)
        reply = self._send([], infos)
        return {info.name: value_of(event) for info, event in zip(infos, reply.observation, strict=True)}

    def fork(self) -> CompilerEnv:
        """Another environment in the same state. Where the compiler can't fork, the actions are done again."""
        episode = self._running()
        other = object.__new__(type(self))
        other.render_mode = self.render_mode
        other._options = self._options
        other.client = self.client.share()
        other._set_up(self.plan, self.order.copy_at(0))
        other.spec = self.spec
        try:
            self._ensure_session(episode)
            assert episode.session is not None
            reply = self.client.call(requests.FORK_SESSION, pb.ForkSessionRequest(session_id=episode.session))
            session: int | None = reply.session_id
        except Unimplemented:
            session = None
        copy = Episode(episode.benchmark, session, self.client.generation, list(episode.actions))
        copy.steps, copy.reward, copy.started = episode.steps, episode.reward, episode.started
        other._episode = copy
        other._last = self._last
        other._reward = self.plan.make_reward()
        _copy_reward(self._reward, other._reward)
        return other

    def commandline(self) -> str:
        """What does the same to the program as bitcode: `opt-19 -passes='…' input.bc -o output.bc`."""
        return command_lines.to_commandline(self.plan.table.space, self._running().actions)

    def commandline_to_actions(self, commandline: str) -> list[str]:
        """The inverse; it takes CompilerGym's form as well."""
        space = self.plan.table.space
        return [space.names[number] for number in command_lines.from_commandline(space, commandline)]

    def write_bitcode(self, path: str | os.PathLike[str]) -> Path:
        """The program as it is now."""
        Path(path).write_bytes(self.observation["Bitcode"])
        return Path(path)

    def write_ir(self, path: str | os.PathLike[str]) -> Path:
        """The same, as text."""
        Path(path).write_text(self.observation["Ir"])
        return Path(path)

    @property
    def state(self) -> CompilerState:
        """Where the episode stands, with the IR's hash."""
        episode = self._running()
        space = self.plan.table.space
        return CompilerState(
            benchmark=episode.benchmark.uri,
            commandline=command_lines.to_flags(space, episode.actions),
            walltime=time.monotonic() - episode.started,
            reward=episode.reward,
            ir_sha1=self.observation["IrSha1"],
            action_space=space.name,
        )

    def apply(self, state: CompilerState) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Begins with the state's program and does what was done to it, as one step."""
        numbers = command_lines.from_commandline(self.plan.table.space, state.commandline)
        self._begin(self.order.find(state.benchmark, self._among(state.benchmark)))
        return self._step(numbers)

    def validate(self, state: CompilerState | None = None, *, run: bool = True) -> ValidationResult:
        """Replays a state (this one) in a session of its own; compares reward and IR; builds and runs the program, if `run`.

        Building takes a clang on this machine: MissingTool says how to get one.
        """
        state = self.state if state is None else state
        problems: list[str] = []
        reward_reproduced = ir_reproduced = preserved = None
        not_run = ""
        with contextlib.closing(self._sibling()) as env:
            try:
                _, _, _, _, info = env.apply(state)
                if "error_details" in info:
                    raise DataLoss(info["error_details"])
            except ServiceError as error:
                return ValidationResult(state.benchmark, (is_broken(error),))
            found = env.state
            if state.reward is not None and found.reward is not None:
                reward_reproduced = abs(found.reward - state.reward) <= 1e-5 * max(1.0, abs(state.reward))
                if not reward_reproduced:
                    problems.append(f"reward {state.reward:g} was recorded, the replay has {found.reward:g}")
            if state.ir_sha1:
                ir_reproduced = found.ir_sha1 == state.ir_sha1
                if not ir_reproduced:
                    problems.append(f"IrSha1 {state.ir_sha1} was recorded, the replay has {found.ir_sha1}")
            if run:
                preserved, reason = compare_runs(env.benchmark, env.observation["Bitcode"])
                if preserved is False:
                    problems.append(reason)
                elif preserved is None:
                    not_run = reason
        return ValidationResult(state.benchmark, tuple(problems), reward_reproduced, ir_reproduced, preserved, not_run)

    # ------------------------------------------------------------------------------------------------------------ details

    def _sibling(self) -> CompilerEnv:
        other = object.__new__(CompilerEnv)
        other.render_mode = None
        other._options = self._options
        other.client = self.client.share()
        other._set_up(self.plan, self.order.copy_at(0))
        if self._episode is not None and self.order.fixed is None:
            other.order.fixed = self._episode.benchmark
        return other

    def _among(self, uri: str) -> Any:
        """Where to look for a state's program: it may be the one at hand, which need not be of any dataset."""
        from .datasets import ListDataset

        at_hand = [each for each in (self.order.fixed, self._episode and self._episode.benchmark) if each]
        for benchmark in at_hand:
            if benchmark.uri == uri:
                return ListDataset([benchmark])
        return self.order.dataset

    def _running(self) -> Episode:
        if self._episode is None:
            raise FailedPrecondition("there is no episode: call reset() first")
        return self._episode

    def _begin(self, benchmark: Benchmark) -> Any:
        if self._is_closed:
            raise FailedPrecondition("the environment is closed")
        self._end_session()
        reply = self.client.start_session(benchmark, self.plan.table.space, self.plan.start_infos)
        values = self.plan.values(reply.observation, self.plan.start_infos)
        self._episode = Episode(benchmark, reply.session_id, self.client.generation)
        self._reward.reset(values)
        self._last = self.plan.observe(values)
        return self._last

    def _end_session(self) -> None:
        episode, self._episode = self._episode, None
        if episode is not None:
            episode.abandoned = episode.session if episode.abandoned is None else episode.abandoned
            self._end_abandoned(episode)

    def _end_abandoned(self, episode: Episode) -> None:
        session, episode.abandoned = episode.abandoned, None
        if session is None or episode.generation != self.client.generation or not self.client.is_ours():
            return
        with contextlib.suppress(ServiceError):  # it may have ended by itself, as a whole service may
            self.client.call(requests.END_SESSION, pb.EndSessionRequest(session_id=session))

    def _step(self, numbers: list[int]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        episode = self._running()
        episode.steps += 1
        limit = self._options.max_episode_steps
        truncated = limit is not None and episode.steps >= limit
        try:
            reply = self._send(numbers, self.plan.step_infos)
        except EPISODE_ENDS as error:
            episode.abandon_session()
            return self._last, 0.0, False, True, error_info(error)
        episode.actions += numbers
        values = self.plan.values(reply.observation, self.plan.step_infos)
        reward = self._reward.step(values)
        episode.reward += reward
        self._last = self.plan.observe(values)
        info = {"action_had_no_effect": reply.action_had_no_effect}
        return self._last, reward, reply.end_of_session, truncated, info

    def _send(self, numbers: list[int], infos: list[Any]) -> pb.StepReply:
        """A step, in a session that is restored before it, or after the service has died of it, once."""
        episode = self._running()
        for attempt in (1, 2):
            self._ensure_session(episode)
            assert episode.session is not None
            try:
                return self.client.call(requests.STEP, requests.step_request(episode.session, numbers, infos))
            except (Unavailable, SessionNotFound) as error:
                episode.abandon_session()
                if attempt == 2:
                    raise SessionsLost(f"the session on {episode.benchmark.uri} is lost: {error}") from error
        raise AssertionError

    def _ensure_session(self, episode: Episode) -> None:
        self.client.connection()  # notices a service that has ended, and a fork
        if episode.session is not None and episode.generation == self.client.generation:
            return
        self._end_abandoned(episode)
        try:
            space = self.plan.table.space
            reply = self.client.start_session(episode.benchmark, space, [])
            episode.session, episode.generation = reply.session_id, self.client.generation
            if episode.actions:
                self.client.call(requests.STEP, requests.step_request(reply.session_id, episode.actions, []))
        except ServiceError as error:
            episode.session = None
            raise SessionsLost(f"the session on {episode.benchmark.uri} cannot be restored: {error}") from error

    @property
    def table(self) -> ActionTable:
        """What actions mean."""
        return self.plan.table


def _copy_reward(source: Any, target: Any) -> None:
    for name in getattr(source, "__slots__", None) or vars(source):
        setattr(target, name, getattr(source, name))
