"""Curves as SVG, without a library for it, and as PNG with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from .errors import InvalidArgument

_WIDTH, _HEIGHT, _MARGIN, _LINE = 720, 400, 56, 16
_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
)  # told apart by the colour-blind too


def check_plot_file(path: str) -> None:
    """Raises InvalidArgument if `path` is nothing that write_steps() can draw."""
    suffix = Path(path).suffix
    if suffix not in (".svg", ".png"):
        raise InvalidArgument(f"{path}: .svg and .png can be drawn, '{suffix}' can't")
    if suffix == ".png":
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            raise InvalidArgument(
                f"{path}: a PNG is drawn by matplotlib: pip install 'compiler-gym-service[plot]', or draw an .svg"
            ) from None


def write_steps(
    path: str, curves: Mapping[str, Sequence[tuple[float, float]]], *, end: float, across: str, up: str, mark: float
) -> None:
    """What svg_steps() draws, as the kind of picture that the file's name says. Raises InvalidArgument."""
    check_plot_file(path)
    if Path(path).suffix == ".svg":
        Path(path).write_text(svg_steps(curves, end=end, across=across, up=up, mark=mark))
        return
    # Not pyplot, which would look for a screen and keep the figure.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 100, _HEIGHT / 100), dpi=200, layout="constrained")
    axes = figure.subplots()
    for number, (name, points) in enumerate(curves.items()):
        steps, values = zip(*points, (end, points[-1][1]), strict=True)
        axes.step(steps, values, where="post", label=name, color=_COLOURS[number % len(_COLOURS)])
    axes.axhline(mark, color="#999", linestyle="--")
    axes.set(xlabel=across, ylabel=up, xlim=(0, end))
    axes.legend(fontsize="small")
    figure.savefig(path)


def svg_steps(
    curves: Mapping[str, Sequence[tuple[float, float]]], *, end: float, across: str, up: str, mark: float
) -> str:
    """Values that hold until the next point, from 0 to `end`, by name; and a dashed line at `mark`."""
    values = [value for points in curves.values() for _, value in points]
    low, high = min([mark, *values]), max([mark, *values])
    room = (high - low) * 0.05 or 0.05
    low, high = low - room, high + room

    def x(value: float) -> float:
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * value / (end or 1)

    def y(value: float) -> float:
        return _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * (value - low) / (high - low)

    def line(points: Sequence[tuple[float, float]], style: str) -> str:
        text = " ".join(f"{x(across):.1f},{y(up):.1f}" for across, up in points)
        return f'<polyline points="{text}" fill="none" {style}/>'

    def text(left: float, top: float, words: str, style: str = "") -> str:
        return f'<text x="{left:.1f}" y="{top:.1f}" {style}>{escape(words)}</text>'

    parts = [
        line([(0, low), (end, low)], 'stroke="#999"'),
        line([(0, low), (0, high)], 'stroke="#999"'),
        line([(0, mark), (end, mark)], 'stroke="#999" stroke-dasharray="4"'),
        text(_WIDTH / 2, _HEIGHT - _MARGIN / 3, f"{across}, 0 to {end:g}", 'text-anchor="middle"'),
        text(_MARGIN, _MARGIN / 2, up),
    ]
    parts += [text(4, y(value) + 4, f"{value:.3g}") for value in sorted({low + room, mark, high - room})]
    for number, (name, points) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        corners = []
        for (left, value), (right, _) in zip(points, [*points[1:], (end, 0.0)], strict=True):
            corners += [(left, value), (right, value)]
        parts.append(line(corners, f'stroke="{colour}" stroke-width="2"'))
        top = _MARGIN + _LINE * number
        parts.append(text(_WIDTH - _MARGIN, top, name, f'fill="{colour}" text-anchor="end"'))
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n{body}\n</svg>\n'
