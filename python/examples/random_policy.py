"""The baseline: random actions on a random program, one after another.

python random_policy.py --steps 45 --seed 1
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import gymnasium

import compiler_gym_service  # noqa: F401 (makes the ids known)


def main(argv: Sequence[str] | None = None) -> float:
    """Returns the reward of the episode: 1 is as small as -Oz makes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=45)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    env = gymnasium.make("compiler_gym/llvm-ic-v0", dataset="demo-v0", max_episode_steps=arguments.steps)
    _, info = env.reset(seed=arguments.seed)
    env.action_space.seed(arguments.seed)
    print(f"program {info['benchmark']}")
    total, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        total += float(reward)
        over = terminated or truncated
    print(f"reward {total:.3f}")
    print(env.unwrapped.commandline())  # type: ignore[attr-defined]
    env.close()
    return total


if __name__ == "__main__":
    main()
