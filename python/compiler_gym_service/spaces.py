"""The spaces of a service, as Gymnasium has them."""

from __future__ import annotations

import json
import string
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from ._proto import compiler_gym_service_pb2 as pb
from ._values import value_of
from .errors import InvalidArgument, Unimplemented

_INT64 = np.iinfo(np.int64)

# What a service lists only if it is told to, since CompilerGym has no such spaces.
_BY_FLAG = ("ShippedTextSize", "Validation", "RuntimeMeasurement")


class AnyText(spaces.Text):
    """Text of any characters, of a length within bounds that can be far beyond what anybody samples."""

    def __init__(self, min_length: int = 0, max_length: int = 2**31 - 1) -> None:
        super().__init__(max_length, min_length=min_length, charset=string.ascii_letters + string.digits)

    def contains(self, x: Any) -> bool:
        """Any string of such a length."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A short one, if that is allowed."""
        length = int(self.np_random.integers(self.min_length, min(self.max_length, self.min_length + 64) + 1))
        characters = list(string.ascii_letters + string.digits)
        return "".join(self.np_random.choice(characters, length))

    def __repr__(self) -> str:
        return f"AnyText({self.min_length}, {self.max_length})"


class Bytes(gymnasium.Space[bytes]):
    """Bytes, of any number: a program as bitcode, for one."""

    def __init__(self, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(None, None, seed)

    def contains(self, x: Any) -> bool:
        """Any bytes."""
        return isinstance(x, bytes)

    def sample(self, mask: Any = None, probability: Any = None) -> bytes:
        """Up to 64 of them."""
        return self.np_random.bytes(int(self.np_random.integers(0, 65)))

    @property
    def is_np_flattenable(self) -> bool:
        """It is not: there is no bound."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bytes)

    def __hash__(self) -> int:
        return hash(Bytes)

    def __repr__(self) -> str:
        return "Bytes()"


@dataclass(frozen=True)
class ActionSpaceInfo:
    """One action space of a service: what each of its numbers is called."""

    name: str
    index: int
    names: tuple[str, ...]

    def number(self, action: str | int) -> int:
        """Of an action by its name or number. Raises InvalidArgument."""
        if isinstance(action, str):
            try:
                return self.names.index(action)
            except ValueError:
                close = [name for name in self.names if action.strip("-") in name][:5]
                hint = f"; there is {', '.join(close)}" if close else ""
                raise InvalidArgument(f"action space {self.name} has no action '{action}'{hint}") from None
        if not 0 <= action < len(self.names):
            raise InvalidArgument(f"action {action} is outside [0, {len(self.names)}) of action space {self.name}")
        return int(action)


@dataclass(frozen=True)
class ObservationInfo:
    """One observation of a service."""

    name: str
    index: int
    #: The same program and actions give the same value.
    deterministic: bool
    #: The value depends on the machine.
    platform_dependent: bool
    #: The field of `Space` that it is: "int64_box", ...
    kind: str
    #: As Gymnasium has it; None if there is none, and the value can only be looked at.
    space: gymnasium.Space[Any] | None
    #: From `value_of`'s value to one of `space`.
    to_space: Callable[[Any], Any]
    #: What a client reports where there is no value.
    default: Any


@dataclass(frozen=True)
class Spaces:
    """All spaces of a service, by name, in its order."""

    actions: Mapping[str, ActionSpaceInfo]
    observations: Mapping[str, ObservationInfo]

    def action_space(self, name: str | None) -> ActionSpaceInfo:
        """The one of that name; the first for None. Raises InvalidArgument."""
        if name is None:
            return next(iter(self.actions.values()))
        if name not in self.actions:
            raise InvalidArgument(f"no action space '{name}'; there is {', '.join(self.actions)}")
        return self.actions[name]

    def observation(self, name: str) -> ObservationInfo:
        """The one of that name. Raises InvalidArgument."""
        if name not in self.observations:
            hint = ", unless the service is started with --all_observations" if name.startswith(_BY_FLAG) else ""
            raise InvalidArgument(f"no observation '{name}'{hint}; there is {', '.join(self.observations)}")
        return self.observations[name]


def parse_spaces(reply: pb.GetSpacesReply) -> Spaces:
    """What GetSpaces has answered."""
    actions = {}
    for index, action_space in enumerate(reply.action_space_list):
        actions[action_space.name] = ActionSpaceInfo(action_space.name, index, _action_names(action_space.space))
    observations = {}
    for index, observation in enumerate(reply.observation_space_list):
        space, to_space = _observation_space(observation)
        observations[observation.name] = ObservationInfo(
            name=observation.name,
            index=index,
            deterministic=observation.deterministic,
            platform_dependent=observation.platform_dependent,
            kind=observation.space.WhichOneof("value") or "",
            space=space,
            to_space=to_space,
            default=value_of(observation.default_observation),
        )
    return Spaces(actions, observations)


def _action_names(space: pb.Space) -> tuple[str, ...]:
    kind = space.WhichOneof("value")
    if kind == "named_discrete":
        return tuple(space.named_discrete.name)
    if kind == "discrete":
        return tuple(str(number) for number in range(space.discrete.n))
    commandline = pb.CommandlineSpace()
    if kind == "any_value" and space.any_value.Unpack(commandline):
        return tuple(commandline.name)
    raise Unimplemented(f"an action space of kind {kind}: only actions that are numbered are understood")


# ---------------------------------------------------------------------------------------------------------- observations

_NOTHING: Callable[[Any], Any] = lambda value: value  # noqa: E731


def _bounds(range_: Any, low: float, high: float) -> tuple[Any, Any]:
    return (
        range_.min if range_.HasField("min") else low,
        range_.max if range_.HasField("max") else high,
    )


def _box(low: Any, high: Any, shape: tuple[int, ...], dtype: Any) -> spaces.Box:
    if dtype is np.int64:
        high = np.minimum(high, _INT64.max - 1)  # Gymnasium adds 1 to it before it samples
    return spaces.Box(low, high, shape, dtype)


def _scalar_box(range_: Any, dtype: Any) -> tuple[spaces.Box, Callable[[Any], Any]]:
    low, high = _bounds(range_, *((_INT64.min, _INT64.max) if dtype is np.int64 else (-np.inf, np.inf)))
    return _box(low, high, (1,), dtype), lambda value: np.array([value], dtype)


def _tensor_box(box: Any, dtype: Any) -> tuple[spaces.Box, Callable[[Any], Any]]:
    low = np.array(box.low.value[:], dtype).reshape(tuple(box.low.shape))
    high = np.array(box.high.value[:], dtype).reshape(tuple(box.high.shape))
    return _box(low, high, low.shape, dtype), _NOTHING


def _sequence(sequence: Any, dtype: Any) -> tuple[spaces.Sequence, Callable[[Any], Any]]:
    low, high = _bounds(sequence.scalar_range, *((_INT64.min, _INT64.max) if dtype is np.int64 else (-np.inf, np.inf)))
    element = _box(low, high, (), dtype)
    # What does not apply, a run time of a program that can't be run, is a sequence of none.
    return spaces.Sequence(element, stack=True), lambda value: np.zeros(0, dtype) if value is None else value


def _observation_space(observation: pb.ObservationSpace) -> tuple[gymnasium.Space[Any] | None, Callable[[Any], Any]]:
    if observation.default_observation.WhichOneof("value") == "any_value":
        opaque = pb.Opaque()
        observation.default_observation.any_value.Unpack(opaque)
        if opaque.format == "json://networkx/MultiDiGraph":
            return program_graph_space(), program_graph
        return AnyText(), lambda value: json.dumps(value, sort_keys=True)
    return _space_of(observation.space)


def _space_of(space: pb.Space) -> tuple[gymnasium.Space[Any] | None, Callable[[Any], Any]]:
    kind = space.WhichOneof("value")
    value = getattr(space, kind) if kind else None
    match kind:
        case "int64_value":
            return _scalar_box(value, np.int64)
        case "float_value":
            return _scalar_box(value, np.float32)
        case "double_value":
            return _scalar_box(value, np.float64)
        case "boolean_value":
            return spaces.Discrete(2), np.int64
        case "discrete":
            return spaces.Discrete(int(space.discrete.n)), np.int64
        case "named_discrete":
            return spaces.Discrete(len(space.named_discrete.name)), np.int64
        case "string_value":
            low, high = _bounds(space.string_value.length_range, 0, 2**31 - 1)
            return AnyText(int(low), int(high)), _text
        case "byte_sequence" | "bytes_sequence":
            return Bytes(), _NOTHING
        case "int64_sequence":
            return _sequence(value, np.int64)
        case "float_sequence":
            return _sequence(value, np.float32)
        case "double_sequence":
            return _sequence(value, np.float64)
        case "int64_box":
            return _tensor_box(value, np.int64)
        case "float_box":
            return _tensor_box(value, np.float32)
        case "double_box":
            return _tensor_box(value, np.float64)
        case "space_list":
            return _tuple_space([_space_of(each) for each in space.space_list.space])
        case "space_dict":
            return _dict_space({key: _space_of(each) for key, each in space.space_dict.space.items()})
        case _:
            return None, _NOTHING


def _text(value: Any) -> str:
    # LexedIr is said to be a string, and is a dictionary of tokens.
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=_list_of)


def _list_of(value: Any) -> Any:
    return value.tolist()


Part = tuple[gymnasium.Space[Any] | None, Callable[[Any], Any]]


def _tuple_space(parts: list[Part]) -> Part:
    inner = [space for space, _ in parts if space is not None]
    if len(inner) != len(parts):
        return None, _NOTHING
    return spaces.Tuple(inner), lambda value: tuple(to(each) for (_, to), each in zip(parts, value, strict=True))


def _dict_space(parts: dict[str, Part]) -> Part:
    inner = {key: space for key, (space, _) in parts.items() if space is not None}
    if len(inner) != len(parts):
        return None, _NOTHING
    return spaces.Dict(inner), lambda value: {key: to(value[key]) for key, (_, to) in parts.items()}


def program_graph_space() -> spaces.Graph:
    """Of a program graph (ProGraML, https://arxiv.org/abs/2003.10536).

    A node is its type (0 instruction, 1 variable, 2 constant, 3 type), function, basic block, and a CRC-32 of its text,
    which names its row in a vocabulary. An edge is its flow (0 control, 1 data, 2 call, 3 type) and its position.
    """
    return spaces.Graph(node_space=_box(-1, _INT64.max, (4,), np.int64), edge_space=_box(0, _INT64.max, (2,), np.int64))


def program_graph(value: Mapping[str, Any]) -> spaces.GraphInstance:
    """From networkx's node-link form."""
    nodes, links = value["nodes"], value["links"]
    return spaces.GraphInstance(
        nodes=np.array(
            [
                (
                    node.get("type", -1),
                    -1 if node.get("function") is None else node["function"],
                    -1 if node.get("block") is None else node["block"],
                    zlib.crc32(str(node.get("text", "")).encode()),
                )
                for node in nodes
            ],
            np.int64,
        ).reshape(-1, 4),
        edges=np.array([(link["flow"], link["position"]) for link in links], np.int64).reshape(-1, 2),
        edge_links=np.array([(link["source"], link["target"]) for link in links], np.int64).reshape(-1, 2),
    )
