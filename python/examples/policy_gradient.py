"""A policy gradient (REINFORCE, Williams 1992, with a baseline) in numpy: it learns from Autophase which pass to run next.

All sessions are stepped together from this one process.

    python policy_gradient.py --updates 60 --seed 0 --svg curve.svg
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compiler_gym_service import CompilerVectorEnv

Array = np.ndarray[Any, np.dtype[np.float64]]

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
    "-loop-unroll",
    "-reg2mem",
]


class Policy:
    """Two layers, and Adam (https://arxiv.org/abs/1412.6980)."""

    def __init__(self, inputs: int, actions: int, random: np.random.Generator, hidden: int = 64) -> None:
        self._weights = [
            random.normal(0, 1 / np.sqrt(inputs), (inputs, hidden)),
            np.zeros(hidden),
            np.zeros((hidden, actions)),
            np.zeros(actions),
        ]
        self._moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in self._weights]
        self._updates = 0

    def probabilities(self, inputs: Array) -> tuple[Array, Array]:
        """Of the actions; and what the hidden layer says."""
        first, first_bias, second, second_bias = self._weights
        hidden = np.tanh(inputs @ first + first_bias)
        logits = hidden @ second + second_bias
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True), hidden

    def improve(self, inputs: Array, actions: Array, advantages: Array, rate: float, entropy: float) -> None:
        """One step up the gradient of the expected reward, and a little up that of the entropy."""
        probabilities, hidden = self.probabilities(inputs)
        gradient = -probabilities * advantages[:, None]
        gradient[np.arange(len(actions)), actions] += advantages
        logs = np.log(probabilities + 1e-12)
        gradient -= entropy * probabilities * (logs - (probabilities * logs).sum(axis=1, keepdims=True))
        gradient /= len(actions)
        into_hidden = gradient @ self._weights[2].T * (1 - hidden**2)
        gradients = [inputs.T @ into_hidden, into_hidden.sum(0), hidden.T @ gradient, gradient.sum(0)]
        self._updates += 1
        for weight, (mean, square), slope in zip(self._weights, self._moments, gradients, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            unbiased = mean / (1 - 0.9**self._updates)
            weight += rate * unbiased / (np.sqrt(square / (1 - 0.999**self._updates)) + 1e-8)


def features(observations: Any, step: int, steps: int) -> Array:
    """Counts over orders of magnitude, and how much of the episode is over."""
    scaled = np.log1p(observations.astype(np.float64)) / 5
    return np.concatenate([scaled, np.full((len(scaled), 1), step / steps)], axis=1)


def rollout(env: CompilerVectorEnv, policy: Policy, random: np.random.Generator, steps: int) -> tuple[Any, Any, Any]:
    """An episode in each session: what was seen, done and gained, by step."""
    observations, _ = env.reset(options={"reset_mask": np.ones(env.num_envs, np.bool_)})
    seen, done, gained = [], [], []
    for step in range(steps):
        inputs = features(observations, step, steps)
        chances = policy.probabilities(inputs)[0].cumsum(axis=1)
        actions = (random.random((len(chances), 1)) * chances[:, -1:] > chances).sum(axis=1)
        observations, rewards, _, _, _ = env.step(actions)
        seen.append(inputs)
        done.append(actions)
        gained.append(rewards)
    return np.array(seen), np.array(done), np.array(gained)


def main(argv: Sequence[str] | None = None) -> list[float]:
    """Returns the mean reward of each update's episodes: 1 is as small as -Oz makes programs; the first are random."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--sessions", type=int, default=36)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--svg", metavar="FILE", help="where to draw the rewards")
    arguments = parser.parse_args(argv)
    random = np.random.default_rng(arguments.seed)
    curve: list[float] = []
    environment = CompilerVectorEnv(
        arguments.sessions,
        dataset="demo-v0",
        benchmark_order="sequential",
        actions=ACTIONS,
        observation_space="Autophase",
        reward="IrInstructionCountOz",
        autoreset_mode="Disabled",
    )
    with contextlib.closing(environment) as env:
        env.reset(seed=arguments.seed)
        policy = Policy(57, len(ACTIONS), random)
        for update in range(arguments.updates):
            seen, done, gained = rollout(env, policy, random, arguments.steps)
            to_come = gained[::-1].cumsum(axis=0)[::-1]
            advantages = to_come - to_come.mean(axis=1, keepdims=True)
            advantages /= advantages.std() + 1e-8
            policy.improve(seen.reshape(-1, 57), done.reshape(-1), advantages.reshape(-1), rate=0.01, entropy=0.01)
            curve.append(float(gained.sum(axis=0).mean()))
            if update % 10 == 0 or update + 1 == arguments.updates:
                print(f"update {update:3}: reward {curve[-1]:.3f}")
    if arguments.svg:
        draw(curve, Path(arguments.svg))
    return curve


def draw(curve: Sequence[float], path: Path) -> None:
    """The rewards, update by update, and a line at 1: -Oz."""
    low, high = min(0.0, *curve), max(1.1, *curve)
    width, height, margin = 640, 320, 40

    def point(x: float, y: float) -> str:
        across = margin + (width - 2 * margin) * x / max(1, len(curve) - 1)
        return f"{across:.1f},{height - margin - (height - 2 * margin) * (y - low) / (high - low):.1f}"

    line = " ".join(point(x, y) for x, y in enumerate(curve))
    oz = f"{point(0, 1)} {point(len(curve) - 1, 1)}"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f'<polyline points="{oz}" stroke="#999" stroke-dasharray="4" fill="none"/>'
        f'<polyline points="{line}" stroke="#0a5" stroke-width="2" fill="none"/>'
        f'<text x="{margin}" y="20">reward by update; 1 (dashed) is -Oz</text>'
        f'<text x="{margin}" y="{height - 12}">0</text>'
        f'<text x="{width - margin}" y="{height - 12}" text-anchor="end">{len(curve) - 1}</text></svg>\n'
    )


if __name__ == "__main__":
    main()
