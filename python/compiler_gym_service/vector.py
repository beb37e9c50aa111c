"""Many programs at a time, from one thread: a Gymnasium vector environment on one stream."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from ._batch import ObservationBatch
from ._episode import BenchmarkOrder, EpisodeOptions, ObservationNames, Plan
from ._fleet import Fleet
from ._lane import Lane, Work
from ._resolve import Source
from .actions import Actions
from .benchmark import Benchmark
from .client import Client
from .errors import FailedPrecondition, InvalidArgument, ServiceError
from .options import ServiceOptions
from .rewards import Reward
from .state import CompilerState

Returned = tuple[Any, Any, Any, Any, dict[str, Any]]


class CompilerVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """`num_envs` environments that are stepped together; CompilerEnv says what the other arguments are.

    Sub-environment i is what CompilerEnv is after reset(seed=seed + i); in sequence, it begins with program
    `first_benchmark + i`.

    autoreset_mode  when a sub-environment whose episode has ended begins anew: "NextStep" (in the next step, whose action
                    and reward are void), "SameStep" (at once: the last observation and info are in infos["final_obs"] and
                    infos["final_info"]), "Disabled" (by reset(options={"reset_mask": ...})).
    copy            False returns the same observation arrays every time, and overwrites them.

    Where programs take times that differ much, use `send` and `recv` instead of `step`: those that are done go on.
    When the service dies, all sessions are restored in a new one by doing their actions again; SessionsLost, with the
    indices, is raised if that fails. Not for use by several threads at a time.
    """

    def __init__(
        self,
        num_envs: int = 1,
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
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
    ) -> None:
        if num_envs < 1:
            raise InvalidArgument(f"num_envs is {num_envs}; at least 1")
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"autoreset_mode": self.autoreset_mode, "render_modes": []}
        self._copy = copy
        options = EpisodeOptions(
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
            self.plan = Plan(self.client.spaces, options)
            self.order = BenchmarkOrder(options)
        except BaseException:
            self.client.close()
            raise
        self.single_action_space = self.plan.action_space
        self.single_observation_space = self.plan.observation_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._observations = ObservationBatch(self.plan, num_envs)
        self.observation_space = self._observations.space
        lanes = [Lane(index, self.order.copy_at(index), self.plan.make_reward()) for index in range(num_envs)]
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        self._fleet = Fleet(self.client, self.plan, lanes, self._observations, options.max_episode_steps, same_step)

    # --------------------------------------------------------------------------------------------------------- Gymnasium

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins anew with all, or with those in options["reset_mask"].

        options["benchmark"] says on which program, or is a list that says so for each sub-environment (None: its next).
        """
        if self.closed:
            raise FailedPrecondition("the environment is closed")
        seeds = self._seeds(seed)
        chosen = (options or {}).get("benchmark")
        lanes = [lane for lane, masked in zip(self._fleet.lanes, self._mask(options), strict=True) if masked]
        self._fleet.drop(lanes)
        for lane in lanes:
            lane.seed(seeds[lane.index])
        # All are chosen, which may fail, before anything is begun.
        benchmarks = [self._choose(lane, chosen) for lane in lanes]
        try:
            for lane, benchmark in zip(lanes, benchmarks, strict=True):
                self._fleet.begin(lane, benchmark)
        finally:
            self._fleet.flush()
        ready = self._fleet.collect(lanes)
        return self._observations.whole(copy=self._copy), self._fleet.infos(ready)

    def step(self, actions: Any) -> Returned:
        """Steps all, and waits for all."""
        self.send(actions)
        return self.step_wait()

    def step_wait(self) -> Returned:
        """The second half of a step, of which `send(actions)` is the first: waits for all."""
        fleet = self._fleet
        ready = fleet.collect(fleet.lanes)
        return (
            self._observations.whole(copy=self._copy),
            fleet.rewards.copy(),
            fleet.terminated.copy(),
            fleet.truncated.copy(),
            fleet.infos(ready),
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the sessions."""
        with contextlib.suppress(ServiceError):
            self._fleet.end()
        self.client.close()

    # ------------------------------------------------------------------------------------------- not all at the same time

    def send(self, actions: Any, ids: Iterable[int] | None = None) -> None:
        """Begins steps of these sub-environments (all), action by action, and does not wait.

        Raises InvalidArgument for an action that there is not, FailedPrecondition for a sub-environment that is under way
        or has to be reset; nothing is begun then.
        """
        if self.closed:
            raise FailedPrecondition("the environment is closed")
        numbers: list[int] = (
            actions.tolist() if isinstance(actions, np.ndarray) else [int(action) for action in actions]
        )
        lanes = self._fleet.lanes if ids is None else [self._fleet.lanes[int(index)] for index in ids]
        if len(numbers) != len(lanes):
            raise InvalidArgument(f"{len(numbers)} actions for {len(lanes)} sub-environments")
        count = len(self.plan.table.names)
        is_disabled = self.autoreset_mode is AutoresetMode.DISABLED
        for lane, action in zip(lanes, numbers, strict=True):
            if not 0 <= action < count:
                raise InvalidArgument(f"sub-environment {lane.index}: action {action} is outside [0, {count})")
            if lane.work is not Work.IDLE or lane.episode is None or (lane.is_over and is_disabled):
                why = "has to be reset first" if lane.work is Work.IDLE else "is under way, or has not been received"
                raise FailedPrecondition(f"sub-environment {lane.index} {why}")
        fleet = self._fleet
        benchmarks = {lane.index: lane.next_benchmark() for lane in lanes if lane.is_over}
        try:
            for lane, action in zip(lanes, numbers, strict=True):
                if lane.is_over:
                    fleet.begin(lane, benchmarks[lane.index])
                else:
                    fleet.step(lane, action)
        finally:
            fleet.flush()

    def recv(
        self, min: int = 1, max: int | None = None, timeout: float | None = None
    ) -> tuple[Any, Any, Any, Any, Any, dict[str, Any]]:
        """Waits until `min` of those sent are done (or all, if these are fewer), for so many seconds at most.

        Returns the ids of up to `max` of them in the order in which they were done, then observations, rewards, terminated
        and truncated in the same order, and infos, in which arrays are by sub-environment as `step` has them.
        """
        fleet = self._fleet
        fleet.wait(min, timeout)
        ready = fleet.take(self.num_envs if max is None else max)
        ids = np.array(ready, np.int64)
        return (
            ids,
            self._observations.rows(ready),
            fleet.rewards[ids],
            fleet.terminated[ids],
            fleet.truncated[ids],
            fleet.infos(ready),
        )

    @property
    def pending(self) -> int:
        """Sub-environments that have been sent and not received."""
        return self._fleet.unreceived

    # ---------------------------------------------------------------------------------------------------------- and others

    def current(self) -> Any:
        """The last observations of all, whether they have been received or not."""
        return self._observations.whole(copy=self._copy)

    def states(self) -> list[CompilerState]:
        """Of all, in one exchange; none may be under way."""
        return self._fleet.states()

    def observe(self, name: str) -> list[Any]:
        """An observation of all, looked at without a step; none may be under way."""
        return [values[name] for values in self._fleet.observe([name])]

    def _choose(self, lane: Lane, chosen: Any) -> Benchmark:
        if chosen is None:
            return lane.next_benchmark()
        if isinstance(chosen, str | Benchmark):
            return self.order.find(chosen)
        if len(chosen) != self.num_envs:
            raise InvalidArgument(f"{len(chosen)} programs for {self.num_envs} sub-environments")
        if chosen[lane.index] is None:
            return lane.next_benchmark()
        return self.order.find(chosen[lane.index])

    def _seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + index for index in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise InvalidArgument(f"{len(seed)} seeds for {self.num_envs} sub-environments")
        return seed

    def _mask(self, options: dict[str, Any] | None) -> Sequence[bool]:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return [True] * self.num_envs
        if (
            not isinstance(mask, np.ndarray)
            or mask.dtype != np.bool_
            or mask.shape != (self.num_envs,)
            or not mask.any()
        ):
            raise InvalidArgument(f"reset_mask has to be an array of {self.num_envs} booleans, some of them true")
        return [bool(value) for value in mask]
