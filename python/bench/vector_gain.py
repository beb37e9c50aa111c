"""What one process with many sessions gains over a process for each, and `recv` over waiting for all.

    python vector_gain.py --sessions 64 --rounds 40 [--peer build/peer]

The same random actions everywhere, in turns. With --peer, CompilerGym 0.2.5's client and service (bench/peer/install) are
among what is compared, on a program that its LLVM 10 can read. Memory is what processes have for themselves (Pss).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from processes import cpu_seconds, descendants, memory_mib

from compiler_gym_service import Benchmark, Client, CompilerVectorEnv, dataset_of

SMALL = Path(__file__).parents[2] / "tests" / "data" / "crc32.bc"
#: Rounds that do not count.
WARM = 3
#: LLVM 19's does far more than LLVM 10's, and would be most of what is measured.
LEFT_OUT = "-attributor"

Rounds = list[list[int]]


@dataclass(frozen=True)
class Figures:
    """Of one way to do it."""

    name: str
    steps_per_second: float
    client_cpu_us_per_step: float
    client_memory_mib: float
    service_memory_mib: float


def random_rounds(names: Sequence[str], sessions: int, rounds: int) -> Rounds:
    """An action for each session, by round."""
    random = np.random.default_rng(0)
    numbers = [number for number, name in enumerate(names) if name != LEFT_OUT]
    return [[int(number) for number in random.choice(numbers, sessions)] for _ in range(WARM + rounds)]


def measure(name: str, env: Any, service: int, rounds: Rounds) -> Figures:
    """Random steps, after a few that do not count."""
    env.reset(seed=1)
    for actions in rounds[:WARM]:
        env.step(np.array(actions))
    services = {service, *descendants(service)}
    clients = [os.getpid(), *(pid for pid in descendants(os.getpid()) if pid not in services)]
    cpu, begun = cpu_seconds(clients), time.perf_counter()
    for actions in rounds[WARM:]:
        env.step(np.array(actions))
    seconds = time.perf_counter() - begun
    cpu = cpu_seconds(clients) - cpu
    steps = sum(map(len, rounds[WARM:]))
    memory = memory_mib([service, *descendants(service)])  # of which there may be more by now
    return Figures(name, steps / seconds, cpu / steps * 1e6, memory_mib(clients), memory)


@contextlib.contextmanager
def own_service() -> Any:
    """A new one, so that nobody finds there what another has computed: its address and process."""
    with Client({"shared": False}) as client:
        client.version()
        assert client.service is not None
        yield client.service.address, client.service.pid


def one_process(rounds: Rounds) -> Figures:
    """One process, one stream."""
    with own_service() as (address, pid):
        arguments: dict[str, Any] = {"service": address, "benchmark": str(SMALL)}
        sessions = len(rounds[0])
        with contextlib.closing(
            gymnasium.make_vec("compiler_gym/llvm-v0", sessions, "vector_entry_point", **arguments)
        ) as env:
            return measure("CompilerVectorEnv, one process", env, pid, rounds)


def a_process_each(rounds: Rounds) -> Figures:
    """One for each session, each with a client of its own, by Gymnasium's AsyncVectorEnv."""
    with own_service() as (address, pid):
        arguments: dict[str, Any] = {"service": address, "benchmark": str(SMALL)}
        sessions = len(rounds[0])
        multiprocessing.set_forkserver_preload(["compiler_gym_service"])  # imported once, not in each process
        made = gymnasium.make_vec(
            "compiler_gym/llvm-v0", sessions, "async", vector_kwargs={"context": "forkserver"}, **arguments
        )
        with contextlib.closing(made) as env:
            return measure(f"CompilerEnv, {sessions} processes", env, pid, rounds)


def peer(directory: Path, rounds: Rounds, *, shared: bool) -> Figures:
    """CompilerGym's, in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        actions = Path(folder) / "actions.json"
        actions.write_text(json.dumps(rounds))
        command = [str(directory / "client" / "bin" / "python"), str(Path(__file__).with_name("peer_vector.py"))]
        command += ["--service", str(directory / "service" / "compiler_gym-llvm-service"), "--benchmark", str(SMALL)]
        command += ["--actions", str(actions), "--warm", str(WARM), *(["--shared"] if shared else [])]
        # Its data sets' files are not to be had any more; what is there are the tools that its service calls.
        environment = {**os.environ, "COMPILER_GYM_SITE_DATA": str(directory / "site"), "PYTHONWARNINGS": "ignore"}
        result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr[-4000:]}")
    found = json.loads(result.stdout.splitlines()[-1])
    sessions = len(rounds[0])
    return Figures(
        f"CompilerGym 0.2.5, {sessions} processes, {'one service' if shared else 'a service each'}",
        found["steps"] / found["seconds"],
        found["cpu"] / found["steps"] * 1e6,
        found["memory"],
        found["service_memory"],
    )


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


def small_and_large(way: str, sessions: int, rounds: int, large: Benchmark) -> Figures:
    """Programs of 3 kB and of 1 MB, one in eight of them large."""
    run: Callable[[CompilerVectorEnv, int], None] = {"step": in_lockstep, "recv(min=8)": as_they_come}[way]
    small = dataset_of("demo-v0").benchmark("benchmark://demo-v0/shortest_path")
    with own_service() as (address, pid):
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
            run(env, rounds * sessions)
            seconds = time.perf_counter() - begun
            steps = rounds * sessions
            cpu = (cpu_seconds([os.getpid()]) - cpu) / steps * 1e6
            memory = memory_mib([pid, *descendants(pid)])
            return Figures(f"1 in 8 programs large: {way}", steps / seconds, cpu, memory_mib([os.getpid()]), memory)


def medians(runs: Iterable[Sequence[Figures]]) -> list[Figures]:
    """By way, of the repeats."""
    return [
        Figures(
            of_way[0].name,
            *(statistics.median(list(asdict(row).values())[field] for row in of_way) for field in range(1, 5)),
        )
        for of_way in zip(*runs, strict=True)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=1, help="of everything, in turns; medians are printed")
    parser.add_argument("--only", default="", help="those with this in their names: process, service, large")
    parser.add_argument(
        "--peer", metavar="FOLDER", help="where bench/peer/install has put CompilerGym's service and client"
    )
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args(argv)
    sessions = arguments.sessions
    with Client() as client:
        rounds = random_rounds(client.spaces.action_space(None).names, sessions, arguments.rounds)
    with tempfile.TemporaryDirectory() as folder:
        large = large_program(Path(folder))
        ways: dict[str, Callable[[], Figures]] = {
            "one process": lambda: one_process(rounds),
            "a process each": lambda: a_process_each(rounds),
        }
        if arguments.peer:
            directory = Path(arguments.peer).resolve()
            ways["peer, one service"] = lambda: peer(directory, rounds, shared=True)
            ways["peer, a service each"] = lambda: peer(directory, rounds, shared=False)
        for way in ("step", "recv(min=8)"):
            ways[f"large, {way}"] = lambda way=way: small_and_large(way, sessions, arguments.rounds, large)  # type: ignore[misc]
        wanted = [run for name, run in ways.items() if arguments.only in name]
        figures = medians([[run() for run in wanted] for _ in range(arguments.repeats)])
    print(f"{'':52} {'steps/s':>8} {'client CPU us/step':>19} {'client MiB':>11} {'service MiB':>12}")
    for row in figures:
        print(
            f"{row.name:52} {row.steps_per_second:8.0f} {row.client_cpu_us_per_step:19.1f} {row.client_memory_mib:11.0f}"
            f" {row.service_memory_mib:12.0f}"
        )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([asdict(row) for row in figures], indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
