"""`eval`: what a policy is worth."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import asdict

from .._resolve import dataset_of_arguments
from ..errors import InvalidArgument
from ..evaluation import evaluate, geometric_mean, load_policy
from ..rewards import METRICS
from ._output import print_json, print_table

Add = Callable[..., argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Its arguments."""
    command = add("eval", "Gives a policy and chance the same number of steps on each program, and compares")
    command.add_argument("policy", metavar="MODULE:NAME", help="a function of an observation and a numpy generator")
    command.add_argument("programs", nargs="*", metavar="PROGRAM", help="files, URIs, or a dataset (the demo programs)")
    command.add_argument("--metric", default="IrInstructionCount", choices=sorted(METRICS))
    command.add_argument("--observation-space", default="Autophase", metavar="NAME", help="what the policy sees")
    command.add_argument("--action-space", metavar="NAME")
    command.add_argument("--action-file", metavar="FILE", help="of the actions, or macros, that the policy numbers")
    command.add_argument("--steps", type=int, default=45, help="on each program (default: %(default)s)")
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=_eval)


def _eval(arguments: argparse.Namespace) -> int:
    if arguments.steps < 1:
        raise InvalidArgument("--steps is at least 1")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 (as `python -m` has it)
    found = evaluate(
        load_policy(arguments.policy),
        dataset_of_arguments(arguments.programs or ["demo-v0"]),
        steps=arguments.steps,
        metric=arguments.metric,
        observation_space=arguments.observation_space,
        action_space=arguments.action_space,
        actions=arguments.action_file,
        seed=arguments.seed,
        service=arguments.options,
    )
    ways = ("policy", "random")
    means = {way: geometric_mean([getattr(row, way) / row.oz for row in found]) for way in ways}
    if arguments.json:
        print_json({"programs": [asdict(row) for row in found], "geometric_mean_vs_oz": means})
        return 0
    rows = [(row.benchmark, row.initial, row.oz, row.policy, row.random) for row in found]
    print_table(["program", "start", "-Oz", "policy", "random"], rows)
    print("geometric mean beside -Oz: " + ", ".join(f"{way} {mean:.3f}" for way, mean in means.items()))
    return 0
