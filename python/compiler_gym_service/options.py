"""How to reach a service, and how to start one: plain data, so that environments can be pickled and made from a spec."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TlsOptions:
    """TLS to a service on a TCP address."""

    #: PEM file with the certificates that are trusted; the system's if empty.
    ca: str = ""
    #: PEM files with the client's certificate and its key, for a service that wants one.
    cert: str = ""
    key: str = ""
    #: The name that the service's certificate must have, if it is not the address's.
    server_name: str = ""


@dataclass(frozen=True)
class ServiceOptions:
    """Where sessions live: in a service of this process's own, or in one that runs somewhere."""

    #: `host:port` or `unix:PATH` of a service that runs. Empty: one is started, and ended with this process.
    address: str = ""
    #: The token that a service at `address` wants with every call.
    token: str = ""
    tls: TlsOptions | None = None
    #: The binary to start. Empty: `find_service` looks for it.
    binary: str = ""
    #: Flags of the service that is started, as docs/flags.md has them.
    flags: tuple[str, ...] = ()
    #: Environments of one process with equal options share one service. False: this one is for its user alone.
    shared: bool = True
    #: Seconds that a call may take.
    timeout: float = 300.0
    #: Seconds to connect, and for a service to start.
    start_timeout: float = 30.0
    #: Environment variables of the service that is started, beside those of this process.
    environment: dict[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, service: ServiceOptions | dict[str, Any] | str | None) -> ServiceOptions:
        """From what users write: nothing, an address or a binary's path, a dictionary of fields, or itself."""
        if service is None:
            return cls()
        if isinstance(service, ServiceOptions):
            return service
        if isinstance(service, str):
            is_path = service.startswith(("/", "./", "../", "~"))
            return cls(binary=service) if is_path else cls(address=service)
        fields = dict(service)
        if isinstance(fields.get("tls"), dict):
            fields["tls"] = TlsOptions(**fields["tls"])
        fields["flags"] = tuple(fields.get("flags", ()))
        return cls(**fields)
