"""What one environment and a vector of them share: what is asked for in an episode, and what is made of the answers."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from ._proto import compiler_gym_service_pb2 as pb
from ._resolve import Source, benchmark_of, dataset_of
from ._values import value_of
from .actions import Actions, ActionTable
from .benchmark import Benchmark
from .datasets import Dataset
from .errors import DataLoss, DeadlineExceeded, Internal, InvalidArgument, ResourceExhausted
from .rewards import Reward, RewardState
from .spaces import ObservationInfo, Spaces

#: The compiler broke, or took too long: the episode ends with such a step.
EPISODE_ENDS = (DataLoss, DeadlineExceeded, Internal, ResourceExhausted)

#: One name, or a tuple or a dictionary of them.
ObservationNames = str | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class EpisodeOptions:
    """The arguments that CompilerEnv and CompilerVectorEnv have in common."""

    benchmark: Source | None = None
    dataset: Source | None = None
    benchmark_order: str = "random"
    first_benchmark: int = 0
    compile_args: Sequence[str] | None = None
    action_space: str | None = None
    actions: Actions = None
    observation_space: ObservationNames = "Autophase"
    reward: Reward | Mapping[str, Any] | str = "IrInstructionCountOz"
    max_episode_steps: int | None = None


class Plan:
    """What is asked of a service in every episode, worked out once from the options."""

    def __init__(self, available: Spaces, options: EpisodeOptions) -> None:
        self.spaces = available
        self.table = ActionTable.make(available.action_space(options.action_space), options.actions)
        self.action_space = spaces.Discrete(len(self.table.names))
        self.reward_options = Reward.of(options.reward)
        names = options.observation_space
        self.keys: Sequence[str] | None = None
        self._is_single = isinstance(names, str)
        if isinstance(names, str):
            self.observed = [available.observation(names)]
        elif isinstance(names, Mapping):
            self.keys = list(names)
            self.observed = [available.observation(name) for name in names.values()]
        else:
            self.observed = [available.observation(name) for name in names]
        parts = [_gymnasium_space(info) for info in self.observed]
        self.observation_space: gymnasium.Space[Any]
        if self._is_single:
            self.observation_space = parts[0]
        elif self.keys is not None:
            self.observation_space = spaces.Dict(dict(zip(self.keys, parts, strict=True)))
        else:
            self.observation_space = spaces.Tuple(parts)
        # Each is asked for once, whoever wants it.
        wanted = [info.name for info in self.observed] + list(self.reward_options.step_observations)
        self.step_infos = [available.observation(name) for name in dict.fromkeys(wanted)]
        baseline = self.reward_options.baseline_observation
        self.start_infos = [*self.step_infos, *([available.observation(baseline)] if baseline else [])]

    def make_reward(self) -> RewardState:
        """For one session at a time."""
        return self.reward_options.make()

    def values(self, events: Sequence[pb.Event], infos: Sequence[ObservationInfo]) -> dict[str, Any]:
        """By name. Raises Internal if there are not as many as were asked for."""
        if len(events) != len(infos):
            raise Internal(f"asked for {len(infos)} observations, the service sent {len(events)}")
        return {info.name: value_of(event) for info, event in zip(infos, events, strict=True)}

    def observe(self, values: Mapping[str, Any]) -> Any:
        """A value of `observation_space`."""
        parts = [info.to_space(values[info.name]) for info in self.observed]
        if self._is_single:
            return parts[0]
        if self.keys is not None:
            return dict(zip(self.keys, parts, strict=True))
        return tuple(parts)


def _gymnasium_space(info: ObservationInfo) -> gymnasium.Space[Any]:
    if info.space is None:
        raise InvalidArgument(f"{info.name} has no Gymnasium space: look at it by env.observation['{info.name}']")
    return info.space


class BenchmarkOrder:
    """Which program comes next.

    "random": by the environment's own generator, so that a seed says it. "sequential": one after another, from the first on.
    """

    def __init__(self, options: EpisodeOptions) -> None:
        if options.benchmark_order not in ("random", "sequential"):
            raise InvalidArgument(f"no benchmark order '{options.benchmark_order}'; there is random and sequential")
        args = options.compile_args
        if isinstance(args, str):
            raise InvalidArgument(f"compile_args is a list of arguments, not '{args}'")
        self._compile_args = Reward.of(options.reward).compile_args if args is None else args
        if options.benchmark is not None and options.dataset is None:
            one = options.benchmark
            source: Source = [one] if isinstance(one, str | Benchmark) else one
        else:
            source = "demo-v0" if options.dataset is None else options.dataset
        self.dataset: Dataset = dataset_of(source, self._compile_args)
        #: Set by the user: comes every time.
        self.fixed: Benchmark | None = None
        if options.benchmark is not None and options.dataset is not None:
            assert isinstance(options.benchmark, str | Benchmark)
            self.fixed = self.find(options.benchmark)
        self._is_random = options.benchmark_order == "random"
        self._next = options.first_benchmark

    def find(self, source: str | Benchmark, among: Dataset | None = None) -> Benchmark:
        """The program that somebody names: of the dataset (or of `among`), or any."""
        return benchmark_of(source, self.dataset if among is None else among, self._compile_args)

    def copy_at(self, offset: int) -> BenchmarkOrder:
        """For another environment with the same programs; a sequence starts so many further on."""
        other = copy.copy(self)
        other._next += offset
        return other

    def next(self, random: np.random.Generator) -> Benchmark:
        """Raises what reading, compiling or generating it raises."""
        if self.fixed is not None:
            return self.fixed
        number = len(self.dataset)
        if number == 1:
            return self.dataset[0]
        if self._is_random:
            return self.dataset[int(random.integers(number))]
        index = self._next % number
        self._next += 1
        return self.dataset[index]


@dataclass
class Episode:
    """One session's program and what has been done to it: enough to do it again elsewhere."""

    benchmark: Benchmark
    #: Of the service; None if it has to be restored first.
    session: int | None
    #: Of which connection: another one may be to another service.
    generation: int
    #: By number, as the service has them.
    actions: list[int] = field(default_factory=list)
    #: A session that nobody wants any more, and that may still be there.
    abandoned: int | None = None
    steps: int = 0
    reward: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def abandon_session(self) -> None:
        """What it is at is not certain: whoever goes on has it restored first."""
        self.session, self.abandoned = None, self.session


def error_info(error: Exception) -> dict[str, Any]:
    """What `info` has about a step that failed; the names are CompilerGym's."""
    return {"error_type": type(error).__name__, "error_details": str(error)}
