"""Tools for a language model that optimises a program, and an MCP server of them (extra `mcp`)."""

from __future__ import annotations

import difflib
import functools
import threading
from collections.abc import Callable
from typing import Any

from ._resolve import Source
from .env import CompilerEnv
from .errors import InvalidArgument, ServiceError
from .options import ServiceOptions
from .rewards import METRICS, Reward

# What a model reads of a difference.
_MAX_DIFF_LINES = 200


class PassTools:
    """One program, and what can be done to it. Threads: calls take turns."""

    def __init__(
        self,
        program: Source,
        *,
        action_space: str = "NewPM",
        service: ServiceOptions | dict[str, Any] | str | None = None,
    ) -> None:
        self._env = CompilerEnv(
            service=service,
            benchmark=program,
            action_space=action_space,
            observation_space="IrInstructionCount",
            reward=Reward("IrInstructionCount"),
        )
        self._lock = threading.Lock()
        self._groups: list[list[str]] = []
        self._begin()

    def _begin(self) -> None:
        self._env.reset()
        self._previous = self._env.observation["Ir"]

    def list_passes(self, contains: str = "") -> list[str]:
        """Names of the passes that can be applied, those that contain a text."""
        return [name for name in self._env.table.names if contains in name]

    def apply(self, passes: list[str]) -> str:
        """Applies passes to the program, in order. Says what that made of its size."""
        with self._lock:
            if not passes:
                raise InvalidArgument("no passes")
            before = self._env.observe("Ir", "IrInstructionCount")
            _, _, _, _, info = self._env.multistep(passes)
            if "error_details" in info:
                # The episode is over: the program is made anew, as it was before.
                self._again()
                return f"nothing was applied: {info['error_details']}"
            self._groups.append(list(passes))
            self._previous = before["Ir"]
            after = self._env.observation["IrInstructionCount"]
            effect = "; nothing has changed" if info["action_had_no_effect"] else ""
            return f"{before['IrInstructionCount']} instructions became {after}{effect}"

    def size(self) -> dict[str, Any]:
        """The program's size now, at first and as -Oz makes it: instructions, and bytes of code. What has been applied."""
        with self._lock:
            costs = {cost: metric.stem for cost, metric in METRICS.items() if not metric.compile_args}
            names = [name for cost, stem in costs.items() for name in (cost, stem + "O0", stem + "Oz")]
            values = {name: value for name, value in self._env.observe(*names).items() if not name.startswith("Text")}
            return {**values, "applied": self._env.actions, "command": self._env.commandline()}

    def diff(self) -> str:
        """What the last `apply` has changed in the IR."""
        with self._lock:
            before, after = self._previous.splitlines(), self._env.observation["Ir"].splitlines()
            lines = list(difflib.unified_diff(before, after, "before", "after", lineterm="", n=2))
            if len(lines) > _MAX_DIFF_LINES:
                lines = [*lines[:_MAX_DIFF_LINES], f"... and {len(lines) - _MAX_DIFF_LINES} lines more"]
            return "\n".join(lines) or "nothing has changed"

    def undo(self) -> str:
        """Takes back the last `apply`."""
        with self._lock:
            if not self._groups:
                return "there is nothing to undo"
            taken_back = self._groups.pop()
            self._again()
            return f"took back {' '.join(taken_back)}: {self._env.observation['IrInstructionCount']} instructions"

    def _again(self) -> None:
        self._begin()
        for group in self._groups:
            self._previous = self._env.observation["Ir"]
            self._env.multistep(group)

    def close(self) -> None:
        """Ends the session."""
        self._env.close()


def mcp_server(tools: PassTools) -> Any:
    """An MCPServer with these tools; its `run()` speaks on standard input and output. Raises InvalidArgument without mcp."""
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError:
        raise InvalidArgument("this needs mcp: pip install 'compiler-gym-service[mcp]'") from None
    server: Any = MCPServer(
        "compiler-gym",
        instructions="Make the program small: look at its size, apply passes, look at the difference, undo what did not help.",
    )
    methods: tuple[Callable[..., Any], ...] = (tools.list_passes, tools.apply, tools.size, tools.diff, tools.undo)
    for method in methods:
        server.add_tool(_explaining(method, ToolError))
    return server


def _explaining(method: Callable[..., Any], explained: type[Exception]) -> Callable[..., Any]:
    """The model hears why its request failed; of other exceptions it would hear nothing."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except ServiceError as error:
            raise explained(str(error)) from error

    return call
