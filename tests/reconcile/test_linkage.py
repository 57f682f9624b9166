"""Records that no number brings together: who is a candidate, with what evidence, and what a decision does."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from connectors.demo.citizen_id import citizen_id
from hub.reconcile.linkage import FEATURES, evidence, sound
from tests.reconcile.expected import pairs, planted
from tests.reconcile.ground import Ground
from tests.reconcile.noise import TYPED_OVER, disturb, homophone, judged

pytestmark = pytest.mark.postgres

CANDIDATES = "select source, register_no, person, evidence, probability from link where status = 'CANDIDATE'"

# Numbers are disturbed on purpose: a wrong one is no false item here.
ITEMS = (
    "select discrepancy_class, coalesce(register_no, education_person) from reconciliation_item "
    "where seen_in is not null and discrepancy_class <> 'INVALID_CITIZEN_ID'"
)


async def test_among_records_as_people_fill_them_in_candidates_are_right_and_few_are_missed(own: Ground) -> None:
    clean = await planted(own)
    disturbed = await disturb(own, share=0.3, seed=11)
    await own.run()
    wanted = await pairs(own)
    rows = await own.rows("hub", CANDIDATES)
    precision, recall = judged(wanted, {tuple(row[:3]) for row in rows})
    assert len(disturbed) > 1000
    assert len(wanted) > 700
    assert precision >= 0.995
    assert recall >= 0.98
    items = await own.rows("hub", ITEMS)
    false = {tuple(row) for row in items} - {(name, subject.partition(":")[2]) for name, subject in clean}
    assert len(items) > 400
    assert len(false) <= 1
    told = Counter(word for row in rows for word in row[3])
    for word in (
        "name:homophone",
        "name:one_character",
        "birth_date:day_and_month_swapped",
        "citizen_id:same",
        "parents:both",
    ):
        assert told[word], word


async def test_a_refused_candidate_is_not_offered_again_and_can_be_taken_back(compared: Ground) -> None:
    ((link, source, person),) = await compared.rows(
        "hub", "select id, source, person from link where status = 'CANDIDATE' and found_in is not null limit 1"
    )
    await compared.decide(link, "REFUSED")
    await compared.run()
    rows = await compared.rows("hub", "select status from link where source = $1 and person = $2", source, person)
    assert [row[0] for row in rows] == ["REFUSED"]
    await compared.decide(link, "CANDIDATE")
    await compared.run()
    stands = await compared.rows("hub", "select status from reconciliation_item where id = $1", link)
    assert [row[0] for row in stands] == ["OPEN"]


async def test_a_confirmed_candidate_is_compared_and_asked_about_no_more(compared: Ground) -> None:
    rows = await compared.rows("hub", "select id, source, register_no from link where status = 'CANDIDATE'")
    for row in rows:
        await compared.decide(row[0], "CONFIRMED")
    summary = await compared.run()
    assert summary.candidates == 0
    assert await compared.rows("hub", CANDIDATES) == []


async def test_a_decision_made_while_a_comparison_runs_stands(compared: Ground) -> None:
    """The comparison has read a candidate and its items; before it writes, people decide and answer."""
    ((link,),) = await compared.rows("hub", "select id from link where status = 'CANDIDATE' order by id limit 1")
    ((item,),) = await compared.rows(
        "hub",
        "select id from reconciliation_item where status = 'OPEN' and seen_in is not null order by id limit 1",
    )
    await compared.rows("hub", "update reconciliation_item set status = 'ANSWERED' where id = $1", item)

    async def decide() -> None:
        await compared.decide(link, "REFUSED")
        await compared.rows("hub", "update reconciliation_item set status = 'EXPLAINED' where id = $1", item)

    await compared.run(before_writing=decide)
    ((link_now,),) = await compared.rows("hub", "select status from link where id = $1", link)
    ((item_now,),) = await compared.rows("hub", "select status from reconciliation_item where id = $1", item)
    assert (link_now, item_now) == ("REFUSED", "EXPLAINED")


async def test_two_right_numbers_that_differ_are_two_people(own: Ground) -> None:
    """A child of the same name, birthday and village, with a right number of its own, is no candidate."""
    ((register, name, birth, village, sex),) = await own.rows(
        "civil_affairs",
        "select dabh, xm, to_char(csrq, 'YYYYMMDD'), xzqhdm, xb from etda where dazt = '1' and sfsh = '1' "
        "and sfzh = sh_sfzh and jxqk = '21' order by dabh limit 1",
    )
    ((number,),) = await own.rows("civil_affairs", "select sfzh from etda where dabh = $1", register)
    await own.rows("education", "delete from jy_xsxj where sfzjh = $1", number)
    born = date(int(birth[:4]), int(birth[4:6]), int(birth[6:]))
    other = citizen_id("110101", born.toordinal(), 500 + (sex == "1"))
    await own.rows(
        "education",
        "insert into jy_xsxj (xjid, grbsm, sfzjh, xm, xbm, csrq, xjh, xxbsm, xdm, xjztm, sflset, hkszdm) "
        "select 'X1', 'X1', $1, $2, $3, $4, 'G1', xxbsm, '02', '01', '0', $5 from jy_xx limit 1",
        *(other, name, sex, birth, village),
    )
    await own.run()
    assert await own.rows("hub", "select 1 from link where person = 'X1'") == []
    found = await own.rows("hub", "select discrepancy_class from reconciliation_item where register_no = $1", register)
    assert "NO_ENROLMENT" in {row[0] for row in found}


def test_evidence_names_how_far_each_feature_agrees_and_leaves_out_what_is_missing() -> None:
    assert evidence([3, 4, 1, 2, -1, -1]) == ["name:same", "birth_date:same", "sex:same", "place:same_village"]
    assert evidence([0, 0, 0, 0, 0, 0]) == [f"{feature.name}:different" for feature in FEATURES]


def test_the_chances_of_each_feature_sum_to_one() -> None:
    for feature in FEATURES:
        assert sum(level.m for level in feature.levels) == pytest.approx(1, abs=1e-6)
        assert sum(level.u for level in feature.levels) == pytest.approx(1, abs=1e-6)


def test_the_noise_is_what_it_says() -> None:
    assert sound("涛") == sound(homophone("涛"))
    assert homophone("涛") != "涛"
    assert [was for was, now in TYPED_OVER.items() if was == now] == []
