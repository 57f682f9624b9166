"""Which towns are late, by what civil affairs hold of the quarter."""

from __future__ import annotations

import pytest

from hub.reconcile.readiness import late_towns
from tests.reconcile.ground import Ground

pytestmark = pytest.mark.postgres

TOWNS = ("120114101", "120114102", "120114103", "120114104")
SUBMISSION = "insert into dcbs (bsbh, xzqhdm, tbjb, jd, bszt, zcs) values ($1, $2, $3, '2031Q1', $4, 1)"


async def test_a_town_is_late_until_it_has_summarised_its_own_quarter(own: Ground) -> None:
    await own.each(
        "civil_affairs",
        SUBMISSION,
        [
            ("X1", "120114101", "2", "2"),  # summarised
            ("X2", "120114102", "2", "3"),  # accepted
            ("X3", "120114103", "2", "9"),  # returned
            ("X4", "120114104201", "3", "1"),  # a village of the fourth, not the town
        ],
    )
    assert await late_towns(own.sources, "2031Q1", TOWNS) == ["120114103", "120114104"]
    assert await late_towns(own.sources, "2031Q2", TOWNS) == list(TOWNS)
