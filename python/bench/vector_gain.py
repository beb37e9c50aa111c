"""What one process with many sessions gains over a process for each, and `recv` over waiting for all.

    python vector_gain.py --sessions 64 --rounds 30

Everything runs on one service, in turns. Memory is what the client's processes have for themselves (their proportional
share, Pss), beside the service's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from compiler_gym_service import Benchmark, Client, CompilerVectorEnv, dataset_of


@dataclass(frozen=True)
class Figures:
    """Of one way to do it."""

    name: str
    steps_per_second: float
    client_cpu_us_per_step: float
    client_memory_mib: float


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time of processes that run."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def memory_mib(pids: Sequence[int]) -> float:
    """Each page once, however many have it."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def measure(name: str, env: Any, sessions: int, rounds: int) -> Figures:
    """Random steps, after a few that do not count."""
    random = np.random.default_rng(0)
    count = env.single_action_space.n
    env.reset(seed=1)
    for _ in range(3):
        env.step(random.integers(count, size=sessions))
    pids = [os.getpid(), *(child.pid for child in multiprocessing.active_children() if child.pid)]
    cpu, begun = cpu_seconds(pids), time.perf_counter()
    for _ in range(rounds):
        env.step(random.integers(count, size=sessions))
    seconds = time.perf_counter() - begun
    cpu = cpu_seconds(pids) - cpu
    steps = rounds * sessions
    return Figures(name, steps / seconds, cpu / steps * 1e6, memory_mib(pids))


def one_or_many_processes(address: str, sessions: int, rounds: int) -> list[Figures]:
    """One process; then one for each session, each with a client of its own, by Gymnasium's AsyncVectorEnv."""
    arguments: dict[str, Any] = {"service": address, "benchmark": "demo-v0/sort", "max_episode_steps": 45}
    with contextlib.closing(
        gymnasium.make_vec("compiler_gym/llvm-v0", sessions, "vector_entry_point", **arguments)
    ) as env:
        figures = [measure("CompilerVectorEnv, one process", env, sessions, rounds)]
    options = {"context": "spawn"}
    made = gymnasium.make_vec("compiler_gym/llvm-v0", sessions, "async", vector_kwargs=options, **arguments)
    with contextlib.closing(made) as env:
        figures.append(measure(f"AsyncVectorEnv, {sessions} processes", env, sessions, rounds))
    return figures


def large_program(folder: Path, functions: int = 2500) -> Benchmark:
    """About a megabyte of bitcode."""
    source = folder / "large.c"
    body = (
        "int f%d(int x, int* a) { for (int i = 0; i < x; i++) { a[i] = a[i] * %d + x / (i + 1); } return a[x %% 7]; }\n"
    )
    source.write_text(
        "".join(body % (number, number) for number in range(functions)) + "int main(void) { return 0; }\n"
    )
    return Benchmark.from_source(source)


def in_lockstep(env: CompilerVectorEnv, steps: int) -> None:
    """Each round is as slow as its slowest."""
    random = np.random.default_rng(0)
    for _ in range(steps // env.num_envs):
        env.step(random.integers(len(env.plan.table.names), size=env.num_envs))


def as_they_come(env: CompilerVectorEnv, steps: int) -> None:
    """Whoever is done goes on; as many steps in all."""
    random = np.random.default_rng(0)
    count = len(env.plan.table.names)
    env.send(random.integers(count, size=env.num_envs))
    sent = env.num_envs
    while env.pending:
        ids = env.recv(min=min(8, env.pending))[0]
        more = ids[: max(0, steps - sent)]
        env.send(random.integers(count, size=len(more)), more)
        sent += len(more)


def small_and_large(address: str, sessions: int, rounds: int, folder: Path) -> list[Figures]:
    """Programs of 3 kB and of 1 MB, one in eight of them large."""
    small, large = dataset_of("demo-v0").benchmark("benchmark://demo-v0/shortest_path"), large_program(folder)
    figures = []
    ways: dict[str, Callable[[CompilerVectorEnv, int], None]] = {"lockstep": in_lockstep, "recv(min=8)": as_they_come}
    for name, way in ways.items():
        environment = CompilerVectorEnv(
            sessions,
            service=address,
            dataset=[small, large],
            observation_space="IrInstructionCount",
            reward="IrInstructionCount",
            actions=["-mem2reg", "-early-cse", "-simplifycfg", "-instcombine", "-reg2mem"],
            autoreset_mode="Disabled",
        )
        with contextlib.closing(environment) as env:
            programs = [large if index % 8 == 0 else small for index in range(sessions)]
            env.reset(seed=0, options={"benchmark": programs})
            cpu, begun = cpu_seconds([os.getpid()]), time.perf_counter()
            way(env, rounds * sessions)
            seconds = time.perf_counter() - begun
            steps = rounds * sessions
            cpu = (cpu_seconds([os.getpid()]) - cpu) / steps * 1e6
            figures.append(Figures(f"{name}, 1 in 8 programs large", steps / seconds, cpu, memory_mib([os.getpid()])))
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args(argv)
    with Client({"shared": False}) as client, tempfile.TemporaryDirectory() as folder:
        client.version()
        assert client.service is not None
        address = client.service.address
        figures = one_or_many_processes(address, arguments.sessions, arguments.rounds)
        figures += small_and_large(address, arguments.sessions, arguments.rounds, Path(folder))
    for row in figures:
        print(
            f"{row.name:36} {row.steps_per_second:8.0f} steps/s {row.client_cpu_us_per_step:8.1f} us of client CPU a step"
            f" {row.client_memory_mib:8.0f} MiB"
        )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([asdict(row) for row in figures], indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
