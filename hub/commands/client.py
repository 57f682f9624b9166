"""A question over HTTP -> its status and JSON: the hub's own small client, for commands and for the demo."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from hub.commands.outcome import MISCONFIGURED, Failure

_PATIENCE = 30
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query and what is declared with it."""

    query: str
    token: str
    purpose: str
    case: str | None = None
    denied: str = "refuse"
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


def ask(url: str, question: Question) -> tuple[int, dict[str, Any]]:
    """Status and answer; raises ``Failure`` if no hub answers there."""
    members = {"query": question.query, "variables": question.variables, "operationName": question.operation_name}
    headers = {
        "Authorization": f"Bearer {question.token}",
        "Content-Type": "application/json",
        "Accept": "application/graphql-response+json",
        "Hub-Purpose": question.purpose,
        "Hub-On-Denied": question.denied,
    }
    if question.case is not None:
        headers["Hub-Case"] = question.case.encode().decode("latin-1")
    if not url.startswith(("http://", "https://")):
        raise Failure(f"`{url}` is no URL of a hub: write it as http://127.0.0.1:8000 (`--url`)", MISCONFIGURED)
    request = urllib.request.Request(f"{url.rstrip('/')}/graphql", json.dumps(members).encode(), headers)
    try:
        with _DIRECT.open(request, timeout=_PATIENCE) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _refusal(url, error.read(), error.code)
    except (OSError, ValueError):
        raise Failure(f"no hub answers at `{url}`; `hub demo` or `hub serve` starts one", MISCONFIGURED) from None


def _refusal(url: str, body: bytes, status: int) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "errors" not in answer:
        raise Failure(f"what answers at `{url}` is no hub (status {status})", MISCONFIGURED)
    return answer
