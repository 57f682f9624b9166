"""The log over HTTP: byte for byte what C2SP tlog-tiles asks, for auditors, witnesses and holders of receipts alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hub.audit.entry import Entry
from hub.audit.inclusion import Inclusion, checked
from hub.audit.log import Log
from hub.audit.merkle import ProofError, leaf_hash, root_of
from hub.audit.note import Checkpoint, opened
from hub.audit.reader import Reader
from hub.audit.receipt import Receipt
from hub.audit.session import Session
from hub.credential import Verifier
from hub.keys import KeySet
from hub.tlog import Tlog, tlog_routes
from hub.tokens import Issuer, open_issuer
from tests.hub.audit.support import KEY, PATIENT, entry

pytestmark = pytest.mark.postgres

COUNT = 600


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        yield log


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Reader]:
    reader = Reader(Session(dsn, name="reader", timeout=PATIENT))
    yield reader
    await reader.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The routes, asked as an auditor unless another token is given."""

    client: httpx.AsyncClient
    issuer: Issuer

    def token(self, unit: str = "auditor", purpose: str = "audit") -> str:
        return self.issuer.issue(unit, [purpose], operator="A001", now=int(time.time()), seconds=600)

    async def get(self, path: str, *, token: str | None = None, **headers: str) -> httpx.Response:
        bearer = self.token() if token is None else token
        authorization = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await self.client.get(path, headers={**authorization, **headers})


@pytest.fixture
async def web(tmp_path: Path, log: Log, reader: Reader) -> AsyncIterator[Web]:
    issuer = open_issuer(tmp_path, issuer="https://issuer.test", audience="wuqing-hub")
    verifier = Verifier(
        keys=KeySet(place=str(tmp_path / "jwks.json"), seconds=300, clock=time.monotonic),
        issuer="https://issuer.test",
        audience="wuqing-hub",
        lifetime=900,
        leeway=0,
        clock=time.time,
    )
    tlog = Tlog(
        reader=reader,
        verifier=verifier,
        recorder=log,
        clock=lambda: datetime.now(UTC),
        signed_by=lambda: [KEY.verifier],
        auditors=lambda: frozenset({"auditor"}),
        witnesses=["a witness' token"],
    )
    app = Starlette(routes=[Mount("/log", routes=tlog_routes(lambda: tlog))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub.test") as client:
        yield Web(client=client, issuer=issuer)


async def grown(log: Log, reader: Reader, count: int) -> list[Receipt]:
    """Receipts of so many entries, all in the tree."""
    receipts = [
        receipt for first in range(0, count, 100) for receipt in await log.record(entries(min(100, count - first)))
    ]
    while (await reader.backlog()).size < count:
        await asyncio.sleep(0.05)
    return receipts


def entries(count: int) -> list[Entry]:
    return [entry() for _ in range(count)]


async def test_heads_tiles_and_bundles_are_those_of_the_specification(web: Web, log: Log, reader: Reader) -> None:
    await grown(log, reader, COUNT)
    note = await web.get("/log/checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8" and note.headers["cache-control"] == "no-store"
    head = Checkpoint.parse(opened(note.text, [KEY.verifier]))
    leaves = b""
    for path in ("000", "001", f"002.p/{head.size - 512}"):
        tile, bundle = await web.get(f"/log/tile/0/{path}"), await web.get(f"/log/tile/entries/{path}")
        assert tile.headers["content-type"] == bundle.headers["content-type"] == "application/octet-stream"
        assert tile.content == b"".join(leaf_hash(data) for data in unbundled(bundle.content))
        leaves += tile.content
    hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
    assert root_of(hashes[: head.size]) == head.root
    upper = await web.get("/log/tile/1/000.p/2")
    assert upper.content == root_of(hashes[:256]) + root_of(hashes[256:512])


def unbundled(body: bytes) -> list[bytes]:
    found = []
    while body:
        length = int.from_bytes(body[:2], "big")
        found.append(body[2 : 2 + length])
        body = body[2 + length :]
    return found


@pytest.mark.parametrize(
    "path",
    ["tile/0/001", "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/000.p/7", "tile/0/0", "tile/0/x000/000", "tile/64/000",
     "tile/0/000.p/01", "tile/entries/009",  "tile/0/x001/000", "proof/none/disclosure/0",
     "tile/" + "9" * 5_000 + "/000", "tile/-1/000", "tile/٣/000", "tile/0/٣٣٣", "tile/0/" + "x999/" * 3_000 + "000",
     "tile/entries/x999/x999/x999/x999/x999/999", "proof/none/disclosure/" + "9" * 5_000, "proof/none/disclosure/-1",
     "proof/none/disclosure/99999999999", "proof/none/disclosure/999999999", "proof/%00/disclosure/0",
     "proof/none/%00/0", "proof/" + "x" * 3_000 + "/look/0"],
)  # fmt: skip
async def test_what_is_not_there_is_told_in_words(web: Web, log: Log, reader: Reader, path: str) -> None:
    await grown(log, reader, 3)
    found = await web.get(f"/log/{path}")
    assert found.status_code == 404 and found.headers["cache-control"] == "no-store" and found.text.strip()


async def test_an_empty_log_has_no_head(web: Web) -> None:
    assert (await web.get("/log/checkpoint")).status_code == 404


async def test_witnesses_read_hashes_and_no_entries_and_a_member_unit_reads_nothing(
    web: Web, log: Log, reader: Reader
) -> None:
    (receipt,) = await grown(log, reader, 1)
    paths = ("checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1", f"proof/{receipt.entry}")
    witness = [(await web.get(f"/log/{path}", token="a witness' token")).status_code for path in paths]
    assert witness == [200, 200, 401, 401]
    for unit, purpose in (("education_bureau", "audit"), ("auditor", "dropout_control")):
        token = web.token(unit, purpose)
        assert [(await web.get(f"/log/{path}", token=token)).status_code for path in paths] == [403] * 4
    assert [(await web.get(f"/log/{path}", token="")).status_code for path in paths] == [401] * 4


async def test_a_refused_look_and_a_look_at_entries_are_entries(web: Web, log: Log, reader: Reader) -> None:
    await grown(log, reader, 1)
    await web.get("/log/checkpoint", token=web.token("education_bureau", "dropout_control"))
    await web.get("/log/tile/entries/000.p/1")
    last = [orjson.loads(kept.data) for kept in await reader.last(2)]
    assert [(found["kind"], found["unit"], found["decision"]) for found in last] == [
        ("refusal", "education_bureau", "DENIED"),
        ("look", "auditor", "ALLOWED"),
    ]
    assert last[1]["facts"] == ["entries=0-1"]


async def test_a_receipt_becomes_a_proof_for_its_holder_that_holds_without_the_hub(
    web: Web, log: Log, reader: Reader
) -> None:
    receipts = await grown(log, reader, 300)
    mine, other = receipts[7], receipts[8]
    found = await web.get(f"/log/proof/{mine.entry}", token="", **{"Hub-Receipt": mine.signature})
    assert found.status_code == 200
    proof = Inclusion.parse(found.text)
    assert Inclusion.parse(proof.text) == proof and proof.text == found.text
    assert checked(proof, bytes.fromhex(mine.leaf), [KEY.verifier]).size >= 300
    with pytest.raises(ProofError):
        checked(proof, bytes.fromhex(other.leaf), [KEY.verifier])
    for signature in (other.signature, "AAAA", "%"):
        wrong = await web.get(f"/log/proof/{mine.entry}", token="", **{"Hub-Receipt": signature})
        assert wrong.status_code == 403
    unknown = await web.get("/log/proof/none/disclosure/0", token="", **{"Hub-Receipt": mine.signature})
    assert (unknown.status_code, unknown.json()) == (403, wrong.json())


def test_a_proof_whose_index_no_log_could_have_is_none() -> None:
    for number in ("9" * 5_000, "9" * 19, "１", "01", "+1", "1_0", ""):
        with pytest.raises(ProofError, match="names no index"):
            Inclusion.parse(f"c2sp.org/tlog-proof@v1\nindex {number}\n\nhead")


async def test_when_the_log_does_not_answer_nothing_is_served(web: Web, log: Log, reader: Reader, dsn: str) -> None:
    await grown(log, reader, 1)
    owner = await asyncpg.connect(dsn)
    await owner.execute("alter table log.pending rename to hidden")
    found = await web.get("/log/tile/entries/000.p/1")
    await owner.execute("alter table log.hidden rename to pending")
    await owner.close()
    assert found.status_code == 503 and found.json()["code"] == "AUDIT_UNAVAILABLE"
