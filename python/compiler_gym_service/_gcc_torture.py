"""GCC's own execution tests, from Debian's package of its sources: small C programs that end well if compiled right."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
import tempfile
from functools import cached_property
from pathlib import Path, PurePosixPath

from .benchmark import Benchmark, MissingTool, RunOptions
from .datasets import Dataset
from .errors import InvalidArgument, NotFound

#: Where Debian's packages gcc-12-source, gcc-13-source, ... put them.
SOURCES = "/usr/src"
_ARCHIVES = "gcc-*/gcc-*.tar.xz"
_TESTS = "gcc/testsuite/gcc.c-torture/execute"

#: Of GCC 12.2's 1592 those that clang 19 refuses: nested functions and the like.
_NOT_FOR_CLANG = """
20000822-1 20001111-1 20010209-1 20010605-1 20020412-1 20030501-1 20040308-1 20040423-1 20040520-1 20041218-2 20061220-1
20070919-1 20090219-1 920302-1 920415-1 920428-2 920501-3 920501-7 920612-2 920721-4 920728-1 921017-1 921215-1 931002-1
991014-1 align-nest comp-goto-2 nest-align-1 nest-stdar-1 nestfunc-1 nestfunc-2 nestfunc-3 nestfunc-5 nestfunc-6 nestfunc-7
pr103052 pr103405 pr22061-3 pr22061-4 pr24135 pr28865 pr39228 pr41935 pr47237 pr51447 pr71494 pr80692 pr82210 pr85331
pr94591 pr94734 va-arg-pack-1
"""
# They are of the time before C99, and do not declare what they call; some count on it that integers wrap around.
_ARGS = ("-std=gnu89", "-fwrapv", "-w")


class GccTortureDataset(Dataset):
    """The tests of the newest GCC of which there are sources in `folder`. Raises MissingTool if there are none.

    To find the tests in an archive of 80 MB takes some ten seconds; they are kept in the user's cache folder, if it can be
    written.
    """

    def __init__(self, folder: str | os.PathLike[str] = SOURCES) -> None:
        super().__init__("gcc-torture-v0")
        archives = sorted(Path(folder).glob(_ARCHIVES), key=_version)
        if not archives:
            raise MissingTool(f"no sources of GCC in {folder}: install them with `apt install gcc-12-source`")
        self._archive = archives[-1]

    @cached_property
    def _files(self) -> dict[str, bytes]:
        """By name in the tests' folder: programs, and what they include."""
        state = self._archive.stat()
        kept = _cache_folder() / f"gcc-torture-{self._archive.stem}-{state.st_size}-{int(state.st_mtime)}.tar"
        with contextlib.suppress(OSError, tarfile.TarError):
            return _read(kept)
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
                part = Path(folder) / "part.tar"
                _read(self._archive, copy=part)
                part.replace(kept)
            return _read(kept)
        return _read(self._archive)

    @cached_property
    def _keys(self) -> list[str]:
        names = sorted(name.removesuffix(".c") for name in self._files if name.endswith(".c"))
        refused = frozenset(_NOT_FOR_CLANG.split())
        return [name for name in names if name not in refused]

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> str:
        """The file's name, without its ending."""
        return self._keys[index]

    def make(self, key: str) -> Benchmark:
        """Compiles it. It prints nothing of interest: a test that fails aborts."""
        if f"{key}.c" not in self._files:
            raise NotFound(f"dataset {self.name} has no program '{key}'")
        with tempfile.TemporaryDirectory(prefix="compiler_gym-") as name:
            folder = Path(name)
            wanted = [f"{key}.c"]
            for file in wanted:  # which becomes longer under way
                text = self._files[file]
                (folder / file).write_bytes(text)
                included = re.findall(rb'^\s*#\s*include\s*"([^"/]+)"', text, re.MULTILINE)
                wanted += [each.decode() for each in included if each.decode() in self._files]
            uri = f"benchmark://{self.name}/{key}"
            args = (*_ARGS, *self.compile_args)
            return Benchmark.from_source(folder / wanted[0], args, uri=uri, run=RunOptions(timeout=10.0))


def _version(archive: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", archive.name)]


def _cache_folder() -> Path:
    """The user's, as the XDG Base Directory Specification says."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "compiler-gym-service"


def _read(path: Path, copy: Path | None = None) -> dict[str, bytes]:
    """The files of the tests' folder, not of those in it; and writes them to an archive of their own."""
    found: dict[str, bytes] = {}
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(tarfile.open(copy, "w")) if copy else None
        for member in (archive := stack.enter_context(tarfile.open(path, "r|*"))):
            name = PurePosixPath(member.name)
            if member.isfile() and name.suffix in (".c", ".h") and str(name.parent).endswith(_TESTS):
                file = archive.extractfile(member)
                assert file is not None
                content = found[name.name] = file.read()
                if target is not None:
                    target.addfile(member, io.BytesIO(content))
    if not found:
        raise InvalidArgument(f"{path} has no tests in {_TESTS}")
    return found
