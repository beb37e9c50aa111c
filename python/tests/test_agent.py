"""Tools for language models."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compiler_gym_service import Benchmark, errors
from compiler_gym_service.agent import PassTools

PROGRAM = str(Path(__file__).parent.parent.parent / "programs" / "sort.c")


@pytest.fixture
def tools(sort: Benchmark) -> Iterator[PassTools]:
    with contextlib.closing(PassTools(sort)) as tools:
        yield tools


def test_apply_diff_and_undo(tools: PassTools) -> None:
    assert "gvn<no-pre>" in tools.list_passes("gvn<")
    start = tools.size()
    assert start["IrInstructionCount"] == start["IrInstructionCountO0"] and start["applied"] == []
    assert tools.undo() == "there is nothing to undo"
    assert "instructions became" in tools.apply(["mem2reg"])
    assert "alloca" in tools.diff()
    small = tools.size()
    assert small["IrInstructionCount"] < start["IrInstructionCount"]
    assert tools.apply(["mem2reg"]).endswith("nothing has changed")
    assert tools.diff() == "nothing has changed"
    assert tools.undo() == f"took back mem2reg: {small['IrInstructionCount']} instructions"
    assert tools.size() == small
    tools.undo()
    assert tools.size() == start
    with pytest.raises(errors.InvalidArgument, match="has no action 'mem3reg'"):
        tools.apply(["mem3reg"])


def test_over_mcp() -> None:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    command = StdioServerParameters(
        command=sys.executable, args=["-m", "compiler_gym_service.cli", "mcp", PROGRAM], env=_environment()
    )

    async def talk() -> tuple[set[str], Any, Any]:
        async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            names = {tool.name for tool in (await session.list_tools()).tools}
            applied = await session.call_tool("apply", {"passes": ["mem2reg"]})
            wrong = await session.call_tool("apply", {"passes": ["mem3reg"]})
            return names, applied, wrong

    names, applied, wrong = asyncio.run(asyncio.wait_for(talk(), 60))
    assert names == {"list_passes", "apply", "size", "diff", "undo"}
    assert "instructions became" in applied.content[0].text
    assert "has no action 'mem3reg'" in wrong.content[0].text


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)
