"""What the tests share: a service, and programs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler_gym_service import _requests, process
from compiler_gym_service._proto import compiler_gym_service_pb2 as pb
from compiler_gym_service.benchmark import Benchmark
from compiler_gym_service.client import Client

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ROOT / "programs"


@pytest.fixture(scope="session", autouse=True)
def service_binary() -> str:
    """$COMPILER_GYM_SERVICE says what is tested; there is no guessing which build that might be."""
    binary = os.environ.get("COMPILER_GYM_SERVICE")
    assert binary, "set COMPILER_GYM_SERVICE to the LLVM service to test"
    return binary


@pytest.fixture(autouse=True)
def no_session_is_left() -> Iterator[None]:
    """In the service that tests share."""
    yield
    if any(service.is_running() for service in process._shared.values()):
        with Client() as client:
            # Ending one that there is not says how many there are.
            reply = client.call(_requests.END_SESSION, pb.EndSessionRequest(session_id=2**60))
            assert reply.remaining_sessions == 0


@pytest.fixture
def client() -> Iterator[Client]:
    with Client() as client:
        yield client


@pytest.fixture(scope="session")
def crc32() -> Benchmark:
    return Benchmark.from_source(ROOT / "tests" / "data" / "crc32.bc", uri="benchmark://test/crc32", runnable=False)


@pytest.fixture(scope="session")
def sort() -> Benchmark:
    return Benchmark.from_source(PROGRAMS / "sort.c", ["-std=c11"], uri="benchmark://test/sort")
