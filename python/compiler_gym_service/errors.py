"""What can go wrong, by the status a service answered with: its reason is the text."""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """A request failed. What is raised is one of the classes below, where there is one for the status."""

    #: gRPC's number for the status, https://grpc.io/docs/guides/status-codes.
    status: ClassVar[int] = 2

    def __init__(self, reason: str, *, not_sent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        #: The service has surely not seen the request, which can be made again.
        self.not_sent = not_sent


class Cancelled(ServiceError):
    """The call was cancelled."""

    status = 1


class Unknown(ServiceError):
    """The service said that it failed, and no more."""

    status = 2


class InvalidArgument(ServiceError, ValueError):
    """The request is at fault; the session stays as it is."""

    status = 3


class DeadlineExceeded(ServiceError, TimeoutError):
    """It took longer than the client's time limit or the service's `--step_timeout`."""

    status = 4


class NotFound(ServiceError, LookupError):
    """There is no such session, benchmark or file."""

    status = 5


class SessionNotFound(NotFound):
    """The session has been ended, or belonged to a service that is no more."""


class AlreadyExists(ServiceError):
    """A request of that id is under way on the stream."""

    status = 6


class PermissionDenied(ServiceError, PermissionError):
    """The service does not allow it."""

    status = 7


class ResourceExhausted(ServiceError):
    """One of the service's limits: try again later, or with less."""

    status = 8


class FailedPrecondition(ServiceError):
    """Not in the state that the session or the service is in."""

    status = 9


class Aborted(ServiceError):
    """The service gave it up."""

    status = 10


class OutOfRange(ServiceError):
    """Beyond what there is."""

    status = 11


class Unimplemented(ServiceError, NotImplementedError):
    """The service or its compiler cannot do that."""

    status = 12


class Internal(ServiceError):
    """An exception in the compiler's code, or a broken connection."""

    status = 13


class Unavailable(ServiceError, ConnectionError):
    """The service cannot be reached, or is shutting down."""

    status = 14


class DataLoss(ServiceError):
    """The session's compiler broke: a pass crashed, or made a module that is none."""

    status = 15


class Unauthenticated(ServiceError, PermissionError):
    """The service wants a token, or another one."""

    status = 16


class ServiceStartError(Unavailable):
    """A service of our own could not be started; the reason says why, and what its log says."""


class SessionsLost(ServiceError):
    """The service ended under its sessions, and they could not be restored in a new one."""

    status = 14

    def __init__(self, reason: str, indices: tuple[int, ...] = ()) -> None:
        super().__init__(reason)
        #: Which sub-environments of a vector environment have lost theirs.
        self.indices = indices


_BY_STATUS: dict[int, type[ServiceError]] = {
    error.status: error
    for error in (
        Cancelled,
        Unknown,
        InvalidArgument,
        DeadlineExceeded,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        ResourceExhausted,
        FailedPrecondition,
        Aborted,
        OutOfRange,
        Unimplemented,
        Internal,
        Unavailable,
        DataLoss,
        Unauthenticated,
    )
}


def error_of(status: int, reason: str, *, not_sent: bool = False) -> ServiceError:
    """The exception for a status other than 0."""
    if status == NotFound.status and reason.startswith("Session not found"):
        return SessionNotFound(reason)
    return _BY_STATUS.get(status, Unknown)(reason or f"status {status}", not_sent=not_sent)
