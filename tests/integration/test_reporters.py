"""A child was reported by a school, a village and a clinic: nothing that an auditor or a family can get says by whom.

Everything is fetched: each page that a link of the console leads to, its workbook, the export, the tiles, all of
``accessLog``, the family's report, the rows of the log's own tables. In none stands a reporter's key, code, name or
operator.
"""

from __future__ import annotations

import asyncio
import html
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from hub.audit.named import keys_of
from hub.cli import app
from hub.service import read_policy
from hub.settings import SOURCES
from tests.integration.test_access_log import found
from tests.support.console import ADDRESS, OWN_REPORTS, READER, REPORTERS, Running, console, form_of
from tests.support.running import READ_PASSWORD

pytestmark = pytest.mark.postgres

LINK = re.compile(r'href="([^"#]+)')
NUMBERED = re.compile(r"/console/entry/(\d+)")
TABLES = ("entry", "pending", "long_list", "found", "named", "alias", "tally", "month", "verification")


@pytest.fixture(scope="module")
async def apart(tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]) -> AsyncIterator[Running]:
    """A hub of its own, so that the log holds no more than what is asked here."""
    async with console(tmp_path_factory.mktemp("reporters"), institutions) as running:
        for kind in REPORTERS:
            file, author = running.reported(kind)
            for _ in range(6):
                await running.ask(author, "emergency_response", OWN_REPORTS, operator=f"CANARY-{kind}")
            number = file["_citizen"]
            await running.ask("public_security_bureau", "emergency_response", ADDRESS, number=number)
        await running.indexed()
        yield running


def canaries(running: Running) -> list[str]:
    """Each word that would tell who reported: keys, codes and names of the reporters, and their operators."""
    policy, words = read_policy(running.settings), list[str]()
    for kind in REPORTERS:
        key = running.reported(kind)[1]
        code = key.partition(":")[2]
        institution = policy.institutions.get(code)
        words += [key, code, institution.name_zh if institution else policy.divisions[code].name, f"CANARY-{kind}"]
    return [*words, "mandatory_reporter", "village_committee", "own_reports"]


def told(text: str, words: list[str]) -> list[str]:
    """Those of ``words`` that stand in a text; what a form offers to everybody is no telling."""
    plain = html.unescape(re.sub(r"<datalist.*?</datalist>", "", text, flags=re.DOTALL))
    return [word for word in words if word in plain]


async def pages(client: httpx.AsyncClient, size: int, *begin: str) -> dict[str, str]:
    """Address -> text, of every page to which links lead, but for entries behind the first ``size``."""
    seen: dict[str, str] = {}
    waiting = list(begin)
    while waiting:
        path = waiting.pop()
        entry = NUMBERED.match(path)
        if path in seen or not path.startswith("/console/") or (entry and int(entry[1]) >= size):
            continue
        reply = await client.get(path)
        assert reply.status_code in (200, 303), (path, reply.status_code)
        seen[path] = text_of(reply)
        if "text/html" in reply.headers.get("content-type", ""):
            waiting += [html.unescape(str(httpx.URL(path).join(link))) for link in LINK.findall(reply.text)]
    return seen


def text_of(reply: httpx.Response) -> str:
    """A page, or all the parts of a workbook."""
    if "spreadsheet" not in reply.headers.get("content-type", ""):
        return reply.text
    with zipfile.ZipFile(io.BytesIO(reply.content)) as book:
        return "\n".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())


async def test_no_page_of_the_console_tells_who_reported(apart: Running) -> None:
    words, size = canaries(apart), await apart.size()
    children = [apart.reported(kind)[0] for kind in REPORTERS]
    names = [
        (apart.names.citizen(str(each["_citizen"])), apart.names.register(str(each["_register"]))) for each in children
    ]
    begin = [f"/console/child/{name}" for pair in names for name in (*pair, ".".join(pair))]
    begin += [f"/console/entry/{index}{query}" for index in range(size) for query in ("", "?verify=1")]
    begin += [
        f"/console/search?purpose=emergency_response&kind={kind}" for kind in ("disclosure", "refusal", "failure")
    ]
    begin += ["/console/search?coordinate=MandatoryReport.status", "/console/?span=today", "/console/month"]
    async with apart.signed_in() as client:
        seen = await pages(client, size, "/console/", *begin)
    for path, text in seen.items():
        assert not told(text, words), path
    assert len(seen) > 3 * size and any(path.endswith(".xlsx") for path in seen)
    assert sum("报告人（化名）" in text for text in seen.values()) > 3 * len(REPORTERS), "the reads are there"
    for name in begin[:9]:
        assert "报告人（化名）" not in seen[name] and READER in seen[name], "no act of reporting is of the child"


async def test_no_file_tile_row_or_answer_tells_who_reported(apart: Running, tmp_path: Path) -> None:
    words = canaries(apart)
    for table in TABLES:
        for row in await apart.owner(f"select t::text as text from log.{table} t"):
            assert not told(row["text"], words), table
    for row in await apart.owner("select array_to_string(names, ' ') as keys from log.named"):
        assert not told(row["keys"].replace("-", ""), keys_of(words)), "named under the key of a word"
    for row in await apart.owner("select convert_from(bytes, 'UTF8') as text from log.entry"):
        assert not told(row["text"], words)
    nodes = await found(apart)
    assert nodes and not told(json.dumps(nodes, ensure_ascii=False), words)
    size = await apart.size()
    async with httpx.AsyncClient(base_url=apart.url, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {apart.token('auditor', 'audit')}"
        for path in ("checkpoint", f"tile/entries/000.p/{size}", f"tile/0/000.p/{size}"):
            reply = await client.get(f"/log/{path}")
            assert reply.status_code == 200, path
            assert not told(reply.content.decode("utf-8", "replace"), words), path
    await run(apart, tmp_path, "export", str(tmp_path / "export"))
    files = [file for file in (tmp_path / "export").rglob("*") if file.is_file()]
    assert any("entries" in str(file) for file in files)
    for file in files:
        assert not told(file.read_bytes().decode("utf-8", "replace"), words), file


async def test_no_report_to_a_family_tells_who_reported(apart: Running, tmp_path: Path) -> None:
    words = canaries(apart)
    for kind in REPORTERS:
        file, _ = apart.reported(kind)
        page = await run(
            apart, tmp_path, "subject", "--citizen-id", "-", "--register", "-",
            stdin=f"{file['_citizen']}\n{file['_register']}\n",
        )  # fmt: skip
        assert not told(page, [word for word in words if word != "village_committee"])
        assert "镇人民政府" in page and "报告人" not in page and "强制报告" not in page, page
        shown = await run(apart, tmp_path, "show")
        assert not told(shown, words)


async def test_who_reported_is_found_by_no_search(apart: Running) -> None:
    """Last in this file: what is looked for stands in the entry of the look."""
    found_nothing = "没有符合条件的记录"
    async with apart.signed_in() as client:
        form = form_of((await client.get("/console/")).text)
        for kind in REPORTERS:
            _, key = apart.reported(kind)
            for field, value in (
                ("unit", key),
                ("operator", f"CANARY-{kind}"),
                ("request", key),
                ("unit", key.partition(":")[0]),
            ):
                asked = {"form": form, "kind": "disclosure", field: value}
                reply = await client.post("/console/search", data=asked)
                page = await client.get(reply.headers["location"])
                assert (page.status_code, found_nothing in page.text) == (200, True), (field, value)
            page = await client.get(f"/console/operator?unit={key}&operator=CANARY-{kind}")
            assert found_nothing in page.text
            for condition in (
                {"unit": {"eq": key}},
                {"operatorId": {"eq": f"CANARY-{kind}"}},
                {"unit": {"contains": "reporter"}},
            ):
                assert await found(apart, filter=condition) == []


async def run(running: Running, folder: Path, *words: str, stdin: str | None = None) -> str:
    """``hub audit`` as a command; what it prints."""
    config = folder / "hub.toml"
    lines = [f"origin = {json.dumps(running.settings.origin)}", "fsync_required = false"]
    lines += [f"keys = {json.dumps(str(running.settings.keys))}", "[databases]"]
    lines += [
        f"{name} = {json.dumps(running.server.dsn(name, user='hub_read', password=READ_PASSWORD))}" for name in SOURCES
    ]
    lines += [f"log = {json.dumps(running.server.dsn('hub'))}"]
    config.write_text("\n".join(lines) + "\n", "utf-8")
    result = await asyncio.to_thread(CliRunner().invoke, app, ["--config", str(config), "audit", *words], stdin)
    assert result.exit_code == 0, result.output
    return result.output
