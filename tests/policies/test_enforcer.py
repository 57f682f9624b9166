"""Casbin, kept from saying yes by accident."""

from __future__ import annotations

import threading

import pytest
from casbin.core_enforcer import EnforceContext

from policies.enforcer import Enforcer, ModelError
from policies.rules import Rule

from .conftest import FOLDER

MODEL = (FOLDER / "model.conf").read_text("utf-8")


def rule(coordinate: str = "Child.name", unit: str = "u", purpose: str = "p", action: str = "read") -> Rule:
    return Rule(unit=unit, purpose=purpose, coordinate=coordinate, action=action, scope="all", mask="", rule="u:2")


def test_a_rule_allows_what_it_says_and_nothing_like_it() -> None:
    enforcer = Enforcer(MODEL, [rule()])
    assert enforcer.enforce("u", "p", "Child.name", "read")
    for other in ("Child.nameX", "Child.*", "Child.name.secret", "child.name", "Child_name", "Child.", "Child.name "):
        assert not enforcer.enforce("u", "p", other, "read")
    assert not enforcer.enforce("v", "p", "Child.name", "read")
    assert not enforcer.enforce("u", "q", "Child.name", "read")
    assert not enforcer.enforce("u", "p", "Child.name", "read_masked")


def test_a_rule_text_is_never_a_pattern_or_code() -> None:
    enforcer = Enforcer(MODEL, [rule("Child.*"), rule(".*"), rule("True || 1 == 1")])
    assert not enforcer.enforce("u", "p", "Child.name", "read")


def test_without_rules_everything_is_denied_blanks_included() -> None:
    enforcer = Enforcer(MODEL, [])
    assert not enforcer.enforce("u", "p", "Child.name", "read")
    assert not enforcer.enforce("", "", "", "")


def test_the_matcher_itself_is_false_where_casbin_puts_blanks_for_a_rule() -> None:
    enforcer = Enforcer(MODEL, [])
    assert not enforcer._casbin.enforce("", "", "", "")


def test_casbins_own_context_object_is_no_unit() -> None:
    enforcer = Enforcer(MODEL, [rule()])
    assert not enforcer.enforce(EnforceContext("r", "p", "e", "m"), "u", "p", "Child.name")


def test_a_disabled_enforcer_denies() -> None:
    enforcer = Enforcer(MODEL, [rule()])
    enforcer._casbin.enable_enforce(False)
    assert not enforcer.enforce("u", "p", "Child.name", "read")
    assert not enforcer.enforce("nobody", "p", "Child.name", "read")


def test_the_rules_held_are_the_rules_given() -> None:
    rules = [rule(), rule("Child.sex"), rule(unit="v"), rule(purpose="q"), rule(action="update")]
    assert sorted(Enforcer(MODEL, rules).rules()) == sorted(rules)


def test_a_rule_given_twice_is_refused() -> None:
    with pytest.raises(ModelError, match="`u:2` stands twice"):
        Enforcer(MODEL, [rule(), rule()])


def test_threads_asking_at_once_do_not_see_each_others_rules() -> None:
    enforcer = Enforcer(MODEL, [rule(f"Child.f{number}", unit=f"u{number}") for number in range(4)])
    wrong: list[tuple[int, int]] = []

    def ask(own: int) -> None:
        for turn in range(300):
            other = turn % 4
            if enforcer.enforce(f"u{own}", "p", f"Child.f{other}", "read") != (own == other):
                wrong.append((own, other))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("some(where (p.eft == allow))", "!some(where (p.eft == deny))", "unknown effect"),
        ("some(where (p.eft == allow))", "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "effect"),
        ("some(where (p.eft == allow))", "some(where (p.eft == alow))", "unknown effect"),
        ("some(where (p.eft == allow))", "priority(p.eft) || deny", "unknown effect"),
        ("r.coordinate == p.coordinate", "keyMatch(r.coordinate, p.coordinate)", "equality"),
        ("r.coordinate == p.coordinate", "regexMatch(r.coordinate, p.coordinate)", "equality"),
        ("r.coordinate == p.coordinate", "eval(p.coordinate)", "equality"),
        ("r.coordinate == p.coordinate", "r.coordinate != p.coordinate", "equality"),
        ("r.coordinate == p.coordinate", "r.coordinate == r.coordinate", "equality"),
        ("r.coordinate == p.coordinate && ", "", "equality"),
        ("r.purpose == p.purpose &&", "r.purpose == p.purpose ||", "equality"),
        (' && p.eft == "allow"', "", "equality"),
        ('p.eft == "allow"', 'p.eft == "deny"', "equality"),
        ("m = ", "m = True || ", "equality"),
        ("m = ", "m = (", "equality"),
        ("p = unit, purpose, ", "p = unit, ", "`p` is not"),
        ("r = unit, purpose, ", "r = purpose, unit, ", "`r` is not"),
        ("[policy_effect]", "[policy_effects]", "holds other than"),
        ("[matchers]", "[role_definition]\ng = _, _\n[matchers]", "roles"),
        ("r = unit, purpose, coordinate, action", "nonsense", "cannot be read"),
    ],
)
def test_any_other_model_is_refused(old: str, new: str, complaint: str) -> None:
    assert old in MODEL
    with pytest.raises(ModelError, match=complaint):
        Enforcer(MODEL.replace(old, new), [rule()])


@pytest.mark.parametrize("text", ["", "garbage", "[request_definition]\n", "\0", MODEL[: len(MODEL) // 2]])
def test_a_model_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        Enforcer(text, [rule()])
