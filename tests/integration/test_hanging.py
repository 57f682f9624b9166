"""Rows below files that are taken as they were asked ahead, beside the same rows by their usual way."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from hub.executor import Page
from hub.hanging import AtHand
from hub.hub import Hub
from hub.pipeline import Request, answer
from tests.bench.documents import FULL, POINT, Asker
from tests.support.running import identity

pytestmark = pytest.mark.postgres

IDS = "{ children(first: 100) { edges { node { id } } } }"
_numbers = itertools.count()


async def asked(hub: Hub, asker: Asker, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    name = hashlib.sha256(f"hanging {id(hub)} {next(_numbers)}".encode()).hexdigest()[:32]
    request = Request(query=query, operation_name=None, variables=variables, denied="null", request_id=name)
    found = await answer(hub, identity(asker.unit, asker.purpose), request)
    body: Mapping[str, Any] = orjson.loads(found.body)
    return {"data": body.get("data"), "errors": body.get("errors")}


async def ids(hub: Hub, asker: Asker) -> list[str]:
    """Ids as they are given, and some of them as they were before the child's number changed."""
    found = (await asked(hub, asker, IDS, {}))["data"]["children"]["edges"]
    given = [edge["node"]["id"] for edge in found]
    seal = hub.seals.of(identity(asker.unit, asker.purpose).key)
    opened = [seal.opened(each, "id") for each in given[:10]]
    return [*given, *(seal.identify("Child", str(key), "120114200001010000") for _, key, *_ in opened)]


async def test_what_is_at_hand_is_what_would_be_asked_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    of_each, usual, ways = AtHand.pages, dict[str, Any](), Counter[bool]()

    def counted(self: AtHand, *link: Any) -> list[Page] | None:
        pages = of_each(self, *link)
        ways[pages is not None] += 1
        return pages

    every = await ids(hub, FULL)
    with monkeypatch.context() as patched:
        patched.setattr(AtHand, "pages", lambda *_: None)
        for one in every:
            usual[one] = await asked(hub, FULL, POINT, {"id": one})
    monkeypatch.setattr(AtHand, "pages", counted)
    for one in every:
        assert await asked(hub, FULL, POINT, {"id": one}) == usual[one]
    # Both ways were gone, and most of what hangs on a file was there.
    assert ways[True] > ways[False] > 10
