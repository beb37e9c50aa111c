"""Finds, starts and ends a service of this process's own."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from . import _transport
from .errors import ServiceStartError
from .options import ServiceOptions

BINARY_NAME = "compiler_gym-llvm-service"
BINARY_VARIABLE = "COMPILER_GYM_SERVICE"

# Linux's sockaddr_un has 108 bytes, the last one 0.
_MAX_SOCKET_PATH = 107
_STOP_TIMEOUT = 30.0
_DRAIN = 0.5
# A process that is killed closes its sockets before it has ended.
_DYING = 2.0


def find_service(binary: str = "") -> Path:
    """The binary to start: the one given, $COMPILER_GYM_SERVICE, the one of the wheel, or one on the PATH.

    Raises ServiceStartError, which says where it has looked.
    """
    named = binary or os.environ.get(BINARY_VARIABLE, "")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            origin = "" if binary else f" (from ${BINARY_VARIABLE})"
            raise ServiceStartError(f"there is no service '{path}'{origin}", not_sent=True)
        return path.resolve()
    of_wheel = Path(__file__).parent / "bin" / BINARY_NAME
    if of_wheel.is_file():
        return of_wheel
    on_path = shutil.which(BINARY_NAME)
    if on_path:
        return Path(on_path).resolve()
    raise ServiceStartError(
        f"no {BINARY_NAME}: neither in this package nor on the PATH. Build it (./dev build release "
        f"{BINARY_NAME}) and set {BINARY_VARIABLE} to its path, or give the address of one that runs",
        not_sent=True,
    )


class ManagedService:
    """A service's process, which ends with this one: by `stop`, at exit, or when this process is killed (`--owner_pid`).

    It listens on a unix socket in a directory that only this user can enter. Ctrl-C does not reach it: it is in a session
    of its own. Threads: `stop` may be called from any.
    """

    def __init__(self, options: ServiceOptions) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        binary = find_service(options.binary)
        self.working_directory = Path(tempfile.mkdtemp(prefix="compiler_gym-"))
        self._socket_directory = Path(tempfile.mkdtemp(prefix="cg-", dir=_short_directory()))
        self.address = f"unix:{self._socket_directory}/s"
        (self.working_directory / "logs").mkdir()
        (self.working_directory / "disk").mkdir()
        command = [
            str(binary),
            f"--working_dir={self.working_directory}",
            f"--listen={self.address}",
            f"--owner_pid={self._owner}",
            *options.flags,
        ]
        try:
            with (self.working_directory / "stderr.txt").open("wb") as stderr:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    cwd=self.working_directory,
                    env={**os.environ, **options.environment},
                    start_new_session=True,
                )
        except OSError as error:
            self._remove_directories()
            raise ServiceStartError(f"cannot start {binary}: {error}", not_sent=True) from error
        _live.add(self)
        try:
            self._wait_until_it_listens(options.start_timeout)
        except BaseException:
            self.stop(grace=0.0)
            raise

    @property
    def pid(self) -> int:
        """Of the service."""
        return self.process.pid

    def is_running(self) -> bool:
        """It has not ended; and this is the process that started it, not a fork."""
        return os.getpid() == self._owner and self.process.poll() is None

    def is_dying(self) -> bool:
        """Nobody listens any more: the process has ended, or does so in a moment. Of a fork's parent nothing is known."""
        if os.getpid() != self._owner:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_DYING)
        return self.process.poll() is not None

    def stop(self, grace: float = _STOP_TIMEOUT) -> int | None:
        """SIGTERM, and SIGKILL after `grace` seconds. The exit status; None in a fork, which leaves it alone.

        Nobody waits for what its sessions are at any more: a second SIGTERM tells it so.
        """
        if os.getpid() != self._owner:
            return None
        with self._lock:
            _live.discard(self)
            if self.process.poll() is None:
                for patience in (min(grace, _DRAIN), grace):
                    self.process.terminate()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self.process.wait(patience)
                        break
                else:
                    self.process.kill()
            status = self.process.wait()
            self._remove_directories()
            return status

    def _remove_directories(self) -> None:
        shutil.rmtree(self.working_directory, ignore_errors=True)
        shutil.rmtree(self._socket_directory, ignore_errors=True)

    def _wait_until_it_listens(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        ready = self.working_directory / "pid.txt"
        interval = 0.002
        while not ready.exists():
            status = self.process.poll()
            if status is not None:
                how = f"exit status {status}" if status >= 0 else f"signal {-status} ({signal.strsignal(-status)})"
                raise ServiceStartError(f"the service ended before it listened: {how}{self._last_words()}")
            if time.monotonic() > deadline:
                raise ServiceStartError(f"the service did not listen within {timeout:g} s{self._last_words()}")
            time.sleep(interval)
            interval = min(interval * 1.5, 0.05)

    def _last_words(self) -> str:
        """The end of what it has said and logged."""
        text = ""
        files = [self.working_directory / "stderr.txt", *sorted((self.working_directory / "logs").glob("*"))]
        for file in files:
            try:
                lines = file.read_text(errors="replace").splitlines()[-25:]
            except OSError:
                continue
            if lines:
                text += f"\n{file.name}:" + "".join(f"\n  {line[:200]}" for line in lines)
        return text


def _short_directory() -> str | None:
    """Where a socket's path is short enough: the temporary directory, if it is, else /tmp."""
    room = _MAX_SOCKET_PATH - len("/cg-XXXXXXXX/s")
    return None if len(os.fsencode(tempfile.gettempdir())) <= room else "/tmp"


# ------------------------------------------------------------------------------------------------------ shared services

# All that have not been stopped, whoever else has forgotten them.
_live: set[ManagedService] = set()
_shared: dict[ServiceOptions, ManagedService] = {}
_shared_lock = threading.Lock()


def shared_service(options: ServiceOptions) -> ManagedService:
    """The one service of this process for these options; a new one if there is none, or it has ended."""
    with _shared_lock:
        service = _shared.get(options)
        if service is None or not service.is_running():
            if service is not None:
                service.stop()
            service = _shared[options] = ManagedService(options)
        return service


def stop_services() -> None:
    """Ends all services that this process has started. It happens at exit; environments start new ones if need be."""
    with _shared_lock:
        _shared.clear()
    services = list(_live)
    for service in services:  # all at once: they drain side by side
        if service.is_running():
            service.process.terminate()
    for service in services:
        service.stop()


def _after_fork_in_child() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    _shared.clear()  # the parent's
    _live.clear()
    _transport.forget_all_after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(stop_services)
