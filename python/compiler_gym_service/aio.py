"""The client for asyncio: thousands of sessions on one connection."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from . import _requests as requests
from ._aio_connection import AsyncConnection
from ._proto import compiler_gym_service_pb2 as pb
from ._requests import Reply, Request, Rpc, StepResult, Version
from .benchmark import Benchmark
from .errors import DeadlineExceeded, NotFound, ServiceError, Unavailable
from .options import ServiceOptions
from .process import ManagedService, shared_service
from .spaces import ActionSpaceInfo, Spaces, parse_spaces


class AsyncClient:
    """Calls to a service, as `client.Client` has them, to be awaited.

        async with AsyncClient() as client:
            async with await client.start(Benchmark.from_source("a.c")) as session:
                print(await session.step(["-mem2reg"], ["IrInstructionCount"]))

    All calls share one stream, and what is asked for at one time goes in one message; a service that has no stream is asked
    by unary calls. Order within a session is that of the calls.

    Errors:  those of `errors`. A time limit ends the wait; on a stream the service goes on with what it has begun.
    Cancel:  likewise.
    Threads: belongs to the event loop it is first used on.
    """

    def __init__(self, service: ServiceOptions | dict[str, Any] | str | None = None) -> None:
        self.options = ServiceOptions.of(service)
        self._pid = os.getpid()
        self._service: ManagedService | None = None
        self._connection: AsyncConnection | None = None
        self._connecting = asyncio.Lock()
        self._spaces: Spaces | None = None
        self._sent: set[tuple[str, str]] = set()
        self._closed = False

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection, and ends a service that is not shared."""
        self._closed = True
        if self._pid != os.getpid():
            return
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
        if self._service is not None and not self.options.shared:
            await asyncio.to_thread(self._service.stop)
        self._service = None

    async def call(self, rpc: Rpc[Request, Reply], request: Request, timeout: float | None = None) -> Reply:
        """One RPC. Raises ServiceError."""
        seconds = self.options.timeout if timeout is None else timeout
        waits = iter(requests.RETRY_WAITS)
        while True:
            try:
                connection = await self._connected()
                return await asyncio.wait_for(connection.call(rpc, request), seconds)
            except DeadlineExceeded:
                raise
            except asyncio.TimeoutError:
                raise DeadlineExceeded(f"no answer to {rpc.name} within {seconds:g} s") from None
            except Unavailable as error:
                wait = next(waits, None)
                if wait is None or self._closed:
                    raise
                if not requests.may_retry(rpc, error) and not await asyncio.to_thread(
                    requests.may_retry_in_another, rpc, self._service
                ):
                    raise
                await asyncio.sleep(wait)

    async def version(self) -> Version:
        """Of the service and its compiler."""
        reply = await self.call(requests.GET_VERSION, pb.GetVersionRequest())
        return Version(reply.service_version, reply.compiler_version)

    async def spaces(self) -> Spaces:
        """Of the service: asked once."""
        if self._spaces is None:
            self._spaces = parse_spaces(await self.call(requests.GET_SPACES, pb.GetSpacesRequest()))
        return self._spaces

    async def start(
        self,
        benchmark: Benchmark,
        *,
        action_space: str | None = None,
        observations: Iterable[str] = (),
        timeout: float | None = None,
    ) -> AsyncSession:
        """Opens a session. What `observations` names is in the session's `first`."""
        spaces = await self.spaces()
        space = spaces.action_space(action_space)
        infos = requests.observation_infos(spaces, observations)
        key = (benchmark.uri, benchmark.digest)
        with_program = key not in self._sent
        try:
            request = requests.start_request(benchmark, space, infos, with_program=with_program)
            reply = await self.call(requests.START_SESSION, request, timeout)
        except NotFound:
            if with_program:
                raise
            request = requests.start_request(benchmark, space, infos, with_program=True)
            reply = await self.call(requests.START_SESSION, request, timeout)
        self._sent.add(key)
        return AsyncSession(self, spaces, reply.session_id, space, requests.named_values(infos, reply.observation))

    async def _connected(self) -> AsyncConnection:
        async with self._connecting:
            if self._closed:
                raise Unavailable("the client is closed", not_sent=True)
            if self._pid != os.getpid() and self._connection is not None:
                self._connection.abandon()
            if self._connection is None or self._connection.closed is not None:
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> AsyncConnection:
        self._pid = os.getpid()
        if self.options.address:
            return await self._connect_to(self.options.address)
        service = await self._running_service()
        try:
            return await self._connect_to(service.address)
        except Unavailable:
            if not await asyncio.to_thread(service.is_dying):
                raise
            return await self._connect_to((await self._running_service()).address)

    async def _connect_to(self, address: str) -> AsyncConnection:
        options = self.options
        return await AsyncConnection.connect(
            address, token=options.token, tls=options.tls, timeout=options.start_timeout
        )

    async def _running_service(self) -> ManagedService:
        if self._service is None or not self._service.is_running():
            self._sent.clear()
            self._service = await asyncio.to_thread(self._start_service)
        return self._service

    def _start_service(self) -> ManagedService:
        return shared_service(self.options) if self.options.shared else ManagedService(self.options)


class AsyncSession:
    """A program in a service, and what has been done to it. Ends with its `async with` block."""

    def __init__(
        self, client: AsyncClient, spaces: Spaces, number: int, space: ActionSpaceInfo, first: dict[str, Any]
    ) -> None:
        self._client = client
        self._spaces = spaces
        self.id = number
        self.action_space = space
        #: What was asked for at the start.
        self.first = first

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.end()
        except ServiceError:
            if kind is None:
                raise

    async def step(
        self, actions: Iterable[str | int] = (), observations: Iterable[str] = (), *, timeout: float | None = None
    ) -> StepResult:
        """Applies actions, by name or number, then computes observations."""
        infos = requests.observation_infos(self._spaces, observations)
        request = requests.step_request(self.id, requests.action_numbers(self.action_space, actions), infos)
        reply = await self._client.call(requests.STEP, request, timeout)
        values = requests.named_values(infos, reply.observation)
        return StepResult(values, reply.end_of_session, reply.action_had_no_effect)

    async def fork(self) -> AsyncSession:
        """Another session in the same state. Raises Unimplemented if the compiler can't."""
        reply = await self._client.call(requests.FORK_SESSION, pb.ForkSessionRequest(session_id=self.id))
        return AsyncSession(self._client, self._spaces, reply.session_id, self.action_space, dict(self.first))

    async def set_parameters(self, parameters: dict[str, str]) -> dict[str, str]:
        """Sends keys and values to the session, or through it to the service; each has an answer."""
        reply = await self._client.call(requests.SEND_PARAMETERS, requests.parameters_request(self.id, parameters))
        return requests.parameter_replies(parameters, reply)

    async def end(self) -> None:
        """Ending one that has ended does nothing."""
        await self._client.call(requests.END_SESSION, pb.EndSessionRequest(session_id=self.id))
