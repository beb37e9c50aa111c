"""A program to compile, and how to build and run it."""

from __future__ import annotations

import base64
import functools
import hashlib
import math
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from ._proto import compiler_gym_service_pb2 as pb
from .errors import InvalidArgument

#: What the service's LLVM reads is not newer than this.
LLVM_VERSION = 19
_SOURCES = {".c": (), ".cc": ("-x", "c++"), ".cpp": ("-x", "c++"), ".cxx": ("-x", "c++")}
SUFFIXES = (*_SOURCES, ".ll", ".bc")


class MissingTool(InvalidArgument):
    """A program of LLVM's that is not installed; the reason says how to install it."""


def find_tool(name: str) -> str:
    """The path of a program of LLVM 19: $COMPILER_GYM_<NAME>, `<name>-19`, or `<name>`. Raises MissingTool."""
    variable = "COMPILER_GYM_" + name.upper().replace("-", "_")
    for candidate in (
        os.environ.get(variable, ""),
        f"{name}-{LLVM_VERSION}",
        f"/usr/lib/llvm-{LLVM_VERSION}/bin/{name}",
        name,
    ):
        path = shutil.which(candidate) if candidate else None
        if path:
            return path
    package = {"clang": f"clang-{LLVM_VERSION}", "csmith": "csmith libcsmith-dev"}.get(name, f"llvm-{LLVM_VERSION}")
    raise MissingTool(f"{name} is missing: install it with `apt install {package}`, or set {variable} to its path")


#: Bytes of standard input that a service can be told.
_MAX_STDIN = 64 * 1024


@dataclass(frozen=True)
class RunOptions:
    """How to run the program, and what it must print: for validation, and for its run time."""

    arguments: tuple[str, ...] = ()
    #: Standard input.
    stdin: bytes = b""
    #: What it must print; None: what it prints as it was before optimisation.
    expected_output: bytes | None = None
    #: Arguments to link with.
    link: tuple[str, ...] = ("-lm",)
    #: Seconds for one run.
    timeout: float = 30.0
    #: How the service builds it too: a shell command in which $CC is clang and $IN the bitcode, and which makes ./a.out. Of
    #: what ships, `$CC -O3 -Xclang -disable-llvm-passes $IN -o a.out -lm`: passes are the session's business. Then there are
    #: Runtime, Buildtime, RuntimeMeasurement and Validation, and sizes of object code are of what this command makes.
    build: str = ""

    def __post_init__(self) -> None:
        if self.build and len(self.stdin) > _MAX_STDIN:
            raise InvalidArgument(f"{len(self.stdin)} bytes of standard input: a service takes {_MAX_STDIN} at most")

    def commands(self) -> pb.BenchmarkDynamicConfig | None:
        """As the wire has them; None without `build`."""
        if not self.build:
            return None
        config = pb.BenchmarkDynamicConfig()
        seconds = math.ceil(self.timeout)
        config.build_cmd.argument.append(self.build)
        config.build_cmd.outfile.append("a.out")
        config.run_cmd.argument.append(shlex.join(["./a.out", *self.arguments]))
        config.run_cmd.timeout_seconds = seconds
        if self.stdin:
            text = base64.b64encode(self.stdin).decode()
            config.pre_run_cmd.add(
                argument=[f"echo {text} | base64 -d >stdin"], outfile=["stdin"], timeout_seconds=seconds
            )
            config.run_cmd.argument.append("<stdin")
        return config


@dataclass(frozen=True)
class Benchmark:
    """A program as bitcode, under a URI: `benchmark://dataset/name` or `file:///path`."""

    uri: str
    bitcode: bytes = field(repr=False)
    #: How to run it; None if that is not known, and then it can't be validated.
    run: RunOptions | None = None

    @classmethod
    def from_bitcode(cls, uri: str, bitcode: bytes, run: RunOptions | None = None) -> Benchmark:
        """From what `clang -emit-llvm -c` makes."""
        if not bitcode.startswith((b"BC\xc0\xde", b"\xde\xc0\x17\x0b")):
            raise InvalidArgument(f"{uri}: not LLVM bitcode")
        return cls(uri, bitcode, run)

    @classmethod
    def from_source(
        cls,
        source: str | os.PathLike[str],
        args: Sequence[str] = (),
        *,
        uri: str = "",
        run: RunOptions | None = None,
        runnable: bool = True,
    ) -> Benchmark:
        """From a .c, .cpp, .ll or .bc file; `args` go to clang.

        A program with a `main` can be run and validated; `run` says with what.
        Raises InvalidArgument with the compiler's words, MissingTool.
        """
        path = Path(source)
        if not path.is_file():
            raise InvalidArgument(f"there is no file '{path}'")
        bitcode = path.read_bytes() if path.suffix == ".bc" else compile_to_bitcode(path, args)
        if run is None and runnable:
            run = RunOptions()
        return cls.from_bitcode(uri or "file://" + quote(str(path.resolve())), bitcode, run)

    def with_run(self, run: RunOptions | None) -> Benchmark:
        """The same program, to be run otherwise."""
        return replace(self, run=run)

    @functools.cached_property
    def digest(self) -> str:
        """Of what a service is told."""
        content = hashlib.sha1(self.bitcode)
        commands = self._commands()
        if commands is not None:
            content.update(commands.SerializeToString(deterministic=True))
        return content.hexdigest()

    def message(self, *, with_program: bool) -> pb.Benchmark:
        """As the wire has it, where the URI tells it from other programs of that name: other flags of clang, another run."""
        message = pb.Benchmark(uri=f"{self.uri}#{self.digest[:16]}")
        if with_program:
            message.program.contents = self.bitcode
            commands = self._commands()
            if commands is not None:
                message.dynamic_config.CopyFrom(commands)
        return message

    def _commands(self) -> pb.BenchmarkDynamicConfig | None:
        return None if self.run is None else self.run.commands()


def compile_to_bitcode(path: Path, args: Sequence[str] = ()) -> bytes:
    """Unoptimised, but without the attribute that would keep every pass away."""
    if path.suffix == ".ll":
        command = [find_tool("llvm-as"), str(path)]
    elif path.suffix in _SOURCES:
        command = [find_tool("clang"), "-O0", "-Xclang", "-disable-O0-optnone", "-emit-llvm", "-c"]
        command += [*_SOURCES[path.suffix], *args, path.name]
    else:
        raise InvalidArgument(f"'{path}': not a {', '.join(SUFFIXES)} file")
    with tempfile.TemporaryDirectory(prefix="compiler_gym-") as folder:
        output = Path(folder) / "out.bc"
        # In the file's own folder and by its bare name: the bitcode holds the name, and is the same wherever it lies.
        result = subprocess.run(
            [*command, "-o", str(output)], cwd=path.resolve().parent, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise InvalidArgument(f"'{path}' does not compile:\n{result.stderr.strip()[:4000]}")
        return output.read_bytes()


def split_uri(uri: str) -> tuple[str, str, str]:
    """Scheme, dataset and name: `benchmark`, `cbench-v1`, `crc32`; a file's path is its name. Raises InvalidArgument."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", "", unquote(parts.path)
    if "://" not in uri:
        raise InvalidArgument(f"'{uri}' is no URI: benchmark://dataset/name or file:///path")
    return parts.scheme, unquote(parts.netloc), unquote(parts.path.lstrip("/"))
