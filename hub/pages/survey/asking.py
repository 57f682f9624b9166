"""A visit -> what the hub answers it about the survey: submissions, the village's own files, any step.

Guarantee: everything is asked as the unit that is signed in, for the purpose of the survey, through the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from hub.identity import PARKS
from hub.pages.desk import Told
from hub.pages.desk_routes import Visit
from hub.pages.forms import Problem
from hub.survey.register import PURPOSE, QUERY, UNIT, Node, page

TOWN: Final = "town_government"
DISTRICT: Final = "civil_affairs_bureau"
UNITS: Final = (UNIT, TOWN, DISTRICT)
FIELDS: Final = "id divisionCode level quarter status childrenCount preparedBy submittedAt returnReason"
_SUBMISSIONS: Final = f"""query Submissions($quarters: [Quarter!]!, $after: String) {{
  surveySubmissions(first: 100, after: $after, filter: {{quarter: {{in: $quarters}}}}) {{
    pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {FIELDS} }} }}
  }}
}}"""
_ONE: Final = f"query Submission($id: ID!) {{ node(id: $id) {{ ... on SurveySubmission {{ {FIELDS} }} }} }}"


def surveyor(visit: Visit) -> Visit:
    """The visit for the purpose of the survey, whatever else was chosen; raises ``Problem``."""
    credential = visit.session.credential
    if PURPOSE not in credential.purposes or credential.unit not in UNITS:
        raise Problem(403, "no_survey")
    return replace(visit, session=replace(visit.session, purpose=PURPOSE, case=""))


def village(visit: Visit) -> tuple[Visit, str]:
    """The visit of a village for the survey, and the village's code; raises ``Problem``."""
    visit = surveyor(visit)
    credential = visit.session.credential
    if credential.unit != UNIT or credential.division is None:
        raise Problem(403, "no_village")
    return visit, credential.division


def today(visit: Visit) -> date:
    """The day, by the hub's clock."""
    return visit.desk.clock().date()


def places(visit: Visit) -> dict[str, str]:
    """Towns and villages that take part in the survey and concern who is signed in: code -> name."""
    within = visit.session.credential.division or ""
    divisions = visit.desk.policy().divisions
    return {
        code: one.name
        for code, one in divisions.items()
        if len(code) > 6 and code.startswith(within) and not code.startswith(PARKS)
    }


async def submissions(visit: Visit, *quarters: str) -> list[Node]:
    """The submissions of these quarters that the unit may see; raises ``Problem``."""
    found: list[Node] = []
    after: str | None = None
    while True:
        told = await visit.desk.ask(visit.session, _SUBMISSIONS, {"quarters": list(quarters), "after": after})
        rows = _data(told)["surveySubmissions"]
        found += [edge["node"] for edge in rows["edges"]]
        after = rows["pageInfo"]["endCursor"]
        if not rows["pageInfo"]["hasNextPage"]:
            return found


async def submission(visit: Visit, identifier: str) -> Node:
    """One submission as it stands; raises ``Problem``."""
    told = await visit.desk.ask(visit.session, _ONE, {"id": identifier})
    if told.status == 503:
        raise Problem(503, "source_down")
    found: Node | None = (told.data or {}).get("node")
    if not found:
        raise Problem(404, "no_row")
    return found


async def own_files(visit: Visit) -> list[Node]:
    """The village's own files; raises ``Problem``."""
    found: list[Node] = []
    after: str | None = None
    while True:
        told = await visit.desk.ask(visit.session, QUERY, {"after": after})
        nodes, after = page({"data": _data(told)})
        found += nodes
        if after is None:
            return found


async def answer(visit: Visit, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The hub's answer as a client reads it."""
    told = await visit.desk.ask(visit.session, document, variables)
    return {"data": told.data, **({"errors": told.errors} if told.errors else {})}


def _data(told: Told) -> Mapping[str, Any]:
    """The data of an answer that has no error; raises ``Problem``."""
    if told.data is None or told.errors:
        raise Problem(told.status if told.status >= 400 else 503, _WORDS.get(told.code, "source_down"))
    return told.data


_WORDS: Final[Mapping[str, str]] = {"NOT_ENTITLED": "no_survey", "RATE_LIMITED": "slow_down"}

Rows = Sequence[Node]
