"""Whether what the optimiser did is right: a state is replayed, and the program is run as it was and as it is now."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from .benchmark import Benchmark, RunOptions, find_tool
from .errors import ServiceError


@dataclass(frozen=True)
class ValidationResult:
    """What was found. `okay` if nothing was wrong, whatever could be checked."""

    benchmark: str
    #: Each a sentence.
    errors: tuple[str, ...] = ()
    #: The reward is the recorded one; None if none was recorded.
    reward_reproduced: bool | None = None
    #: The IR is the recorded one; None if no hash was recorded.
    ir_reproduced: bool | None = None
    #: The program does what it did; None if it can't be run.
    semantics_preserved: bool | None = None
    #: Why the program was not run.
    not_run: str = ""

    @property
    def okay(self) -> bool:
        """Nothing was wrong."""
        return not self.errors


@dataclass(frozen=True)
class _Run:
    status: int | str
    output: bytes = field(repr=False)


def compare_runs(benchmark: Benchmark, optimised: bytes) -> tuple[bool | None, str]:
    """Runs the program before and after: whether it does the same, and what differs.

    None, and why, where that says nothing about the optimiser: it can't be run, or differs from itself before optimisation.
    The service has no request for this, so that it takes a clang here. Raises MissingTool.
    """
    options = benchmark.run
    if options is None:
        return None, "nobody has said how to run it (Benchmark.run)"
    with tempfile.TemporaryDirectory(prefix="compiler_gym-") as name:
        folder = Path(name)
        built = _build(folder / "before", benchmark.bitcode, options)
        if built:
            return None, f"it can't be linked: {built}"
        before, again = (_execute(folder / "before", options) for _ in range(2))
        if before != again:
            return None, "its runs differ from each other"
        if before.status == "timeout":
            return None, f"it runs for longer than {options.timeout:g} s"
        if options.expected_output is not None and before.output != options.expected_output:
            return None, "it does not print what is expected, before optimisation already"
        built = _build(folder / "after", optimised, options)
        if built:
            return False, f"the optimised program can't be linked: {built}"
        after = _execute(folder / "after", options)
    if after.status != before.status:
        return False, f"exit status {before.status} became {after.status}"
    if after.output != before.output:
        return False, f"its output differs: {_first_difference(before.output, after.output)}"
    return True, ""


def _build(program: Path, bitcode: bytes, options: RunOptions) -> str:
    """The linker's words, if it fails."""
    source = program.with_suffix(".bc")
    source.write_bytes(bitcode)
    # -O0: the back end adds nothing of its own.
    command = [find_tool("clang"), "-O0", "-w", str(source), *options.link, "-o", str(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stderr.strip()[:1000] or f"clang ended with {result.returncode}"


def _execute(program: Path, options: RunOptions) -> _Run:
    folder = program.with_suffix(".run")
    folder.mkdir(exist_ok=True)
    try:
        result = subprocess.run(
            [str(program), *options.arguments],
            input=options.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            timeout=options.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Run("timeout", b"")
    return _Run(result.returncode, result.stdout)


def _first_difference(before: bytes, after: bytes) -> str:
    pairs = zip([*before.splitlines(), b"(nothing)"], [*after.splitlines(), b"(nothing)"], strict=False)
    for number, (left, right) in enumerate(pairs, start=1):
        if left != right:
            return f"line {number} was {left[:80]!r}, is {right[:80]!r}"
    return f"{len(before)} bytes were {len(after)}"


def is_broken(error: ServiceError) -> str:
    """A sentence about a replay that failed."""
    return f"the replay failed: {type(error).__name__}: {error}"
