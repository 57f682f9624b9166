"""A right asked for -> the answer with its reason: which line allowed it, or what is wanted and whom to ask.

A decision speaks of a unit, a purpose and a coordinate, never of a row or a value: its words may be shown and logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Reason = Literal["granted", "other_purpose", "masked_only", "other_action", "not_granted", "unknown"]

ASK_ZH = "如工作确需，请向联席会议牵头单位区民政局的策略管理岗提出申请，写明用途和《实施意见》条款"
ASK_EN = (
    "ask the policy office at the lead unit, the civil affairs bureau, naming the purpose and the clause of the notice"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one line of a grants file gives over one coordinate.

    ``mask`` is ``none`` for everything but ``read_masked``; ``implied`` marks the ``aggregate`` that ``read`` brings.
    """

    rule: str
    unit: str
    coordinate: str
    action: str
    scope: str
    mask: str
    purposes: tuple[str, ...]
    clause: str
    quote: str
    file: str
    line: int
    implied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether ``unit`` may do ``action`` with ``coordinate`` for ``purpose``; rows are judged by the grants' scopes.

    ``grants`` are those that allow it. ``near`` are, for a refusal, the unit's own grants that come closest: those for
    another purpose, else masked ones for this purpose, else those of another action. ``clause`` is what the answer
    rests on: the clauses of these grants, or of the unit's duty.
    """

    unit: str
    purpose: str
    coordinate: str
    action: str
    reason: Reason
    grants: tuple[Grant, ...] = ()
    near: tuple[Grant, ...] = ()
    clause: str

    @property
    def allowed(self) -> bool:
        """Whether some grant allows it."""
        return bool(self.grants)

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that allow it, or that come closest."""
        return tuple(grant.rule for grant in self.grants or self.near)

    @property
    def wanted(self) -> str:
        """The line that would be wanted, ready to be judged by the policy office."""
        mask = "<mask>" if self.action == "read_masked" else ""
        return f"{self.unit},{self.coordinate},{self.action},<scope>,{mask},{self.purpose}"

    @property
    def sentence(self) -> str:
        """The answer in one English sentence."""
        asked = f"`{self.action}` of `{self.coordinate}` by `{self.unit}` for `{self.purpose}`"
        if self.allowed:
            scopes = " or ".join(f"`{grant.scope}` (rule `{grant.rule}`)" for grant in self.grants)
            return f"{asked} is granted in scope {scopes} by clause {self.clause}"
        return f"{asked} is not granted{self._nearest()}; {ASK_EN}"

    @property
    def sentence_zh(self) -> str:
        """The answer in one Chinese sentence."""
        asked = f"`{self.unit}` 为 `{self.purpose}` 对 `{self.coordinate}` 的 `{self.action}`"
        if self.allowed:
            scopes = "、".join(f"`{grant.scope}`（规则 `{grant.rule}`）" for grant in self.grants)
            return f"{asked} 已授权，范围 {scopes}，依据条款 {self.clause}"
        return f"{asked} 未授权{self._nearest_zh()}；{ASK_ZH}"

    def facts(self) -> Mapping[str, Any]:
        """For the ``extensions`` of an error: coordinate, rule wanted, nearest rules, clause and how to ask."""
        return {
            "coordinate": self.coordinate,
            "reason": self.reason,
            "wanted": self.wanted,
            "rules": list(self.rules),
            "clause": self.clause,
            "ask": ASK_ZH,
        }

    def _nearest(self) -> str:
        rules = ", ".join(f"`{rule}`" for rule in self.rules)
        return {
            "other_purpose": f": {rules} grants it for {self._purposes()} only",
            "masked_only": f" in clear: {rules} grants it masked",
            "other_action": f": {rules} grants {', '.join(f'`{a}`' for a in self._actions())} only",
            "unknown": ": there is no such unit, purpose, coordinate or action",
        }.get(self.reason, "")

    def _nearest_zh(self) -> str:
        rules = "、".join(f"`{rule}`" for rule in self.rules)
        return {
            "other_purpose": f"：{rules} 只为 {self._purposes()} 授权",
            "masked_only": f"：{rules} 只授权脱敏后读取",
            "other_action": f"：{rules} 只授权 {'、'.join(f'`{a}`' for a in self._actions())}",
            "unknown": "：没有这样的单位、用途、字段或操作",
        }.get(self.reason, "")

    def _purposes(self) -> str:
        return ", ".join(f"`{purpose}`" for purpose in sorted({p for grant in self.near for p in grant.purposes}))

    def _actions(self) -> list[str]:
        return sorted({grant.action for grant in self.near})
