"""Random search: the baseline that a policy has to beat."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import commandline as command_lines
from .benchmark import Benchmark
from .options import ServiceOptions
from .rewards import METRICS, Reward
from .state import CompilerState
from .vector import CompilerVectorEnv


@dataclass(frozen=True)
class Found:
    """The best that was seen of one program."""

    state: CompilerState
    #: The cost before, of `-Oz`, and of what was found.
    initial: int
    oz: int
    cost: int
    #: What did it.
    flags: str
    #: After how many steps there was which least cost, from 0 steps on.
    curve: tuple[tuple[int, int], ...]


def random_search(
    benchmark: Benchmark,
    *,
    metric: str = "IrInstructionCount",
    steps: int = 1000,
    episode_steps: int = 30,
    sessions: int = 16,
    seed: int = 0,
    action_space: str | None = None,
    service: ServiceOptions | dict[str, Any] | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Tries `steps` actions, in episodes of `episode_steps`; the best state is that of the least cost, and fewest actions.

    The program has to be compiled as the metric wants it, see METRICS. The same seed finds the same, however long each step
    takes. `progress` is told steps that have been made, and the least cost so far.
    """
    begun = time.monotonic()
    random = np.random.default_rng(seed)
    environment = CompilerVectorEnv(
        sessions,
        service=service,
        benchmark=benchmark,
        action_space=action_space,
        observation_space=metric,
        reward=Reward(metric),
        max_episode_steps=episode_steps,
        autoreset_mode="SameStep",
    )
    with contextlib.closing(environment) as env:
        observed, _ = env.reset(seed=seed)
        initial = int(observed[0, 0])
        oz = int(env.observe(METRICS[metric].stem + "Oz")[0])
        number = env.single_action_space.n  # type: ignore[attr-defined]
        taken: list[list[int]] = [[] for _ in range(sessions)]
        best: tuple[int, list[int]] = (initial, [])
        curve = [(0, initial)]
        for number_of_round in range(-(-steps // sessions)):
            actions = random.integers(number, size=sessions)
            observed, _, terminated, truncated, infos = env.step(actions)
            for lane in range(sessions):
                taken[lane].append(int(actions[lane]))
                over = terminated[lane] or truncated[lane]
                value = infos["final_obs"][lane] if over else observed[lane]
                if "error_type" in (infos["final_info"] if over else {}):
                    over, value = True, [best[0] + 1] if infos["final_info"]["_error_type"][lane] else value
                if int(value[0]) < best[0]:
                    best = int(value[0]), list(taken[lane])
                if over:
                    taken[lane].clear()
            done = min(steps, (number_of_round + 1) * sessions)
            if best[0] < curve[-1][1]:
                curve.append((done, best[0]))
            if progress is not None:
                progress(done, best[0])
        space = env.plan.table.space
    state = CompilerState(
        benchmark=benchmark.uri,
        commandline=command_lines.to_flags(space, best[1]),
        walltime=time.monotonic() - begun,
        reward=float(initial - best[0]),
        action_space=space.name,
    )
    return Found(state, initial, oz, best[0], " ".join(space.names[action] for action in best[1]), tuple(curve))
