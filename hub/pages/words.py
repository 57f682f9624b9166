"""Words of the pages, Chinese and English side by side; and which of the two a browser asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from hub.pages.desk_words import DESK
from hub.pages.statistics.words import STATISTICS
from hub.pages.survey.words import SURVEY

Language: TypeAlias = Literal["zh", "en"]

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("武清区数据共享平台 · 审计台", "Wuqing data-sharing hub · audit console"),
    "skip": ("跳到正文", "Skip to content"),
    "invented": ("演示数据：所有人员和数字均为虚构。", "Demonstration: every person and every figure is invented."),
    "overview": ("概况", "Overview"),
    "search": ("检索记录", "Search"),
    "unusual": ("异常使用", "Unusual use"),
    "reviews": ("复核记录", "Reviews"),
    "month": ("月度报告", "Monthly report"),
    "cycles": ("办理流程", "Life cycles"),
    "cycles_help": (
        "由平台据以准许每次办理的同一张表绘出。箭头上的编号对应下表；“—”的步骤不改变状态。",
        "Drawn of the very table by which steps are allowed. Arrows bear the numbers of the table; “—” moves nothing.",
    ),
    "arrow": ("编号", "Arrow"),
    "cycle_step": ("步骤", "Step"),
    "cycle_clause": ("条款", "Clause"),
    "by_whom": ("办理单位", "By whom"),
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出登录", "Sign out"),
    "signed_in_as": ("已登录", "Signed in as"),
    "token": ("访问令牌", "Access token"),
    "token_help": (
        "粘贴本单位客户端签发的令牌（目的须含“审计”）。令牌不会保存，15 分钟不操作即退出。",
        "Paste the token that your client issued (purpose audit). It is not kept; 15 idle minutes sign you out.",
    ),
    "sign_in_failed": ("不能登录", "Sign-in failed"),
    "bad_token": (
        "令牌无效、已过期或已被撤销，请用本单位客户端重新签发后再试。",
        "The token does not count, has expired or was revoked: have your client issue a new one.",
    ),
    "no_page": ("没有这个页面，请从上方菜单进入。", "There is no such page: go on from the menu."),
    "only_auditors": ("本台仅供审计人员使用", "This console is for auditors"),
    "only_auditors_help": (
        "您的令牌不是审计令牌。各成员单位凭回执核验自己的查询，不在此查阅日志；本次尝试已记入日志。",
        "Your token is no auditor's. Member units verify their own queries by receipts; this attempt is in the log.",
    ),
    "who_saw": ("谁看过这个孩子的信息？", "Who has seen this child's data?"),
    "citizen_id": ("公民身份号码", "Citizen id"),
    "register_no": ("档案编号", "Register number"),
    "find_child": ("查找", "Find"),
    "find_help": (
        "填一项即可，两项更全。号码不会出现在网址和日志里。",
        "One is enough, both find more. Numbers stand in no address and no log.",
    ),
    "today": ("今天", "Today"),
    "days_7": ("近 7 天", "Last 7 days"),
    "days_30": ("近 30 天", "Last 30 days"),
    "requests": ("请求", "Requests"),
    "refusals": ("拒绝", "Refusals"),
    "disclosures": ("提供数据", "Disclosures"),
    "failures": ("未能提供", "Failures"),
    "by_unit": ("按单位", "By unit"),
    "by_purpose": ("按目的", "By purpose"),
    "by_sensitivity": ("按最高敏感级别（L4 最高）", "By highest sensitivity (L4 is most)"),
    "health": ("日志是否可信", "Can the log be trusted"),
    "size": ("已入树记录", "Entries in the tree"),
    "last_head": ("最近签名", "Last signed head"),
    "last_cosignature": ("最近见证", "Last cosignature"),
    "last_verification": ("最近全量核验", "Last full verification"),
    "no_witness": ("未配置见证方", "no witness is configured"),
    "never": ("尚无", "never"),
    "verified_good": ("通过", "good"),
    "verified_bad": ("日志核验不通过：第 {0} 条记录异常", "The log does not verify: entry {0} is wrong"),
    "verified_bad_help": (
        "请保全现场，通知平台运维和见证方，并与此前导出的日志及见证签名核对；在此之前，该条及其后的记录不宜采信。",
        "Keep everything as it is, tell the operators and the witnesses, and compare with exports and cosignatures from"
        " before; until then do not rely on that entry or any after it.",
    ),
    "unit": ("单位", "Unit"),
    "operator": ("经办人", "Operator"),
    "purpose": ("目的", "Purpose"),
    "case": ("办案编号", "Case reference"),
    "coordinate": ("字段", "Field"),
    "decision": ("结果", "Decision"),
    "kind": ("类型", "Kind"),
    "since": ("起始日期", "From"),
    "until": ("截止日期", "Until"),
    "request": ("请求编号", "Request id"),
    "any": ("不限", "any"),
    "at": ("时间", "Time"),
    "fields": ("涉及字段", "Fields"),
    "rows": ("行数", "Rows"),
    "number": ("序号", "Entry"),
    "older": ("更早的记录", "Older entries"),
    "unfinished": (
        "符合条件的记录很少，目前只查到第 {0} 号为止；请继续查找更早的记录，或缩小日期范围。",
        "Few match: only entries from number {0} on were looked at so far. Go on to older ones, or narrow the days.",
    ),
    "nothing": ("没有符合条件的记录。可放宽日期或条件再试。", "Nothing matches. Try more days or fewer conditions."),
    "indexed": ("可检索至第 {0} 条，日志共 {1} 条。", "Searchable up to entry {0} of {1}."),
    "too_much": (
        "符合的记录太多，请缩短日期范围或指明单位。",
        "Too many entries match: narrow the days, or name a unit.",
    ),
    "entry": ("第 {0} 条记录", "Entry {0}"),
    "clear": ("原值提供", "Released in clear"),
    "masked": ("脱敏提供", "Released masked"),
    "refused": ("拒绝的字段", "Refused fields"),
    "subjects": ("涉及档案（化名）", "Subjects (pseudonyms)"),
    "rules": ("依据的授权", "Rules relied on"),
    "errors": ("错误代码", "Error codes"),
    "commitments": ("数值承诺", "Commitments to values"),
    "policy": ("策略版本", "Policy version"),
    "leaf": ("叶子校验值", "Leaf hash"),
    "facts": ("事项", "Facts"),
    "notes": ("说明", "Notes"),
    "rows_by_source": ("各部门行数", "Rows by source"),
    "proof": ("存在证明", "Proof"),
    "verify": ("核验这条记录", "Verify this entry"),
    "download_proof": ("下载证明文件", "Download the proof"),
    "step_leaf": ("记录内容与叶子校验值一致", "The entry is the one that was hashed"),
    "step_head": ("树头签名有效（{0} 条）", "The signed head verifies (size {0})"),
    "step_inclusion": ("记录在该树中", "The entry is in that tree"),
    "step_witness": ("见证方：{0}", "Witnesses: {0}"),
    "verified": ("核验通过", "Verified"),
    "not_verified": ("核验不通过", "Does not verify"),
    "no_head_yet": ("尚无覆盖该记录的树头，请稍后再试。", "No head covers the entry yet: try again in a second."),
    "review": ("复核", "Review"),
    "mark": ("结论", "Mark"),
    "note": ("说明（不要写个人信息）", "Note (no personal data)"),
    "save": ("保存复核", "Save the review"),
    "saved": ("复核已记入日志，稍后显示。", "The review is in the log and shows in a moment."),
    "no_reviews": ("尚无复核。", "No reviews yet."),
    "child": ("一名儿童的全部查阅记录", "Everything read of one child"),
    "joined": ("另有记录把以下化名与之关联：{0}", "Entries join these pseudonyms to it: {0}"),
    "not_reporters": (
        "本页不含任何报告人信息，也不含报告行为。",
        "This page shows no reporter and no act of reporting.",
    ),
    "finds_no_reporters": (
        "查得的记录不含任何报告人信息，也不含报告行为。",
        "What is found shows no reporter and no act of reporting.",
    ),
    "one_operator": ("一名经办人的记录", "Entries of one operator"),
    "count": ("次数", "Count"),
    "what": ("情况", "What"),
    "calm": ("这些天没有触发任何规则。", "No rule was hit on these days."),
    "hits_help": ("规则只提示值得一看的使用，不作结论。", "A rule points at what is worth a look, and judges nobody."),
    "download_xlsx": ("下载 Excel", "Download Excel"),
    "print": ("打印", "Print"),
    "go": ("查看", "Show"),
    "problem": ("不能显示", "Cannot show this"),
    "no_entry": ("没有这条记录。", "There is no such entry."),
    "retired": ("该记录已转存归档，请调阅档案。", "The entry was retired to the archive: ask for that."),
    "altered": (
        "这条记录的内容与入树时的校验值不一致，已被改动，不予显示。请保全现场，并与此前导出的日志及见证签名核对。",
        "The entry is not the one that was hashed: it was changed, so it is not shown. Keep everything as it is, and"
        " compare with exports and cosignatures from before.",
    ),
    "log_down": (
        "日志暂时不可用，按规定不显示任何内容。请稍后再试。",
        "The log is unavailable, so nothing is shown. Try later.",
    ),
    "bad_form": (
        "表单来自其他页面或已过期，请返回重试。",
        "The form came from elsewhere or is too old: go back and try again.",
    ),
    "slow_down": ("尝试过于频繁，请稍候。", "Too many attempts, please wait."),
    "nobody": ("身份未确认", "not identified"),
    "id_of": ("标识（{0}）", "id ({0})"),
    "list": ("、", ", "),
    "this_month": ("月份", "Month"),
    "search_now": ("检索", "Search"),
    "of_entry": ("查看所复核的记录", "The entry reviewed"),
    "kept_as": ("复核存为第 {0} 条", "kept as entry {0}"),
    "reporter": ("报告人（化名）", "reporter (pseudonym)"),
    "back": ("返回概况", "Back to the overview"),
    **DESK,
    **STATISTICS,
    **SURVEY,
}
"""Key -> Chinese, English."""

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "disclosure": ("提供数据", "disclosure"),
    "refusal": ("拒绝", "refusal"),
    "failure": ("未能提供", "failure"),
    "intent": ("拟写入", "intent"),
    "outcome": ("写入结果", "outcome"),
    "event": ("推送", "event"),
    "policy": ("策略", "policy"),
    "key": ("更换密钥", "key"),
    "look": ("审计查阅", "look"),
    "review": ("复核", "review"),
    "hold": ("暂缓告知", "hold"),
    "release": ("解除暂缓", "release"),
    "start": ("启动", "start"),
    "gap": ("归档", "gap"),
}
DECISIONS: Final[Mapping[str, tuple[str, str]]] = {
    "ALLOWED": ("允许", "allowed"),
    "MASKED": ("脱敏", "masked"),
    "FILTERED": ("部分允许", "filtered"),
    "DENIED": ("拒绝", "denied"),
    "FAILED": ("失败", "failed"),
}
SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "civil_affairs": ("民政", "civil affairs"),
    "education": ("教育", "education"),
    "public_security": ("公安", "police"),
    "courts": ("法院", "courts"),
    "procuratorate": ("检察", "procuratorate"),
    "hub": ("本平台", "the hub"),
}
MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "reviewed": ("已复核", "reviewed"),
    "suspicious": ("存疑", "suspicious"),
    "cleared": ("已排除", "cleared"),
}


def language(accept: str) -> Language:
    """The language that ``Accept-Language`` asks for first; Chinese unless it is English."""
    best, chosen = -1.0, "zh"
    for part in accept.split(","):
        name, _, quality = part.partition(";q=")
        code = name.strip().lower().partition("-")[0]
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if code in {"zh", "en"} and weight > best:
            best, chosen = weight, code
    return "en" if chosen == "en" else "zh"


def word(key: str, spoken: Language, *values: object) -> str:
    """A word of the pages."""
    chinese, english = WORDS[key]
    return (english if spoken == "en" else chinese).format(*values)
