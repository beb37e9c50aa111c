"""What the service builds and runs itself, when it is told how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compiler_gym_service import Benchmark, Client, ManifestDataset, RunOptions
from compiler_gym_service.errors import InvalidArgument

BUILD = "$CC -O3 -Xclang -disable-llvm-passes $IN -o a.out"


@pytest.fixture
def timing_client() -> Iterator[Client]:
    with Client({"flags": ["--all_observations"]}) as client:
        yield client


def echo(folder: Path, *, wanted: str) -> Path:
    """A program that fails unless its first line is `wanted`."""
    source = folder / "echo.c"
    source.write_text(
        "#include <stdio.h>\n#include <string.h>\n"
        "int main(int argc, char** argv) {\n"
        "  char line[100] = {0};\n"
        "  fread(line, 1, sizeof line - 1, stdin);\n"
        f'  return argc == 2 && strcmp(argv[1], "two words") == 0 && strcmp(line, "{wanted}") == 0 ? 0 : 1;\n'
        "}\n"
    )
    return source


def test_a_service_that_knows_how_measures_and_validates(timing_client: Client, sort: Benchmark) -> None:
    benchmark = replace(sort, uri="benchmark://run/sort").with_run(RunOptions(build=BUILD))
    with timing_client.start(benchmark) as session:
        session.set_parameters({"llvm.set_min_milliseconds_per_measurement": "1"})
        seen = session.step(["-mem2reg"], ["RuntimeMeasurement", "Validation", "Runtime", "IsRunnable"]).observations
        assert 0 < seen["RuntimeMeasurement"]["low_seconds"] <= seen["RuntimeMeasurement"]["median_seconds"]
        assert seen["Validation"] == {"verdict": "validated", "reason": ""}
        assert seen["Runtime"][0] > 0
        assert seen["IsRunnable"]


def test_without_a_build_command_it_does_not_run_the_program(timing_client: Client, sort: Benchmark) -> None:
    with timing_client.start(sort) as session:
        assert not session.step([], ["IsRunnable"]).observations["IsRunnable"]
        with pytest.raises(InvalidArgument, match="it has no commands to build and to run it"):
            session.step([], ["RuntimeMeasurement"])


def test_arguments_and_standard_input_reach_the_program(timing_client: Client, tmp_path: Path) -> None:
    run = RunOptions(arguments=("two words",), stdin=b"in 'quotes'\x01", build=BUILD)
    benchmark = Benchmark.from_source(echo(tmp_path, wanted="in 'quotes'\\x01"), run=run)
    with timing_client.start(benchmark) as session:
        assert session.step([], ["Runtime"]).observations["Runtime"][0] > 0


def test_programs_that_are_run_otherwise_are_two(timing_client: Client, sort: Benchmark) -> None:
    one = replace(sort, uri="benchmark://run/two").with_run(RunOptions())
    other = one.with_run(RunOptions(build=BUILD))
    assert one.digest == sort.digest != other.digest
    for benchmark, is_runnable in ((one, False), (other, True), (one, False)):
        with timing_client.start(benchmark) as session:
            assert session.step([], ["IsRunnable"]).observations["IsRunnable"] == is_runnable


def test_input_that_no_command_can_hold_is_refused() -> None:
    RunOptions(stdin=bytes(65537))
    with pytest.raises(InvalidArgument, match="65537 bytes of standard input: a service takes 65536 at most"):
        RunOptions(stdin=bytes(65537), build=BUILD)


def test_a_list_of_programs_says_how_to_build_them(tmp_path: Path) -> None:
    echo(tmp_path, wanted="")
    (tmp_path / "list.json").write_text(json.dumps([{"name": "echo", "file": "echo.c", "build": BUILD}]))
    assert ManifestDataset(tmp_path / "list.json")[0].run == RunOptions(build=BUILD)
