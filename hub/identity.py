"""HTTP headers -> Identity: who asks, for what, and under which case; from a verified credential, never a free header.

The token is verified first (``hub/credential.py``); then ``declare`` checks what it says of the principal, and what the
request declares, against the policy of the moment.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from hub.credential import Credential, header, unauthenticated
from hub.errors import RefusalError

DIVISION_DIGITS = {"town_government": 9, "village_committee": 12}
"""Units that stand for one division each, with the digits of its code."""
PARKS = "1201144"
"""Prefix of the industrial parks: divisions with no town government and no village committee (domain model, 11)."""
INSTITUTION_UNITS = frozenset({"mandatory_reporter"})
"""Units that stand for one institution each."""


class Registry(Protocol):
    """What the policy of the moment knows of principals and purposes."""

    @property
    def units(self) -> Container[str]:
        """Codes of units."""
        ...

    @property
    def purposes(self) -> Mapping[str, Any]:
        """Codes of purposes."""
        ...

    @property
    def institutions(self) -> Container[str]:
        """Codes of institutions that must report."""
        ...

    @property
    def divisions(self) -> Container[str]:
        """Codes of divisions."""
        ...

    def case_required(self, purpose: str) -> bool:
        """Whether the purpose needs a case reference."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks (unit, of which division or institution, by which client and operator) and for what."""

    client: str
    unit: str
    operator: str
    division: str | None = None
    institution: str | None = None
    purpose: str
    purposes: tuple[str, ...]
    case: str | None = None
    expires_at: int

    @property
    def key(self) -> str:
        """The unit key: the principal."""
        owner = self.division or self.institution
        return f"{self.unit}:{owner}" if owner else self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a request declares beside its credential, as it came; ``declared`` reads it from headers."""

    purpose: str | None
    case: str | None
    denied: Literal["refuse", "null"] = "refuse"


def declared(headers: Mapping[str, str]) -> Declaration:
    """What ``Hub-Purpose``, ``Hub-Case`` and ``Hub-On-Denied`` say."""
    denied = (header(headers, "hub-on-denied") or "refuse").strip().lower()
    if denied not in {"refuse", "null"}:
        raise RefusalError("INVALID_INPUT", "`Hub-On-Denied` must be `refuse` or `null`", header="Hub-On-Denied")
    purpose = (header(headers, "hub-purpose") or "").strip()
    case = _text(header(headers, "hub-case") or "").strip()
    return Declaration(purpose=purpose or None, case=case or None, denied=cast('Literal["refuse", "null"]', denied))


def _text(value: str) -> str:
    """Headers reach us as latin-1; a case reference such as `（2017）津0114民初1号` is UTF-8 in truth."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return value


def declare(credential: Credential, declaration: Declaration, registry: Registry, case_pattern: str) -> Identity:
    """The identity of a request; raises UNAUTHENTICATED, PURPOSE_REQUIRED, PURPOSE_NOT_ALLOWED or CASE_REQUIRED.

    A credential whose unit, division or institution the policy no longer knows is no credential.
    """
    _check_principal(credential, registry)
    purpose = _allowed_purpose(credential, declaration.purpose, registry)
    return Identity(
        client=credential.client,
        unit=credential.unit,
        operator=credential.operator,
        division=credential.division,
        institution=credential.institution,
        purpose=purpose,
        purposes=credential.purposes,
        case=_checked_case(purpose, declaration.case, registry, case_pattern),
        expires_at=credential.expires_at,
    )


def _check_principal(credential: Credential, registry: Registry) -> None:
    if credential.unit not in registry.units:
        raise unauthenticated(f"the unit `{credential.unit}` of the token is not a unit of this hub")
    check_division(credential.unit, credential.division, registry)
    check_institution(credential.unit, credential.institution, registry)


def check_division(unit: str, division: str | None, registry: Registry) -> None:
    """That the unit has a division if, and only if, it must, and that it exists."""
    digits = DIVISION_DIGITS.get(unit)
    if digits is None:
        if division is not None:
            raise unauthenticated(f"the unit `{unit}` has no `division`, only towns and villages do")
        return
    if division is None:
        raise unauthenticated(f"the token of `{unit}` must say `division`: a code of {digits} digits")
    if (
        len(division) != digits
        or not division.isdecimal()
        or division not in registry.divisions
        or division.startswith(PARKS)
    ):
        raise unauthenticated(
            f"the `division` of `{unit}` must be the code, of {digits} digits, of a division in force"
        )


def check_institution(unit: str, institution: str | None, registry: Registry) -> None:
    """That the unit has an institution if, and only if, it must, and that it exists."""
    if unit not in INSTITUTION_UNITS:
        if institution is not None:
            raise unauthenticated(f"the unit `{unit}` has no `institution`, only mandatory reporters do")
        return
    if institution is None:
        raise unauthenticated(f"the token of `{unit}` must say `institution`: the code of a registered institution")
    if institution not in registry.institutions:
        raise unauthenticated("the `institution` of the token is not in the register of institutions")


def _allowed_purpose(credential: Credential, purpose: str | None, registry: Registry) -> str:
    if purpose in credential.purposes and purpose in registry.purposes:
        return purpose
    held = [name for name in credential.purposes if name in registry.purposes]
    choice = ", ".join(f"`{name}`" for name in held) or "none that this hub knows"
    if purpose is None:
        raise RefusalError(
            "PURPOSE_REQUIRED", f"no purpose: send `Hub-Purpose`, your credential allows {choice}", purposes=held
        )
    if purpose not in registry.purposes:
        raise RefusalError(
            "PURPOSE_NOT_ALLOWED",
            f"`Hub-Purpose` is not a known purpose, your credential allows {choice}",
            purposes=held,
        )
    if purpose not in held:
        raise RefusalError(
            "PURPOSE_NOT_ALLOWED",
            f"the purpose `{purpose}` is not in your credential, it allows {choice}",
            purpose=purpose,
            purposes=held,
        )
    return purpose


def _checked_case(purpose: str, case: str | None, registry: Registry, pattern: str) -> str | None:
    if case is None:
        if registry.case_required(purpose):
            raise RefusalError(
                "CASE_REQUIRED", f"the purpose `{purpose}` needs a case reference: send `Hub-Case`", purpose=purpose
            )
        return None
    if not re.fullmatch(pattern, case):
        raise RefusalError("INVALID_INPUT", "`Hub-Case` does not have the form of a case reference", header="Hub-Case")
    return case
