"""Transitions for offline learning, written to Parquet files beside the training (extra `parquet`: pyarrow)."""

from __future__ import annotations

import atexit
import queue
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import gymnasium
import numpy as np

from .errors import InvalidArgument


class TransitionLog:
    """A folder of Parquet files, each with some thousands of transitions.

    A thread of its own writes them, so that a step costs no more than putting a row into a queue. A file appears under its
    name when it is whole; `flush` and `close` write what there is, and closing happens at exit as well.

    Errors:  what went wrong in the thread (a full disk) is raised by the next call.
    Threads: `add` may be called by several.
    """

    _END: ClassVar[object] = object()

    def __init__(self, folder: str | Path, *, rows_per_file: int = 10_000, seconds_per_file: float = 60.0) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise InvalidArgument("logs need pyarrow: pip install 'compiler-gym-service[parquet]'") from None
        if rows_per_file < 1:
            raise InvalidArgument(f"rows_per_file is {rows_per_file}; at least 1")
        self._pyarrow = pyarrow
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows_per_file = rows_per_file
        self._seconds_per_file = seconds_per_file
        self._number = 0
        self._error: Exception | None = None
        self._is_closed = False
        # Bounded: whoever adds faster than the disk takes waits.
        self._queue: queue.Queue[Any] = queue.Queue(4 * rows_per_file)
        self._thread = threading.Thread(target=self._run, name="compiler_gym log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __enter__(self) -> TransitionLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, **row: Any) -> None:
        """One transition. Arrays become lists."""
        self._check()
        self._queue.put(row)

    def flush(self) -> None:
        """Waits until all that was added is in files."""
        self._check()
        done = threading.Event()
        self._queue.put(done)
        done.wait()
        self._check()

    def close(self) -> None:
        """Writes what there is. Doing it again does nothing."""
        if not self._is_closed:
            self._is_closed = True
            atexit.unregister(self.close)
            self._queue.put(self._END)
            self._thread.join()
            if self._error is not None:
                raise self._error

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._is_closed:
            raise InvalidArgument("the log is closed")

    def _run(self) -> None:
        rows: list[dict[str, Any]] = []
        begun = time.monotonic()
        while True:
            try:
                entry = self._queue.get(timeout=max(0.0, begun + self._seconds_per_file - time.monotonic()))
            except queue.Empty:
                entry = None
            if isinstance(entry, dict):
                rows.append(entry)
            is_due = len(rows) >= self._rows_per_file or not isinstance(entry, dict)
            if is_due:
                self._try_to_write(rows)
                rows = []
                begun = time.monotonic()
            if isinstance(entry, threading.Event):
                entry.set()
            elif entry is self._END:
                return

    def _try_to_write(self, rows: list[dict[str, Any]]) -> None:
        try:
            if rows and self._error is None:
                self._write(rows)
        except Exception as error:  # whoever calls next raises it
            self._error = error

    def _write(self, rows: list[dict[str, Any]]) -> None:
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [_plain(row.get(name)) for row in rows] for name in names}
        table = self._pyarrow.table(columns)
        # The number first: files in the order of their names are in the order of time.
        while (path := self._folder / f"transitions-{self._number:06}.parquet").exists():
            self._number += 1
        partial = path.with_suffix(".partial")
        self._pyarrow.parquet.write_table(table, partial)
        partial.rename(path)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


class LogTransitions(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Writes each step of an environment to a log: episode, step, benchmark, observation, action, reward, and how it ended."""

    def __init__(self, env: gymnasium.Env[Any, Any], log: TransitionLog) -> None:
        super().__init__(env)
        self._log = log
        self._episode = -1
        self._step = 0
        self._benchmark = ""
        self._observation: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins another episode."""
        self._observation, info = self.env.reset(seed=seed, options=options)
        self._episode += 1
        self._step = 0
        self._benchmark = str(info.get("benchmark", ""))
        return self._observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """A row."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._log.add(
            episode=self._episode,
            step=self._step,
            benchmark=self._benchmark,
            observation=self._observation,
            action=action,
            reward=reward,
            next_observation=observation,
            terminated=terminated,
            truncated=truncated,
        )
        self._observation = observation
        self._step += 1
        return observation, reward, terminated, truncated, info


def read_transitions(folder: str | Path) -> Iterable[dict[str, Any]]:
    """The rows of a log, in order."""
    import pyarrow.parquet

    for path in sorted(Path(folder).glob("transitions-*.parquet")):
        yield from pyarrow.parquet.read_table(path).to_pylist()
