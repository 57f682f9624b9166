"""Comparison after comparison: closes what agrees, reopens what does not, repeats nothing, leaves no half quarter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.source import SourceError
from hub.reconcile.store import Busy, Store, StoreError
from tests.reconcile.ground import Ground
from tests.support.running import NOW

pytestmark = pytest.mark.postgres

LATER = NOW + timedelta(days=50)  # 2027Q1, when 2026Q4 may still be compared


async def item(ground: Ground, name: str, status: str, extra: str = "true") -> Any:
    """One item of a class in a status."""
    found = await ground.rows(
        "hub",
        "select id, register_no, education_person, police_person from reconciliation_item "
        f"where discrepancy_class = $1 and status = $2 and seen_in is not null and {extra} order by id limit 1",
        *(name, status),
    )
    return found[0]


async def status(ground: Ground, number: str) -> str:
    ((found,),) = await ground.rows("hub", "select status from reconciliation_item where id = $1", number)
    return str(found)


async def test_run_again_it_changes_nothing(compared: Ground) -> None:
    first = await compared.state()
    summary = await compared.run()
    second = await compared.state()
    assert (summary.new, summary.reopened, summary.corrected, summary.withdrawn) == (0, 0, 0, 0)
    assert {**first, "run": []} == {**second, "run": []}
    assert len(second["run"]) == 2


async def test_the_next_quarter_repeats_nothing(ground: Ground) -> None:
    await ground.run("2026Q4", now=LATER)
    await ground.run("2027Q1", now=LATER)
    new = await ground.rows(
        "hub", "select distinct discrepancy_class from reconciliation_item where quarter = '2027Q1'"
    )
    # Children grow older in a quarter: what depends on ages may be new, nothing else.
    assert {row[0] for row in new} <= {"AGED_OUT", "NO_ENROLMENT"}


async def test_what_a_department_corrects_is_closed_and_what_it_spoils_again_is_opened(begun: Ground) -> None:
    found = await item(begun, "HOUSEHOLD_STATUS_CONFLICT", "OPEN")
    held = await begun.rows("public_security", "select hjbh, hkztdm from hj_czrk where rybh = $1", found[3])
    await begun.rows("public_security", "update hj_czrk set hkztdm = '1' where rybh = $1", found[3])
    await begun.run()
    assert await status(begun, found[0]) == "CORRECTED"
    await begun.each("public_security", "update hj_czrk set hkztdm = $2 where hjbh = $1", [tuple(row) for row in held])
    await begun.run()
    # An item of this quarter opens again; one of an earlier quarter stays as it was, and has a successor.
    open_now = await begun.rows(
        "hub",
        "select id from reconciliation_item where register_no = $1 and discrepancy_class = $2 and status = 'OPEN'",
        *(found[1], "HOUSEHOLD_STATUS_CONFLICT"),
    )
    assert len(open_now) == 1


async def test_what_people_said_stands_as_long_as_it_can(begun: Ground) -> None:
    """An answer waits for civil affairs, a claimed correction is judged, an explanation holds for its values."""
    said = {
        "ANSWERED": await item(begun, "SCHOOLING_CONFLICT", "OPEN"),
        "CORRECTED": await item(begun, "SURVEYED_NOT_FLAGGED", "OPEN"),
        "EXPLAINED": await item(begun, "FLAGGED_ONE_PARENT", "OPEN"),
    }
    pending = {row[0] for row in await begun.rows("public_security", "select rybh from hj_czrk where hkztdm <> '1'")}
    every = await begun.rows(
        "hub",
        "select id, register_no, education_person, police_person from reconciliation_item "
        "where discrepancy_class = 'HOUSEHOLD_STATUS_CONFLICT' and seen_in is not null order by id",
    )
    other = next(found for found in every if found[3] in pending)
    await begun.each(
        "hub",
        "update reconciliation_item set status = $2 where id = $1",
        [*((found[0], word) for word, found in said.items()), (other[0], "EXPLAINED")],
    )
    await begun.run()
    now = {word: await status(begun, found[0]) for word, found in said.items()}
    assert now == {"ANSWERED": "ANSWERED", "CORRECTED": "OPEN", "EXPLAINED": "EXPLAINED"}
    assert await status(begun, other[0]) == "EXPLAINED"
    # Another value, and still not what the survey says: the explanation was of something else.
    assert await begun.rows(
        "public_security",
        "update hj_czrk set hkztdm = case hkztdm when '2' then '3' else '2' end "
        "where rybh = $1 and hkztdm <> '1' returning 1",
        other[3],
    )
    await begun.run()
    assert await status(begun, other[0]) == "OPEN"


async def test_a_closed_file_leaves_nothing_open(begun: Ground) -> None:
    found = await item(begun, "AGED_OUT", "OPEN")
    await begun.rows("civil_affairs", "update etda set dazt = '0' where dabh = $1", found[1])
    await begun.run()
    assert await status(begun, found[0]) == "CORRECTED"


async def test_a_flagged_pupil_is_asked_about_until_the_file_is_accepted_and_not_asked_about_twice(
    begun: Ground,
) -> None:
    found = await item(begun, "FLAGGED_NOT_SURVEYED", "OPEN")
    ((number, name, sex, birth, village),) = await begun.rows(
        "education", "select sfzjh, xm, xbm, csrq, hkszdm from jy_xsxj where grbsm = $1", found[2]
    )
    await begun.rows(
        "civil_affairs",
        "insert into etda (dabh, xm, sfzh, xb, csrq, xzqhdm, sfdjhk, gxsj, dazt, sfsh) "
        "values ('LS2026NEW', $1, $2, $3, to_date($4, 'YYYYMMDD'), $5, '1', '2026-11-20', '1', '0')",
        *(name, number, sex, birth, village),
    )
    await begun.run()
    assert await status(begun, found[0]) == "OPEN"
    await begun.rows("hub", "delete from reconciliation_item where id = $1", found[0])
    await begun.run()
    assert await begun.rows("hub", "select 1 from reconciliation_item where education_person = $1", found[2]) == []
    await begun.rows("civil_affairs", "update etda set sfsh = '1', sh_sfzh = sfzh where dabh = 'LS2026NEW'")
    await begun.run()
    assert (
        await begun.rows(
            "hub", "select 1 from reconciliation_item where education_person = $1 and register_no is null", found[2]
        )
        == []
    )


async def test_a_flagged_pupil_whose_file_is_accepted_is_no_discrepancy_any_more(begun: Ground) -> None:
    found = await item(begun, "FLAGGED_NOT_SURVEYED", "OPEN")
    await begun.rows(
        "civil_affairs",
        "insert into etda (dabh, xm, sfzh, sh_sfzh, xb, csrq, xzqhdm, sfdjhk, gxsj, dazt, sfsh) "
        "values ('LS2026NEW', '测试某', $1, $1, '1', '2015-01-01', '120114101204', '1', '2026-11-20', '1', '1')",
        (await begun.rows("education", "select sfzjh from jy_xsxj where grbsm = $1", found[2]))[0][0],
    )
    await begun.run()
    assert await status(begun, found[0]) == "CORRECTED"


async def test_what_waits_for_a_decision_is_neither_open_anew_nor_closed(begun: Ground) -> None:
    """The number of a child who is enrolled is lost: that is no missing enrolment while a candidate waits."""
    ((register, number),) = await begun.rows(
        "civil_affairs",
        "select dabh, sh_sfzh from etda where dazt = '1' and sfsh = '1' and jxqk = '21' "
        "and csrq between '2014-01-01' and '2016-12-31' and sfzh = sh_sfzh order by dabh limit 1",
    )
    await begun.rows("education", "update jy_xsxj set sfzjh = null where sfzjh = $1", number)
    await begun.run()
    found = await begun.rows(
        "hub",
        "select discrepancy_class from reconciliation_item where register_no = $1 and status = 'OPEN'",
        register,
    )
    assert "NO_ENROLMENT" not in {row[0] for row in found}
    links = await begun.rows("hub", "select source, status from link where register_no = $1", register)
    assert [tuple(row) for row in links] == [("education", "CANDIDATE")]


async def test_a_department_that_does_not_answer_ends_the_run_and_nothing_has_changed(own: Ground) -> None:
    async with Store.opened(own.dsn("hub")):
        pass
    before = await own.state()
    await own.sources["public_security"].close()
    with pytest.raises(SourceError):
        await own.run()
    assert await own.state() == before


async def test_two_comparisons_do_not_run_at_once(ground: Ground) -> None:
    async with Store.opened(ground.dsn("hub")) as store:
        await store.lock()
        with pytest.raises(Busy):
            await ground.run()


@pytest.mark.parametrize("quarter", ["2026Q2", "2027Q1", "2026Q5", "2026", "昨天"])
async def test_a_quarter_that_is_frozen_or_has_not_begun_is_refused(ground: Ground, quarter: str) -> None:
    with pytest.raises(ValueError, match=quarter):
        await ground.run(quarter)


async def test_an_installation_of_before_is_brought_up_to_date_and_its_links_can_be_decided(compared: Ground) -> None:
    for statement in (
        "drop table reconciliation_order",
        "drop index reconciliation_run_request",
        "alter table reconciliation_run drop column given_up",
        "alter table reconciliation_item drop column digest",
        "delete from reconciliation_item where discrepancy_class = 'LINK_CANDIDATE'",
        "update reconciliation_layout set version = 1",
    ):
        await compared.rows("hub", statement)
    summary = await compared.run()
    assert (summary.new, summary.reopened, summary.corrected) == (0, 0, 0)
    unequal = await compared.rows(
        "hub",
        "select link.id, link.status, item.status from link left join reconciliation_item as item using (id) "
        "where item.status is distinct from case link.status when 'CANDIDATE' then 'OPEN' "
        "when 'CONFIRMED' then 'CORRECTED' else 'EXPLAINED' end",
    )
    assert unequal == []
    bare = "select 1 from reconciliation_item where seen_in is not null and digest is null and status <> 'CORRECTED'"
    assert await compared.rows("hub", bare) == []


async def test_a_layout_that_is_newer_than_the_hub_is_left_alone(compared: Ground) -> None:
    await compared.rows("hub", "update reconciliation_layout set version = 99")
    with pytest.raises(StoreError, match="layout `99`"):
        await compared.run()
