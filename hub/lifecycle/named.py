"""Step, what is given, who gives it -> nothing, or a refusal: units and divisions that a writer names must exist.

Guarantee: a report lies in a division of this district, or nobody would ever see it; a file lies in its writer's own; a
unit that provides, is addressed or has reported is a principal of this hub, never free text.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.errors import RefusalError
from hub.identity import DIVISION_DIGITS, Identity
from hub.lifecycle.given import Given
from hub.lifecycle.guardianship import ADDRESSED
from hub.lifecycle.step import Step
from policies.policy import Policy

UNIT_KEYS = frozenset({"AssistanceRecord.providerUnit", "MandatoryReport.reporterUnit"})
ADDRESSEE = "ProcuratorialSupervision.targetUnit"
PLACE = "MandatoryReport.divisionCode"


def check_named(step: Step, given: Given, identity: Identity, policy: Policy) -> None:
    """Returns if everything named exists; INVALID_INPUT with the fields that name something else."""
    fields = [name for name, value in _values(given) if not _exists(name, value, step, identity, policy)]
    if fields:
        message = f"`{step.name}` names no unit, or no division that is open to it, in `{'`, `'.join(fields)}`"
        words = f"{step.zh}：所填单位或行政区划不存在，或不在您的辖区"
        raise RefusalError("INVALID_INPUT", message, messageZh=words, step=step.name, fields=fields)


def _values(given: Given) -> Iterator[tuple[str, str]]:
    for relation, rows in given.values.items():
        for row in rows:
            yield from ((f"{relation}.{name}", str(value)) for name, value in row.items() if value is not None)


def _exists(name: str, value: str, step: Step, identity: Identity, policy: Policy) -> bool:
    if name == f"{step.subject}.{step.within}":
        return value in policy.divisions and len(value) == 12 and value.startswith(identity.division or "-")
    if name == PLACE:
        return value in policy.divisions and len(value) > 6
    if name == ADDRESSEE and value.partition(":")[0] not in {actor.unit for actor in ADDRESSED}:
        return False
    return is_unit_key(value, policy) if name in UNIT_KEYS or name == ADDRESSEE else True


def is_unit_key(key: str, policy: Policy) -> bool:
    """Whether a principal of this hub has the key."""
    unit, colon, owner = key.partition(":")
    if unit not in policy.units:
        return False
    if unit in DIVISION_DIGITS:
        return owner in policy.divisions and len(owner) == DIVISION_DIGITS[unit]
    return owner in policy.institutions if unit == "mandatory_reporter" else not colon
