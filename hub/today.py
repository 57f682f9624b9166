"""Clock, Identity -> the parameters that every statement of a request may use: who asks, and the days that count.

Days, quarters and clocks are those of Asia/Shanghai.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Protocol

REMEMBERED: Final = 1_000


class Principal(Protocol):
    """Who asks, as far as scopes need it."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def division(self) -> str | None: ...  # noqa: D102


class Registers(Protocol):
    """A policy, as far as scopes need it."""

    @property
    def divisions(self) -> Iterable[str]: ...  # noqa: D102
    @property
    def institutions(self) -> Mapping[str, Institution]: ...  # noqa: D102


class Institution(Protocol):
    """A line of the hub's register of institutions."""

    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def bureau(self) -> str: ...  # noqa: D102


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or that month's last day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def years_ago(today: date) -> Callable[[int], str]:
    """The day so many years before today, as ISO 8601."""
    return lambda count: months_before(today, 12 * count).isoformat()


def last_quarter(today: date) -> str:
    """The first instant of the quarter before this one."""
    first = months_before(date(today.year, today.month, 1), (today.month - 1) % 3 + 3)
    return f"{first.isoformat()}T00:00:00+08:00"


def parks_of(towns: Mapping[str, str], divisions: Iterable[str], division: str | None) -> list[str]:
    """Codes of the industrial parks, and of what lies in them, whose reports go to the division.

    ``towns``: park -> the town that settings name for it, since a park has no government of its own.
    """
    own = tuple(park for park, town in towns.items() if town == division)
    return sorted(code for code in divisions if own and code.startswith(own))


@dataclass(frozen=True, slots=True, kw_only=True)
class Truancy:
    """Unexcused days ``running``, or in a ``term``, from which a child is truant; settings may say otherwise."""

    running: int = 3
    term: int = 10

    def bindings(self) -> Mapping[str, Any]:
        """As every statement may use them."""
        return {"truant_run": self.running, "truant_days": self.term}


USUAL: Final = Truancy()


def request_bindings(
    principal: Principal,
    institutions: Iterable[Institution],
    now: datetime,
    *,
    parks: Iterable[str] = (),
    truancy: Truancy = USUAL,
) -> Mapping[str, Any]:
    """The parameters; ``now`` is local to Asia/Shanghai, ``parks`` are those of the principal (``parks_of``)."""
    today = now.date()
    under = [f"mandatory_reporter:{found.code}" for found in institutions if found.bureau == principal.unit]
    return {
        "me": principal.key,
        "units": [principal.key, *under],
        "division": principal.division or "~none",
        "parks": list(parks),
        "today": today.isoformat(),
        "born_16": months_before(today, 12 * 16).isoformat(),
        "born_6": months_before(today, 12 * 6).isoformat(),
        "half_year_ago": months_before(today, 6).isoformat(),
        "year_ago": months_before(today, 12).isoformat(),
        "last_quarter": last_quarter(today),
        **truancy.bindings(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The parameters of a principal, and of what they were made: they hold for this policy on this day."""

    policy: Registers
    day: date
    bindings: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Bindings:
    """The parameters of principals, made once a policy and day: registers are long, and each batch needs them.

    ``parks``: as ``parks_of`` takes them.
    """

    parks: Mapping[str, str]
    truancy: Truancy = USUAL
    known: dict[str, Bound] = field(default_factory=dict)

    def of(self, principal: Principal, policy: Registers, now: datetime) -> Mapping[str, Any]:
        """``request_bindings`` of the principal; its key says its unit and division."""
        key, day = principal.key, now.date()
        bound = self.known.get(key)
        if bound is None or bound.policy is not policy or bound.day != day:
            parks = parks_of(self.parks, policy.divisions, principal.division)
            made = request_bindings(principal, policy.institutions.values(), now, parks=parks, truancy=self.truancy)
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            bound = self.known[key] = Bound(policy=policy, day=day, bindings=made)
        return bound.bindings
