"""Bars and lines as coordinates: what is suppressed has no length and no place, and nothing leaves the drawing."""

from __future__ import annotations

import pytest

from hub.pages.statistics.charts import WIDTH, Number, bars, ceiling, line


def numbers(*values: float | None) -> list[Number]:
    return [Number(label=f"2026Q{place}", value=value, text=str(value)) for place, value in enumerate(values, 1)]


def test_the_longest_bar_takes_the_room_that_there_is_and_the_others_their_share() -> None:
    drawn = bars([*numbers(100, 50, 0), Number(label="a", value=25, text="25", mark=200)])
    lengths = [bar.length for bar in drawn.bars]
    assert lengths == [length * 2 for length in lengths[1:2]] + lengths[1:2] + [0, lengths[0] / 4]
    marked = drawn.bars[3].mark
    assert marked is not None
    assert drawn.left + 2 * lengths[0] == pytest.approx(marked)
    assert marked < WIDTH
    assert [bar.y for bar in drawn.bars] == sorted({bar.y for bar in drawn.bars})


def test_a_line_breaks_where_a_figure_is_suppressed() -> None:
    drawn = line(numbers(10, 20, None, 40, 30))
    assert len(drawn.stretches) == 2
    assert [len(stretch.split()) for stretch in drawn.stretches] == [2, 2]
    heights = [point.y for point in drawn.points]
    assert heights[3] < heights[4] < heights[1] < heights[0] <= heights[2] == drawn.bottom


def test_a_figure_alone_between_suppressed_ones_is_a_point_without_a_line() -> None:
    drawn = line(numbers(None, 5, None))
    assert drawn.stretches == ()
    assert drawn.points[1].number.value == 5


@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
def test_every_point_of_a_trend_lies_in_the_drawing_and_the_last_one_is_named(count: int) -> None:
    drawn = line(numbers(*range(count)))
    assert all(drawn.left <= point.x <= WIDTH and 0 <= point.y <= drawn.bottom for point in drawn.points)
    assert [point.named for point in drawn.points[-1:]] == [True] * min(count, 1)
    assert sum(point.named for point in drawn.points) <= 6


@pytest.mark.parametrize("value", [0, 0.5, 1, 3, 5, 9.5, 11, 99, 101, 12_345])
def test_a_scale_ends_at_or_above_the_greatest_value_and_not_far_above(value: float) -> None:
    assert value <= ceiling(value) <= max(4, value * 2.5)


def test_a_scale_of_millions_is_written_in_full() -> None:
    assert [text for _, text in line(numbers(3_999_999)).scale][-1] == "4,000,000"
