"""`completion`: what a shell completes."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Add = Callable[..., argparse.ArgumentParser]

# compgen splits at white space, and no command or option has any.
_BASH = """\
_compiler_gym() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words="{commands}"
  if ((COMP_CWORD > 1)); then
    case ${{COMP_WORDS[1]}} in
{cases}
      *) words= ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _compiler_gym compiler-gym
"""


def add_commands(add: Add, main_parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    command = add(
        "completion", 'Prints what makes bash complete this command: eval "$(compiler-gym completion)"', shared=False
    )
    command.set_defaults(run=lambda _: _print(main_parser))


def _print(main_parser: argparse.ArgumentParser) -> int:
    commands: dict[str, argparse.ArgumentParser] = {}
    for action in main_parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            commands = dict(action.choices)
    cases = []
    for name, parser in commands.items():
        options = " ".join(option for action in parser._actions for option in action.option_strings)
        cases.append(f'      {name}) words="{options}" ;;')
    print(_BASH.format(commands=" ".join(commands), cases="\n".join(cases)), end="")
    return 0
