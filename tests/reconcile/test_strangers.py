"""A draft opens nothing: a village that enters another's child moves no discrepancy but the duplicate, and no link."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.demo.citizen_id import broken
from tests.reconcile.ground import Ground

pytestmark = pytest.mark.postgres

DRAFT = (
    "insert into etda (dabh, xm, sfzh, xb, csrq, xzqhdm, sfdjhk, jxqk, wcqk, gxsj, dazt, sfsh) "
    "values ($1, $2, $3, $4, $5, '120114101204', '1', '21', '1', '2026-11-20', '1', '0')"
)
PUPIL = (
    "select dabh, xm, sfzh, xb, csrq from etda where dazt = '1' and sfsh = '1' and sfzh = sh_sfzh and jxqk = '21' "
    "and xzqhdm <> '120114101204' and sfzh in (select sfzh from etda group by sfzh having count(*) = 1) "
    "order by dabh limit 1"
)


async def told(ground: Ground) -> set[tuple[Any, ...]]:
    """What stands in items and links, whoever reads it."""
    items = await ground.rows(
        "hub",
        "select discrepancy_class, register_no, education_person, police_person, status, answering_unit "
        "from reconciliation_item where seen_in is not null or closed_in is not null",
    )
    links = await ground.rows("hub", "select source, person, register_no, status from link")
    return {tuple(row) for row in (*items, *links)}


@pytest.mark.parametrize("how", ["right number", "wrong number", "no number", "name of another"])
async def test_a_draft_about_another_villages_child_moves_nothing_but_the_duplicate(begun: Ground, how: str) -> None:
    before = await told(begun)
    ((register, name, number, sex, birth),) = await begun.rows("civil_affairs", PUPIL)
    given = {"right number": number, "wrong number": broken(number), "no number": None, "name of another": number}[how]
    entered = "测试某" if how == "name of another" else name
    await begun.each("civil_affairs", DRAFT, [("LS2026DRAFT", entered, given, sex, birth)])
    await begun.run()
    new = {row for row in await told(begun) - before if row[1] not in (register, "LS2026DRAFT")}
    gone = before - await told(begun)
    mine = {row[0] for row in await told(begun) - before if row[1] == "LS2026DRAFT"}
    theirs = {row[0] for row in await told(begun) - before if row[1] == register}
    assert new == gone == set()
    duplicate = {"DUPLICATE_FILE"} if given == number else set()
    assert theirs == duplicate
    assert mine == duplicate | ({"INVALID_CITIZEN_ID"} if how == "wrong number" else set())


async def test_a_draft_is_no_candidate_for_anybodys_records(own: Ground) -> None:
    """A pupil without a number, and a draft with the same name, birthday and village: they stay apart."""
    ((person, name, sex, birth, village),) = await own.rows(
        "education",
        "select grbsm, xm, xbm, csrq, hkszdm from jy_xsxj "
        "where sfzjh is not null and sflset = '0' order by xjid limit 1",
    )
    await own.rows("education", "update jy_xsxj set sfzjh = null where grbsm = $1", person)
    await own.rows(
        "civil_affairs",
        "insert into etda (dabh, xm, xb, csrq, xzqhdm, sfdjhk, gxsj, dazt, sfsh) "
        "values ('LS2026DRAFT', $1, $2, to_date($3, 'YYYYMMDD'), $4, '0', '2026-11-20', '1', '0')",
        *(name, sex, birth, village),
    )
    await own.run()
    assert await own.rows("hub", "select 1 from link where register_no = 'LS2026DRAFT'") == []
