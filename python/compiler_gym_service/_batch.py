"""Observations of many sub-environments, written straight into arrays that exist already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from ._episode import Plan
from ._proto import compiler_gym_service_pb2 as pb
from ._values import value_of
from .spaces import ObservationInfo

Write = Callable[[int, pb.Event], None]


class ObservationBatch:
    """One value of the batched space, and how to write one row of it."""

    def __init__(self, plan: Plan, size: int) -> None:
        self._single = plan.observation_space
        self._keys = plan.keys or ()
        self.space = batch_space(self._single, size)
        self._leaves = [_Leaf(info, size) for info in plan.observed]
        #: For each observation that a step asks for: who writes it.
        self.writers: list[tuple[int, Write]] = []
        positions = {info.name: position for position, info in enumerate(plan.step_infos)}
        for leaf in self._leaves:
            self.writers.append((positions[leaf.name], leaf.write))

    def write(self, row: int, events: Sequence[pb.Event]) -> None:
        """All of one sub-environment's; `events` are as asked for in a step, or more."""
        for position, write in self.writers:
            write(row, events[position])

    def row(self, row: int) -> Any:
        """A copy, of the single space."""
        return self._assemble([leaf.row(row) for leaf in self._leaves])

    def whole(self, *, copy: bool) -> Any:
        """Of the batched space."""
        return self._assemble([leaf.whole(copy=copy) for leaf in self._leaves])

    def rows(self, rows: Sequence[int]) -> Any:
        """Copies of some rows, in that order."""
        return self._assemble([leaf.rows(rows) for leaf in self._leaves])

    def _assemble(self, parts: list[Any]) -> Any:
        if isinstance(self._single, spaces.Dict):
            return dict(zip(self._keys, parts, strict=True))
        if isinstance(self._single, spaces.Tuple):
            return tuple(parts)
        return parts[0]


class _Leaf:
    """One observation: an array where it is one of numbers of a fixed shape, else a list."""

    def __init__(self, info: ObservationInfo, size: int) -> None:
        self.name = info.name
        self._to_space = info.to_space
        self.write: Write
        self._array: Any = None
        self._list: list[Any] = []
        if isinstance(info.space, spaces.Box) and info.kind in _FIXED:
            self._array = np.zeros((size, *info.space.shape), info.space.dtype)
            self.write = _FIXED[info.kind](self._array)
        elif isinstance(info.space, spaces.Discrete):
            self._array = np.zeros(size, np.int64)
            self.write = self._write_number
        else:
            self._list = [None] * size
            self.write = self._write_object

    def row(self, row: int) -> Any:
        if self._array is None:
            return self._list[row]
        value = self._array[row]
        return value.copy() if isinstance(value, np.ndarray) else value

    def whole(self, *, copy: bool) -> Any:
        if self._array is None:
            return tuple(self._list)
        return self._array.copy() if copy else self._array

    def rows(self, rows: Sequence[int]) -> Any:
        return tuple(self._list[row] for row in rows) if self._array is None else self._array[rows]

    def _write_number(self, row: int, event: pb.Event) -> None:
        self._array[row] = value_of(event)

    def _write_object(self, row: int, event: pb.Event) -> None:
        self._list[row] = self._to_space(value_of(event))


def _int64_box(array: Any) -> Write:
    if array.ndim == 2:

        def write(row: int, event: pb.Event) -> None:
            array[row] = event.int64_tensor.value[:]

        return write
    return _any_box(array, "int64_tensor")


def _any_box(array: Any, field: str) -> Write:
    shape = array.shape[1:]

    def write(row: int, event: pb.Event) -> None:
        array[row] = np.array(getattr(event, field).value[:], array.dtype).reshape(shape)

    return write


def _int64_scalar(array: Any) -> Write:
    def write(row: int, event: pb.Event) -> None:
        array[row, 0] = event.int64_value

    return write


def _scalar(array: Any) -> Write:
    def write(row: int, event: pb.Event) -> None:
        array[row, 0] = value_of(event)

    return write


_FIXED: dict[str, Callable[[Any], Write]] = {
    "int64_box": _int64_box,
    "float_box": lambda array: _any_box(array, "float_tensor"),
    "double_box": lambda array: _any_box(array, "double_tensor"),
    "int64_value": _int64_scalar,
    "float_value": _scalar,
    "double_value": _scalar,
}
