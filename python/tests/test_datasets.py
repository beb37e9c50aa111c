"""Programs from files, lists, archives and generators."""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from conftest import PROGRAMS

from compiler_gym_service import (
    Benchmark,
    Client,
    MissingTool,
    benchmark_of,
    dataset_of,
    demo_dataset,
    errors,
    register_dataset,
)
from compiler_gym_service._gcc_torture import SOURCES, GccTortureDataset
from compiler_gym_service.benchmark import find_tool
from compiler_gym_service.datasets import FileDataset, GeneratorDataset
from compiler_gym_service.validation import compare_runs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "suite"
    (root / "inner").mkdir(parents=True)
    (root / "a.c").write_text("int main(void) { return 0; }")
    (root / "b.cpp").write_text("#include <cstdio>\nint main() { auto f = [] { return 0; }; return f(); }")
    (root / "inner" / "c.ll").write_text("define i32 @main() {\n  ret i32 0\n}\n")
    (root / "inner" / "d.bc").write_bytes(Benchmark.from_source(root / "a.c").bitcode)
    (root / "notes.txt").write_text("no program")
    return root


def test_a_folder(folder: Path, client: Client) -> None:
    dataset = dataset_of(str(folder))
    wanted = ["benchmark://suite/a", "benchmark://suite/b", "benchmark://suite/inner/c", "benchmark://suite/inner/d"]
    assert list(dataset.uris()) == wanted
    for index in range(len(dataset)):
        client.start(dataset[index], observations=["IrInstructionCount"]).end()
    assert dataset[0] is dataset[0]
    with pytest.raises(errors.NotFound, match="has no program 'z'"):
        dataset.benchmark("benchmark://suite/z")
    with pytest.raises(IndexError):
        dataset[4]


def test_a_pattern_and_names_that_need_their_endings(folder: Path) -> None:
    shutil.copy(folder / "inner" / "c.ll", folder / "a.ll")
    assert [uri.rpartition("/")[2] for uri in dataset_of(str(folder / "**" / "*")).uris()] == [
        "a.c",
        "a.ll",
        "b",
        "c",
        "d",
    ]
    assert len(dataset_of(str(folder / "*.c"))) == 1
    with pytest.raises(errors.InvalidArgument, match="has no program: files end in"):
        dataset_of(str(folder / "*.txt"))


def test_programs_of_all_kinds_are_compiled_as_asked_for(folder: Path, tmp_path: Path) -> None:
    args = ["-Oz", "-Xclang", "-disable-llvm-passes"]
    (tmp_path / "list.csv").write_text(f"name,file\na,{folder}/a.c\n")
    shutil.make_archive(str(tmp_path / "archive"), "tar", folder)
    sources: list[Any] = [str(folder / "a.c"), f"file://{folder}/a.c", [str(folder / "a.c")], str(folder)]
    sources += [str(folder / "*.c"), str(tmp_path / "list.csv"), str(tmp_path / "archive.tar")]
    sources += ["demo-v0", "benchmark://demo-v0/matrix", "generator://csmith-v0/7", "generator://csmith-v0?size=2"]
    for source in sources:
        as_it_is, otherwise = dataset_of(source), dataset_of(source, args)
        assert list(as_it_is.uris()) == list(otherwise.uris())
        assert b"minsize" not in disassembled(as_it_is[0])
        assert b"minsize" in disassembled(otherwise[0]), source
        assert as_it_is[0] == dataset_of(source)[0], "the one is not the other's"
    one, other = dataset_of("demo-v0", args), dataset_of("benchmark://demo-v0", tuple(args))
    assert one is other, "what is compiled is kept"
    bitcode = Benchmark.from_source(folder / "inner" / "d.bc")
    assert dataset_of(bitcode, args)[0] is bitcode


def disassembled(benchmark: Benchmark) -> bytes:
    command = [find_tool("llvm-dis"), "-o", "-"]
    return subprocess.run(command, input=benchmark.bitcode, capture_output=True, check=True).stdout


def test_a_list_says_how_to_run_them(tmp_path: Path) -> None:
    (tmp_path / "echo.c").write_text(
        '#include <stdio.h>\nint main(int n, char** v) { int c; printf("%s %d\\n", v[1], TIMES);'
        " while ((c = getchar()) != EOF) putchar(c); return 0; }"
    )
    (tmp_path / "in").write_text("text\n")
    (tmp_path / "out").write_text("hello 3\ntext\n")
    entry = {"name": "echo", "file": "echo.c", "args": ["-DTIMES=3"], "arguments": ["hello"], "stdin": "in"}
    (tmp_path / "list.json").write_text(json.dumps([{**entry, "expected_output": "out"}]))
    benchmark = dataset_of(str(tmp_path / "list.json"))[0]
    assert benchmark.uri == "benchmark://list/echo"
    assert compare_runs(benchmark, benchmark.bitcode) == (True, "")
    (tmp_path / "list.csv").write_text("name,file,args,arguments,stdin\necho,echo.c,-DTIMES=3,hello,in\n")
    assert dataset_of(str(tmp_path / "list.csv"))[0].bitcode == benchmark.bitcode
    (tmp_path / "out").write_text("something else\n")
    (tmp_path / "other.json").write_text(json.dumps([{**entry, "expected_output": "out"}]))
    wrong = dataset_of(str(tmp_path / "other.json"))[0]
    assert compare_runs(wrong, wrong.bitcode) == (
        None,
        "it does not print what is expected, before optimisation already",
    )
    (tmp_path / "bad.csv").write_text("name,path\necho,echo.c\n")
    with pytest.raises(errors.InvalidArgument, match=r"bad.csv, entry 1: there is no path"):
        dataset_of(str(tmp_path / "bad.csv"))


@pytest.mark.parametrize(("kind", "ending"), [("tar", "tar"), ("gztar", "tar.gz"), ("xztar", "tar.xz")])
def test_an_archive(folder: Path, tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"programs.{ending}"
    shutil.make_archive(str(tmp_path / "programs"), kind, root_dir=tmp_path, base_dir="suite")
    dataset = dataset_of(str(path))
    assert len(dataset) == 4
    assert dataset.benchmark("benchmark://programs/suite/inner/c").bitcode.startswith(b"BC")
    (tmp_path / "broken.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(errors.InvalidArgument, match="cannot read the archive"):
        dataset_of(str(tmp_path / "broken.tar"))


def test_a_corpus_of_mlgo(folder: Path) -> None:
    (folder / "corpus_description.json").write_text('{"has_thinlto": false, "modules": ["inner/d"]}')
    dataset = dataset_of(str(folder))
    assert list(dataset.uris()) == ["benchmark://suite/inner/d"]
    assert dataset[0].bitcode == (folder / "inner" / "d.bc").read_bytes()
    (folder / "corpus_description.json").write_text("{}")
    with pytest.raises(errors.InvalidArgument, match="cannot read the corpus"):
        dataset_of(str(folder))


@pytest.mark.parametrize("name", ["csmith-v0", "llvm-stress-v0"])
def test_generators_make_the_same_for_the_same_seed(name: str, client: Client) -> None:
    dataset = dataset_of(f"generator://{name}?size=5")
    assert isinstance(dataset, GeneratorDataset) and len(dataset) == 5
    first = dataset[4]
    assert first.uri == f"generator://{name}/4"
    assert dataset.make("4").bitcode == first.bitcode
    assert dataset[0].bitcode != first.bitcode
    assert benchmark_of(first.uri).bitcode == first.bitcode
    client.start(first).end()
    with pytest.raises(errors.NotFound, match="a seed is a number"):
        benchmark_of(f"generator://{name}/x")
    with pytest.raises(errors.InvalidArgument, match="size=x is no number"):
        dataset_of(f"generator://{name}?size=x")


def test_demo_programs_of_a_wheel_need_no_clang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "_data" / "programs"
    programs.mkdir(parents=True)
    for name in ("sort", "matrix"):
        (programs / f"{name}.c").write_bytes((PROGRAMS / f"{name}.c").read_bytes())
    monkeypatch.setattr("importlib.resources.files", lambda _package: tmp_path)

    def missing(name: str) -> str:
        raise MissingTool(f"{name} is missing")

    made_here = demo_dataset()[1]
    (programs / "sort.bc").write_bytes(made_here.bitcode)
    monkeypatch.setattr("compiler_gym_service.benchmark.find_tool", missing)
    assert demo_dataset()[1] == made_here
    with pytest.raises(MissingTool):
        demo_dataset()[0]


def test_one_program_and_several(folder: Path, sort: Benchmark) -> None:
    assert benchmark_of(str(folder / "a.c")).uri == f"file://{folder}/a.c"
    assert benchmark_of(f"file://{folder}/a.c").bitcode == benchmark_of(str(folder / "a.c")).bitcode
    assert benchmark_of("demo-v0/sort").uri == "benchmark://demo-v0/sort"
    assert list(dataset_of("demo-v0/sort").uris()) == ["benchmark://demo-v0/sort"]
    both = dataset_of([sort, "demo-v0/matrix"])
    assert list(both.uris()) == [sort.uri, "benchmark://demo-v0/matrix"]
    assert len(dataset_of("demo-v0")) == len(list(PROGRAMS.glob("*.c")))
    with pytest.raises(errors.NotFound, match="no dataset 'nothing'"):
        dataset_of("nothing")
    with pytest.raises(errors.NotFound, match="no dataset 'cbench-v1' for"):
        benchmark_of("benchmark://cbench-v1/crc32")


def test_a_registered_dataset_is_found_by_uri(folder: Path) -> None:
    register_dataset(FileDataset.from_path(str(folder), name="mine"))
    assert benchmark_of("benchmark://mine/a").uri == "benchmark://mine/a"
    assert len(dataset_of("mine")) == 4


def test_what_compiler_gym_has_downloaded_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client, crc32: Benchmark
) -> None:
    monkeypatch.setenv("COMPILER_GYM_SITE_DATA", str(tmp_path))
    root = tmp_path / "llvm-v0" / "benchmark"
    for name, folder in (("cbench-v1", "cBench-v1"), ("npb-v0", "npb-v0/inner"), ("half-v0", "half-v0")):
        programs = root / name / "contents" / folder
        programs.mkdir(parents=True)
        (programs / "crc32.bc").write_bytes(crc32.bitcode)
        if name != "half-v0":
            (root / name / ".extracted").touch()
    found = benchmark_of("benchmark://cbench-v1/crc32")
    assert found == benchmark_of("cbench-v1/crc32") == dataset_of("cbench-v1")[0]
    client.start(found, observations=["IrInstructionCount"]).end()
    assert list(dataset_of("npb-v0").uris()) == ["benchmark://npb-v0/inner/crc32"]
    for wrong in ("sha", "../cBench-v1/crc32"):
        with pytest.raises(errors.NotFound, match=f"dataset cbench-v1 has no program '{wrong}'"):
            benchmark_of(f"cbench-v1/{wrong}")
    with pytest.raises(errors.NotFound, match=r"no dataset 'half-v0'.* llvm-stress-v0, cbench-v1, npb-v0$"):
        dataset_of("half-v0")


@pytest.mark.parametrize("variables", [{"HOME": "/proc/1/cwd"}, {"HOME": ""}, {"COMPILER_GYM_SITE_DATA": "x" * 5000}])
def test_programs_are_found_without_a_home(
    variables: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPILER_GYM_SITE_DATA", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert benchmark_of(str(folder / "a.c")).uri == f"file://{folder}/a.c"
    with pytest.raises(errors.NotFound, match="no dataset 'nothing'"):
        dataset_of("nothing")


def test_what_does_not_compile_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int main(void) { return nothing; }")
    with pytest.raises(errors.InvalidArgument, match="use of undeclared identifier 'nothing'"):
        Benchmark.from_source(tmp_path / "a.c")
    (tmp_path / "a.rs").write_text("fn main() {}")
    with pytest.raises(errors.InvalidArgument, match=r"not a \.c, .*\.bc file"):
        Benchmark.from_source(tmp_path / "a.rs")
    (tmp_path / "a.bc").write_text("text")
    with pytest.raises(errors.InvalidArgument, match="not LLVM bitcode"):
        Benchmark.from_source(tmp_path / "a.bc")


def test_what_is_missing_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for tool, package in (("clang", "clang-19"), ("opt", "llvm-19"), ("csmith", "csmith libcsmith-dev")):
        with pytest.raises(MissingTool, match=f"{tool} is missing: install it with `apt install {package}`"):
            find_tool(tool)


def archive_of_gcc(folder: Path) -> None:
    """As Debian's package has it."""
    tests = folder / "gcc-9.10.0-dfsg" / "gcc" / "testsuite" / "gcc.c-torture" / "execute"
    (tests / "ieee").mkdir(parents=True)
    (tests / "good.c").write_text('main() { exit(helper() != 7); }\n#include "part.c"\n')
    (tests / "part.c").write_text("int helper() { return 7; }\n")
    (tests / "nestfunc-1.c").write_text("main() { int inner() { return 0; } exit(inner()); }\n")
    (tests / "ieee" / "other.c").write_text("main() { exit(0); }\n")
    (folder / "gcc-9").mkdir()
    with tarfile.open(folder / "gcc-9" / "gcc-9.10.0-dfsg.tar.xz", "w:xz") as archive:
        archive.add(folder / "gcc-9.10.0-dfsg", "gcc-9.10.0-dfsg")
    with tarfile.open(folder / "gcc-9" / "gcc-9.9.0-dfsg.tar.xz", "w:xz"):
        pass  # an older one


@pytest.mark.parametrize("can_be_kept", [True, False])
def test_gccs_tests(can_be_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    if not can_be_kept:
        cache.write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    archive_of_gcc(tmp_path)
    dataset = GccTortureDataset(tmp_path)
    uris = ["benchmark://gcc-torture-v0/good", "benchmark://gcc-torture-v0/part"]
    assert list(dataset.uris()) == uris
    good = dataset.benchmark(uris[0])
    assert compare_runs(good, good.bitcode) == (True, "")
    if can_be_kept:
        with tarfile.open(next((cache / "compiler-gym-service").iterdir())) as kept:
            assert len(kept.getnames()) == 3
        monkeypatch.setattr(lzma, "LZMADecompressor", None)  # the large archive is not read again
        assert list(GccTortureDataset(tmp_path).uris()) == uris


def test_gccs_tests_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingTool, match=f"no sources of GCC in {tmp_path}: .*`apt install gcc-12-source`"):
        GccTortureDataset(tmp_path)


def test_debians_sources_of_gcc(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not list(Path(SOURCES).glob("gcc-*/gcc-*.tar.xz")):
        pytest.skip("there are no sources of GCC: apt install gcc-12-source")
    dataset = dataset_of("gcc-torture-v0")
    assert len(dataset) > 1000
    assert benchmark_of("gcc-torture-v0/20000112-1").uri == "benchmark://gcc-torture-v0/20000112-1"
    for index in range(0, len(dataset), 300):
        benchmark = dataset[index]
        with client.start(benchmark) as session:
            optimised = session.step(["-mem2reg", "-instcombine", "-simplifycfg"], ["Bitcode"]).observations["Bitcode"]
        assert compare_runs(benchmark, optimised) == (True, "")
