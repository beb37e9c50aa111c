"""The client for asyncio, on a real service."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from compiler_gym_service import _aio_connection as aio_connection
from compiler_gym_service import _requests, errors
from compiler_gym_service.aio import AsyncClient
from compiler_gym_service.benchmark import Benchmark

Test = Callable[..., Coroutine[Any, Any, None]]


def run(test: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(test, 60)

    asyncio.run(limited())


def test_sessions_side_by_side(crc32: Benchmark) -> None:
    async def one(client: AsyncClient, actions: list[str]) -> int:
        async with await client.start(crc32, observations=["IrInstructionCount"]) as session:
            assert session.first["IrInstructionCount"] == 242
            for action in actions:
                await session.step([action])
            async with await session.fork() as fork:
                count = (await fork.step([], ["IrInstructionCount"])).observations["IrInstructionCount"]
                assert isinstance(count, int)
                return count

    async def test() -> None:
        async with AsyncClient() as client:
            assert (await client.version()).compiler.startswith("19.")
            counts = await asyncio.gather(*(one(client, ["-mem2reg"] * (i % 2)) for i in range(32)))
            assert set(counts[::2]) == {242}
            assert len(set(counts[1::2])) == 1
            assert counts[1] < 242

    run(test())


def test_steps_of_one_session_take_effect_in_the_order_of_the_calls(crc32: Benchmark) -> None:
    async def test() -> None:
        async with AsyncClient() as client, await client.start(crc32) as first, await client.start(crc32) as second:
            actions = ["-mem2reg", "-simplifycfg", "-gvn", "-loop-rotate", "-licm"]
            together = await asyncio.gather(*(first.step([action], ["IrSha1"]) for action in actions))
            in_turn = [await second.step([action], ["IrSha1"]) for action in actions]
            assert [each.observations for each in together] == [each.observations for each in in_turn]

    run(test())


def test_a_service_without_a_stream_is_asked_by_unary_calls(crc32: Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aio_connection, "STREAM_PATH", "/compiler_gym.NoSuchService/Exchange")

    async def test() -> None:
        async with AsyncClient() as client:
            sessions = await asyncio.gather(*(client.start(crc32, observations=["IrSha1"]) for _ in range(8)))
            assert len({session.first["IrSha1"] for session in sessions}) == 1
            assert client._connection is not None and client._connection._is_unary
            with pytest.raises(errors.InvalidArgument, match="Unknown parameter: nonsense"):
                await sessions[0].set_parameters({"nonsense": ""})
            for session in sessions:
                await session.end()

    run(test())


def test_errors_are_typed(crc32: Benchmark) -> None:
    async def test() -> None:
        async with AsyncClient() as client, await client.start(crc32) as session:
            with pytest.raises(errors.InvalidArgument, match="no action"):
                await session.step(["-nonsense"])
            with pytest.raises(errors.InvalidArgument, match="Observation space index out of range: 99"):
                await client.call(_requests.STEP, _requests.STEP.request(session_id=session.id, observation_space=[99]))
            with pytest.raises(errors.DeadlineExceeded, match=r"no answer to Step within 1e-06 s"):
                await session.step(["-gvn"] * 500, ["Programl"], timeout=1e-6)
            await session.step(["-gvn"])
            await session.end()
            with pytest.raises(errors.SessionNotFound):
                await session.step()

    run(test())


def test_a_killed_service_fails_what_is_under_way(crc32: Benchmark) -> None:
    async def test() -> None:
        async with AsyncClient({"shared": False}) as client:
            sessions = await asyncio.gather(*(client.start(crc32) for _ in range(8)))
            assert client._service is not None
            os.kill(client._service.pid, signal.SIGSTOP)  # it answers no more
            steps = [asyncio.ensure_future(session.step(["-gvn"])) for session in sessions]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            os.kill(client._service.pid, signal.SIGKILL)
            results = await asyncio.gather(*steps, return_exceptions=True)
            assert all(isinstance(result, errors.Unavailable) for result in results), results
            async with await client.start(crc32) as session:
                await session.step(["-gvn"])

    run(test())


def test_cancelling_a_call_leaves_the_others(crc32: Benchmark) -> None:
    async def test() -> None:
        async with AsyncClient() as client, await client.start(crc32) as session:
            step = asyncio.ensure_future(session.step(["-gvn"] * 100))
            await asyncio.sleep(0)
            step.cancel()
            with pytest.raises(asyncio.CancelledError):
                await step
            await session.step(["-mem2reg"], ["IrInstructionCount"])

    run(test())
