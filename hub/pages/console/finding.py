"""``/console/search``, ``/child``, ``/operator``: entries found by what auditors know.

A number of a child and a case reference come by POST alone and go on as pseudonyms: they stand in no address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from hub.audit.search import Question, QuestionError
from hub.pages.console import asked as written
from hub.pages.console.names import Names
from hub.pages.console.ports import Ask, Console, View
from hub.pages.words import DECISIONS, KINDS
from schema.catalogue import CATALOGUE

_NAMES = re.compile(r"[fik]-[A-Za-z0-9_-]{22}(?:\.[fik]-[A-Za-z0-9_-]{22}){0,3}")


async def search(console: Console, ask: Ask) -> View:
    """The form, and the entries that match."""
    names = Names(policy=console.policy(), spoken=ask.spoken)
    asked = _asked(console, ask.query)
    # The auditors' own looks are many, and seldom what is looked for.
    without = "" if asked["kind"] or asked["unit"] or asked["request"] else "look"
    question = Question(**asked, without=without, since=ask.day("since"), until=ask.day("until"), before=ask.index())
    page = await console.search.entries(question)
    backlog = await console.reader.backlog()
    context = {
        "asked": {**asked, "since": ask.query.get("since", ""), "until": ask.query.get("until", "")},
        "page": page,
        "names": names,
        "older": _older(ask, page.before),
        "units": sorted(console.policy().units),
        "purposes": list(console.policy().purposes),
        "coordinates": sorted(CATALOGUE),
        "decisions": list(DECISIONS),
        "kinds": list(KINDS),
        "indexed": await console.search.position(),
        "size": backlog.size,
    }
    facts = tuple(f"{name}={value}" for name, value in asked.items() if value)
    return View(template="search.html", context=context, facts=("page=search", *facts))


async def search_by_case(console: Console, ask: Ask) -> View:
    """A case reference becomes its pseudonym, and the other fields an address."""
    asked = _asked(console, ask.form)
    if reference := written.words("case_reference", ask.form.get("case_reference", "")):
        asked["case"] = console.pseudonyms.case(reference)
    days = {name: written.day(name, ask.form.get(name, "")) for name in ("since", "until")}
    kept = {name: str(value) for name, value in {**asked, **days}.items() if value}
    return View(location=f"/console/search?{urlencode(kept)}")


async def find(console: Console, ask: Ask) -> View:
    """Numbers of a child become pseudonyms, and the browser goes to their page."""
    citizen = written.citizen_id(ask.form.get("citizen_id", ""))
    register = written.register_number(ask.form.get("register_no", ""))
    if not citizen and not register:
        raise QuestionError("citizen_id", "请至少填写一项", "fill in at least one number")
    names = [console.pseudonyms.citizen(citizen)] if citizen else []
    names += [console.pseudonyms.register(register)] if register else []
    return View(location=f"/console/child/{'.'.join(names)}")


async def child(console: Console, ask: Ask) -> View:
    """Everything that was read of one child."""
    text = str(ask.path["names"])
    if not _NAMES.fullmatch(text):
        raise QuestionError("names", "请从概况页按号码查找", "look the child up by a number on the first page")
    found = await console.search.child(text.split("."))
    page = await console.search.of_subjects(found.names, ask.index())
    context = {
        "child": found,
        "page": page,
        "names": Names(policy=console.policy(), spoken=ask.spoken),
        "older": f"?before={page.before}" if page.before is not None else "",
    }
    return View(template="child.html", context=context, facts=("page=child",), subjects=found.names)


async def operator(console: Console, ask: Ask) -> View:
    """Everything that one operator of a unit did."""
    # In the query, not the path: an operator may be called by a slash.
    unit, name = (written.words(part, ask.query.get(part, "")) for part in ("unit", "operator"))
    if not unit or not name:
        raise QuestionError("operator", "请从记录中点选经办人", "choose an operator in an entry")
    page = await console.search.entries(Question(unit=unit, operator=name, before=ask.index()))
    context = {
        "unit": unit,
        "operator": name,
        "page": page,
        "names": Names(policy=console.policy(), spoken=ask.spoken),
        "older": _older(ask, page.before),
    }
    facts = ("page=operator", f"unit={unit}", f"operator={name}")
    return View(template="operator.html", context=context, facts=facts)


def _asked(console: Console, given: Mapping[str, str]) -> dict[str, str]:
    """What was written, as codes."""
    policy = console.policy()
    known: Mapping[str, Mapping[str, Sequence[str]]] = {
        "purpose": {name: (each.name_zh, each.name_en) for name, each in policy.purposes.items()},
        "coordinate": {name: (each.name_zh, each.name_en) for name, each in CATALOGUE.items()},
        "decision": DECISIONS,
        "kind": KINDS,
    }
    units = {name: (each.name_zh, each.name_en) for name, each in policy.units.items()}
    return {
        "unit": written.unit_key(given.get("unit", ""), units),
        **{name: written.code(name, given.get(name, ""), codes) for name, codes in known.items()},
        **{name: written.words(name, given.get(name, "")) for name in ("operator", "request")},
        "case": written.case_pseudonym(given.get("case", "")),
    }


def _older(ask: Ask, before: int | None) -> str:
    if before is None:
        return ""
    kept = {name: value for name, value in ask.query.items() if name != "before" and value}
    return "?" + urlencode({**kept, "before": before})
