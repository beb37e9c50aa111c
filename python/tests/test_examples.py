"""The examples run, and learn what they say they learn."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from conftest import PROGRAMS

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def test_random_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    main = example("random_policy", monkeypatch).main
    assert main(["--steps", "8", "--seed", "3"]) == main(["--steps", "8", "--seed", "3"])


def test_greedy_by_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert example("greedy_forks", monkeypatch).main(["--steps", "2"]) > 0.9


def test_tabular_q(monkeypatch: pytest.MonkeyPatch) -> None:
    first, learnt = example("tabular_q", monkeypatch).main(["--episodes", "40"])
    assert learnt > first


def test_policy_gradient_beats_random_and_reaches_oz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    main = example("policy_gradient", monkeypatch).main
    curve = main(["--updates", "20", "--svg", str(tmp_path / "curve.svg")])
    assert curve[0] < 0.7  # its first policy is a random one
    assert max(curve[-5:]) >= 1.0  # what -Oz makes of these programs
    assert ElementTree.parse(tmp_path / "curve.svg").getroot().tag.endswith("svg")
    again = main(["--updates", "2"])
    assert again == curve[:2]


def test_run_time_says_what_its_command_makes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = example("run_time", monkeypatch)
    (row,) = module.main(["--programs", "sort", "--candidates", "2", "--milliseconds", "40"])
    assert 0 < row.best.low <= row.best.median <= row.best.high
    subprocess.run(row.command(PROGRAMS / "sort.c"), shell=True, cwd=tmp_path, check=True)
    found = subprocess.run([tmp_path / "sort"], capture_output=True, check=True).stdout
    subprocess.run(["clang-19", "-O0", PROGRAMS / "sort.c", "-o", tmp_path / "plain"], check=True)
    assert found == subprocess.run([tmp_path / "plain"], capture_output=True, check=True).stdout


def test_run_time_is_faster_only_outside_of_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("run_time", monkeypatch)

    def verdict(o2: tuple[float, float], o3: tuple[float, float], best: tuple[float, float]) -> str:
        intervals = [module.Interval((low + high) / 2, low, high) for low, high in (o2, o3, best)]
        words: str = module.Row("sort", *intervals, pipeline="").verdict
        return words

    assert verdict((5, 6), (3, 4), (1, 2)) == "faster than -O2 and -O3"
    assert verdict((5, 6), (1.5, 4), (1, 2)) == "faster than -O2"
    assert verdict((5, 6), (1, 2), (3, 4)) == "faster than -O2, slower than -O3"
    assert verdict((1, 4), (1, 4), (2, 3)) == "no difference seen"


@pytest.mark.filterwarnings("default")  # PyTorch's are its own
def test_ppo_of_stable_baselines_beats_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("stable_baselines3", reason="pip install stable-baselines3")
    chance, learnt = example("ppo_stable_baselines3", monkeypatch).main(["--timesteps", "3600"])
    assert learnt > chance
