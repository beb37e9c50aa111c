"""What the blocking and the asyncio client share: the RPCs, their messages, and what may be tried again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from ._proto import compiler_gym_service_pb2 as pb
from ._proto import compiler_gym_stream_pb2 as stream_pb
from ._values import value_of
from .benchmark import Benchmark
from .errors import Internal, ServiceError, Unavailable, error_of
from .process import ManagedService
from .spaces import ActionSpaceInfo, ObservationInfo, Spaces

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)

STREAM_PATH = "/compiler_gym.CompilerGymStream/Exchange"


@dataclass(frozen=True)
class Rpc(Generic[Request, Reply]):
    """One RPC of the service."""

    name: str
    request: type[Request]
    reply: type[Reply]
    #: Its field in StreamRequest and StreamReply.
    field: str
    #: Doing it twice is doing it once.
    is_idempotent: bool = False

    @property
    def path(self) -> str:
        """Of the unary call."""
        return f"/compiler_gym.CompilerGymService/{self.name}"

    def parse(self, reply: bytes) -> Reply:
        """Raises Internal for what is no such message."""
        try:
            return self.reply.FromString(reply)
        except DecodeError as error:
            raise Internal(f"the service's answer to {self.name} can't be read: {error}") from error


GET_VERSION = Rpc("GetVersion", pb.GetVersionRequest, pb.GetVersionReply, "get_version", True)
GET_SPACES = Rpc("GetSpaces", pb.GetSpacesRequest, pb.GetSpacesReply, "get_spaces", True)
START_SESSION = Rpc("StartSession", pb.StartSessionRequest, pb.StartSessionReply, "start_session")
FORK_SESSION = Rpc("ForkSession", pb.ForkSessionRequest, pb.ForkSessionReply, "fork_session")
END_SESSION = Rpc("EndSession", pb.EndSessionRequest, pb.EndSessionReply, "end_session", True)
STEP = Rpc("Step", pb.StepRequest, pb.StepReply, "step")
ADD_BENCHMARK = Rpc("AddBenchmark", pb.AddBenchmarkRequest, pb.AddBenchmarkReply, "add_benchmark", True)
SEND_PARAMETERS = Rpc(
    "SendSessionParameter", pb.SendSessionParameterRequest, pb.SendSessionParameterReply, "send_session_parameter"
)

#: Waits before the second, third, … attempt, in seconds.
RETRY_WAITS = (0.05, 0.1, 0.2, 0.4)


def may_retry(rpc: Rpc[Any, Any], error: ServiceError) -> bool:
    """The service has surely not done it, or doing it again does no harm."""
    return isinstance(error, Unavailable) and (error.not_sent or rpc.is_idempotent)


def may_retry_in_another(rpc: Rpc[Any, Any], service: ManagedService | None) -> bool:
    """Whatever was done went with the service: a start can be made in a new one, and only a start makes sense there."""
    return rpc is START_SESSION and service is not None and service.is_dying()


def stream_error(error: stream_pb.StreamError) -> ServiceError:
    """What a stream answers instead of a reply."""
    return error_of(error.code, error.message)


@dataclass(frozen=True)
class Version:
    """Of a service, and of the compiler behind it."""

    service: str
    compiler: str


@dataclass(frozen=True)
class StepResult:
    """What a step has brought."""

    #: By name, as `value_of` has them.
    observations: dict[str, Any]
    end_of_session: bool
    #: No action has changed anything; true if there was none.
    action_had_no_effect: bool


def start_request(
    benchmark: Benchmark, action_space: ActionSpaceInfo, observations: Iterable[ObservationInfo], *, with_program: bool
) -> pb.StartSessionRequest:
    """A session on a benchmark."""
    return pb.StartSessionRequest(
        benchmark=benchmark.message(with_program=with_program),
        action_space=action_space.index,
        observation_space=[observation.index for observation in observations],
    )


def step_request(session: int, actions: Iterable[int], observations: Iterable[ObservationInfo]) -> pb.StepRequest:
    """Actions by number, then observations."""
    return pb.StepRequest(
        session_id=session,
        action=[pb.Event(int64_value=action) for action in actions],
        observation_space=[observation.index for observation in observations],
    )


def named_values(observations: Sequence[ObservationInfo], events: Sequence[pb.Event]) -> dict[str, Any]:
    """Raises Internal if there are not as many as were asked for."""
    if len(events) != len(observations):
        raise Internal(f"asked for {len(observations)} observations, the service sent {len(events)}")
    return {observation.name: value_of(event) for observation, event in zip(observations, events, strict=True)}


def action_numbers(space: ActionSpaceInfo, actions: Iterable[str | int]) -> list[int]:
    """From names or numbers."""
    return [space.number(action) for action in actions]


def parameters_request(session: int, parameters: dict[str, str]) -> pb.SendSessionParameterRequest:
    """Keys and values."""
    return pb.SendSessionParameterRequest(
        session_id=session, parameter=[pb.SessionParameter(key=key, value=value) for key, value in parameters.items()]
    )


def parameter_replies(parameters: dict[str, str], reply: pb.SendSessionParameterReply) -> dict[str, str]:
    """Raises Internal if there are not as many as were sent."""
    if len(reply.reply) != len(parameters):
        raise Internal(f"sent {len(parameters)} parameters, the service answered {len(reply.reply)}")
    return dict(zip(parameters, reply.reply, strict=True))


def observation_infos(spaces: Spaces, names: Iterable[str]) -> list[ObservationInfo]:
    """By their names."""
    return [spaces.observation(name) for name in names]
