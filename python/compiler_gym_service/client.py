"""A client that blocks its caller, for scripts and environments. `aio` has one for asyncio."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from . import _requests as requests
from ._proto import compiler_gym_service_pb2 as pb
from ._requests import Reply, Request, Rpc, StepResult, Version
from ._transport import Connection
from .benchmark import Benchmark
from .errors import NotFound, ServiceError, Unavailable
from .options import ServiceOptions
from .process import ManagedService, shared_service
from .spaces import ActionSpaceInfo, Spaces, parse_spaces


class Client:
    """Calls to a service: one that runs at an address, or one of this process's own.

        with Client() as client:
            with client.start(Benchmark.from_source("a.c")) as session:
                print(session.step(["-mem2reg"], ["IrInstructionCount"]))

    Errors:   those of `errors`, by the service's status; a call that the service has not seen, or that may be done twice,
              is tried again a few times.
    Threads:  may be used by several, which take turns: one call is under way at a time.
    Lifetime: connects when first used. In a child of fork() it leaves the parent's connection and service alone, and
              connects anew; sessions stay the parent's.
    """

    def __init__(self, service: ServiceOptions | dict[str, Any] | str | None = None) -> None:
        self.options = ServiceOptions.of(service)
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._service: ManagedService | None = None
        self._connection: Connection | None = None
        self._spaces: Spaces | None = None
        self._sent: set[tuple[str, str]] = set()
        self._closed = False
        self._has_connected = False
        self._users = 1
        #: Counts connections to another service than before: ids of sessions are of one generation.
        self.generation = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------------------ connection

    def connection(self) -> Connection:
        """One that works, as far as can be told without asking the service. Raises Unavailable."""
        self._leave_parents()
        with self._lock:
            if self._closed:
                raise Unavailable("the client is closed", not_sent=True)
            if self._connection is not None:
                with self._connection.lock:
                    if self._connection.closed is None:
                        self._connection.exchange()
                if self._connection.closed is None:
                    return self._connection
                self._connection.close()
                self._connection = None
            self._connection = self._connect()
            if self._has_connected and self.options.address:
                # It may have been started anew, and count its sessions from 0: a number may be somebody else's by now.
                self._new_generation()
            self._has_connected = True
            return self._connection

    def _leave_parents(self) -> None:
        if self._pid == os.getpid():
            return
        self._lock = threading.RLock()  # the parent's may have been held by a thread that is not here
        self._pid = os.getpid()
        if self._connection is not None:
            self._connection.abandon()
            self._connection = None
        if not self.options.address:
            self._service = None
        self._new_generation()

    def _new_generation(self) -> None:
        self.generation += 1
        self._sent.clear()

    def _connect(self) -> Connection:
        options = self.options
        if options.address:
            connection = self._connect_to(options.address)
            connection.keep_alive()  # sessions of a service that is not ours are given up with the connection
            return connection
        service = self._running_service()
        try:
            return self._connect_to(service.address)
        except Unavailable:
            if not service.is_dying():
                raise
            return self._connect_to(self._running_service().address)

    def _connect_to(self, address: str) -> Connection:
        options = self.options
        return Connection(address, token=options.token, tls=options.tls, timeout=options.start_timeout)

    def _running_service(self) -> ManagedService:
        service = self._service
        if service is None or not service.is_running():
            if service is not None:
                service.stop()
                self._new_generation()
            service = shared_service(self.options) if self.options.shared else ManagedService(self.options)
            self._service = service
        return service

    @property
    def service(self) -> ManagedService | None:
        """The service of this process's own; None if it is somebody else's, or before the first call."""
        return self._service

    def is_ours(self) -> bool:
        """It was used in this process before, and is no copy that fork() has made."""
        return self._pid == os.getpid()

    def share(self) -> Client:
        """For one more user, who closes it as well; the last one does it."""
        self._users += 1
        return self

    def close(self) -> None:
        """Closes the connection, and ends a service that is not shared. Sessions that nobody has ended stay open."""
        if not self.is_ours():
            return
        with self._lock:
            self._users -= 1
            if self._users > 0:
                return
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._service is not None and not self.options.shared:
                self._service.stop()
            self._service = None

    # ----------------------------------------------------------------------------------------------------------- calls

    def call(self, rpc: Rpc[Request, Reply], request: Request, timeout: float | None = None) -> Reply:
        """One RPC. Raises ServiceError."""
        seconds = self.options.timeout if timeout is None else timeout
        data = request.SerializeToString()
        waits = iter(requests.RETRY_WAITS)
        while True:
            try:
                return rpc.parse(self.connection().call(rpc.path, data, seconds))
            except Unavailable as error:
                wait = next(waits, None)
                if wait is None or self._closed:
                    raise
                if not (requests.may_retry(rpc, error) or requests.may_retry_in_another(rpc, self._service)):
                    raise
                time.sleep(wait)

    def version(self) -> Version:
        """Of the service and its compiler."""
        reply = self.call(requests.GET_VERSION, pb.GetVersionRequest())
        return Version(reply.service_version, reply.compiler_version)

    @property
    def spaces(self) -> Spaces:
        """Of the service: asked once."""
        if self._spaces is None:
            self._spaces = parse_spaces(self.call(requests.GET_SPACES, pb.GetSpacesRequest()))
        return self._spaces

    def start(
        self,
        benchmark: Benchmark,
        *,
        action_space: str | None = None,
        observations: Iterable[str] = (),
        timeout: float | None = None,
    ) -> Session:
        """Opens a session. What `observations` names is in the session's `first`."""
        space = self.spaces.action_space(action_space)
        infos = requests.observation_infos(self.spaces, observations)
        reply = self.start_session(benchmark, space, infos, timeout)
        return Session(self, reply.session_id, space, requests.named_values(infos, reply.observation))

    def start_session(
        self, benchmark: Benchmark, space: ActionSpaceInfo, infos: list[Any], timeout: float | None = None
    ) -> pb.StartSessionReply:
        """The same, as messages. The program goes with the first start on it, and again if the service has dropped it."""
        self.connection()  # it may be to another service than before, which has no program
        key = (benchmark.uri, benchmark.digest)
        with_program = key not in self._sent
        try:
            request = requests.start_request(benchmark, space, infos, with_program=with_program)
            reply = self.call(requests.START_SESSION, request, timeout)
        except NotFound:
            if with_program:
                raise
            request = requests.start_request(benchmark, space, infos, with_program=True)
            reply = self.call(requests.START_SESSION, request, timeout)
        self._sent.add(key)
        return reply

    def add_benchmarks(self, benchmarks: Iterable[Benchmark]) -> None:
        """Gives the service programs, before they are needed."""
        for benchmark in benchmarks:
            message = pb.AddBenchmarkRequest(benchmark=[benchmark.message(with_program=True)])
            self.call(requests.ADD_BENCHMARK, message)
            self._sent.add((benchmark.uri, benchmark.digest))

    def has_sent(self, benchmark: Benchmark) -> bool:
        """The service has had it; it may have dropped it since."""
        self.connection()  # it may be to another service than before
        return (benchmark.uri, benchmark.digest) in self._sent

    def forget_sent(self, benchmark: Benchmark) -> None:
        """It has dropped it."""
        self._sent.discard((benchmark.uri, benchmark.digest))


class Session:
    """A program in a service, and what has been done to it. Ends with its `with` block."""

    def __init__(self, client: Client, number: int, space: ActionSpaceInfo, first: dict[str, Any]) -> None:
        self._client = client
        self.id = number
        self.action_space = space
        #: What was asked for at the start.
        self.first = first

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        except ServiceError:
            if kind is None:
                raise

    def step(
        self, actions: Iterable[str | int] = (), observations: Iterable[str] = (), *, timeout: float | None = None
    ) -> StepResult:
        """Applies actions, by name or number, then computes observations."""
        infos = requests.observation_infos(self._client.spaces, observations)
        request = requests.step_request(self.id, requests.action_numbers(self.action_space, actions), infos)
        reply = self._client.call(requests.STEP, request, timeout)
        values = requests.named_values(infos, reply.observation)
        return StepResult(values, reply.end_of_session, reply.action_had_no_effect)

    def fork(self) -> Session:
        """Another session in the same state, independent from now on. Raises Unimplemented if the compiler can't."""
        reply = self._client.call(requests.FORK_SESSION, pb.ForkSessionRequest(session_id=self.id))
        return Session(self._client, reply.session_id, self.action_space, dict(self.first))

    def set_parameters(self, parameters: dict[str, str]) -> dict[str, str]:
        """Sends keys and values to the session, or through it to the service; each has an answer."""
        reply = self._client.call(requests.SEND_PARAMETERS, requests.parameters_request(self.id, parameters))
        return requests.parameter_replies(parameters, reply)

    def end(self) -> None:
        """Ending one that has ended does nothing."""
        self._client.call(requests.END_SESSION, pb.EndSessionRequest(session_id=self.id))
