"""Formulas against brute force: every assignment of a few facts, every formula that hypothesis thinks of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.source import (
    ALWAYS,
    NEVER,
    All,
    Compare,
    Constant,
    Exists,
    Param,
    Predicate,
    Some,
    Truth,
)
from connectors.source import Not as NotTrue
from hub.planner.formula import (
    FALSE,
    TRUE,
    And,
    Fact,
    Formula,
    Local,
    Not,
    Or,
    both,
    cover,
    disjuncts,
    either,
    every,
    facts,
    implies,
    lacking,
    local_fact,
    member,
    negate,
    primary_facts,
    render,
    some,
    told_below,
    untrue,
)

HOME = "civil_affairs"
LOCALS = [Local(Compare(name, "eq", Constant(True))) for name in ("p", "q")]
FACTS = [
    Fact("own", HOME, "Guardian"),
    Fact("school", "education", "Enrolment"),
    Fact("court", "courts", "GuardianshipCase"),
    Fact("case", "courts", "CriminalCase", ALWAYS, "case"),
]
ATOMS: list[Formula] = [*LOCALS, *FACTS]
Truths = Mapping[str, bool]


def name_of(atom: Formula) -> str:
    if isinstance(atom, Fact):
        return atom.name
    assert isinstance(atom, Local) and isinstance(atom.predicate, Compare)
    return atom.predicate.column


ALL_TRUTHS: list[Truths] = [
    dict(zip(map(name_of, ATOMS), values, strict=True)) for values in product((False, True), repeat=len(ATOMS))
]


def truth(formula: Formula, truths: Truths) -> bool:
    """What the formula means, from its definition."""
    match formula:
        case And(parts):
            return all(truth(part, truths) for part in parts)
        case Or(parts):
            return any(truth(part, truths) for part in parts)
        case Not(part):
            return not truth(part, truths)
    return truths[name_of(formula)]


def holds(predicate: Predicate, truths: Truths) -> bool:
    """What a rendered predicate means: a comparison of column ``x`` is the truth of ``x``."""
    match predicate:
        case Truth(value):
            return value
        case Compare(column):
            return truths[column]
        case NotTrue(part):
            return not holds(part, truths)
        case All(parts):
            return all(holds(part, truths) for part in parts)
        case Some(parts):
            return any(holds(part, truths) for part in parts)
    raise AssertionError(predicate)


def known_but(unknown: frozenset[str]) -> Callable[[Fact], Predicate | None]:
    return lambda fact: None if fact.name in unknown else Compare(fact.name, "eq", Constant(True))


def rendered(formula: Formula, unknown: frozenset[str], *, optimistic: bool) -> Predicate:
    return render(formula, "Child", HOME, known_but(unknown), optimistic=optimistic)


atoms = st.sampled_from(ATOMS)
raw = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=8,
)
built = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: both(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: either(*parts)),
        inner.map(negate),
    ),
    max_leaves=8,
)
formulas = st.one_of(raw, built)
unknowns = st.frozensets(st.sampled_from([fact.name for fact in FACTS]))


@settings(deadline=None)
@given(formulas)
def test_possible_and_certain_agree_with_the_truth_when_every_fact_is_known(formula: Formula) -> None:
    for truths in ALL_TRUTHS:
        for optimistic in (False, True):
            assert holds(rendered(formula, frozenset(), optimistic=optimistic), truths) == truth(formula, truths)


@settings(deadline=None)
@given(formulas, unknowns)
def test_what_is_certain_is_true_and_what_is_true_is_possible_whatever_is_unknown(
    formula: Formula, unknown: frozenset[str]
) -> None:
    possible = rendered(formula, unknown, optimistic=True)
    certain = rendered(formula, unknown, optimistic=False)
    for truths in ALL_TRUTHS:
        assert holds(certain, truths) <= truth(formula, truths) <= holds(possible, truths)


@settings(deadline=None)
@given(formulas, unknowns)
def test_an_unknown_fact_is_never_asked_of_the_row(formula: Formula, unknown: frozenset[str]) -> None:
    for optimistic in (False, True):
        assert not columns(rendered(formula, unknown, optimistic=optimistic)) & unknown


def columns(predicate: Predicate) -> frozenset[str]:
    match predicate:
        case Compare(column):
            return frozenset({column})
        case NotTrue(part):
            return columns(part)
        case All(parts) | Some(parts):
            return frozenset().union(*map(columns, parts))
    return frozenset()


@settings(deadline=None)
@given(st.lists(formulas, max_size=4))
def test_both_and_either_mean_and_and_or(parts: list[Formula]) -> None:
    for truths in ALL_TRUTHS:
        assert truth(both(*parts), truths) == all(truth(part, truths) for part in parts)
        assert truth(either(*parts), truths) == any(truth(part, truths) for part in parts)


def test_of_two_parts_that_say_the_same_one_stays() -> None:
    own, school = FACTS[0], FACTS[1]
    assert either(both(own, school), both(school, own)) == both(own, school)
    assert either(own, both(own, school)) == own
    assert either(both(own, school), own) == own


@settings(deadline=None)
@given(formulas)
def test_negate_means_not_and_twice_is_nothing(formula: Formula) -> None:
    assert all(truth(negate(formula), truths) != truth(formula, truths) for truths in ALL_TRUTHS)
    assert truth_table(negate(negate(formula))) == truth_table(formula)


def truth_table(formula: Formula) -> list[bool]:
    return [truth(formula, truths) for truths in ALL_TRUTHS]


@settings(deadline=None)
@given(formulas, formulas)
def test_what_is_seen_to_follow_does_follow(premise: Formula, conclusion: Formula) -> None:
    if implies(premise, conclusion):
        assert all(truth(premise, truths) <= truth(conclusion, truths) for truths in ALL_TRUTHS)


@settings(deadline=None)
@given(formulas, formulas)
def test_a_part_is_seen_to_follow_from_the_whole_and_the_union_from_a_part(one: Formula, other: Formula) -> None:
    """What the planner leans on: a column open in all rows that exist needs no condition."""
    union = either(one, other)
    if one not in (TRUE, FALSE) and other not in (TRUE, FALSE) and union != TRUE and not isinstance(one, Or):
        assert implies(one, union)


@settings(deadline=None)
@given(built)
def test_disjuncts_say_the_same_as_the_formula(formula: Formula) -> None:
    conjunctions = list(disjuncts(formula))
    for truths in ALL_TRUTHS:
        said = any(all(truth(part, truths) for part in conjunction) for conjunction in conjunctions)
        assert said == truth(formula, truths)


@settings(deadline=None)
@given(built)
def test_a_part_of_a_disjunct_is_of_the_row_alone_or_of_the_child_alone(formula: Formula) -> None:
    for conjunction in disjuncts(formula):
        for part in conjunction:
            inner = part.part if isinstance(part, Not) else part
            assert isinstance(inner, Local | Fact) or not any(of_row(atom) for atom in atoms_of(part))


def of_row(atom: Formula) -> bool:
    return isinstance(atom, Local) or (isinstance(atom, Fact) and atom.via != "child")


def atoms_of(formula: Formula) -> Iterator[Formula]:
    match formula:
        case And(parts) | Or(parts):
            for part in parts:
                yield from atoms_of(part)
        case Not(part):
            yield from atoms_of(part)
        case _:
            yield formula


@settings(deadline=None)
@given(formulas)
def test_facts_asked_first_are_those_without_which_no_row_is_certain(formula: Formula) -> None:
    elsewhere = frozenset(fact for fact in facts(formula) if fact.source != HOME)
    certain = rendered(formula, frozenset(fact.name for fact in elsewhere), optimistic=False)
    never = not any(holds(certain, truths) for truths in ALL_TRUTHS)
    first = primary_facts(formula, HOME)
    assert first in (frozenset(), elsewhere)
    if first:
        assert never


def test_a_row_that_its_own_source_can_settle_waits_for_nobody() -> None:
    own, school = FACTS[0], FACTS[1]
    assert primary_facts(either(own, school), HOME) == frozenset()
    assert primary_facts(either(negate(own), school), HOME) == frozenset()
    assert primary_facts(both(own, school), HOME) == {school}
    assert primary_facts(school, "education") == frozenset()


def test_what_is_asked_first_in_any_case_may_make_a_row_certain_without_the_rest() -> None:
    own, school, other = FACTS[0], FACTS[1], next(fact for fact in FACTS[2:] if fact.source != HOME)
    assert primary_facts(both(school, either(own, other)), HOME) == {school, other}
    assert primary_facts(both(school, either(own, other)), HOME, frozenset({school})) == frozenset()
    assert primary_facts(both(school, other), HOME, frozenset({school})) == {school, other}


@settings(deadline=None)
@given(formulas)
def test_what_lacks_a_fact_is_never_certain_without_it(formula: Formula) -> None:
    lacks = lacking(formula, HOME)
    assert all(fact.source != HOME for fact in lacks) and lacks <= facts(formula)
    certain = rendered(formula, frozenset(fact.name for fact in lacks), optimistic=False)
    assert not lacks or not any(holds(certain, truths) for truths in ALL_TRUTHS)


@settings(deadline=None)
@given(formulas)
def test_wherever_a_formula_holds_a_fact_of_its_cover_does(formula: Formula) -> None:
    found = cover(formula, HOME)
    assert found is None or all(fact.source != HOME and fact.via == "child" for fact in found)
    assert found is None or not any(
        truth(formula, truths) and not any(truths[fact.name] for fact in found) for truths in ALL_TRUTHS
    )


def test_the_smallest_of_several_covers_is_taken() -> None:
    own, school, court, case = FACTS
    assert cover(both(own, school, either(school, court)), HOME) == frozenset({school})
    assert cover(either(both(own, school), court), HOME) == frozenset({school, court})
    assert cover(either(own, school), HOME) is None
    assert cover(either(case, school), HOME) is None  # of a case there may be several children
    assert cover(negate(school), HOME) is None


def test_of_several_ways_one_that_lacks_nothing_may_do() -> None:
    own, school, court = FACTS[:3]
    current, of_age = either(own, court), LOCALS[0]
    assert lacking(both(current, either(of_age, school)), HOME) == frozenset()
    assert lacking(both(current, school), HOME) == {school}
    assert lacking(either(both(current, of_age), both(current, school)), HOME) == frozenset()
    assert lacking(either(court, both(own, school)), HOME) == {court, school}
    assert lacking(negate(either(own, court)), HOME) == {court}
    assert lacking(negate(both(own, court)), HOME) == frozenset()


@settings(deadline=None)
@given(formulas, formulas, unknowns)
def test_below_a_file_that_exists_no_row_is_hidden_among_those_that_are_told(
    premise: Formula, conclusion: Formula, unknown: frozenset[str]
) -> None:
    elsewhere = frozenset(fact for fact in FACTS if fact.name in unknown and fact.source != HOME)
    if not told_below(premise, conclusion, elsewhere):
        return
    of_rows = {name_of(atom) for atom in ATOMS if of_row(atom)}
    possible = rendered(conclusion, frozenset(fact.name for fact in elsewhere), optimistic=True)
    for of_file, of_row_below in product(ALL_TRUTHS, repeat=2):
        if any(of_file[name] != of_row_below[name] for name in of_file.keys() - of_rows):
            continue  # what is said of the child is said of both
        if truth(premise, of_file):
            assert holds(possible, of_row_below) == truth(conclusion, of_row_below)


def test_what_holds_of_each_file_that_exists_is_not_wanting_below_it() -> None:
    own, school, court = FACTS[:3]
    current, of_age = either(own, court), LOCALS[0]
    seen = either(both(current, of_age), both(current, school))
    assert told_below(seen, both(current, school), frozenset({court}))
    assert not told_below(seen, both(current, school), frozenset({court, school}))
    assert not told_below(either(of_age, school), both(current, school), frozenset({court}))
    assert not told_below(both(of_age, school), both(of_age, court), frozenset({court}))


def test_facts_of_the_own_source_are_looked_for_by_its_own_key() -> None:
    register = Exists("Guardian", (("_register", "_register"),), ALWAYS)
    assert local_fact(FACTS[0], "Child") == register
    assert local_fact(FACTS[1], "DropoutRecord") == Exists("Enrolment", (("_person", "_person"),), ALWAYS)
    assert local_fact(FACTS[3], "CriminalCase") == Exists("CriminalCase", (("_case", "_case"),), ALWAYS)
    file = Fact("file", HOME, "Child", Compare("_open", "eq", Constant(True)))
    assert local_fact(file, "Child") == file.where


def test_facts_of_another_source_are_membership_by_register_or_by_number_and_person() -> None:
    school = FACTS[1]
    assert member(school, HOME) == Compare("_register", "in", Param("school.register"))
    assert member(school, "hub") == Compare("_register", "in", Param("school.register"))
    number, person = Param("school.citizen"), Param("school.person")
    assert member(school, "courts") == Some((Compare("_citizen", "in", number), Compare("_person", "in", person)))
    assert member(FACTS[3], "public_security") == Compare("_case", "in", Param("case.case"))


predicates = st.recursive(
    st.sampled_from([ALWAYS, NEVER, *(local.predicate for local in LOCALS)]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(every), st.lists(inner, max_size=3).map(some), inner.map(untrue)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(predicates, max_size=4))
def test_simplified_predicates_mean_what_their_parts_mean(parts: list[Predicate]) -> None:
    for truths in ALL_TRUTHS:
        assert holds(every(parts), truths) == all(holds(part, truths) for part in parts)
        assert holds(some(parts), truths) == any(holds(part, truths) for part in parts)
        assert all(holds(untrue(part), truths) != holds(part, truths) for part in parts)


def test_never_swallows_a_conjunction_and_always_a_disjunction() -> None:
    part = LOCALS[0].predicate
    assert every([part, NEVER]) == NEVER
    assert some([part, ALWAYS]) == ALWAYS
    assert every([]) == ALWAYS
    assert some([]) == NEVER
    assert every([part, part]) == part
