"""Sequences of actions as command lines of `opt`, and back."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Iterable, Sequence
from importlib import resources

from .benchmark import LLVM_VERSION
from .errors import InvalidArgument
from .spaces import ActionSpaceInfo

_INPUT, _OUTPUT = "input.bc", "output.bc"


@functools.cache
def _pipelines() -> dict[str, dict[str, str]]:
    """By action space and action: what `opt -passes=` calls it."""
    text = (resources.files(__package__) / "_data" / "llvm_actions.json").read_text()
    spaces: dict[str, dict[str, str]] = json.loads(text)
    return spaces


def pipeline(space: ActionSpaceInfo, action: int) -> str:
    """Of one action. One that is not in the table is called as `opt` calls it: `default<Oz>`."""
    name = space.names[action]
    return _pipelines().get(space.name, {}).get(name, name)


def to_commandline(space: ActionSpaceInfo, actions: Iterable[int]) -> str:
    """What does the same to a file: `opt-19 -passes='…' input.bc -o output.bc`.

    To the letter in nine cases of ten; a file does not keep all that passes look at, such as the order of uses.
    """
    passes = ",".join(pipeline(space, action) for action in actions)
    return shlex.join([f"opt-{LLVM_VERSION}", *([f"-passes={passes}"] if passes else []), _INPUT, "-o", _OUTPUT])


def to_flags(space: ActionSpaceInfo, actions: Iterable[int]) -> str:
    """CompilerGym's form, for its CSV files: `opt -mem2reg -gvn input.bc -o output.bc`."""
    return " ".join(["opt", *(space.names[action] for action in actions), _INPUT, "-o", _OUTPUT])


def from_commandline(space: ActionSpaceInfo, commandline: str) -> list[int]:
    """The actions of either form. Raises InvalidArgument, which names what is no action of the space."""
    try:
        words = shlex.split(commandline)
    except ValueError as error:
        raise InvalidArgument(f"not a command line: {error}: {commandline}") from error
    if not words or not words[0].rpartition("/")[2].startswith("opt") or words[-2:-1] != ["-o"]:
        raise InvalidArgument(f"not a command line 'opt … {_INPUT} -o {_OUTPUT}': {commandline}")
    actions: list[int] = []
    for word in words[1:-3]:
        passes = word.removeprefix("-").removeprefix("-passes=").removeprefix("passes=")
        if word.startswith(("-passes=", "--passes=")):
            actions += _from_pipeline(space, passes)
        else:
            actions.append(space.number(word))
    return actions


def _from_pipeline(space: ActionSpaceInfo, text: str) -> list[int]:
    numbers: dict[tuple[str, ...], int] = {}
    for number in range(len(space.names)):
        # The first of two that do the same.
        numbers.setdefault(tuple(split_pipeline(pipeline(space, number))), number)
    longest = max(len(parts) for parts in numbers)
    parts = split_pipeline(text)
    actions = []
    at = 0
    while at < len(parts):
        for length in range(min(longest, len(parts) - at), 0, -1):
            number_or_none = numbers.get(tuple(parts[at : at + length]))
            if number_or_none is not None:
                actions.append(number_or_none)
                at += length
                break
        else:
            raise InvalidArgument(f"'{parts[at]}' is no action of action space {space.name}")
    return actions


def split_pipeline(text: str) -> Sequence[str]:
    """At its outermost commas."""
    parts = [""]
    depth = 0
    for character in text:
        depth += (character in "(<") - (character in ")>")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]
