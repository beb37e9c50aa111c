"""Greedy search: in each step every action is tried in a fork, and the best one is taken.

python greedy_forks.py --program benchmark://demo-v0/sort --steps 6
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

from compiler_gym_service import CompilerEnv

ACTIONS = [
    "-mem2reg",
    "-sroa",
    "-early-cse-memssa",
    "-instcombine",
    "-simplifycfg",
    "-gvn",
    "-newgvn",
    "-adce",
    "-dse",
    "-licm",
    "-loop-rotate",
    "-indvars",
    "-loop-deletion",
    "-jump-threading",
    "-globalopt",
    "-globaldce",
    "-inline",
    "-sccp",
    "-reassociate",
    "-memcpyopt",
]


def main(argv: Sequence[str] | None = None) -> float:
    """Returns the reward: 1 is as small as -Oz makes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="benchmark://demo-v0/sort")
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args(argv)
    environment = CompilerEnv(benchmark=arguments.program, actions=ACTIONS, observation_space="IrInstructionCount")
    with contextlib.closing(environment) as env:
        env.reset()
        for _ in range(arguments.steps):
            rewards = []
            for action in range(len(ACTIONS)):
                with contextlib.closing(env.fork()) as fork:
                    rewards.append(fork.step(action)[1])
            best = max(range(len(ACTIONS)), key=rewards.__getitem__)
            if rewards[best] <= 0:
                break
            env.step(best)
            print(f"{ACTIONS[best]:20} {rewards[best]:+.3f}  {env.observation['IrInstructionCount']} instructions")
        print(env.commandline())
        return env.episode_reward


if __name__ == "__main__":
    main()
