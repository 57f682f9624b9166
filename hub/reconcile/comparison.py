"""Workbench with the sources' rows, links and items -> what is linked, what differs, what agrees by now.

Guarantee: a function of its rows and the day: the same rows give the same comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from hub.reconcile.digest import Digest
from hub.reconcile.items import Found, Item, Outcome, settle
from hub.reconcile.linkage import SOURCES, evidence, link
from hub.reconcile.links import Candidate, Link, Linked
from hub.reconcile.workbench import SQL, Workbench
from hub.today import months_before

_SCHOOL_AGE: Final = (6, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one run found."""

    linked: Linked
    outcome: Outcome
    found: tuple[Found, ...]
    joined: int


def join(workbench: Workbench, links: Iterable[Link]) -> list[str]:
    """Brings persons and files together by number and confirmed link; register numbers of files that lack somebody.

    ``workbench`` holds the rows of the sources and nothing derived.
    """
    workbench.insert("link", [(one.id, one.source, one.person, one.register, one.status) for one in links])
    workbench.script("derived.sql")
    rows = workbench.rows(
        "select register from compared where (select count(distinct source) from joined "
        "where joined.register = compared.register) < $1 order by register",
        (len(SOURCES),),
    )
    return [register for (register,) in rows]


def compare(workbench: Workbench, quarter: str, day: date, items: Iterable[Item], digest: Digest) -> Comparison:
    """The comparison as of ``day``, after ``join`` and with the parents of the files that it named."""
    known = list(items)
    workbench.insert(
        "item",
        [
            (one.id, one.subject, one.name, one.register, one.education, one.police, one.field, one.status)
            for one in known
        ],
    )
    for years in _SCHOOL_AGE:
        workbench.connection.execute(f"set variable born_{years} = '{months_before(day, 12 * years).isoformat()}'")
    link(workbench)
    workbench.script("compared.sql")
    found = _found(workbench, digest)
    agreed = {identifier for (identifier,) in workbench.rows((SQL / "settled.sql").read_text("utf-8"))}
    ((joined,),) = workbench.rows("select count(*) from joined")
    return Comparison(
        linked=_linked(workbench),
        outcome=settle(quarter, known, found, agreed),
        found=tuple(found),
        joined=joined,
    )


def _linked(workbench: Workbench) -> Linked:
    rows = workbench.rows(
        "select source, person, register, probability, levels from candidate "
        "where (source, person, register) not in (select (source, person, register) from link "
        "where status = 'CONFIRMED') order by all"
    )
    return Linked(
        candidates=tuple(
            Candidate(
                source=row[0],
                person=row[1],
                register=row[2],
                probability=round(row[3], 6),
                evidence=tuple(evidence(row[4])),
            )
            for row in rows
        ),
        withdrawn=tuple(row[0] for row in workbench.rows("select id from withdrawn order by id")),
    )


def _found(workbench: Workbench, digest: Digest) -> list[Found]:
    rows = workbench.rows(
        "select class, subject, register, education, police, division, coordinates, differing "
        "from found order by class, subject"
    )
    return [
        Found(
            name=row[0],
            subject=row[1],
            register=row[2],
            education=row[3],
            police=row[4],
            division=row[5],
            coordinates=tuple(row[6]),
            digest=digest(row[0], row[1], row[7]),
        )
        for row in rows
    ]
