"""Sources of programs that people ship, from the package registry of Rust, whose crates bring them along.

As a program it unpacks the largest of each to a folder, and prints their paths: `./dev real` searches passes for them.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from compiler_gym_service.benchmark import find_tool

# Where what has been fetched is kept: the environment of the tests.
_CACHE = Path(sys.prefix) / "crates"


@dataclass(frozen=True)
class Crate:
    """An archive, and which of its files are compiled how."""

    name: str
    version: str
    sha256: str
    folder: str
    files: tuple[str, ...]
    args: tuple[str, ...] = ()

    def sources(self, into: Path) -> list[Path]:
        """Unpacked. Raises OSError if the registry does not answer."""
        kept = _CACHE / f"{self.name}-{self.version}.crate"
        if not kept.is_file():
            url = f"https://static.crates.io/crates/{self.name}/{self.name}-{self.version}.crate"
            with urllib.request.urlopen(url, timeout=60) as answer:
                archive = answer.read()
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(archive)
        archive = kept.read_bytes()
        assert hashlib.sha256(archive).hexdigest() == self.sha256, f"{kept} is another one"
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(into, filter="data")
        folder = into / f"{self.name}-{self.version}" / self.folder
        return [folder / file for file in self.files]


CRATES = (
    Crate(
        "libsqlite3-sys",
        "0.30.1",
        "2e99fb7a497b1e3339bc746195567ed8d3e24945ecd636e3619d20b9de9e9149",
        "sqlite3",
        ("sqlite3.c",),
    ),
    Crate(
        "lua-src",
        "551.1.0",
        "41d22b201501a536c0f5a96c7589b268b559172b20fb029064434e38ddcecb1f",
        "lua-5.4.9",
        ("lapi.c", "lcode.c", "ldo.c", "lgc.c", "llex.c", "lparser.c", "lstrlib.c", "ltable.c", "lvm.c"),
    ),
    Crate(
        "zstd-sys",
        "2.1.3+zstd.1.5.7",
        "f729a06d0257428fd9d997ac8db7e1407bd0262ab016b085b36bc52957c0052d",
        "zstd/lib",
        (
            "common/entropy_common.c",
            "common/xxhash.c",
            "compress/fse_compress.c",
            "compress/huf_compress.c",
            "compress/zstd_compress.c",
            "compress/zstd_opt.c",
            "decompress/huf_decompress.c",
            "decompress/zstd_decompress.c",
            "decompress/zstd_decompress_block.c",
        ),
        ("-DZSTD_DISABLE_ASM",),
    ),
    Crate(
        "lz4-sys",
        "1.11.1+lz4-1.10.0",
        "6bd8c0d6c6ed0cd30b3652886bb8711dc4bb01d637a68105a3d5158039b418e6",
        "liblz4/lib",
        ("lz4.c", "lz4frame.c", "lz4hc.c", "xxhash.c"),
    ),
    Crate(
        "libz-sys",
        "1.1.33",
        "fee3f59f4321dab0c78d828942e7aa09d0bd8ad6e78a501977e6bf3d02938045",
        "src/zlib",
        ("adler32.c", "crc32.c", "deflate.c", "infback.c", "inffast.c", "inflate.c", "inftrees.c", "trees.c"),
    ),
    Crate(
        "bzip2-sys",
        "0.1.13+1.0.8",
        "225bff33b2141874fe80d71e07d6eec4f85c5c216453dd96388240f96e1acc14",
        "bzip2-1.0.8",
        ("blocksort.c", "bzlib.c", "compress.c", "decompress.c", "huffman.c"),
    ),
)


def compiled(source: Path, output: Path, *args: str) -> Path:
    """By clang 19 -Oz -c, with these arguments besides."""
    command = [find_tool("clang"), "-Oz", "-c", *args, "-o", str(output), source.name]
    result = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return output


def text_size(object_file: Path) -> int:
    """Bytes of code and constants, as llvm-size counts them."""
    command = [find_tool("llvm-size"), str(object_file)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1].split()[0])


def main() -> None:
    """The folder is the only argument."""
    for crate in CRATES:
        print(max(crate.sources(Path(sys.argv[1])), key=lambda source: source.stat().st_size))


if __name__ == "__main__":
    main()
