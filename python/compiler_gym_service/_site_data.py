"""Datasets that CompilerGym has downloaded on this machine: cBench, for one. Nothing is downloaded here."""

from __future__ import annotations

import functools
import getpass
import os
from pathlib import Path

from .benchmark import Benchmark
from .datasets import Dataset
from .errors import NotFound

# Whose programs are bitcode in files of that ending. (POJ-104's are text, which CompilerGym compiles when they are used.)
_BITCODE = ".bc"


class SiteDataset(Dataset):
    """One of them, under CompilerGym's URIs: `benchmark://cbench-v1/crc32`. How its programs are run is not known here."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._folder = folder

    # There are datasets with a million files: they are looked for only if somebody wants to know which there are.
    @functools.cached_property
    def _keys(self) -> list[str]:
        files = (Path(folder) / file for folder, _, names in os.walk(self._folder) for file in names)
        return sorted(
            file.relative_to(self._folder).with_suffix("").as_posix() for file in files if file.suffix == _BITCODE
        )

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> str:
        """A path within the folder, without the ending."""
        return self._keys[index]

    def make(self, key: str) -> Benchmark:
        """Raises NotFound."""
        file = self._folder / (key + _BITCODE)
        if ".." in Path(key).parts or not os.path.isfile(file):  # noqa: PTH113 (False, too, where one may not look)
            raise NotFound(f"dataset {self.name} has no program '{key}'")
        return Benchmark.from_source(file, uri=f"benchmark://{self.name}/{key}", runnable=False)


def site_dataset(name: str) -> SiteDataset | None:
    """None if there is none of that name, or not the whole of it."""
    root = _folder()
    if not name or "/" in name or root is None:
        return None
    if not os.path.isfile(root / name / ".extracted"):  # noqa: PTH113
        return None
    return _read(name, root / name / "contents")


@functools.cache
def _read(name: str, contents: Path) -> SiteDataset | None:
    # Most archives have one folder with all in it, which is no part of the URIs.
    try:
        inside = list(contents.iterdir())
    except OSError:
        return None
    return SiteDataset(name, inside[0] if len(inside) == 1 and inside[0].is_dir() else contents)


def site_dataset_names() -> list[str]:
    """Of all there are."""
    root = _folder()
    try:
        names = sorted(path.name for path in root.iterdir()) if root is not None else []
    except OSError:
        return []
    return [name for name in names if site_dataset(name) is not None]


def _folder() -> Path | None:
    """Where CompilerGym 0.2.5 keeps what it has downloaded for LLVM."""
    chosen, home = os.environ.get("COMPILER_GYM_SITE_DATA"), os.environ.get("HOME")
    if chosen:
        root = Path(chosen)
    elif home:
        root = Path(home) / ".local" / "share" / "compiler_gym"
    else:
        try:
            root = Path(f"/tmp/compiler_gym_{getpass.getuser()}/site_data")
        except (KeyError, OSError):  # a user without a name
            return None
    return root / "llvm-v0" / "benchmark"
