"""Unit, division, institution, purposes as typed -> a token of the dev issuer, or words on what would be right."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hub.commands.outcome import MISCONFIGURED, Failure
from hub.errors import RefusalError
from hub.identity import check_division, check_institution
from hub.service import read_policy
from hub.settings import Settings
from hub.tokens import open_issuer
from policies.policy import Policy


def known_unit(policy: Policy, unit: str) -> None:
    """That there is such a unit; raises ``Failure`` naming those that there are."""
    if unit not in policy.units:
        units = ", ".join(f"`{code}`" for code in policy.units)
        raise Failure(f"there is no unit `{unit}`; units are {units}", MISCONFIGURED)


def check_unit(policy: Policy, unit: str, division: str | None, institution: str | None) -> None:
    """That there is such a principal; raises ``Failure`` saying what would be right."""
    known_unit(policy, unit)
    try:
        check_division(unit, division, policy)
        check_institution(unit, institution, policy)
    except RefusalError as error:
        hint = {"town_government": " (`--division 120114101`)", "village_committee": " (`--division 120114101204`)"}
        raise Failure(error.message + hint.get(unit, ""), MISCONFIGURED) from None


def purposes_of(policy: Policy, unit: str) -> tuple[str, ...]:
    """Every purpose under which the unit holds some right."""
    return tuple(dict.fromkeys(purpose for held, purpose, _, _ in policy.sets() if held == unit))


def check_purposes(policy: Policy, purposes: Sequence[str]) -> None:
    """That the policy knows them all."""
    for purpose in purposes:
        if purpose not in policy.purposes:
            known = ", ".join(f"`{code}`" for code in policy.purposes)
            raise Failure(f"there is no purpose `{purpose}`; purposes are {known}", MISCONFIGURED)


def dev_token(
    settings: Settings,
    unit: str,
    *,
    purposes: Sequence[str] = (),
    division: str | None = None,
    institution: str | None = None,
    operator: str = "dev",
    seconds: int | None = None,
    policy: Policy | None = None,
) -> str:
    """A token for the principal; without purposes, for every one under which the unit holds a right."""
    policy = policy or read_policy(settings)
    check_unit(policy, unit, division, institution)
    check_purposes(policy, purposes)
    longest = settings.credentials.lifetime
    if seconds is not None and not 0 < seconds <= longest:
        raise Failure(f"a token lives from 1 to {longest // 60} minutes (`credentials.lifetime`)", MISCONFIGURED)
    issuer = open_issuer(settings.keys, issuer=settings.credentials.issuer, audience=settings.credentials.audience)
    return issuer.issue(
        unit,
        tuple(purposes) or purposes_of(policy, unit),
        operator=operator,
        now=int(time.time()),
        seconds=seconds or longest,
        division=division,
        institution=institution,
    )
