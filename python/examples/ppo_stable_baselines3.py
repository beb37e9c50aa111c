"""Stable-Baselines3's PPO (https://arxiv.org/abs/1707.06347) on many sessions in one process.

pip install 'compiler-gym-service[sb3]'
python ppo_stable_baselines3.py --timesteps 10000
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

import numpy as np
import torch
from policy_gradient import ACTIONS
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from compiler_gym_service import CompilerVectorEnv
from compiler_gym_service.sb3 import StableBaselinesVecEnv

STEPS = 10


def mean_reward(env: VecEnv, model: PPO | None, episodes: int, random: np.random.Generator) -> float:
    """Of an episode: 1 is as small as -Oz makes programs. Without a model actions are drawn by chance."""
    rewards: list[float] = []
    observations, total = env.reset(), np.zeros(env.num_envs)
    while len(rewards) < episodes:
        actions = random.integers(len(ACTIONS), size=env.num_envs) if model is None else model.predict(observations)[0]
        observations, reward, done, _ = env.step(actions)
        total += reward
        rewards += total[done].tolist()
        total[done] = 0
    return float(np.mean(rewards))


def main(argv: Sequence[str] | None = None) -> tuple[float, float]:
    """The mean reward of chance, and of the policy that was learnt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timesteps", type=int, default=10000)
    parser.add_argument("--sessions", type=int, default=36)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    environment = CompilerVectorEnv(
        arguments.sessions,
        dataset="demo-v0",
        benchmark_order="sequential",
        actions=ACTIONS,
        max_episode_steps=STEPS,
        autoreset_mode="SameStep",
    )
    with contextlib.closing(StableBaselinesVecEnv(environment)) as plain:
        torch.set_num_threads(1)  # the network is so small that more only get in each other's way
        # Counts of instructions differ by orders of magnitude.
        env = VecNormalize(plain, norm_reward=False, clip_obs=5.0)
        model = PPO(
            "MlpPolicy",
            env,
            n_steps=STEPS * 2,
            batch_size=arguments.sessions * 5,
            learning_rate=1e-3,
            ent_coef=0.01,
            gamma=0.5,
            seed=arguments.seed,
            device="cpu",
        )
        random = np.random.default_rng(arguments.seed)
        chance = mean_reward(env, None, arguments.sessions, random)
        model.learn(arguments.timesteps)
        env.training = False
        learnt = mean_reward(env, model, arguments.sessions, random)
    print(f"chance {chance:.3f}, learnt {learnt:.3f}; -Oz is 1")
    return chance, learnt


if __name__ == "__main__":
    main()
