"""A file in a form: in memory alone, of a bounded size, from our own pages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request

from hub.pages.forms import Problem
from hub.pages.upload import LARGEST, Upload, read_upload

BOUNDARY = "0123456789abcdef"
PIECE = 65_536


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    kind = "" if filename is None else f'; filename="{filename}"'
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{kind}\r\n\r\n'.encode() + data + b"\r\n"


def request(*parts: bytes, **headers: str) -> Request:
    """The request as it comes in pieces."""
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()

    def pieces() -> Iterator[dict[str, Any]]:
        for start in range(0, len(body), PIECE):
            more = start + PIECE < len(body)
            yield {"type": "http.request", "body": body[start : start + PIECE], "more_body": more}

    coming = pieces()

    async def receive() -> dict[str, Any]:
        return next(coming)

    kind = f"multipart/form-data; boundary={BOUNDARY}"
    given = {"content-type": kind, "sec-fetch-site": "same-origin", **headers}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": b""}, receive)


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No temporary file can be made."""

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a file of somebody was about to be written to disk")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refused)


async def test_a_file_as_large_as_may_be_is_read_without_the_disk() -> None:
    data = b"x" * (LARGEST - 1024)
    pairs, found = await read_upload(request(part("form", b"abc"), part("sheet", data, "登记表.xlsx")))
    assert (pairs, found) == ([("form", "abc")], Upload(name="登记表.xlsx", data=data))


async def test_one_that_would_not_fit_would_go_to_disk_if_it_were_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the test above can fail: with the parser's own bound the same file leaves memory."""
    monkeypatch.setattr("hub.pages.upload._InMemory.spool_max_size", 1024)
    with pytest.raises(AssertionError, match="disk"):
        await read_upload(request(part("sheet", b"x" * PIECE, "a.csv")))


@pytest.mark.parametrize("size", [LARGEST + 1, 3 * LARGEST, 9 * LARGEST])
async def test_a_larger_one_is_turned_away(size: int) -> None:
    with pytest.raises(Problem) as problem:
        await read_upload(request(part("sheet", b"x" * size, "a.csv")))
    assert (problem.value.status, problem.value.key) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("parts", "headers", "status"),
    [
        ([part("sheet", b"x", "a.csv"), part("other", b"x", "b.csv")], {}, 400),
        ([part(f"field{number}", b"x") for number in range(20)], {}, 400),
        ([part("form", b"x" * 5_000)], {}, 400),
        ([b"no part of a form"], {}, 400),
        ([], {"content-type": "multipart/form-data"}, 400),
        ([], {"content-type": "application/x-www-form-urlencoded"}, 415),
        ([], {"sec-fetch-site": "cross-site"}, 403),
        ([], {"origin": "https://elsewhere.example"}, 403),
    ],
)
async def test_what_is_no_form_of_ours_is_turned_away(parts: list[bytes], headers: dict[str, str], status: int) -> None:
    with pytest.raises(Problem) as problem:
        await read_upload(request(*parts, **headers))
    assert problem.value.status == status


async def test_a_form_without_a_chosen_file_has_none() -> None:
    assert await read_upload(request(part("form", b"abc"), part("sheet", b"", ""))) == ([("form", "abc")], None)
