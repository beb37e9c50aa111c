"""Run time: random passes before and after -O3's, against what clang -O2 and -O3 make; "faster" is what intervals say.

python run_time.py --programs sort,matrix --candidates 12

Each program is measured alone, on one processor, as often as it takes (docs/llvm.md, "Is it faster?"). The best candidate is
measured anew at the end, as -O2 and -O3 are, since the least of many measurements is as much luck as speed; and it has to
do what the program did.
"""

from __future__ import annotations

import argparse
import random
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler_gym_service import Benchmark, Client, RunOptions, Session
from compiler_gym_service.datasets import demo_folder
from compiler_gym_service.errors import DataLoss, DeadlineExceeded, Internal

PASSES = [
    "cgscc(argpromotion)",
    "cgscc(inline)",
    "function(dse)",
    "function(early-cse<memssa>)",
    "function(gvn)",
    "function(instcombine)",
    "function(jump-threading)",
    "function(loop(loop-rotate))",
    "function(loop(loop-unroll-full))",
    "function(loop-distribute)",
    "function(loop-load-elim)",
    "function(loop-mssa(licm))",
    "function(loop-unroll<O3>)",
    "function(loop-vectorize)",
    "function(newgvn)",
    "function(reassociate)",
    "function(simplifycfg)",
    "function(slp-vectorizer)",
    "function(sroa<modify-cfg>)",
]


#: A pass that crashes or hangs, a program that does not run any more.
BROKEN = (DataLoss, DeadlineExceeded, Internal)


@dataclass(frozen=True)
class Interval:
    """Seconds; the true median lies between `low` and `high` with a probability of 95% or so."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median * 1e3:.2f} [{self.low * 1e3:.2f}, {self.high * 1e3:.2f}]"

    def is_below(self, other: Interval) -> bool:
        """Surely faster."""
        return self.high < other.low


@dataclass(frozen=True)
class Row:
    """What was found for one program."""

    program: str
    o2: Interval
    o3: Interval
    best: Interval
    pipeline: str

    @property
    def verdict(self) -> str:
        """Of the best."""
        levels = {"-O2": self.o2, "-O3": self.o3}
        found = {
            "faster": [name for name, level in levels.items() if self.best.is_below(level)],
            "slower": [name for name, level in levels.items() if level.is_below(self.best)],
        }
        return (
            ", ".join(f"{word} than {' and '.join(names)}" for word, names in found.items() if names)
            or "no difference seen"
        )

    def command(self, source: Path) -> str:
        """What makes the program."""
        clang = f"clang-19 {shlex.join(flags_of('-O3'))}"
        passes = shlex.quote(self.pipeline)
        return (
            f"{clang} -emit-llvm -c -o - {shlex.quote(str(source))} | opt-19 -relocation-model=pic -passes={passes} | "
            f"{clang} -x ir - -o {self.program} -lm"
        )


def flags_of(level: str) -> tuple[str, ...]:
    """Of clang's, for its front end and its code generator alone."""
    return (level, "-Xclang", "-disable-llvm-passes")


class Timer:
    """One program as clang's front end makes it for a level, to be optimised by a pipeline, built, and measured."""

    def __init__(self, client: Client, source: Path, level: str) -> None:
        flags = flags_of(level)
        run = RunOptions(build=f"$CC {' '.join(flags)} $IN -o a.out -lm", timeout=10)
        self._client = client
        self._benchmark = Benchmark.from_source(source, flags, run=run)

    def measure(self, pipeline: str, milliseconds: int, *, validate: bool = False) -> Interval:
        """Raises a ServiceError, of which those in `BROKEN` are the pipeline's fault."""
        with self._client.start(self._benchmark) as session:
            session.set_parameters(
                {"llvm.apply_pipeline": pipeline, "llvm.set_min_milliseconds_per_measurement": str(milliseconds)}
            )
            if validate:
                _check(session)
            value = session.step([], ["RuntimeMeasurement"]).observations["RuntimeMeasurement"]
            return Interval(value["median_seconds"], value["low_seconds"], value["high_seconds"])

    def try_out(self, pipeline: str, milliseconds: int, *, validate: bool = False) -> Interval | None:
        """The same, but None for a pipeline that breaks the program, and says how."""
        try:
            return self.measure(pipeline, milliseconds, validate=validate)
        except BROKEN as error:
            print(f"  {self._benchmark.uri}: {pipeline}: {error}")
            return None


def _check(session: Session) -> None:
    found: dict[str, Any] = session.step([], ["Validation"]).observations["Validation"]
    if found["verdict"] != "validated":
        raise Internal(f"{found['verdict']}: {found['reason']}")


def draw(randomness: random.Random) -> str:
    """A candidate."""
    before = [randomness.choice(PASSES) for _ in range(randomness.randint(0, 4))]
    after = [randomness.choice(PASSES) for _ in range(randomness.randint(0, 4))]
    return ",".join([*before, "default<O3>", *after])


def search(client: Client, source: Path, candidates: int, milliseconds: int, randomness: random.Random) -> Row:
    """Of `candidates`, the one whose median was least, and that is right."""
    o2, o3 = (Timer(client, source, level) for level in ("-O2", "-O3"))
    pipelines = dict.fromkeys(["default<O3>", *(draw(randomness) for _ in range(candidates))])
    tried = {pipeline: o3.try_out(pipeline, milliseconds // 4) for pipeline in pipelines}
    for _, pipeline in sorted((interval.median, pipeline) for pipeline, interval in tried.items() if interval):
        best = o3.try_out(pipeline, milliseconds, validate=True)
        if best is not None:
            level2, level3 = o2.measure("default<O2>", milliseconds), o3.measure("default<O3>", milliseconds)
            return Row(source.stem, level2, level3, best, pipeline)
    raise Internal(f"{source}: not even what -O3 makes of it runs as it did")


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Returns a row for each program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default="", help="of the demo's, separated by commas; all if empty")
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--milliseconds", type=int, default=1000, help="of running, for each measurement that counts")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    wanted = arguments.programs.split(",") if arguments.programs else []
    sources = [source for source in sorted(demo_folder().glob("*.c")) if not wanted or source.stem in wanted]
    rows = []
    with Client({"flags": ["--all_observations"]}) as client:
        print(f"{'program':14} {'-O2, ms':>22} {'-O3, ms':>22} {'best found, ms':>22}")
        for source in sources:
            row = search(client, source, arguments.candidates, arguments.milliseconds, random.Random(arguments.seed))
            print(f"{row.program:14} {row.o2!s:>22} {row.o3!s:>22} {row.best!s:>22}  {row.verdict}")
            rows.append(row)
    for row, source in zip(rows, sources, strict=True):
        print(row.command(source))
    return rows


if __name__ == "__main__":
    main()
