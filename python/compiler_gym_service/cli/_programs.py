"""`run` and `search`: actions on programs."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from .._plot import check_plot_file, write_steps
from .._resolve import dataset_of_arguments
from ..agent import PassTools, mcp_server
from ..env import CompilerEnv
from ..errors import InvalidArgument
from ..rewards import METRICS, Reward
from ..search import random_search
from ..state import write_states
from ._methods import search_by_methods
from ._output import ProgressLine, print_json, print_table

Add = Callable[..., argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Their arguments."""
    run = add("run", "Applies actions to a program, and says what came of it")
    run.add_argument(
        "program", metavar="PROGRAM", help=".c, .cpp, .ll or .bc file, or a URI such as benchmark://demo-v0/sort"
    )
    run.add_argument("--actions", default="", help="names or numbers, or a command line of opt", metavar="'ACTION …'")
    run.add_argument("--action-space", metavar="NAME")
    run.add_argument(
        "--compile-args",
        default="",
        metavar="'ARG …'",
        help="what clang is told besides, in the program's folder; for ShippedTextSizeBytes '-Oz -Xclang -disable-llvm-passes'",
    )
    run.add_argument(
        "--observe", action="append", default=[], metavar="NAME", help="prints this too; may be given several times"
    )
    run.add_argument("--output", metavar="FILE", help="writes the program as it is then: .ll for text, else bitcode")
    run.add_argument("--validate", action="store_true", help="runs the program before and after, and compares")
    run.set_defaults(run=_run)

    mcp = add("mcp", "Lets a language model optimise a program: an MCP server on standard input and output")
    mcp.add_argument("program", metavar="PROGRAM", help="as for run")
    mcp.add_argument("--action-space", metavar="NAME", default="NewPM", help="(default: %(default)s)")
    mcp.set_defaults(run=_mcp)

    search = add("search", "Looks for actions that make programs small: at random, or by several methods")
    search.add_argument("programs", nargs="+", metavar="PROGRAM", help="files, URIs, or a dataset")
    search.add_argument(
        "--methods",
        metavar="LIST",
        help="compares these of random, greedy, genetic and local, and checks what they find: files and folders of C and "
        "bitcode against clang -Oz",
    )
    search.add_argument(
        "--objective", action="append", choices=("size", "instructions"), help="of --methods; may be given twice"
    )
    search.add_argument("--metric", default="IrInstructionCount", choices=sorted(METRICS))
    search.add_argument("--steps", type=int, default=1000, help="actions to try on each program")
    search.add_argument("--episode", type=int, default=30, metavar="N", help="of so many actions each")
    search.add_argument("--sessions", type=int, default=16, metavar="N", help="at a time")
    search.add_argument("--seed", type=int, default=0)
    search.add_argument("--action-space", metavar="NAME")
    search.add_argument(
        "--output", metavar="FILE", help="writes the best states, .csv or .json, for replay and validate"
    )
    search.add_argument(
        "--plot", metavar="FILE", help="draws the least size over the steps, relative to -Oz; .svg or .png"
    )
    search.set_defaults(run=_search)


def _run(arguments: argparse.Namespace) -> int:
    environment = CompilerEnv(
        service=arguments.options,
        benchmark=arguments.program,
        compile_args=_words("--compile-args", arguments.compile_args),
        action_space=arguments.action_space,
        reward=Reward("IrInstructionCount"),
    )
    with contextlib.closing(environment) as env:
        env.reset()
        names = list(dict.fromkeys(["IrInstructionCount", *arguments.observe]))
        before = env.observe(*names)
        words = _words("--actions", arguments.actions)
        if words and words[0].startswith("opt"):
            actions = env.commandline_to_actions(arguments.actions)
        else:
            actions = [env.table.names[env.table.number(int(word) if word.isdigit() else word)] for word in words]
        _, _, _, _, info = env.multistep(actions)
        if "error_details" in info:
            raise InvalidArgument(f"the actions broke the compiler: {info['error_details']}")
        after = env.observe(*names)
        if arguments.output:
            (env.write_ir if Path(arguments.output).suffix == ".ll" else env.write_bitcode)(arguments.output)
        result = env.validate() if arguments.validate else None
        commandline = env.commandline()
    if arguments.json:
        found = None if result is None else {"okay": result.okay, "errors": result.errors, "not_run": result.not_run}
        print_json({"commandline": commandline, "before": before, "after": after, "validation": found})
    else:
        print(commandline)
        print_table(
            ["observation", "before", "after"], [(name, _short(before[name]), _short(after[name])) for name in names]
        )
        if result is not None:
            print("validated: " + ("; ".join(result.errors) or result.not_run or "the program does what it did"))
    return 0 if result is None or result.okay else 3


def _words(option: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidArgument(f"{option}: {error} in {text}") from error


def _mcp(arguments: argparse.Namespace) -> int:
    tools = PassTools(arguments.program, action_space=arguments.action_space, service=arguments.options)
    with contextlib.closing(tools):
        mcp_server(tools).run()
    return 0


def _short(value: object) -> object:
    if isinstance(value, int | float):
        return value
    text = str(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."


def _search(arguments: argparse.Namespace) -> int:
    if arguments.methods:
        return search_by_methods(arguments)
    if arguments.objective:
        raise InvalidArgument(
            "--objective is for the search with --methods; without them --metric says what is to be small"
        )
    if arguments.plot:
        check_plot_file(arguments.plot)
    if arguments.steps < 1 or arguments.episode < 1 or arguments.sessions < 1:
        raise InvalidArgument("--steps, --episode and --sessions are at least 1")
    dataset = dataset_of_arguments(arguments.programs, METRICS[arguments.metric].compile_args)
    found = []
    with ProgressLine(sys.stderr) as line:
        for index, uri in enumerate(dataset.uris()):

            def show(steps: int, cost: int, uri: str = uri, index: int = index) -> None:
                part = (index + steps / arguments.steps) / len(dataset)
                line.show(part, f"{uri}: {arguments.metric} {cost}")

            found.append(
                random_search(
                    dataset.benchmark(uri),
                    metric=arguments.metric,
                    steps=arguments.steps,
                    episode_steps=arguments.episode,
                    sessions=arguments.sessions,
                    seed=arguments.seed,
                    action_space=arguments.action_space,
                    service=arguments.options,
                    progress=show,
                )
            )
    if arguments.plot:
        curves = {best.state.benchmark: [(step, cost / best.oz) for step, cost in best.curve] for best in found}
        up = f"{arguments.metric}, relative to -Oz"
        write_steps(arguments.plot, curves, end=arguments.steps, across="steps", up=up, mark=1.0)
    if arguments.output:
        write_states(arguments.output, [best.state for best in found])
    if arguments.json:
        print_json(
            [{**best.state.to_json(), "initial": best.initial, "oz": best.oz, "cost": best.cost} for best in found]
        )
        return 0
    rows = [
        (best.state.benchmark, best.initial, best.oz, best.cost, f"{best.cost / best.oz - 1:+.1%}", best.flags)
        for best in found
    ]
    print_table(["program", "start", "-Oz", "found", "vs -Oz", "by"], rows)
    return 0
