"""A principal, a hub that is served -> what else may tell of a report: pages, figures, counts, files, commands.

Everything is text that can be searched: of a workbook its sheets, of an exported log every file. What a page must show
to whom is planted, so that a search that finds nothing is known to have looked.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import asyncpg
import httpx

from connectors.demo.server import Server
from tests.support.desk import at_desk
from tests.support.forking import fork
from tests.support.rights import Me, readable, scopes
from tests.support.served import Child, Served

PREPARED, FIGURE, NUMBER = "SurveySubmission.preparedBy", "Statistic.value", "Child.citizenId"
PLANTED = {
    "虚构填表人": PREPARED,
    "765,432": FIGURE,
    "<v>765432</v>": FIGURE,
    '"value": 765432': FIGURE,
}
"""What is planted in a survey and in a restricted figure about reports, as pages, workbooks and rows write it.

Six digits alone stand in many a hash.
"""
HOMES = {
    "SurveySubmission": ("/survey/", "/survey/progress", "/survey/template"),
    "Statistic": ("/statistics/", "/statistics/figures.xlsx"),
    "ReconciliationItem": ("/reconciliation/", "/reconciliation/?list=rec_open", "/reconciliation/?list=rec_mine"),
}
"""Type -> the pages that show its rows."""
SURVEY = "/survey/{id}"
PAGES = {SURVEY, *(page for pages in HOMES.values() for page in pages)}
SHOWN = {
    "/survey/": PREPARED,
    SURVEY: PREPARED,
    "/survey/template": NUMBER,
    "/statistics/": FIGURE,
    "/statistics/figures.xlsx": FIGURE,
    "/reconciliation/": NUMBER,
    "/reconciliation/?list=rec_open": NUMBER,
    "/reconciliation/?list=rec_mine": NUMBER,
}
"""Page -> what is planted there, and found in what it shows to somebody; how far surveys are holds no value of any."""
_ITEM = """insert into reconciliation_item
    (id, register_no, coordinates, task, quarter, discrepancy_class, compared_field, answering_unit, status)
    values ('R0', $1, '{Child.citizenId}', '核实', '2026Q3', 'DUPLICATE_FILE', 'Child.citizenId', $2, 'OPEN')
    returning id"""
_FIGURE = """update statistic set value = 765432, suppressed = false
    where indicator = 'HARM_REPORTS' and division_code in ('120114', $1) returning id"""
_PREPARED = "update dcbs set tbr = '虚构填表人' where xzqhdm in ($1, $2) returning bsbh"


async def plant(server: Server, child: Child) -> list[str]:
    """Who filled in the surveys of the child's village and town, a figure of reports, a discrepancy in its number.

    Returns the keys of the surveys.
    """
    surveys = await _written(server, "civil_affairs", _PREPARED, child.village, child.village[:9])
    await _written(server, "hub", _FIGURE, child.village[:9])
    await _written(server, "hub", _ITEM, child.register, child.town)
    return surveys


async def _written(server: Server, source: str, statement: str, *values: str) -> list[str]:
    connection = await asyncpg.connect(server.dsn(source))
    try:
        found = [str(row[0]) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()
    assert found, f"nothing to plant in: {statement}"
    return found


def reaches(me: Me, coordinate: str) -> bool:
    """Whether what is planted in the coordinate is in some scope of the principal's, of its own division."""
    found = set(scopes(me, coordinate, "read"))
    # Figures of reports are restricted: none of those that are published.
    return bool(found & {"all", "own_town"} if coordinate == FIGURE else found)


async def opened(served: Served, me: Me, surveys: Iterable[str]) -> AsyncIterator[tuple[str, str]]:
    """(page, text) of the survey's, the figures' and the comparisons' pages, as far as they are the principal's."""
    types = [type_name for type_name in HOMES if readable(me, type_name)]
    if not types:
        return
    async with at_desk(served, me.key, me.purpose) as client:
        for page in (page for type_name in types for page in HOMES[type_name]):
            yield page, text_of(await client.get(page))
        for key in surveys if "SurveySubmission" in types else ():
            row = served.id(me.key, "SurveySubmission", key)
            yield SURVEY, text_of(await client.get(f"/survey/{row}"))


def text_of(reply: httpx.Response) -> str:
    """What an answer says; of a workbook every sheet and its strings."""
    return unpacked(reply.content) if reply.content.startswith(b"PK") else reply.text


def unpacked(data: bytes) -> str:
    """All that stands in the files of a workbook."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return "\n".join(book.read(name).decode("utf-8") for name in book.namelist())


def grouped(coordinates: Iterable[str]) -> str:
    """A question for how many rows there are of each value of each coordinate."""
    cells = "cells { keys { value } value } quarter"
    asked = (f'a{number}: aggregate(by: ["{one}"]) {{ {cells} }}' for number, one in enumerate(coordinates))
    return f"{{ {' '.join(asked)} }}"


async def commanded(served: Served, *arguments: str, typed: str = "") -> str:
    """What ``hub`` prints, run as the operator of the hub that is served."""
    with tempfile.TemporaryFile() as input_, tempfile.TemporaryFile() as said:
        input_.write(typed.encode())
        input_.seek(0)
        streams = (input_.fileno(), said.fileno(), said.fileno())
        code = await fork(arguments, env=served.environment(), streams=streams).wait()
        said.seek(0)
        found = said.read().decode()
    assert code == 0, found
    return found


async def in_tree(server: Server) -> None:
    """The hour of every act of reporting is over: returns when all entries are in the tree that are to be there."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        await connection.execute("update log.pending set at = now() where at > now()")
        async with asyncio.timeout(30):
            while await connection.fetchval("select exists (select from log.pending where at <= now())"):
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def exported(served: Served, folder: Path) -> dict[str, str]:
    """The files of ``hub audit export``: name -> what it says, the name with it."""
    await commanded(served, "audit", "export", str(folder))
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): f"{path}\n{path.read_bytes().decode('utf-8', 'replace')}" for path in files}
