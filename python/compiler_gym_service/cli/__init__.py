"""The command `compiler-gym`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import InvalidArgument, NotFound, ServiceError
from ..options import ServiceOptions, TlsOptions
from . import _completion, _eval, _programs, _service, _states

EXIT_STATUSES = """
exit statuses:
  0  all is well
  1  the service can't be reached or started, or broke
  2  bad arguments
  3  a state could not be reproduced, or a program was miscompiled
"""


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    main_parser = argparse.ArgumentParser(
        prog="compiler-gym",
        description="Optimises programs with a compiler service: one of its own, or one that runs somewhere.",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--service", metavar="WHERE", default="", help="host:port or unix:PATH of a service, or a binary"
    )
    common.add_argument("--token-file", metavar="FILE", help="with the token that the service wants")
    common.add_argument("--tls-ca", metavar="FILE", help="with the certificates to trust; TLS is used then")
    common.add_argument("--json", action="store_true", help="print JSON")
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, summary: str, *, shared: bool = True) -> argparse.ArgumentParser:
        parents = [common] if shared else []
        return commands.add_parser(name, help=summary, description=summary, parents=parents)

    _service.add_commands(add)
    _programs.add_commands(add)
    _states.add_commands(add)
    _eval.add_commands(add)
    _completion.add_commands(add, main_parser)
    return main_parser


def service_options(arguments: argparse.Namespace) -> ServiceOptions:
    """What --service and its like say."""
    options = ServiceOptions.of(arguments.service or None)
    token = ""
    if arguments.token_file:
        try:
            token = Path(arguments.token_file).read_text().strip()
        except OSError as error:
            raise InvalidArgument(f"cannot read the token: {error}") from error
    tls = TlsOptions(ca=arguments.tls_ca) if arguments.tls_ca else None
    flags = ("--all_observations",)
    return ServiceOptions(address=options.address, binary=options.binary, token=token, tls=tls, flags=flags)


def _parse(argv: list[str]) -> argparse.Namespace:
    others: list[str] = []
    if argv[:1] == ["serve"] and argv[1:2] not in (["-h"], ["--help"]):
        # The rest is not ours, but for one flag in front.
        own = 3 if argv[1:2] == ["--binary"] else 1
        argv, others = argv[:own], argv[own:]
    for option in ("--actions", "--compile-args"):  # whose values begin with a dash, as options do
        if option in argv[:-1]:
            position = argv.index(option)
            argv[position : position + 2] = [f"{option}={argv[position + 1]}"]
    arguments = parser().parse_args(argv)
    arguments.others = others
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status."""
    arguments = _parse(list(sys.argv[1:] if argv is None else argv))
    try:
        if hasattr(arguments, "service"):
            arguments.options = service_options(arguments)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except (InvalidArgument, NotFound) as error:
        print(f"compiler-gym: {error}", file=sys.stderr)
        return 2
    except ServiceError as error:
        print(f"compiler-gym: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read it has read enough; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
