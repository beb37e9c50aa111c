"""The command `compiler-gym`."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from compiler_gym_service import Benchmark, read_states
from compiler_gym_service.cli import main
from compiler_gym_service.cli._methods import mean_curves
from compiler_gym_service.cli._output import ProgressLine
from compiler_gym_service.search import random_search

PROGRAM = str(Path(__file__).parent.parent.parent / "programs" / "sort.c")


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(arguments) == status, capsys.readouterr().err
    return capsys.readouterr().out


def test_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "spaces")
    assert re.search(r"^PassesAll +124$", text, re.MULTILINE) and "Autophase" in text
    data = json.loads(run(capsys, "spaces", "--json"))
    assert data["actions"]["PassesAll"][103] == "-mem2reg"
    assert {row["name"] for row in data["observations"]} >= {"Ir", "InstCount"}
    assert "default<Oz>" in run(capsys, "spaces", "--action-space", "Pipelines")


def test_describe(capsys: pytest.CaptureFixture[str]) -> None:
    assert "compiler  19." in run(capsys, "describe")
    assert json.loads(run(capsys, "describe", "--json"))["action_spaces"]["NewPM"] > 100


def test_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "out.ll"
    flags = ["--observe", "ObjectTextSizeBytes", "--output", str(output), "--validate"]
    text = run(capsys, "run", PROGRAM, "--actions", "-mem2reg 39", *flags)
    assert "opt-19 '-passes=function(mem2reg),function(gvn)' input.bc -o output.bc" in text
    assert "validated: the program does what it did" in text
    assert output.read_text().startswith("; ModuleID")
    args = ["--compile-args", "-Oz -Xclang -disable-llvm-passes", "--observe", "ShippedTextSizeBytes", "--json"]
    small, as_it_is = (json.loads(run(capsys, "run", PROGRAM, *each)) for each in (args, args[2:]))
    assert small["before"]["ShippedTextSizeBytes"] < as_it_is["before"]["ShippedTextSizeBytes"]
    assert main(["run", PROGRAM, "--compile-args", "-DX='a"]) == 2
    assert "--compile-args: No closing quotation in -DX='a" in capsys.readouterr().err
    line = "opt -mem2reg -gvn input.bc -o output.bc"
    data = json.loads(run(capsys, "run", PROGRAM, "--actions", line, "--json"))
    assert data["after"]["IrInstructionCount"] < data["before"]["IrInstructionCount"]


def test_search_replay_and_validate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    states = tmp_path / "states.csv"
    search = [
        "search",
        "demo-v0/sort",
        "benchmark://demo-v0/matrix",
        "--steps",
        "64",
        "--sessions",
        "8",
        "--episode",
        "8",
    ]
    plot = tmp_path / "plot.svg"
    text = run(capsys, *search, "--output", str(states), "--plot", str(plot))
    assert "benchmark://demo-v0/sort" in text and "benchmark://demo-v0/matrix" in text
    drawn = [element.text for element in ElementTree.parse(plot).getroot() if element.tag.endswith("text")]
    assert {"benchmark://demo-v0/sort", "benchmark://demo-v0/matrix", "steps, 0 to 64"} <= set(drawn)
    again = tmp_path / "again.csv"
    run(capsys, *search, "--output", str(again))
    assert [state.commandline for state in read_states(states)] == [state.commandline for state in read_states(again)]
    replay = ["--reward", "IrInstructionCount"]
    assert "2 of 2 are okay" in run(capsys, "replay", str(states), *replay)
    results = json.loads(run(capsys, "validate", str(states), *replay, "--json"))
    assert all(result["okay"] and result["semantics_preserved"] for result in results)
    text = states.read_text().replace("demo-v0/sort,", "demo-v0/sort,1")
    states.write_text(text)
    assert "was recorded, the replay has" in run(capsys, "replay", str(states), *replay, status=3)


def test_progress_is_shown_to_people_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with ProgressLine(stream) as line:
            line.show(0.5, "half")
    assert terminal.getvalue() == "\r\033[K[##########          ]  50% half\r\033[K"
    assert not pipe.getvalue()


def test_search_by_methods_is_checked_and_drawn(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    search = ["search", "benchmark://demo-v0/sort", "--methods", "random,local", "--steps", "8"]
    plot = tmp_path / "plot.png"
    assert main([*search, "--json", "--plot", str(plot)]) == 0
    objective = json.loads(capfd.readouterr().out)["objectives"][0]
    (program,) = objective["programs"]
    assert program["name"] == "sort" and program["is_validated"]
    assert [method["method"] for method in program["methods"]] == ["random", "local"]
    assert all(0 < method["value"] <= program["clang_oz"] for method in program["methods"])
    assert plot.read_bytes().startswith(b"\x89PNG")
    drawing = tmp_path / "plot.svg"
    assert main([*search, "--plot", str(drawing)]) == 0
    assert "geometric mean" in capfd.readouterr().out
    assert ElementTree.parse(drawing).getroot().tag.endswith("svg")
    nothing = tmp_path / "broken.c"
    nothing.write_text("no program")
    assert main(["search", str(nothing), "--methods", "local", "--steps", "1"]) == 2
    assert "broken.c" in capfd.readouterr().out


def test_curves_are_means_of_the_best_so_far() -> None:
    methods = [{"method": "local", "improvements": [[2, 90], [4, 80]]}]
    others = [{"method": "local", "improvements": [[3, 50]]}]
    programs = [{"clang_oz": 100, "methods": methods}, {"clang_oz": 100, "methods": others}]
    curve = mean_curves({"programs": programs})["local"]
    assert curve == [(0.0, 1.0), (2.0, 0.95), (3.0, 0.7), (4.0, 0.65)]


def test_the_search_says_how_far_it_is(sort: Benchmark) -> None:
    told: list[tuple[int, int]] = []
    found = random_search(
        sort, steps=20, sessions=8, episode_steps=5, progress=lambda steps, cost: told.append((steps, cost))
    )
    assert [steps for steps, _ in told] == [8, 16, 20]
    assert told[-1][1] == found.cost == found.curve[-1][1]
    assert found.curve[0] == (0, found.initial)


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["run", "/nowhere.c"], 2, "there is no file '/nowhere.c'"),
        (["run", PROGRAM, "--actions", "-nonsense"], 2, "no action '-nonsense'"),
        (["run", PROGRAM, "--observe", "Nothing"], 2, "no observation 'Nothing'"),
        (["run", "benchmark://cbench-v1/crc32"], 2, "no dataset 'cbench-v1'"),
        (["describe", "unix:/nowhere"], 1, "cannot connect to unix:/nowhere"),
        (["describe", "nonsense"], 2, "'nonsense' is no address"),
        (["describe", "--token-file", "/nowhere"], 2, "cannot read the token"),
        (["replay", "/nowhere.csv"], 2, "cannot read /nowhere.csv"),
        (["search", "demo-v0/sort", "--steps", "0"], 2, "are at least 1"),
        (["search", "/nowhere.c", "--methods", "local"], 2, "there is no file or folder '/nowhere.c'"),
        (["search", PROGRAM, "--methods", "local", "--output", "a.csv"], 2, "--output is for the search without"),
        (["search", PROGRAM, "--methods", "local", "--service", "localhost:1"], 2, "takes no address"),
        (["search", "demo-v0/sort", "--objective", "size"], 2, "is for the search with --methods"),
        (["search", "demo-v0/sort", "--plot", "a.gif"], 2, "a.gif: .svg and .png can be drawn"),
    ],
)
def test_errors_say_what_is_wrong(
    arguments: list[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status
    assert reason in capsys.readouterr().err


def test_eval_compares_with_chance(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_policy.py").write_text(
        "def good(observation, random):\n    return 0 if observation.shape == (56,) else 1\n"
        "def chance(observation, random):\n    return int(random.integers(2))\n"
    )
    (tmp_path / "actions.txt").write_text("-mem2reg -gvn\n-barrier\n")
    monkeypatch.chdir(tmp_path)
    command = ["--steps", "3", "--action-file", "actions.txt", "--json"]
    data = json.loads(run(capsys, "eval", "a_policy:good", *command))
    assert len(data["programs"]) == 9
    assert all(row["policy"] < row["initial"] and row["policy"] <= row["random"] for row in data["programs"])
    # With the same seed a policy that is chance is as good as chance.
    data = json.loads(run(capsys, "eval", "a_policy:chance", "demo-v0/sort", *command))
    assert data["programs"][0]["policy"] == data["programs"][0]["random"]
    assert "geometric mean beside -Oz: policy" in run(capsys, "eval", "a_policy:chance", "demo-v0/sort", *command[:-1])
    assert main(["eval", "a_policy:nothing"]) == 2
    assert "no policy 'a_policy:nothing'" in capsys.readouterr().err


def test_completion(capsys: pytest.CaptureFixture[str]) -> None:
    script = run(capsys, "completion")
    test = script + 'COMP_WORDS=(compiler-gym %s); COMP_CWORD=%d; _compiler_gym; echo "${COMPREPLY[@]}"'
    for words, at, wanted in (("se", 1, "serve search"), ("search --metr", 2, "--metric"), ("x --met", 2, "")):
        result = subprocess.run(["bash", "-c", test % (words, at)], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == wanted


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["spaces", "--nonsense"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --nonsense" in capsys.readouterr().err


def test_serve_becomes_a_service(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "compiler_gym_service.cli", "serve", "--working_dir", str(tmp_path / "service")]
    environment = {**os.environ}
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, env=environment)
    assert version.stdout.strip()
    wrong = subprocess.run([*command, "--nonsense"], capture_output=True, text=True, check=False, env=environment)
    assert wrong.returncode == 1 and "nonsense" in wrong.stderr


def test_whoever_reads_may_stop() -> None:
    command = f"{sys.executable} -m compiler_gym_service.cli spaces --action-space PassesAll --json | head -1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 0 and result.stderr == ""
