"""Plan -> text: which rows of which department are reached, by which conditions, facts, rules and clauses.

Guarantee: the same plan gives the same text; nothing of a request or a row stands in it. Goldens keep it, and
``hub explain`` shows it. A condition and a fact are written once, below, and named where they count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.source import All, Compare, Constant, Exists, Fetch, Outer, Param, Predicate, Some, Truth
from connectors.source import Not as NotTrue
from hub.planner import plan as p
from hub.planner.arguments import Arguments
from hub.planner.fetches import Form, Mode, fetch_of, needs_of, nested_form, page_form, remote_facts
from hub.planner.formula import FALSE, TRUE, And, Fact, Formula, Local, Not, Or, primary_facts
from hub.planner.formula import facts as facts_of
from hub.planner.relations import CHILD
from hub.planner.scopes import OWN_REPORTS

if TYPE_CHECKING:
    from hub.entitlements import Entitlements

WIDTH = 120
PLAIN = Arguments(shape=("all",), values=(), order=(), first=1, after=None)
"""No conditions, no order: what a plan asks whatever the arguments are."""
SIGNS = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "has": "shares with", "starts": "starts with"}


@dataclass(slots=True)
class _Named:
    """Conditions and facts in the order in which the text came upon them."""

    conditions: dict[Formula, str] = field(default_factory=dict)
    facts: dict[Fact, None] = field(default_factory=dict)

    def condition(self, formula: Formula) -> str:
        """``always``, ``never``, the name of a lone fact, or ``C1``."""
        if formula in (TRUE, FALSE):
            return "always" if formula == TRUE else "never"
        self.facts.update(dict.fromkeys(sorted(facts_of(formula), key=lambda fact: fact.name)))
        if isinstance(formula, Fact):
            return formula.name
        return self.conditions.setdefault(formula, f"C{len(self.conditions) + 1}")


def explain(plan: p.Plan, entitlements: Entitlements | None = None) -> str:
    """The plan in words; with the entitlements that it was made for, each rule stands there with its scope."""
    named = _Named()
    lines = [f"plan under policy {plan.policy_version}, denied coordinates {'null' if plan.null_mode else 'refuse'}"]
    lines += [line for root in plan.roots for line in _root(root, named)]
    lines += _section("conditions", (_condition(name, formula) for formula, name in named.conditions.items()))
    lines += _section("facts", map(_fact, named.facts))
    lines += _section("rules", _rules(plan, entitlements))
    lines += _section("refused", (f"{each.coordinate} at {'.'.join(each.path)}" for each in plan.refused))
    return "\n".join(lines) + "\n"


def explain_sql(
    plan: p.Plan, statement_of: Callable[[Fetch], str], asked: Mapping[int, Arguments] | None = None
) -> str:
    """The statement by which each reach asks its source first, as its connector writes it; facts come beside."""
    parts: list[str] = []
    for root in plan.roots:
        for reach in root.reaches.values() if isinstance(root, p.RowsRoot) else ():
            for number, (each, parent) in enumerate(_reaches(reach, None)):
                fetch = fetch_of(each, _form(each, parent, (asked or {}).get(each.number, PLAIN)))
                parts.append(f"-- #{each.number} {_head(each, root.key if number == 0 else None)}")
                parts.append(statement_of(fetch))
    return "\n".join(parts) + "\n" if parts else ""


def _form(reach: p.Reach, parent: p.Reach | None, arguments: Arguments) -> Form:
    """The form that the executor chooses before anything is known but what it asks first."""
    mode: Mode = "column" if reach.join and reach.join != CHILD else "people" if reach.join else _root_mode(reach)
    needs = needs_of(reach, arguments)
    if mode == "page":
        return page_form(reach, arguments, needs.primary | needs.ordering, after=arguments.after is not None)
    first = needs.first | needs.ordering if (parent or reach).type_name == "Child" else frozenset()
    unknown = needs.remote - first
    return nested_form(mode, arguments, unknown, after=arguments.after is not None)


def _root_mode(reach: p.Reach) -> Mode:
    by_number = any(argument.name.value == "citizenId" for argument in reach.node.arguments or ())
    return "page" if reach.kind == "connection" or by_number else "keys"


def _reaches(reach: p.Reach, parent: p.Reach | None) -> Iterator[tuple[p.Reach, p.Reach | None]]:
    yield reach, parent
    for link in _links(reach):
        yield from _reaches(link.reach, reach)


def _links(reach: p.Reach) -> Iterator[p.Link]:
    for shape in _row_shapes(reach.shape):
        yield from (entry for entry in shape.entries if isinstance(entry, p.Link))


def _row_shapes(shape: p.ObjectShape | p.ConnectionShape) -> Iterator[p.ObjectShape]:
    if isinstance(shape, p.ObjectShape):
        yield shape
        return
    for entry in shape.entries:
        if isinstance(entry, p.EdgesEntry):
            yield from (inner.shape for inner in entry.entries if isinstance(inner, p.NodeEntry))


def _root(root: p.RowsRoot | p.LocalRoot | p.Denied | p.Word, named: _Named) -> Iterator[str]:
    match root:
        case p.Word():
            yield f"\n{root.key}: `{root.text}`"
        case p.Denied():
            yield f"\n{root.key}: null, `{root.coordinate}` is refused"
        case p.LocalRoot():
            yield f"\n{root.key}: `{root.name}`, {_local(root.name)}"
        case p.RowsRoot():
            if not root.reaches:
                yield f"\n{root.key}: null, no type is open"
            for reach in root.reaches.values():
                yield from _reach(reach, root.key, named)


def _local(name: str) -> str:
    return "groups of one department's rows" if name == "aggregate" else "answered by the hub itself"


def _reach(reach: p.Reach, key: str | None, named: _Named, parent: int | None = None) -> Iterator[str]:
    yield f"\n#{reach.number} {_head(reach, key)}{'' if parent is None else f', of #{parent} {_join(reach)}'}"
    yield f"    rows: {named.condition(reach.visible)}"
    yield f"    keys: {', '.join(reach.keys)}"
    for slot, wanted in enumerate(reach.columns):
        if wanted.coordinate is not None:
            yield f"    {_column(reach, slot, wanted, named)}"
    yield from _asked(reach, parent)
    yield f"    answer: {_shape(reach.shape)}"
    for link in _links(reach):
        yield from _reach(link.reach, link.key, named, reach.number)


def _head(reach: p.Reach, key: str | None) -> str:
    what = "page" if reach.kind == "connection" else "row"
    return f"{key or reach.node.name.value}: {what} of `{reach.type_name}` in {reach.source}"


def _join(reach: p.Reach) -> str:
    assert reach.join is not None
    if reach.join == CHILD:
        return "by the child (citizen id as accepted, or a confirmed link)"
    return f"where {reach.join[1]} = {reach.join[0]} of the parent"


def _column(reach: p.Reach, slot: int, wanted: p.Wanted, named: _Named) -> str:
    coordinate = str(wanted.coordinate)
    if coordinate == p.BEYOND:
        return f"no own report alone: where {named.condition(wanted.clear)}"
    if coordinate.startswith("~"):
        return f"flag {coordinate[1:]}: raised where {named.condition(wanted.clear)}"
    ways = [f"clear where {named.condition(wanted.clear)}"] if wanted.clear != FALSE else []
    if wanted.masked != FALSE:
        ways.append(f"`{wanted.mask}` where {named.condition(wanted.masked)}")
    return f"{coordinate}: {', else '.join(ways)}{_elsewhere(reach, slot)}"


def _elsewhere(reach: p.Reach, slot: int) -> str:
    """Where a value lies that is no column of the row."""
    for shape in _row_shapes(reach.shape):
        for entry in shape.entries:
            if isinstance(entry, p.Part) and entry.slot == slot:
                return f"; taken from {' else '.join(f'{source}.{column}' for source, column in entry.parts)} by _case"
            if isinstance(entry, p.Compared) and entry.slot == slot:
                return "; read from the sources of the coordinates compared, at each request"
    return ""


def _asked(reach: p.Reach, parent: int | None) -> Iterator[str]:
    """What other departments are asked: before the rows if none is certain without it, else for undecided rows."""
    remote = remote_facts(reach, PLAIN)
    first = primary_facts(reach.visible, reach.source) if parent is not None or _root_mode(reach) == "page" else set()
    for words, asked in (("asked first", remote & first), ("asked for undecided rows", remote - first)):
        by_source: dict[str, list[str]] = {}
        for fact in sorted(asked, key=lambda fact: (fact.source, fact.name)):
            by_source.setdefault(fact.source, []).append(fact.name)
        for source, names in by_source.items():
            yield f"    {words}: {source}: {', '.join(names)}"


def _shape(shape: p.ObjectShape | p.ConnectionShape) -> str:
    return "{ " + " ".join(map(_entry, shape.entries)) + " }"


def _entry(entry: p.Entry | p.EdgesEntry | p.PageInfoEntry | p.NodeEntry | p.Cursor) -> str:
    match entry:
        case p.EdgesEntry():
            shown = f" {{ {' '.join(map(_entry, entry.entries))} }}"
        case p.NodeEntry():
            shown = f" {_shape(entry.shape)}"
        case p.PageInfoEntry() | p.Compared():
            shown = f" {{ {' '.join(_aliased(key, name) for key, name in entry.fields)} }}"
        case p.Link():
            shown = f": #{entry.reach.number}"
        case p.Denied():
            shown = ": refused"
        case _:
            return _aliased(entry.key, _field(entry))
    return entry.key + shown


def _field(entry: p.Value | p.Flags | p.Part | p.Identifier | p.Cursor | p.Word) -> str:
    match entry:
        case p.Identifier():
            return "id"
        case p.Cursor():
            return "cursor"
        case p.Word():
            return "__typename"
        case _:
            return entry.coordinate.partition(".")[2]


def _aliased(key: str, name: str) -> str:
    return key if key == name else f"{key}: {name}"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [f"\n{title}", *(f"    {line}" for line in found)] if found else []


def _rules(plan: p.Plan, entitlements: Entitlements | None) -> Iterator[str]:
    lines = {} if entitlements is None else _lines(entitlements)
    for rule in plan.rules:
        yield f"{rule} {lines[rule]}" if rule in lines else rule
    if plan.clauses:
        yield f"clauses of the notice: {', '.join(plan.clauses)}"
    if OWN_REPORTS in plan.scopes:
        yield "own reports: an entry of their own names their author by a pseudonym"


def _lines(entitlements: Entitlements) -> dict[str, str]:
    """Rule -> what its line says (coordinates of one line are told together)."""
    lines: dict[str, str] = {}
    coordinates: dict[str, set[str]] = {}
    for grants in (entitlements.read, entitlements.masked):
        for coordinate, held in grants.items():
            for line in held:
                coordinates.setdefault(line.rule, set()).add(coordinate)
                mask = f" as `{line.mask}`" if line.action == "read_masked" else ""
                lines[line.rule] = f"{line.action}{mask} in scope `{line.scope}` by clause {line.clause}"
    return {rule: f"{text}: {_together(coordinates[rule])}" for rule, text in lines.items()}


def _together(coordinates: set[str]) -> str:
    if len(coordinates) == 1:
        return next(iter(coordinates))
    return f"{min(coordinates).partition('.')[0]}.* ({len(coordinates)} coordinates)"


def _condition(name: str, formula: Formula) -> str:
    return f"{name} = " + "\n        ".join(_broken(formula))


def _broken(formula: Formula) -> Iterator[str]:
    """The formula on one line if it fits, else its parts on a line each."""
    text = formula_text(formula)
    if len(text) <= WIDTH or not isinstance(formula, And | Or):
        yield text
        return
    word = "and" if isinstance(formula, And) else "or"
    for number, part in enumerate(formula.parts):
        yield f"{'' if number == 0 else f'{word} '}{_inner(part)}"


def formula_text(formula: Formula) -> str:
    """``open_file and (under_16 or assisted)``; what the row itself must satisfy stands in brackets."""
    match formula:
        case Fact():
            return formula.name
        case Local(predicate):
            return f"[{predicate_text(predicate)}]"
        case Not(part):
            return f"not {_inner(part)}"
        case And(parts):
            return " and ".join(map(_inner, parts)) if parts else "always"
        case Or(parts):
            return " or ".join(map(_inner, parts)) if parts else "never"


def _inner(formula: Formula) -> str:
    text = formula_text(formula)
    return f"({text})" if isinstance(formula, And | Or) and len(formula.parts) > 1 else text


def _fact(fact: Fact) -> str:
    where = "" if fact.where == Truth(True) else f" with {predicate_text(fact.where)}"
    return f"{fact.name} = {fact.source} has a row of `{fact.relation}` for the same {fact.via}{where}"


def predicate_text(predicate: Predicate) -> str:
    """A condition on a row of one source: ``status in (PLANNED, ACTIVE) and providerUnit = :me``."""
    match predicate:
        case Truth(value):
            return "always" if value else "never"
        case Compare():
            return _comparison(predicate)
        case NotTrue(part):
            return f"not ({predicate_text(part)})"
        case All(parts):
            return " and ".join(f"({predicate_text(x)})" if isinstance(x, Some) else predicate_text(x) for x in parts)
        case Some(parts):
            return " or ".join(f"({predicate_text(x)})" if isinstance(x, All) else predicate_text(x) for x in parts)
        case Exists():
            joined = ", ".join(f"{inner} = its {outer}" for outer, inner in predicate.on)
            where = "" if predicate.where == Truth(True) else f" with {predicate_text(predicate.where)}"
            return f"a row of `{predicate.relation}` ({joined}){where}"


def _comparison(compare: Compare) -> str:
    operand = compare.operand
    if compare.operator == "null" and isinstance(operand, Constant):
        return f"{compare.column} is {'' if operand.value else 'not '}null"
    match operand:
        case Param(name):
            value = f":{name}"
        case Outer(column):
            value = f"outer {column}"
        case Constant(list(values)):
            value = f"({', '.join(map(str, values))})"
        case Constant(constant):
            value = str(constant).lower() if isinstance(constant, bool) else str(constant)
    return f"{compare.column} {SIGNS.get(compare.operator, compare.operator)} {value}"
