"""From what users write to datasets and programs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qs

from . import datasets
from ._gcc_torture import GccTortureDataset
from ._site_data import site_dataset, site_dataset_names
from .benchmark import SUFFIXES, Benchmark, split_uri
from .datasets import Dataset
from .errors import InvalidArgument, NotFound

Source = str | Benchmark | Dataset | Sequence["str | Benchmark"]

_GENERATORS: dict[str, Callable[[int], Dataset]] = {
    "csmith-v0": datasets.CsmithDataset,
    "llvm-stress-v0": datasets.LlvmStressDataset,
}
_registered: dict[str, Dataset] = {}


def register_dataset(dataset: Dataset) -> None:
    """From now on its programs, and it itself by its name, are found in this process."""
    _registered[dataset.name] = dataset


@functools.cache
def _built_in(name: str) -> Dataset | None:
    if name == "demo-v0":
        return datasets.demo_dataset()
    if name == "gcc-torture-v0":
        return GccTortureDataset()
    return _GENERATORS[name](1000) if name in _GENERATORS else None


def named_dataset(name: str, compile_args: Sequence[str] = ()) -> Dataset | None:
    """A registered one, one that comes with this package, or one that CompilerGym has downloaded."""
    for find in (_registered.get, _built_in, site_dataset):
        dataset = find(name)
        if dataset is not None:
            return _compiled(dataset, tuple(compile_args))
    return None


@functools.lru_cache(maxsize=64)
def _compiled(dataset: Dataset, compile_args: tuple[str, ...]) -> Dataset:
    """The same one each time, so that what it has compiled and read is kept."""
    return dataset.compiled_with(compile_args)


def dataset_of(source: Source, compile_args: Sequence[str] = ()) -> Dataset:
    """A dataset by its name, a folder (MLGO's corpora too), a pattern, a list in a file, an archive, a generator (`generator://csmith-v0?size=9`).

    Or programs: one or several, by URI, by file, or as Benchmark. Where they are sources, clang is told `compile_args`
    besides. Raises InvalidArgument, NotFound.
    """
    if isinstance(source, Dataset):
        return source.compiled_with(compile_args)
    if isinstance(source, Benchmark):
        return datasets.ListDataset([source])
    if not isinstance(source, str):
        return datasets.ListDataset([benchmark_of(each, compile_args=compile_args) for each in source])
    if source.startswith("generator://") and not split_uri(source)[2]:
        return _generator(source).compiled_with(compile_args)
    name = source.removeprefix("benchmark://").rstrip("/")
    named = named_dataset(name, compile_args)
    if named is not None:
        return named
    path = Path(source)
    is_file = path.suffix in SUFFIXES and path.is_file()
    if is_file or "://" in source or ("/" in name and named_dataset(name.partition("/")[0]) is not None):
        return datasets.ListDataset([benchmark_of(source, compile_args=compile_args)])
    return _dataset_at(path, source).compiled_with(compile_args)


def dataset_of_arguments(sources: Sequence[str], compile_args: Sequence[str] = ()) -> Dataset:
    """What a command line names: one source of any kind, or several programs."""
    return dataset_of(sources[0] if len(sources) == 1 else sources, compile_args)


def _dataset_at(path: Path, source: str) -> Dataset:
    """In files."""
    if path.suffix in (".json", ".csv"):
        return datasets.ManifestDataset(path)
    if ".tar" in path.suffixes or path.suffix == ".tgz":
        return datasets.TarDataset(path)
    if (path / datasets.MLGO_DESCRIPTION).is_file():
        return datasets.FileDataset.from_corpus(path)
    if path.is_dir() or any(character in source for character in "*?["):
        return datasets.FileDataset.from_path(source)
    raise NotFound(f"no dataset '{source}': a folder, pattern, .json, .csv or .tar file, or one of {_names()}")


def _generator(source: str) -> Dataset:
    name, _, query = source.removeprefix("generator://").rstrip("/").partition("?")
    if name not in _GENERATORS:
        raise NotFound(f"no generator '{name}'; there is {', '.join(_GENERATORS)}")
    size = parse_qs(query).get("size", ["1000"])[0]
    if not size.isdigit() or int(size) == 0:
        raise InvalidArgument(f"'{source}': size={size} is no number of programs")
    return _GENERATORS[name](int(size))


def benchmark_of(source: str | Benchmark, among: Dataset | None = None, compile_args: Sequence[str] = ()) -> Benchmark:
    """One program: by URI (`benchmark://demo-v0/sort`, `generator://csmith-v0/7`, `file:///a.c`) or by file.

    Of the programs `among` that are there, which are compiled as they are, or of all; clang is told `compile_args` then.
    """
    if isinstance(source, Benchmark):
        return source
    if "://" not in source:
        if among is not None and among.owns(f"benchmark://{source}"):
            return among.benchmark(f"benchmark://{source}")  # CompilerGym's short form: cbench-v1/crc32
        dataset = named_dataset(source.partition("/")[0], compile_args)
        if dataset is not None and "/" in source:
            return dataset.benchmark(f"{dataset.scheme}://{source}")
        return Benchmark.from_source(source, compile_args)
    if among is not None and among.owns(source):
        return among.benchmark(source)
    scheme, name, key = split_uri(source)
    if scheme == "file":
        return Benchmark.from_source(key, compile_args)
    dataset = named_dataset(name, compile_args)
    if dataset is None or dataset.scheme != scheme:
        raise NotFound(f"no dataset '{name}' for {source}; there is {_names()}")
    return dataset.benchmark(source)


def _names() -> str:
    return ", ".join([*_registered, "demo-v0", "gcc-torture-v0", *_GENERATORS, *site_dataset_names()])
