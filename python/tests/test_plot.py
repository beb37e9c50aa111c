"""Curves as pictures."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from compiler_gym_service import errors
from compiler_gym_service._plot import check_plot_file, write_steps

CURVES = {"benchmark://demo-v0/sort": [(0.0, 1.5), (10.0, 0.9)], "benchmark://demo-v0/matrix": [(0.0, 1.2)]}


def test_png_is_a_picture_of_all_curves(tmp_path: Path) -> None:
    sizes = []
    for number, curves in enumerate([CURVES, {"benchmark://demo-v0/sort": CURVES["benchmark://demo-v0/sort"]}]):
        file = tmp_path / f"{number}.png"
        write_steps(str(file), curves, end=20, across="steps", up="size", mark=1.0)
        picture = file.read_bytes()
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", picture[16:24]) == (1440, 800)
        sizes.append(len(picture))
    assert sizes[0] > sizes[1]


def test_png_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    check_plot_file("a.svg")
    with pytest.raises(errors.InvalidArgument, match=r"pip install 'compiler-gym-service\[plot\]'"):
        check_plot_file("a.png")
