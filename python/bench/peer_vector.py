"""CompilerGym 0.2.5's own client, a process for each session; vector_gain.py runs it, with the interpreter it needs.

It says on standard output, in JSON, how many steps it made in how many seconds, what CPU its processes took for them, and
what memory they have. For Python 3.8 to 3.11.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pathlib
import subprocess
import tempfile
import time
from typing import Any

from processes import cpu_seconds, descendants, memory_mib


class Make:
    """An environment of one process; on the service of that address, or on one of its own."""

    def __init__(self, service: str, benchmark: str) -> None:
        self.service, self.benchmark = service, benchmark

    def __call__(self) -> Any:
        """In that process."""
        from compiler_gym.envs import LlvmEnv

        service = self.service if self.service.startswith("localhost:") else pathlib.Path(self.service)
        return LlvmEnv(
            service=service,
            benchmark=f"file://{self.benchmark}",
            observation_space="Autophase",
            reward_space="IrInstructionCount",
        )


def start_service(binary: str, folder: str) -> tuple[str, subprocess.Popen[bytes]]:
    """The address of one that all attach to, and its process."""
    process = subprocess.Popen(
        [binary, f"--working_dir={folder}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    port = pathlib.Path(folder) / "port.txt"
    while not (port.exists() and port.read_text().strip()):
        if process.poll() is not None:
            raise SystemExit(f"{binary} ended with {process.returncode}")
        time.sleep(0.01)
    return f"localhost:{port.read_text().strip()}", process


def main() -> None:
    """As vector_gain.measure does it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", required=True, help="its binary")
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--shared", action="store_true", help="one service for all, not one for each as by default")
    parser.add_argument("--actions", required=True, help="a file: rounds of actions, in JSON")
    parser.add_argument("--warm", type=int, required=True, help="rounds that do not count")
    arguments = parser.parse_args()
    rounds = json.loads(pathlib.Path(arguments.actions).read_text())
    import gym

    with tempfile.TemporaryDirectory() as folder:
        service, process = arguments.service, None
        if arguments.shared:
            service, process = start_service(arguments.service, folder)
        make = Make(service, arguments.benchmark)
        multiprocessing.set_forkserver_preload(["compiler_gym.envs"])  # imported once, not in each process
        env = gym.vector.AsyncVectorEnv([make] * len(rounds[0]), shared_memory=False, context="forkserver")
        env.reset()
        for actions in rounds[: arguments.warm]:
            env.step(actions)
        names = {pid: pathlib.Path(f"/proc/{pid}/comm").read_text() for pid in descendants(os.getpid())}
        services = [pid for pid, name in names.items() if name.startswith("compiler_gym-")]
        clients = [os.getpid(), *(pid for pid in names if pid not in services)]
        cpu, begun = cpu_seconds(clients), time.perf_counter()
        for actions in rounds[arguments.warm :]:
            env.step(actions)
        seconds = time.perf_counter() - begun
        figures = {
            "steps": (len(rounds) - arguments.warm) * len(rounds[0]),
            "seconds": seconds,
            "cpu": cpu_seconds(clients) - cpu,
            "memory": memory_mib(clients),
            "service_memory": memory_mib(services),
        }
        env.close()
        if process is not None:
            process.terminate()
            process.wait()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
