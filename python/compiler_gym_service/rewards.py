"""Rewards: how much better the program has got, or any function of observations."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import InvalidArgument

#: Of the observations before a step and after it.
Function = Callable[[Mapping[str, Any], Mapping[str, Any]], float]


@dataclass(frozen=True)
class Metric:
    """An observation that is a cost."""

    #: What the observations with its baselines begin with; a level follows.
    stem: str
    baselines: tuple[str, ...] = ("O0", "O3", "Oz")
    #: How clang has to compile a program for the cost to be that of what ships: as that level begins with it.
    compile_args: tuple[str, ...] = ()


#: By the observation a cost is read from.
METRICS = {
    "IrInstructionCount": Metric("IrInstructionCount"),
    "ObjectTextSizeBytes": Metric("ObjectTextSize"),
    "TextSizeBytes": Metric("TextSize"),
    "ShippedTextSizeBytes": Metric("ShippedTextSize", ("O2", "Os", "Oz"), ("-Oz", "-Xclang", "-disable-llvm-passes")),
}


@dataclass(frozen=True)
class Reward:
    """What a step is worth: the fall of a cost, divided by `scale`. Or what `function` says."""

    #: The observation that is to get smaller.
    metric: str = "IrInstructionCount"
    #: "none"; "initial": the cost at the start; "baseline": what the baseline saves, and at least 1 (as CompilerGym has
    #: it, so that 1 is as good as the baseline); or a number.
    scale: str | float = "none"
    #: What "baseline" is: O0, O3 or Oz; of ShippedTextSizeBytes O2, Os or Oz.
    baseline: str = "Oz"
    #: Bounds of a step's reward.
    clip: tuple[float, float] | None = None
    #: Instead of all this: a callable, or "module:name" of one.
    function: Function | str | None = None
    #: What the function gets.
    observations: tuple[str, ...] = ()

    @classmethod
    def of(cls, reward: Reward | Mapping[str, Any] | str) -> Reward:
        """From a name of CompilerGym's (`IrInstructionCountOz`, `ObjectTextSizeNorm`), fields, or itself."""
        if isinstance(reward, Reward):
            return reward
        if isinstance(reward, Mapping):
            fields = dict(reward)
            fields["observations"] = tuple(fields.get("observations", ()))
            if fields.get("clip") is not None:
                fields["clip"] = tuple(fields["clip"])
            try:
                return cls(**fields)
            except TypeError as error:
                raise InvalidArgument(f"not a reward: {error}") from error
        for name, metric in METRICS.items():
            if reward == name:
                return cls(name)
            suffix = reward.removeprefix(metric.stem)
            if suffix == reward:
                continue
            if suffix == "Norm":
                return cls(name, "initial")
            if suffix in metric.baselines:
                return cls(name, "baseline", suffix)
        names = ", ".join(
            ", ".join([name, *(metric.stem + suffix for suffix in ("Norm", *metric.baselines))])
            for name, metric in METRICS.items()
        )
        raise InvalidArgument(f"no reward '{reward}'; there is {names}")

    @property
    def baseline_observation(self) -> str | None:
        """What has to be asked for once."""
        if self.function is not None or self.scale != "baseline":
            return None
        metric = METRICS.get(self.metric)
        if metric is None or self.baseline not in metric.baselines:
            raise InvalidArgument(f"{self.metric} has no baseline {self.baseline}")
        return metric.stem + self.baseline

    @property
    def compile_args(self) -> tuple[str, ...]:
        """What clang is told besides when it compiles a program for this reward."""
        metric = METRICS.get(self.metric) if self.function is None else None
        return () if metric is None else metric.compile_args

    @property
    def step_observations(self) -> tuple[str, ...]:
        """What has to be asked for in every step."""
        return (self.metric,) if self.function is None else self.observations

    def make(self) -> RewardState:
        """For one session at a time."""
        if self.function is None:
            return MetricReward(self)
        return FunctionReward(self)


class RewardState(Protocol):
    """Follows one episode after another."""

    def reset(self, values: Mapping[str, Any]) -> None:
        """The observations at the start, the baseline among them."""

    def step(self, values: Mapping[str, Any]) -> float:
        """Those after a step."""


class MetricReward:
    """The fall of a cost."""

    __slots__ = ("_clip", "_divisor", "_options", "cost")

    def __init__(self, options: Reward) -> None:
        self._options = options
        self._clip = options.clip
        self._divisor = 1.0
        self.cost = 0.0

    def reset(self, values: Mapping[str, Any]) -> None:
        """Works out the divisor. Raises InvalidArgument for a cost that the program does not have."""
        options = self._options
        self.cost = _number(values, options.metric)
        baseline = options.baseline_observation
        if baseline is not None:
            self._divisor = max(self.cost - _number(values, baseline), 1.0)
        elif options.scale == "initial":
            self._divisor = max(self.cost, 1.0)
        elif options.scale == "none":
            self._divisor = 1.0
        elif isinstance(options.scale, str):
            raise InvalidArgument(f"no scale '{options.scale}'; there is none, initial, baseline, or a number")
        else:
            self._divisor = float(options.scale)

    def step(self, values: Mapping[str, Any]) -> float:
        """From a dictionary."""
        return self.step_cost(_number(values, self._options.metric))

    def step_cost(self, cost: float) -> float:
        """From the cost itself."""
        reward = (self.cost - cost) / self._divisor
        self.cost = cost
        if self._clip is not None:
            reward = min(max(reward, self._clip[0]), self._clip[1])
        return reward


class FunctionReward:
    """What somebody's function says."""

    def __init__(self, options: Reward) -> None:
        assert options.function is not None
        function = options.function
        self._function: Function = _load(function) if isinstance(function, str) else function
        self._clip = options.clip
        self._before: Mapping[str, Any] = {}

    def reset(self, values: Mapping[str, Any]) -> None:
        """Remembers them."""
        self._before = values

    def step(self, values: Mapping[str, Any]) -> float:
        """Calls the function."""
        reward = float(self._function(self._before, values))
        self._before = values
        if self._clip is not None:
            reward = min(max(reward, self._clip[0]), self._clip[1])
        return reward


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values[name]
    if value is None:
        raise InvalidArgument(f"{name} does not apply to this program, and so cannot be its cost")
    try:
        return float(value)
    except (TypeError, ValueError):
        # A run time is several measurements: the median is what they agree on.
        ordered = sorted(float(each) for each in value)
        return ordered[len(ordered) // 2]


def _load(name: str) -> Function:
    module, colon, attribute = name.partition(":")
    try:
        if not colon:
            raise ValueError("it is written module:name")
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidArgument(f"no reward function '{name}': {error}") from error
    if not callable(function):
        raise InvalidArgument(f"no reward function '{name}': it cannot be called")
    return function  # type: ignore[no-any-return]
