"""Model text and exact rules -> yes or no: the only file that knows Casbin, and the only source of rights.

An enforcer is built whole and never changed, so a reload is a new one. What could make Casbin say yes by accident (a
matcher with patterns, code or ``or``; an effect other than "some rule allows"; roles; a disabled enforcer; blanks where
no rule is at hand) is refused when the model is read, or cannot be reached.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterable, Iterator

from casbin import FastEnforcer
from casbin.model import FastModel

from policies.rules import Rule

REQUEST = ("unit", "purpose", "coordinate", "action")
"""What is asked."""

POLICY = (*REQUEST, "scope", "mask", "rule", "eft")
"""What a rule holds; the effect is always ``allow``."""

EFFECT = "some(where (p_eft == allow))"

# Rules are found by unit and coordinate before the matcher runs. Casbin lists what it holds only for two such keys.
_KEYS = [REQUEST.index("unit"), REQUEST.index("coordinate")]


class ModelError(Exception):
    """The model is not the one model that is safe here; the message says in what."""


class Enforcer:
    """Casbin over one set of rules.

    ``enforce`` costs tens of microseconds and is never on the way of a request; sets compiled from ``rules`` are.
    """

    def __init__(self, model: str, rules: Iterable[Rule]) -> None:
        parsed = _model(model)
        held = parsed["p"]["p"].policy
        for rule in rules:
            values = (*(getattr(rule, name) for name in POLICY[:-1]), "allow")
            if values in held:
                raise ModelError(f"rule `{rule.rule}` stands twice")
            # Not `add_policy`, which counts all rules at each one.
            held.append(values)
        self._casbin = FastEnforcer(parsed, cache_key_order=_KEYS)
        # Casbin narrows its rules to the request in place; two threads at once would see each other's.
        self._turn = threading.Lock()

    def enforce(self, unit: str, purpose: str, coordinate: str, action: str) -> bool:
        """Whether some rule allows it."""
        asked = (unit, purpose, coordinate, action)
        # INVARIANT 4: default deny. A blank, or Casbin's own context object as first word, never reaches the matcher.
        if not all(type(word) is str and word for word in asked) or not self._casbin.enabled:
            return False
        with self._turn:
            return bool(self._casbin.enforce(*asked))

    def rules(self) -> Iterator[Rule]:
        """Every rule as Casbin holds it, in no order."""
        with self._turn:
            held = [tuple(values) for values in self._casbin.get_policy()]
        for values in held:
            yield Rule(**dict(zip(POLICY[:-1], values[:-1], strict=True)))


def _model(text: str) -> FastModel:
    """The model, once it is known to be harmless."""
    model = FastModel(_KEYS)
    try:
        model.load_model_from_text(text)
        shape = {section: sorted(model[section]) for section in model.keys()}  # noqa: SIM118
    except Exception as error:  # Casbin raises whatever its parser happens to meet
        raise ModelError("cannot be read as a Casbin model") from error
    if shape != {"r": ["r"], "p": ["p"], "e": ["e"], "m": ["m"]}:
        raise ModelError("holds other than one each of request, policy, effect and matcher; roles are not used")
    for section, names in (("r", REQUEST), ("p", POLICY)):
        if model[section][section].tokens != [f"{section}_{name}" for name in names]:
            raise ModelError(f"`{section}` is not `{', '.join(names)}`")
    if model["e"]["e"].value != EFFECT:
        raise ModelError(f"unknown effect `{model['e']['e'].value}`, not `{EFFECT}`")
    if _compared(model["m"]["m"].value) != _WANTED:
        raise ModelError("the matcher is not plain equality of unit, purpose, coordinate and action, and of `allow`")
    return model


_WANTED = {frozenset({f"r_{name}", f"p_{name}"}) for name in REQUEST} | {frozenset({"p_eft", "'allow'"})}


def _compared(matcher: str) -> set[frozenset[str]] | None:
    """Pairs compared by a matcher that is a conjunction of equalities; None for anything else."""
    try:
        tree = ast.parse(matcher.replace("&&", " and "), mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(tree, ast.BoolOp) or not isinstance(tree.op, ast.And):
        return None
    pairs = set()
    for part in tree.values:
        if not isinstance(part, ast.Compare) or [type(operator) for operator in part.ops] != [ast.Eq]:
            return None
        pairs.add(frozenset({ast.unparse(part.left), ast.unparse(part.comparators[0])}))
    return pairs
