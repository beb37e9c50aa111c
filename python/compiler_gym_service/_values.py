"""From the wire's events to Python values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from ._proto import compiler_gym_service_pb2 as pb
from .errors import Internal

_INTEGERS = {
    "boolean_tensor": np.bool_,
    "int64_tensor": np.int64,
    "float_tensor": np.float32,
    "double_tensor": np.float64,
}


def value_of(event: pb.Event) -> Any:
    """None for an observation that does not apply; numbers, text, bytes, arrays, tuples and dictionaries otherwise.

    An Opaque is what its JSON says. Raises Internal for a kind that the wire does not have.
    """
    kind = event.WhichOneof("value")
    if kind is None:
        return None
    return _DECODERS[kind](event)


def _tensor(kind: str) -> Callable[[pb.Event], Any]:
    dtype = _INTEGERS[kind]

    def decode(event: pb.Event) -> Any:
        tensor = getattr(event, kind)
        return np.array(tensor.value[:], dtype).reshape(tuple(tensor.shape))

    return decode


def _plain(kind: str) -> Callable[[pb.Event], Any]:
    return lambda event: getattr(event, kind)


def _opaque(event: pb.Event) -> Any:
    opaque = pb.Opaque()
    if not event.any_value.Unpack(opaque):
        raise Internal(f"the service sent a value of the unknown type {event.any_value.type_url}")
    if not opaque.format.startswith("json://"):
        raise Internal(f"the service sent a value of the unknown format {opaque.format}")
    return json.loads(opaque.data)


_DECODERS: dict[str, Callable[[pb.Event], Any]] = {
    **{kind: _plain(kind) for kind in ("boolean_value", "int64_value", "float_value", "double_value", "string_value")},
    **{kind: _tensor(kind) for kind in _INTEGERS},
    "event_list": lambda event: tuple(value_of(each) for each in event.event_list.event),
    "event_dict": lambda event: {key: value_of(each) for key, each in event.event_dict.event.items()},
    "byte_tensor": lambda event: event.byte_tensor.value,
    "string_tensor": lambda event: tuple(event.string_tensor.value),
    "any_value": _opaque,
}
