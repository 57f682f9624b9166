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
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "days_hours": ("{0} 天 {1} 小时", "{0} d {1} h"),
    "hours_minutes": ("{0} 小时 {1} 分", "{0} h {1} min"),
    "minutes": ("{0} 分钟", "{0} min"),
    "waits_for_you": ("等待您办理", "Waits for you"),
    "as_of": ("截至 {0}", "As of {0}"),
    "waited": ("已等待 {0}", "waited {0}"),
    "overdue_by": ("已超时 {0}", "overdue by {0}"),
    "left": ("剩余 {0}", "{0} left"),
    "overdue_list": ("已超期", "Overdue"),
    "overdue_since": ("{0} 起", "since {0}"),
    "next_steps": ("可办理步骤：", "Next lawful steps: "),
    "clause_short": ("（条款 {0}）", " (clause {0})"),
    "by_clause": ("依据条款 {0}", "By clause {0}"),
    "open_row": ("查看并办理", "Open"),
    "more_waits": ("仅显示最早的 50 条，办理后显示其余。", "Only the oldest 50 are shown; the rest follow."),
    "the_rest": ("其余 {0} 条", "{0} more"),
    "nothing_waits": (
        "目前没有等待您办理的事项。更换目的可查看其他职责。",
        "Nothing waits for you under this purpose.",
    ),
    "no_state": ("待受理", "not accepted yet"),
    "others": ("其他可补充、更正或重新办理的记录", "Others that you may add to, correct or take up again"),
    "others_help": (
        "这些记录不等待您办理，但您仍可补充或更正。每种状态列出最近的 {0} 条。",
        "These do not wait for you, but you may still add to them or correct them: the newest {0} in each state.",
    ),
    "no_others": ("没有这样的记录。", "There are none."),
    "of_child": ("按儿童办理", "Begin something about a child"),
    "child_number": ("儿童的公民身份号码", "Citizen id of the child"),
    "find_child": ("查找", "Find"),
    "child_number_help": ("号码不会出现在网址和日志里。", "The number stands in no address and in no log."),
    "no_child": ("没有这名儿童，或不在您的办理范围；请核对号码。", "There is no such child for you: check the number."),
    "child_found": ("已找到该儿童，您可以办理", "The child was found; you may begin"),
    "begin_something": ("新办理", "Begin something new"),
    "lawful_now": ("现在可以办理", "Lawful now"),
    "nothing_lawful": (
        "按现状和您的职责，目前没有可办理的步骤。",
        "As it stands, there is no step for you to take.",
    ),
    "needed": ("必填", "needed"),
    "choose": ("请选择", "choose"),
    "no_reporter_in_text": (
        "文字中请勿写明报告人身份。",
        "Do not say in any text who reported.",
    ),
    "not_done": ("未办理：", "Not done:"),
    "conflict": ("与现状不符，未办理：", "Conflict, not done:"),
    "both_versions": ("您的内容与现状", "Yours, and how it stands"),
    "field": ("内容", "Field"),
    "yours": ("您看到或填写的", "What you saw or entered"),
    "now": ("现在", "Now"),
    "done": ("已办理", "Done"),
    "again": ("（重复提交，未再次办理）", "(sent again: nothing was done twice)"),
    "receipts": ("回执", "Receipts"),
    "receipts_help": (
        "凭回执可核验本次办理已记入日志，请按需留存。",
        "A receipt proves that this act stands in the log: keep it if you need to.",
    ),
    "receipt_n": ("回执 {0}", "Receipt {0}"),
    "may_be_same": ("可能为同一事件，建议并案", "May be of the same event: merging is proposed"),
    "same_child": ("同一儿童", "same child"),
    "same_description": ("一日内同地同描述", "same place and description within a day"),
    "merge_help": (
        "核实后用“并案”步骤并入其中一条未结报告；标★者为建议。",
        "Once you are sure, merge into one of these open reports; those with ★ are proposed.",
    ),
    "no_reporting": (
        "本页供报告单位使用，须持“应急处置”目的。公安机关请在待办事项中登记电话报告。",
        "This page is for who reports, under the purpose of emergency response. The police enter calls on their duty"
        " page.",
    ),
    "report_child": ("报告处于危险中的儿童", "Report a child in danger"),
    "report_help": (
        "写明地点和一句话即可提交，不到一分钟。不需要知道儿童姓名。",
        "A place and a sentence suffice, in less than a minute. You need not know the child's name.",
    ),
    "report_more": ("补充情况（可不填）", "More, if you know it"),
    "report_send": ("立即报告公安机关", "Report to the police now"),
    "report_not_sent": ("未提交：", "Not sent:"),
    "report_out": (
        "公安机关系统目前没有回应，网上报告可能不被受理。请立即拨打 {0}。",
        "The police system does not answer now; a report may not be accepted here. Call {0}.",
    ),
    "report_unaccepted": ("报告未被受理，请立即拨打", "The report was NOT accepted. Call now"),
    "report_open": ("目前无法确认报告已被受理，请立即拨打", "It cannot be told whether it was accepted. Call now"),
    "report_held": ("公安机关尚未收到，请立即拨打", "The police have NOT got it yet. Call now"),
    "report_held_help": (
        "报告已由平台加密保存，公安系统恢复后自动送达，时间从现在算起。不必重复填写。",
        "It is held, sealed, and delivered once the police system is back, dated as of now. You need not write again.",
    ),
    "report_again": (
        "所填内容仍在表单中，之后可再次提交，不会重复登记。",
        "What you wrote stays in the form: send it again later, it will be one report.",
    ),
    "report_states": ("报告进展", "How your reports stand"),
    "report_none": ("还没有报告。", "No reports yet."),
    "reported": ("报告已受理", "The report is accepted"),
    "reported_help": (
        "公安机关已收到。情况紧急时仍请拨打电话。报告人身份只有公安机关可见。",
        "The police have it. If it is urgent call as well. Who reported is seen by the police alone.",
    ),
    "reported_again": ("（重复提交，仍为同一报告）", "(sent again: it is one report)"),
    "no_row": ("没有这条记录，或不在您的办理范围。", "There is no such record for you."),
    "not_your_step": ("该步骤不属于您的职责或所选目的。", "This step is not yours under the purpose chosen."),
    "source_down": (
        "主管部门数据库暂时没有回应，请稍后再试。",
        "The department's database does not answer: try later.",
    ),
    "back_to_duty": ("返回待办事项", "Back to duty"),
}
"""Key -> Chinese, English."""
