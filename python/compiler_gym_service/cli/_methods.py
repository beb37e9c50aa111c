"""`search --methods`: what compiler_gym-search does, which compares methods and checks what they find."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .._plot import check_plot_file, write_steps
from ..datasets import demo_folder
from ..errors import InvalidArgument, NotFound, ServiceError
from ..process import find_service
from ._output import print_json

BINARY_NAME = "compiler_gym-search"
BINARY_VARIABLE = "COMPILER_GYM_SEARCH"
_NOTHING_SEARCHED = 3


def find_search(service: Path) -> Path:
    """$COMPILER_GYM_SEARCH, the one beside the service, as in the wheel, or one on the PATH. Raises NotFound."""
    named = os.environ.get(BINARY_VARIABLE, "")
    beside = service.parent / BINARY_NAME
    for candidate in (named, str(beside), BINARY_NAME):
        path = shutil.which(candidate) if candidate else None
        if path:
            return Path(path)
    raise NotFound(
        f"no {BINARY_NAME}: not beside the service ({beside}) nor on the PATH. Build it (./dev build release "
        f"{BINARY_NAME}) and set {BINARY_VARIABLE} to its path"
    )


def search_by_methods(arguments: argparse.Namespace) -> int:
    """Runs it, and returns an exit status of this command."""
    if arguments.options.address:
        raise InvalidArgument(
            "--methods starts a service of its own, and takes no address: --service may name a binary"
        )
    if arguments.output:
        raise InvalidArgument("--output is for the search without --methods; --json has what these find")
    if arguments.plot:
        check_plot_file(arguments.plot)
    service = find_service(arguments.options.binary)
    command = [str(find_search(service)), "--service", str(service), "--methods", arguments.methods]
    command += ["--steps", str(arguments.steps), "--seed", str(arguments.seed)]
    for objective in arguments.objective or ["size"]:
        command += ["--objective", objective]
    for program in arguments.programs:
        for file in _files_of(program):
            command += ["--program", file]
    with tempfile.TemporaryDirectory(prefix="compiler_gym-") as folder:
        found = Path(folder) / "found.json"
        command += ["--json", str(found)]
        if arguments.plot and Path(arguments.plot).suffix == ".svg":
            command += ["--svg", arguments.plot]
        status = subprocess.run(command, stdout=subprocess.DEVNULL if arguments.json else None, check=False).returncode
        if status not in (0, _NOTHING_SEARCHED):  # it has said why
            return 2 if status == 2 else 1
        report = json.loads(found.read_text())
    if arguments.plot and Path(arguments.plot).suffix == ".png":
        _draw(arguments.plot, report)
    if arguments.json:
        print_json(report)
    return 2 if status == _NOTHING_SEARCHED else 0


def _files_of(program: str) -> list[str]:
    """Of what comes with this package the sources; the rest are files and folders."""
    prefix = "benchmark://demo-v0/"
    demo = demo_folder()
    if program == "demo-v0":
        return [str(source) for source in sorted(demo.glob("*.c"))]
    path = demo / f"{program.removeprefix(prefix)}.c" if program.startswith(prefix) else Path(program)
    if not path.exists():
        raise NotFound(f"there is no file or folder '{program}': with --methods programs are these, or demo-v0")
    return [str(path)]


def mean_curves(objective: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Of each method, over the programs: the mean of the best ratio to `clang -Oz` after so many steps."""
    improvements: dict[str, list[tuple[int, int, float]]] = {}
    for index, program in enumerate(objective["programs"]):
        for method in program["methods"]:
            curve = improvements.setdefault(method["method"], [])
            curve += [(steps, index, value / program["clang_oz"]) for steps, value in method["improvements"]]
    curves = {}
    for method, changes in improvements.items():
        best = [1.0] * len(objective["programs"])
        points = [(0.0, 1.0)]
        for steps, index, ratio in sorted(changes):
            best[index] = min(best[index], ratio)
            points.append((float(steps), sum(best) / len(best)))
        curves[method] = points
    return curves


def _draw(path: str, report: dict[str, Any]) -> None:
    objective = report["objectives"][0]
    if not objective["programs"]:
        raise ServiceError("there is nothing to draw: none of the programs could be searched")
    up = f"{objective['objective']}, mean ratio to clang -Oz"
    write_steps(path, mean_curves(objective), end=float(report["steps"]), across="steps", up=up, mark=1.0)
