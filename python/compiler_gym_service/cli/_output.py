"""Tables and progress for people, JSON for programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

import numpy as np


def print_json(data: Any) -> None:
    """One document."""
    print(json.dumps(data, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} is no JSON")


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns as wide as they have to be; numbers to the right."""
    texts = [list(head)] + [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    numeric = [bool(rows) and all(isinstance(row[column], int | float) for row in rows) for column in range(len(head))]
    for row in texts:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return "" if cell is None else str(cell)


class ProgressLine:
    """A line that is written over, if the stream is a terminal; on any other, nothing. It is gone afterwards."""

    _BAR = 20

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None

    def __enter__(self) -> ProgressLine:
        return self

    def show(self, part: float, words: str) -> None:
        """How much of all is done, from 0 to 1, and with what."""
        if self._stream is None:
            return
        width = shutil.get_terminal_size().columns - 1
        bar = "#" * round(part * self._BAR)
        text = f"[{bar:<{self._BAR}}] {part:4.0%} {words}"[:width]
        self._stream.write(f"\r\033[K{text}")
        self._stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.write("\r\033[K")
            self._stream.flush()
