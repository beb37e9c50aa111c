"""Q-learning with a table (Watkins 1989) on one program: the state is the module's hash.

python tabular_q.py --episodes 60 --seed 0
"""

from __future__ import annotations

import argparse
import contextlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from compiler_gym_service import CompilerEnv

ACTIONS = ["-mem2reg", "-instcombine", "-simplifycfg", "-gvn", "-adce", "-early-cse-memssa", "-dse", "-globalopt"]


def main(argv: Sequence[str] | None = None) -> tuple[float, float]:
    """Returns the mean reward of the first episodes, and that of the policy that was learnt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="benchmark://demo-v0/matrix")
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    random = np.random.default_rng(arguments.seed)
    table: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(ACTIONS)))
    environment = CompilerEnv(
        benchmark=arguments.program, actions=ACTIONS, observation_space="IrSha1", max_episode_steps=arguments.steps
    )
    totals = []
    with contextlib.closing(environment) as env:

        def episode(exploration: float) -> float:
            state, _ = env.reset(seed=arguments.seed)
            total, over = 0.0, False
            while not over:
                explores = random.random() < exploration
                action = int(random.integers(len(ACTIONS)) if explores else table[state].argmax())
                after, reward, terminated, over, _ = env.step(action)
                over = over or terminated
                target = reward + (0.0 if over else table[after].max())
                table[state][action] += 0.5 * (target - table[state][action])
                state, total = after, total + reward
            return total

        for number in range(arguments.episodes):
            totals.append(episode(max(0.1, 1.0 - 1.5 * number / arguments.episodes)))
        learnt = episode(0.0)
        commandline = env.commandline()
    first = float(np.mean(totals[: max(1, arguments.episodes // 5)]))
    print(f"{len(table)} states; the first episodes had a reward of {first:.3f}, what was learnt has {learnt:.3f}")
    print(commandline)
    return first, learnt


if __name__ == "__main__":
    main()
