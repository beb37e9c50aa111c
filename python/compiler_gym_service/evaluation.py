"""What a policy is worth: each program gets the same number of steps from it, and from chance."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .datasets import Dataset
from .errors import InvalidArgument
from .options import ServiceOptions
from .rewards import METRICS, Reward
from .vector import CompilerVectorEnv

#: From an observation to the number of an action; it may use the generator, and then the seed says what it does.
Policy = Callable[[Any, np.random.Generator], int]

# Programs at a time.
_AT_ONCE = 64


@dataclass(frozen=True)
class Evaluation:
    """Of one program: the least cost on the way."""

    benchmark: str
    initial: int
    oz: int
    policy: int
    random: int


def load_policy(name: str) -> Policy:
    """`module:name` of a function. Raises InvalidArgument."""
    module, colon, attribute = name.partition(":")
    try:
        if not colon:
            raise ValueError("it is written module:name")
        policy = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidArgument(f"no policy '{name}': {error}") from error
    return policy  # type: ignore[no-any-return]


def evaluate(
    policy: Policy,
    dataset: Dataset,
    *,
    steps: int = 45,
    metric: str = "IrInstructionCount",
    observation_space: str = "Autophase",
    action_space: str | None = None,
    actions: Any = None,
    seed: int = 0,
    service: ServiceOptions | dict[str, Any] | str | None = None,
) -> list[Evaluation]:
    """Runs the policy, and random actions, for so many steps on each program, compiled as the metric wants it."""

    def chance(_: Any, random: np.random.Generator) -> int:
        return int(random.integers(number))

    dataset = dataset.compiled_with(METRICS[metric].compile_args)
    found: list[Evaluation] = []
    for first in range(0, len(dataset), _AT_ONCE):
        programs = [dataset[index] for index in range(first, min(first + _AT_ONCE, len(dataset)))]
        environment = CompilerVectorEnv(
            len(programs),
            service=service,
            dataset=dataset,
            compile_args=(),
            action_space=action_space,
            actions=actions,
            observation_space=(observation_space, metric),
            reward=Reward(metric),
            autoreset_mode="Disabled",
        )
        with contextlib.closing(environment) as env:
            number = len(env.plan.table.names)
            results = []
            for each in (policy, chance):
                (observed, cost), _ = env.reset(seed=seed, options={"benchmark": programs})
                initial = best = cost[:, 0]
                oz = env.observe(METRICS[metric].stem + "Oz")
                random = [np.random.default_rng((seed, first + index)) for index in range(len(programs))]
                broken = np.zeros(len(programs), np.bool_)
                for _ in range(steps):
                    chosen = [int(each(observed[index], random[index])) for index in np.flatnonzero(~broken)]
                    env.send(chosen, np.flatnonzero(~broken))
                    ids, _, _, terminated, truncated, _ = env.recv(min=len(chosen))
                    observed, costs = env.current()
                    best = np.minimum(best, costs[:, 0])
                    broken[ids[terminated | truncated]] = True
                    if broken.all():
                        break
                results.append(best)
            for index, benchmark in enumerate(programs):
                costs_of = [int(values[index]) for values in (initial, oz, *results)]
                found.append(Evaluation(benchmark.uri, *costs_of))
    return found


def geometric_mean(ratios: list[float]) -> float:
    """Of costs beside others: 0.9 is a tenth less."""
    return float(np.exp(np.mean(np.log(ratios))))
