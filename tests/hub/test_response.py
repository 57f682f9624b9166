"""Answers as bytes: the shape that the GraphQL specification asks for, and the status that fits."""

from __future__ import annotations

import orjson
import pytest

from hub.audit.receipt import Receipt
from hub.errors import STATUS, HubError, InternalError, OutageError, RefusalError
from hub.response import respond

RECEIPT = Receipt(entry="r/disclosure/0", leaf="00", at="now", promise=60, origin="hub.test", key="k", signature="s")


def test_data_with_a_receipt_is_a_full_answer() -> None:
    found = respond({"me": {"key": "courts"}}, [], RECEIPT)
    assert found.status == 200
    assert orjson.loads(found.body) == {
        "data": {"me": {"key": "courts"}},
        "extensions": {"receipt": RECEIPT.as_json()},
    }


def test_errors_beside_data_leave_the_status_alone_and_come_first() -> None:
    found = respond(
        {"child": None}, [OutageError("SOURCE_UNAVAILABLE", "words", path=("child",), source="hub")], RECEIPT
    )
    assert found.status == 200
    body = orjson.loads(found.body)
    assert list(body) == ["errors", "data", "extensions"]
    assert body["errors"] == [
        {"message": "words", "path": ["child"], "extensions": {"code": "SOURCE_UNAVAILABLE", "source": "hub"}}
    ]


@pytest.mark.parametrize("code", sorted(STATUS))
def test_without_data_the_status_is_the_first_errors_and_data_is_absent(code: str) -> None:
    found = respond(None, [HubError(code, "words"), HubError("INTERNAL", "words")], RECEIPT)
    assert found.status == STATUS[code]
    assert "data" not in orjson.loads(found.body)


def test_an_answer_without_a_receipt_has_no_extensions() -> None:
    found = respond(None, [OutageError("AUDIT_UNAVAILABLE", "words")])
    assert found.status == 503
    assert set(orjson.loads(found.body)) == {"errors"}


def test_an_error_without_a_path_has_none_and_an_empty_path_is_kept() -> None:
    assert "path" not in RefusalError("INVALID_INPUT", "words").as_json()
    assert RefusalError("INVALID_INPUT", "words", path=()).as_json()["path"] == []


def test_a_bug_of_ours_says_no_more_than_that() -> None:
    assert InternalError().as_json() == {"message": "internal error", "extensions": {"code": "INTERNAL"}}


def test_keys_of_the_data_keep_the_order_of_the_document() -> None:
    body = respond({"b": 1, "a": {"z": 1, "y": 2}}, []).body
    assert body == b'{"data":{"b":1,"a":{"z":1,"y":2}}}'


def test_an_error_that_was_written_for_many_answers_reads_as_it_would_have_in_one() -> None:
    error = RefusalError("NOT_ENTITLED", "`Child.name` 未授权", path=("child", 0, "name"), rules=["r:1"], rows=2)
    once = respond({"child": None}, [error], RECEIPT)
    error.write()
    assert respond({"child": None}, [error], RECEIPT) == once
