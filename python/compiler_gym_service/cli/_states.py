"""`replay` and `validate`: what others have found."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from typing import Any

from ..env import CompilerEnv
from ..errors import InvalidArgument, ServiceError
from ..state import CompilerState, read_states
from ..validation import ValidationResult
from ._output import print_json, print_table

Add = Callable[..., argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Their arguments."""
    summaries = {
        "replay": "Does again what is written in a file of states, and compares reward and IR",
        "validate": "Replays states, then builds and runs the programs as they were and as they are then",
    }
    for name, summary in summaries.items():
        command = add(name, summary)
        command.add_argument("states", metavar="STATES", help=".csv, with CompilerGym's columns, or .json")
        command.add_argument("--dataset", help="where the programs are; else they are found by their URIs")
        command.add_argument(
            "--reward", default="IrInstructionCountOz", help="that was recorded (default: %(default)s)"
        )
        command.add_argument("--action-space", metavar="NAME", help="of the command lines, for CSV files")
        command.set_defaults(run=_check, runs_programs=name == "validate")


def _check(arguments: argparse.Namespace) -> int:
    states = list(read_states(arguments.states))
    if not states:
        raise InvalidArgument(f"{arguments.states} has no states")
    results: list[tuple[CompilerState, ValidationResult]] = []
    environments: dict[str, CompilerEnv] = {}
    with contextlib.ExitStack() as stack:
        for state in states:
            space = arguments.action_space or state.action_space
            if space not in environments:
                made = CompilerEnv(
                    service=arguments.options,
                    dataset=arguments.dataset,
                    action_space=space,
                    reward=arguments.reward,
                    observation_space="IrInstructionCount",
                )
                environments[space] = stack.enter_context(contextlib.closing(made))
            results.append((state, _result(environments[space], state, arguments.runs_programs)))
    failed = [result for _, result in results if not result.okay]
    if arguments.json:
        print_json([_plain(result) for _, result in results])
    else:
        rows = [
            (state.benchmark, state.reward, result.okay, "; ".join(result.errors) or result.not_run)
            for state, result in results
        ]
        print_table(["benchmark", "reward", "okay", "why"], rows)
        print(f"{len(results) - len(failed)} of {len(results)} are okay")
    return 3 if failed else 0


def _result(env: CompilerEnv, state: CompilerState, runs_programs: bool) -> ValidationResult:
    try:
        return env.validate(state, run=runs_programs)
    except ServiceError as error:
        if not isinstance(error, InvalidArgument | LookupError):
            raise
        return ValidationResult(state.benchmark, (str(error),))


def _plain(result: ValidationResult) -> dict[str, Any]:
    return {**vars(result), "okay": result.okay}
