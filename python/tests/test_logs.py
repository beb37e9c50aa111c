"""Logs of transitions."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from compiler_gym_service import Benchmark, CompilerEnv, errors
from compiler_gym_service.logs import LogTransitions, TransitionLog, read_transitions


def test_every_step_is_a_row(sort: Benchmark, tmp_path: Path) -> None:
    with TransitionLog(tmp_path, rows_per_file=4) as log:
        env = LogTransitions(CompilerEnv(benchmark=sort, max_episode_steps=3), log)
        with contextlib.closing(env):
            wanted = []
            for _ in range(2):
                observation, _ = env.reset(seed=1)
                for action in (103, 10, 39):
                    after, reward, _, truncated, _ = env.step(action)
                    wanted.append((observation.tolist(), action, reward, after.tolist(), truncated))
                    observation = after
    rows = list(read_transitions(tmp_path))
    names = ("observation", "action", "reward", "next_observation", "truncated")
    assert [tuple(row[name] for name in names) for row in rows] == wanted
    assert [(row["episode"], row["step"]) for row in rows] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert {row["benchmark"] for row in rows} == {sort.uri}
    assert len(list(tmp_path.glob("*.parquet"))) == 2


def test_a_flush_leaves_nothing_behind(tmp_path: Path) -> None:
    with TransitionLog(tmp_path) as log:
        log.add(step=1)
        log.flush()
        assert [row["step"] for row in read_transitions(tmp_path)] == [1]
        log.add(step=2)
    # Another log of the same folder goes on after it.
    with TransitionLog(tmp_path) as log:
        log.add(step=3)
    assert [row["step"] for row in read_transitions(tmp_path)] == [1, 2, 3]
    with pytest.raises(errors.InvalidArgument, match="the log is closed"):
        log.add(step=4)


SCRIPT = """
import sys
from compiler_gym_service.logs import TransitionLog
log = TransitionLog(sys.argv[1])
for step in range(1000):
    log.add(step=step)
if len(sys.argv) > 2:
    raise SystemError("something else went wrong")
"""


@pytest.mark.parametrize("how", [[], ["fail"]])
def test_nothing_is_lost_at_exit(tmp_path: Path, how: list[str]) -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path), *how], check=False, capture_output=True)
    assert result.returncode == len(how)
    assert [row["step"] for row in read_transitions(tmp_path)] == list(range(1000))


def test_what_goes_wrong_is_said(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    log.add(step=object())
    with pytest.raises(Exception, match="object"):
        log.flush()
    with pytest.raises(Exception, match="object"):
        log.add(step=1)
    with pytest.raises(Exception, match="object"):
        log.close()
