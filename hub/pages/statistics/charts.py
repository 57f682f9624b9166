"""Labelled numbers -> bars and lines as coordinates, for a template to draw as SVG.

Guarantee: pure. What is suppressed has no length and no place on the scale: it is a mark, and a line breaks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

WIDTH: Final = 400
"""Units of a drawing from left to right: about the pixels of a telephone's screen, so that its letters can be read."""
_ROW, _LEFT, _RIGHT, _TOP = 26, 104, 56, 20
_LINE_HEIGHT, _LINE_LEFT, _LINE_BOTTOM = 200, 44, 34
_MOST_LABELS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What is drawn: its label, its value (None: suppressed) in words, and a value to compare it with."""

    label: str
    value: float | None
    text: str
    mark: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar: its top, its length, and how far right the value to compare stands."""

    number: Number
    y: int
    length: float
    mark: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars below each other."""

    bars: tuple[Bar, ...]
    left: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A number on a line; ``named``: whether its label fits below the axis."""

    number: Number
    x: float
    y: float
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points from left to right, the stretches between those that are shown, and the scale at the left."""

    points: tuple[Point, ...]
    stretches: tuple[str, ...]
    scale: tuple[tuple[float, str], ...]
    left: int
    bottom: float
    height: int


def bars(numbers: Sequence[Number]) -> Bars:
    """A bar a number, the longest one as long as there is room."""
    values = [value for number in numbers for value in (number.value, number.mark) if value is not None]
    each = (WIDTH - _LEFT - _RIGHT) / (max(values, default=0) or 1)

    def bar(place: int, number: Number) -> Bar:
        length = round((number.value or 0) * each, 1)
        mark = None if number.mark is None else round(_LEFT + number.mark * each, 1)
        return Bar(number=number, y=place * _ROW, length=length, mark=mark)

    found = tuple(bar(place, number) for place, number in enumerate(numbers))
    return Bars(bars=found, left=_LEFT, height=len(numbers) * _ROW)


def line(numbers: Sequence[Number]) -> Line:
    """A point a number from left to right, in equal steps."""
    top = ceiling(max((number.value for number in numbers if number.value is not None), default=0))
    bottom = _LINE_HEIGHT - _LINE_BOTTOM
    step = (WIDTH - _LINE_LEFT - _TOP) / max(len(numbers) - 1, 1)
    every = ceil(len(numbers) / _MOST_LABELS)

    def height(value: float) -> float:
        return round(bottom - value / top * (bottom - _TOP), 1)

    points = tuple(
        Point(
            number=number,
            x=round(_LINE_LEFT + place * step, 1),
            y=height(number.value or 0),
            named=(len(numbers) - 1 - place) % every == 0,
        )
        for place, number in enumerate(numbers)
    )
    scale = tuple((height(top * part / 4), f"{top * part / 4:,.12g}") for part in range(5))
    return Line(
        points=points,
        stretches=_stretches(points),
        scale=scale,
        left=_LINE_LEFT,
        bottom=bottom,
        height=_LINE_HEIGHT,
    )


def _stretches(points: Sequence[Point]) -> tuple[str, ...]:
    found: list[list[str]] = [[]]
    for point in points:
        if point.number.value is None:
            found.append([])
        else:
            found[-1].append(f"{point.x},{point.y}")
    return tuple(" ".join(stretch) for stretch in found if len(stretch) > 1)


def ceiling(value: float) -> float:
    """The end of a scale: the next of 1, 2, 4, 8, 10, 20 ... that is not below the value."""
    if value <= 0:
        return 4
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)
