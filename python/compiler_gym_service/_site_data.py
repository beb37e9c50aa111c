"""Datasets that CompilerGym has downloaded on this machine: cBench, for one. Nothing is downloaded here."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from .benchmark import SUFFIXES, Benchmark
from .datasets import FileDataset
from .errors import NotFound


class SiteDataset(FileDataset):
    """One of them, under CompilerGym's URIs: `benchmark://cbench-v1/crc32`. How its programs are run is not known here."""

    def __init__(self, name: str, folder: Path) -> None:
        files = sorted(file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        super().__init__(name, {file.relative_to(folder).with_suffix("").as_posix(): file for file in files})

    def make(self, key: str) -> Benchmark:
        """Raises NotFound."""
        if key not in self._files:
            raise NotFound(f"dataset {self.name} has no program '{key}'")
        uri = f"benchmark://{self.name}/{key}"
        return Benchmark.from_source(self._files[key], self.compile_args, uri=uri, runnable=False)


def site_dataset(name: str) -> SiteDataset | None:
    """None if there is none of that name, or not the whole of it."""
    folder = _folder() / name
    if "/" in name or not (folder / ".extracted").is_file():
        return None
    return _read(name, folder / "contents")


@functools.cache
def _read(name: str, contents: Path) -> SiteDataset:
    # Most archives have one folder with all in it, which is no part of the URIs.
    inside = list(contents.iterdir())
    return SiteDataset(name, inside[0] if len(inside) == 1 and inside[0].is_dir() else contents)


def site_dataset_names() -> list[str]:
    """Of all there are."""
    return sorted(marker.parent.name for marker in _folder().glob("*/.extracted"))


def _folder() -> Path:
    """Where CompilerGym 0.2.5 keeps what it has downloaded for LLVM."""
    chosen = os.environ.get("COMPILER_GYM_SITE_DATA")
    root = Path(chosen) if chosen else Path("~/.local/share/compiler_gym").expanduser()
    return root / "llvm-v0" / "benchmark"
