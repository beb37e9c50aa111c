"""The size that ships, of what people ship: SQLite, Lua, zstd, lz4, zlib, bzip2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_programs import CRATES, Crate, compiled, text_size

from compiler_gym_service import Benchmark, Client, ServiceOptions


@pytest.fixture(scope="module")
def size_client() -> Iterator[Client]:
    with Client(ServiceOptions(flags=("--all_observations",), shared=False)) as client:
        yield client


@pytest.mark.parametrize("crate", CRATES, ids=lambda crate: crate.name)
def test_sizes_are_those_of_clang(crate: Crate, size_client: Client, tmp_path: Path) -> None:
    try:
        sources = crate.sources(tmp_path)
    except OSError as error:
        pytest.skip(f"{crate.name}: {error}")
    for source in sources:
        wanted = text_size(compiled(source, tmp_path / "shipped.o", *crate.args))
        unoptimised = ("-emit-llvm", "-Xclang", "-disable-llvm-passes")
        module = compiled(source, tmp_path / "module.bc", *unoptimised, *crate.args)
        uri = f"benchmark://real-v0/{crate.name}/{source.stem}"
        benchmark = Benchmark.from_source(module, uri=uri, runnable=False)
        with size_client.start(benchmark, observations=["ShippedTextSizeOz"]) as session:
            assert session.first["ShippedTextSizeOz"] == wanted, source.name
            session.set_parameters({"llvm.apply_clang_pipeline": "-Oz"})
            found = session.step(observations=["ShippedTextSizeBytes"]).observations
            assert found["ShippedTextSizeBytes"] == wanted, source.name
