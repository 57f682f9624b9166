"""Words of the pages on which units work, Chinese and English side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DESK: Final[Mapping[str, tuple[str, str]]] = {
    "desk_title": ("武清区农村留守儿童数据共享平台", "Wuqing data-sharing hub"),
    "duty": ("待办事项", "Duty"),
    "report_page": ("强制报告", "Report"),
    "desk_token_help": (
        "粘贴本单位客户端签发的令牌。令牌不会保存，15 分钟不操作即退出。",
        "Paste the token that your client issued. It is not kept; 15 idle minutes sign you out.",
    ),
    "not_for_auditors": (
        "审计人员请使用审计台，本页仅供成员单位使用。",
        "Auditors use the audit console; these pages are for member units.",
    ),
    "no_purpose": (
        "该令牌没有本平台可用的目的，请联系本单位管理员。",
        "The token has no purpose that this hub knows: ask your administrator.",
    ),
    "choose_purpose": ("选择本次访问目的", "Choose your purpose"),
    "choose_purpose_help": (
        "每次查询都按所选目的授权并记入日志；可随时更换。",
        "Each query is authorised for this purpose and logged under it; you can change it at any time.",
    ),
    "case_help": (
        "仅“法律监督”等目的必填，只以化名记入日志。",
        "Needed for some purposes, such as legal supervision; logged as a pseudonym alone.",
    ),
    "case_needed": ("该目的须填写办案编号，格式见本单位案号规则。", "This purpose needs a well-formed case reference."),
    "change_purpose": ("更换目的", "Change purpose"),
    "begin_work": ("开始", "Go on"),
    "in_danger": ("儿童正面临危险，请立即拨打 {0}", "A child is in danger now? Call {0}"),
    "desk_down": (
        "系统暂时不可用，按规定不显示任何内容，也没有受理任何提交。",
        "The system is unavailable: nothing is shown, and nothing that you sent was accepted.",
    ),
    "back_to_duty": ("返回待办事项", "Back to duty"),
}
"""Key -> Chinese, English."""
