"""Curves as SVG, without a library for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

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
