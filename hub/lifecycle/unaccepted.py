"""Step, outage -> the same outage in words: a report that does not arrive says so, with the numbers to call.

A child may be in danger: who reports must know at once that nobody has taken the report, and what to do instead.
"""

from __future__ import annotations

from typing import Final

from hub.errors import HubError, OutageError
from hub.lifecycle.step import Step

EMERGENCY: Final = "110"


def unaccepted(step: Step, outage: HubError, duty_phone: str, *, open_: bool = False) -> HubError:
    """The outage; of a report, with ``accepted`` (false: it is not; null: that cannot be told now) and telephones."""
    if not step.reports or not isinstance(outage, OutageError):
        return outage
    # An intent that nobody could settle may still turn out to have been written; the key makes a second try safe.
    held = bool(outage.facts.get("held"))
    open_ = open_ or held or bool(outage.facts.get("open"))
    called = "、".join(dict.fromkeys((EMERGENCY, duty_phone)))
    numbers = f"`{EMERGENCY}`" if duty_phone == EMERGENCY else f"`{EMERGENCY}` or `{duty_phone}`"
    zh, en = _words(open_=open_, held=held)
    return OutageError(
        outage.code,
        f"{outage.message}; {en}: call {numbers}, and send it again under the same key",
        **{
            **{name: fact for name, fact in outage.facts.items() if name != "open"},
            "messageZh": f"{zh}。请立即拨打 {called}，并以同一幂等键重新提交",
            "accepted": None if open_ else False,
            "emergencyPhone": EMERGENCY,
            "dutyPhone": duty_phone,
        },
    )


def _words(*, open_: bool, held: bool) -> tuple[str, str]:
    if held:
        zh = "公安机关尚未收到报告，平台已加密保存，恢复后自动送达"
        return zh, "the police have not got the report yet, it is held and will be delivered"
    if open_:
        return "目前无法确认报告已被受理", "it cannot be told now whether the report was accepted"
    return "报告未被受理", "the report was not accepted"
