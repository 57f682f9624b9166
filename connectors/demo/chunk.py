"""World, chunk number -> the rows of its ten thousand children: the order in which the departments learn of a child."""

from __future__ import annotations

import json

from connectors.demo.assistance import write_assistance
from connectors.demo.batch import Batch
from connectors.demo.codes import code_book
from connectors.demo.discrepancies import write_items, write_links
from connectors.demo.families import family_of, write_family
from connectors.demo.households import has_wrong_birth, write_household, write_schoolmate_household
from connectors.demo.judiciary import Books, write_petition, write_prosecution, write_supervision
from connectors.demo.names import Draw
from connectors.demo.people import CHUNK, Cast, Child, Person, World
from connectors.demo.police import Handled, write_crime, write_reports
from connectors.demo.register import write_file
from connectors.demo.schooling import name_parents, write_schooling, write_schoolmate
from connectors.demo.stories import FORM_KINDS
from connectors.demo.tallies import count

FLAGS = {"FLAGGED_NOT_SURVEYED": "BOTH_PARENTS_AWAY", "FLAGGED_ONE_PARENT": "ONE_PARENT_AWAY"}
"""Class planted on a schoolmate -> the flag of the enrolment system."""


def make_chunk(world: World, chunk: int) -> Batch:
    """All rows of the chunk's children and their schoolmates."""
    draw = world.draw(chunk)
    cast = Cast(world, chunk, draw)
    batch = Batch()
    for index in range(chunk * CHUNK, min((chunk + 1) * CHUNK, world.children)):
        child = cast.child(index)
        _write_child(world, chunk, child, batch)
        mate = _write_schoolmate(world, chunk, cast, child, draw, batch)
        write_items(world, chunk, child, mate, batch)
        link = write_links(chunk, child, batch)
        batch.truth.append(_truth(child, link))
        if mate and child.plant in FLAGS:
            batch.truth.append(_truth_of_mate(mate, child.plant))
    return batch


def _write_child(world: World, chunk: int, child: Child, batch: Batch) -> None:
    civil, police = code_book("civil_affairs"), code_book("public_security")
    school, handled = None, []
    first = len(batch.table("education", "jy_xsxj"))
    if child.duplicate_of is None:
        school = write_schooling(world, chunk, child, code_book("education"), batch)
        write_household(world, chunk, child, police, batch)
        handled = write_reports(world, chunk, child, school, police, batch)
        _write_proceedings(world, chunk, child, handled, batch)
    given = write_assistance(world, chunk, child, handled, civil, batch)
    kinds = [one.kind for one in given if one.kind in FORM_KINDS and one.status in ("ACTIVE", "COMPLETED")]
    write_file(world, child, list(dict.fromkeys(kinds)), civil, batch)
    family = family_of(child)
    write_family(world, child, family, civil, batch)
    name_parents(batch, first, family.father.name, family.mother.name)
    count(child, given, batch.tally)


def _write_proceedings(world: World, chunk: int, child: Child, handled: list[Handled], batch: Batch) -> None:
    if child.story is None:
        return
    books = Books(courts=code_book("courts"), procuratorate=code_book("procuratorate"))
    last = handled[-1] if handled else None
    if child.story.crime and last and last.incident:
        case = write_crime(chunk, child, child.story.crime, last.incident, code_book("public_security"), batch)
        write_prosecution(world, chunk, child, child.story.crime, (case, last.day), books, batch)
    for petition in child.story.petitions:
        write_petition(world, chunk, child, petition, books.courts, batch)
    for supervision in child.story.supervisions:
        write_supervision(world, chunk, child, supervision, books.procuratorate, batch)


def _write_schoolmate(world: World, chunk: int, cast: Cast, child: Child, draw: Draw, batch: Batch) -> Person | None:
    """Every second child has a schoolmate who is not on file; one whom the planted class flags is returned."""
    flag = FLAGS.get(child.plant or "")
    if flag is None and child.index % 2:
        return None
    mate = cast.schoolmate(child, youngest=6, oldest=13)
    write_schoolmate(world, chunk, mate, flag or "NOT", draw, code_book("education"), batch)
    write_schoolmate_household(chunk, mate, draw, code_book("public_security"), batch)
    return mate if flag else None


def _truth(child: Child, link: str | None) -> str:
    person = child.person
    planted = [child.plant] if child.plant and child.plant not in FLAGS else []
    if has_wrong_birth(child):
        planted.append("INVALID_CITIZEN_ID")
    return json.dumps(
        {
            "register": child.register,
            "citizen_id": person.number,
            "division": person.village.code,
            "persons": child.persons,
            "planted": planted,
            "link": link,
            "draft": child.draft,
            "edited": child.edited,
            "closed": child.closed,
            "duplicate_of": child.duplicate_of,
        },
        ensure_ascii=False,
    )


def _truth_of_mate(mate: Person, plant: str) -> str:
    persons = {source: mate.numbered(source) for source in ("education", "public_security")}
    found = {"register": None, "citizen_id": mate.number, "division": mate.village.code, "persons": persons}
    return json.dumps({**found, "planted": [plant]}, ensure_ascii=False)
