"""Where an episode stands, so that it can be written down and come back to."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import InvalidArgument

#: CompilerGym's, in its order (compiler_gym/compiler_env_state.py).
CSV_COLUMNS = ("benchmark", "reward", "walltime", "commandline")


@dataclass(frozen=True)
class CompilerState:
    """A benchmark, and what has been done to it."""

    benchmark: str
    #: CompilerGym's form, or one that runs; `commandline` reads both.
    commandline: str
    #: Seconds since the episode began.
    walltime: float = 0.0
    #: All together; None if there is none.
    reward: float | None = None
    #: Of the module that came out; "" if nobody has asked. Not in CSV files.
    ir_sha1: str = ""
    #: Whose names the command line has.
    action_space: str = "PassesAll"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CompilerState:
        """Raises InvalidArgument for what is not there, or unknown."""
        try:
            return cls(**data)
        except TypeError as error:
            raise InvalidArgument(f"not a state: {error}") from error


def write_states(path: str | os.PathLike[str], states: Iterable[CompilerState]) -> None:
    """As JSON if the file is called so, else as CSV."""
    with Path(path).open("w", newline="") as file:
        if Path(path).suffix == ".json":
            json.dump([state.to_json() for state in states], file, indent=1)
            return
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for state in states:
            reward = "" if state.reward is None else state.reward
            writer.writerow((state.benchmark, reward, state.walltime, state.commandline))


def read_states(path: str | os.PathLike[str]) -> Iterator[CompilerState]:
    """From a CSV or JSON file. Raises InvalidArgument with the line at fault."""
    try:
        with Path(path).open(newline="") as file:
            if Path(path).suffix == ".json":
                yield from (CompilerState.from_json(data) for data in json.load(file))
                return
            for number, row in enumerate(csv.DictReader(file), start=2):
                yield _from_row(row, f"{path}, line {number}")
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise InvalidArgument(f"{path} is not JSON: {error}") from error


def _from_row(row: dict[str, str | None], where: str) -> CompilerState:
    benchmark, commandline = row.get("benchmark"), row.get("commandline")
    if not benchmark or not commandline:
        raise InvalidArgument(f"{where}: the columns benchmark and commandline are needed")
    try:
        reward = float(row["reward"]) if row.get("reward") else None  # type: ignore[arg-type]
        walltime = float(row["walltime"]) if row.get("walltime") else 0.0  # type: ignore[arg-type]
    except ValueError as error:
        raise InvalidArgument(f"{where}: {error}") from error
    return CompilerState(benchmark, commandline, walltime, reward)
