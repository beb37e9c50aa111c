"""Sets of programs, none of them downloaded: files, lists, archives, generators."""

from __future__ import annotations

import copy
import csv
import glob
import json
import os
import subprocess
import tarfile
import tempfile
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from .benchmark import SUFFIXES, Benchmark, RunOptions, find_tool, split_uri
from .errors import InvalidArgument, NotFound

MLGO_DESCRIPTION = "corpus_description.json"

# Compiled programs that are kept, by each dataset.
_KEPT = 512


class Dataset(ABC):
    """Programs by number and by URI. They are read, compiled or generated when they are asked for, and some are kept."""

    def __init__(self, name: str, scheme: str = "benchmark") -> None:
        self.name = name
        self.scheme = scheme
        #: What clang is told besides, after all else.
        self.compile_args: tuple[str, ...] = ()
        self._kept: OrderedDict[str, Benchmark] = OrderedDict()

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def key(self, index: int) -> str:
        """The last part of a URI."""

    @abstractmethod
    def make(self, key: str) -> Benchmark:
        """Raises NotFound, InvalidArgument, MissingTool."""

    def compiled_with(self, args: Sequence[str]) -> Dataset:
        """The same programs, under the same URIs; clang is told this besides where they are sources."""
        if not args:
            return self
        other = copy.copy(self)
        other.compile_args = (*self.compile_args, *args)
        other._kept = OrderedDict()
        return other

    def uri(self, index: int) -> str:
        """Of a program, from 0 to the number of programs."""
        return f"{self.scheme}://{self.name}/{self.key(index)}"

    def uris(self) -> Iterator[str]:
        """All of them."""
        return (self.uri(index) for index in range(len(self)))

    def __getitem__(self, index: int) -> Benchmark:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} programs")
        return self.benchmark(self.uri(index))

    def owns(self, uri: str) -> bool:
        """A URI of this set, whether there is such a program or not."""
        return uri.startswith(f"{self.scheme}://{self.name}/")

    def benchmark(self, uri: str) -> Benchmark:
        """The program of that URI. Raises NotFound, InvalidArgument, MissingTool."""
        benchmark = self._kept.get(uri)
        if benchmark is None:
            benchmark = self.make(split_uri(uri)[2])
            self._kept[uri] = benchmark
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return benchmark


class ListDataset(Dataset):
    """Programs that are there already."""

    def __init__(self, benchmarks: Sequence[Benchmark], name: str = "list") -> None:
        super().__init__(name)
        self._benchmarks = {benchmark.uri: benchmark for benchmark in benchmarks}
        self._uris = list(self._benchmarks)

    def __len__(self) -> int:
        return len(self._uris)

    def key(self, index: int) -> str:
        """The whole URI: they need not have anything in common."""
        return self._uris[index]

    def uri(self, index: int) -> str:
        """The program's own."""
        return self._uris[index]

    def compiled_with(self, args: Sequence[str]) -> Dataset:
        """Itself."""
        return self

    def owns(self, uri: str) -> bool:
        """It is in the list."""
        return uri in self._benchmarks

    def make(self, key: str) -> Benchmark:
        """Not used: nothing has to be made."""
        return self._benchmarks[key]

    def benchmark(self, uri: str) -> Benchmark:
        """Raises NotFound."""
        if uri not in self._benchmarks:
            raise NotFound(f"no program '{uri}' in the list")
        return self._benchmarks[uri]


class FileDataset(Dataset):
    """Files, by names."""

    def __init__(
        self, name: str, files: Mapping[str, Path], args: Sequence[str] = (), run: RunOptions | None = None
    ) -> None:
        super().__init__(name)
        if not files:
            raise InvalidArgument(f"dataset {name} has no program: files end in {', '.join(SUFFIXES)}")
        self._files = dict(files)
        self._keys = sorted(self._files)
        self._args = tuple(args)
        self._run = run

    @classmethod
    def from_path(cls, path: str, name: str = "", args: Sequence[str] = ()) -> FileDataset:
        """A folder, with all folders in it, or a pattern as the shell has it (`**` too)."""
        folder = Path(path)
        if folder.is_dir():
            paths = [file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.is_file()]
        else:
            paths = [Path(file) for file in glob.glob(path, recursive=True) if Path(file).suffix in SUFFIXES]  # noqa: PTH207
            folder = Path(os.path.commonpath([file.parent for file in paths])) if paths else folder.parent
        return cls(name or folder.resolve().name, _by_name(sorted(paths), folder), args)

    @classmethod
    def from_corpus(cls, folder: str | os.PathLike[str], name: str = "") -> FileDataset:
        """A corpus as MLGO's tools extract it: corpus_description.json, and a .bc file for each module it names."""
        root = Path(folder)
        try:
            modules = json.loads((root / MLGO_DESCRIPTION).read_text())["modules"]
            files = {str(module): root / f"{module}.bc" for module in modules}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidArgument(f"cannot read the corpus {folder}: {error!r}") from error
        return cls(name or root.resolve().name, files)

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> str:
        """A path within the folder, without its ending where that is not needed to tell two apart."""
        return self._keys[index]

    def make(self, key: str) -> Benchmark:
        """Compiles it, if it is source code."""
        if key not in self._files:
            raise NotFound(f"dataset {self.name} has no program '{key}'")
        uri = f"benchmark://{self.name}/{key}"
        return Benchmark.from_source(self._files[key], (*self._args, *self.compile_args), uri=uri, run=self._run)


def _by_name(paths: Sequence[Path], folder: Path) -> dict[str, Path]:
    names: dict[str, list[Path]] = {}
    for path in paths:
        names.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    return {
        name if len(files) == 1 else path.relative_to(folder).as_posix(): path
        for name, files in names.items()
        for path in files
    }


class ManifestDataset(Dataset):
    """A list in a file: CSV with a line for each program, or JSON, a list of objects.

    Columns: `name`, `file` (relative to the list), and what is optional: `args` for clang, `arguments` for the program,
    `stdin` and `expected_output` (names of files), `link`, and `build`, a command. What has several words is a list in JSON,
    and separated by spaces in CSV.
    """

    _COLUMNS = frozenset({"name", "file", "args", "arguments", "stdin", "expected_output", "link", "build"})

    def __init__(self, path: str | os.PathLike[str], name: str = "") -> None:
        self._path = Path(path)
        super().__init__(name or self._path.stem)
        try:
            text = self._path.read_text()
            rows = json.loads(text) if self._path.suffix == ".json" else list(csv.DictReader(text.splitlines()))
        except (OSError, json.JSONDecodeError) as error:
            raise InvalidArgument(f"cannot read the programs of {path}: {error}") from error
        self._rows: dict[str, dict[str, Any]] = {}
        for number, row in enumerate(rows, start=1):
            unknown = set(row) - self._COLUMNS
            if not row.get("name") or not row.get("file") or unknown:
                wrong = f"there is no {', '.join(sorted(map(str, unknown)))}" if unknown else "name and file are needed"
                raise InvalidArgument(f"{path}, entry {number}: {wrong}")
            self._rows[row["name"]] = row
        self._keys = list(self._rows)

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> str:
        """The name."""
        return self._keys[index]

    def make(self, key: str) -> Benchmark:
        """Compiles it, if it is source code."""
        if key not in self._rows:
            raise NotFound(f"{self._path} has no program '{key}'")
        row = self._rows[key]
        folder = self._path.parent
        defaults = RunOptions()
        run = RunOptions(
            arguments=_words(row.get("arguments")),
            stdin=(folder / row["stdin"]).read_bytes() if row.get("stdin") else b"",
            expected_output=(folder / row["expected_output"]).read_bytes() if row.get("expected_output") else None,
            link=_words(row.get("link")) or defaults.link,
            build=row.get("build") or "",
        )
        uri = f"benchmark://{self.name}/{key}"
        args = (*_words(row.get("args")), *self.compile_args)
        return Benchmark.from_source(folder / row["file"], args, uri=uri, run=run)


def _words(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return tuple(value.split()) if isinstance(value, str) else tuple(str(word) for word in value)


class TarDataset(Dataset):
    """The programs in an archive (.tar, .tar.gz, .tar.bz2, .tar.xz), each a file of its own."""

    def __init__(self, path: str | os.PathLike[str], name: str = "") -> None:
        self._path = Path(path)
        super().__init__(name or self._path.name.partition(".")[0])
        try:
            with tarfile.open(self._path) as archive:
                # As a path, and as the archive has it: `tar --create .` writes ./a.c.
                names = {
                    Path(member.name): member.name
                    for member in archive
                    if member.isfile() and Path(member.name).suffix in SUFFIXES
                }
        except (OSError, tarfile.TarError) as error:
            raise InvalidArgument(f"cannot read the archive {path}: {error}") from error
        self._members = {key: names[path] for key, path in _by_name(sorted(names), Path()).items()}
        self._keys = list(self._members)
        if not self._keys:
            raise InvalidArgument(f"{path} has no program: files end in {', '.join(SUFFIXES)}")

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> str:
        """A path in the archive, as for a folder."""
        return self._keys[index]

    def make(self, key: str) -> Benchmark:
        """Only this member is taken out, and only its content: where the archive says it belongs does not matter."""
        if key not in self._members:
            raise NotFound(f"{self._path} has no program '{key}'")
        member = self._members[key]
        with tarfile.open(self._path) as archive, tempfile.TemporaryDirectory(prefix="compiler_gym-") as folder:
            content = archive.extractfile(member)
            assert content is not None
            file = Path(folder) / Path(member).name
            file.write_bytes(content.read())
            return Benchmark.from_source(file, self.compile_args, uri=f"benchmark://{self.name}/{key}")


class GeneratorDataset(Dataset):
    """Random programs, the same for the same seed and version of the generator."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name, "generator")
        self._size = size

    def __len__(self) -> int:
        return self._size

    def key(self, index: int) -> str:
        """The seed."""
        return str(index)

    def make(self, key: str) -> Benchmark:
        """Raises NotFound for what is no seed."""
        if not key.isdigit() or int(key) >= 2**32:
            raise NotFound(f"generator://{self.name}/{key}: a seed is a number from 0 to {2**32 - 1}")
        with tempfile.TemporaryDirectory(prefix="compiler_gym-") as folder:
            return self._generate(int(key), Path(folder), f"generator://{self.name}/{key}")

    @abstractmethod
    def _generate(self, seed: int, folder: Path, uri: str) -> Benchmark: ...


class CsmithDataset(GeneratorDataset):
    """C programs of Csmith's (https://dl.acm.org/doi/10.1145/1993498.1993532), which print a checksum."""

    def __init__(self, size: int = 1000) -> None:
        super().__init__("csmith-v0", size)

    def _generate(self, seed: int, folder: Path, uri: str) -> Benchmark:
        source = folder / "program.c"
        # Seed 0 is Csmith's word for the time of day.
        _run([find_tool("csmith"), "--seed", str(seed + 1), "--output", str(source)], folder)
        include = next(
            (path for path in ("/usr/include/csmith", "/usr/local/include/csmith") if Path(path).is_dir()), ""
        )
        args = [f"-I{include}"] if include else []
        args += ["-w", *self.compile_args]
        return Benchmark.from_source(source, args, uri=uri, run=RunOptions(timeout=10.0))


class LlvmStressDataset(GeneratorDataset):
    """Random IR of llvm-stress, which cannot be run."""

    def __init__(self, size: int = 1000) -> None:
        super().__init__("llvm-stress-v0", size)

    def _generate(self, seed: int, folder: Path, uri: str) -> Benchmark:
        file = folder / "program.ll"
        _run([find_tool("llvm-stress"), f"--seed={seed}", "-o", str(file)], folder)
        return Benchmark.from_source(file, uri=uri, runnable=False)


def _run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise InvalidArgument(f"{' '.join(command)} failed: {result.stderr.strip()[:2000]}")


def demo_folder() -> Path:
    """Where the demo programs are."""
    return Path(str(resources.files(__package__) / "_data" / "programs"))


class DemoDataset(FileDataset):
    """Nine small C programs that come with this package: `benchmark://demo-v0/sort`.

    A wheel has them compiled as well, so that they need no clang unless it is to be told something.
    """

    def __init__(self) -> None:
        folder = demo_folder()
        super().__init__("demo-v0", _by_name(sorted(folder.glob("*.c")), folder), ["-std=c11"])

    def make(self, key: str) -> Benchmark:
        """Raises NotFound, MissingTool."""
        if key in self._files and not self.compile_args:
            compiled = self._files[key].with_suffix(".bc")
            if compiled.is_file():
                return Benchmark.from_source(compiled, uri=f"benchmark://{self.name}/{key}")
        return super().make(key)


def demo_dataset() -> Dataset:
    """See DemoDataset."""
    return DemoDataset()
