"""`serve`, `describe`, `spaces`: the service itself."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from ..client import Client
from ..process import find_service
from ._output import print_json, print_table

Add = Callable[..., argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Their arguments."""
    serve = add(
        "serve", "Becomes a service, until it is interrupted; takes its flags, such as --port 4242", shared=False
    )
    serve.add_argument("--binary", default="", help="which, if it is not the one that would be found")
    serve.add_argument(
        "flags", nargs=argparse.REMAINDER, metavar="FLAG", help="e.g. --port 4242 --working_dir /tmp/service"
    )
    serve.set_defaults(run=_serve)

    describe = add("describe", "Says what a service is: its versions and spaces")
    describe.add_argument("address", nargs="?", default="", metavar="ADDRESS", help="as for --service")
    describe.set_defaults(run=_describe)

    spaces = add("spaces", "Lists actions and observations")
    spaces.add_argument("--action-space", metavar="NAME", help="lists the actions of this one")
    spaces.set_defaults(run=_spaces)


def _serve(arguments: argparse.Namespace) -> int:
    binary = str(find_service(arguments.binary))
    os.execv(binary, [binary, *arguments.others])


def _describe(arguments: argparse.Namespace) -> int:
    if arguments.address:
        from . import service_options

        arguments.service = arguments.address
        arguments.options = service_options(arguments)
    with Client(arguments.options) as client:
        version, spaces = client.version(), client.spaces
        where = client.options.address or (client.service.address if client.service else "")
    if arguments.json:
        print_json(
            {
                "address": where,
                "service_version": version.service,
                "compiler_version": version.compiler,
                "action_spaces": {name: len(space.names) for name, space in spaces.actions.items()},
                "observations": list(spaces.observations),
            }
        )
        return 0
    print(f"address   {where}\nservice   {version.service}\ncompiler  {version.compiler}")
    print("actions   " + ", ".join(f"{name} ({len(space.names)})" for name, space in spaces.actions.items()))
    print(f"observes  {', '.join(spaces.observations)}")
    return 0


def _spaces(arguments: argparse.Namespace) -> int:
    with Client(arguments.options) as client:
        spaces = client.spaces
    if arguments.action_space:
        names = spaces.action_space(arguments.action_space).names
        if arguments.json:
            print_json(names)
        else:
            print_table(["number", "action"], list(enumerate(names)))
        return 0
    rows = [
        (info.name, str(info.space)[:60], info.deterministic, info.platform_dependent)
        for info in spaces.observations.values()
    ]
    if arguments.json:
        print_json(
            {
                "actions": {name: space.names for name, space in spaces.actions.items()},
                "observations": [
                    dict(zip(("name", "space", "deterministic", "platform_dependent"), row, strict=True))
                    for row in rows
                ],
            }
        )
        return 0
    print_table(["action space", "actions"], [(name, len(space.names)) for name, space in spaces.actions.items()])
    print()
    print_table(["observation", "space", "deterministic", "platform dependent"], rows)
    return 0
