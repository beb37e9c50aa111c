"""What an environment's actions do: all of a service's, some of them, or several at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import InvalidArgument
from .spaces import ActionSpaceInfo

#: A list of actions, each a name or, for a macro, several; or the path of a file with them.
Actions = Sequence[str | Sequence[str]] | str | None


@dataclass(frozen=True)
class ActionTable:
    """An environment's actions, by number."""

    space: ActionSpaceInfo
    names: tuple[str, ...]
    #: What each is to the service.
    sequences: tuple[tuple[int, ...], ...]

    @classmethod
    def make(cls, space: ActionSpaceInfo, actions: Actions = None) -> ActionTable:
        """Raises InvalidArgument for names that the space does not have."""
        if actions is None:
            return cls(space, space.names, tuple((number,) for number in range(len(space.names))))
        if isinstance(actions, str):
            actions = read_actions(actions)
        macros = [(action,) if isinstance(action, str) else tuple(action) for action in actions]
        if not macros:
            raise InvalidArgument("no actions: an environment needs at least one")
        sequences = tuple(tuple(space.number(name) for name in macro) for macro in macros)
        return cls(space, tuple(" ".join(macro) for macro in macros), sequences)

    def number(self, action: str | int) -> int:
        """Of an action by its name or number. Raises InvalidArgument."""
        return ActionSpaceInfo(self.space.name, self.space.index, self.names).number(action)

    def flatten(self, actions: Iterable[int]) -> list[int]:
        """What they are to the service."""
        return [number for action in actions for number in self.sequences[action]]


def read_actions(path: str | os.PathLike[str]) -> list[list[str]]:
    """One action a line; a line of several is a macro; `#` begins a comment. Or a JSON list of these.

    Raises InvalidArgument.
    """
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise InvalidArgument(f"cannot read the actions {path}: {error.strerror}") from error
    if Path(path).suffix == ".json":
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidArgument(f"{path} is not JSON: {error}") from error
        return [[entry] if isinstance(entry, str) else [str(name) for name in entry] for entry in data]
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return [line for line in lines if line]
