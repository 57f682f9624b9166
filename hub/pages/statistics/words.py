"""Words of the statistics page, Chinese and English side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATISTICS: Final[Mapping[str, tuple[str, str]]] = {
    "statistics_page": ("统计图表", "Statistics"),
    "statistics_help": (
        "数据为已冻结季度的公布指标，冻结后不再改变。每次查看都以您选择的目的记入日志。",
        "Published figures of frozen quarters, which never change. Each look is logged under your purpose.",
    ),
    "no_statistics": (
        "所选目的不含统计指标。请更换目的后再看。",
        "No published figures are open under the purpose chosen: change it.",
    ),
    "no_statistics_at_all": ("您持有的目的都不含统计指标。", "None of your purposes opens published figures."),
    "purposes_that_open": ("可查看统计指标的目的：", "Purposes that open them: "),
    "indicator": ("指标", "Indicator"),
    "division": ("地区", "Division"),
    "quarter_word": ("季度", "Quarter"),
    "show": ("查看", "Show"),
    "by_division": ("{0} · 各镇街 · {1}", "{0} by town, {1}"),
    "trend": ("{0} · {1} · 历季变化", "{0}, {1}: trend"),
    "every_indicator": ("{0} · {1} · 全部指标", "{0}, {1}: every indicator"),
    "figure": ("数值", "Figure"),
    "census": ("普查参考值", "Census reference"),
    "census_mark": ("竖线为普查参考值", "The line across a bar is the census reference"),
    "hidden": ("＊ 隐去", "* suppressed"),
    "hidden_mark": ("＊", "*"),
    "published_state": ("已公布", "published"),
    "hidden_state": ("隐去", "suppressed"),
    "state": ("状态", "State"),
    "no_figures": ("没有符合条件的已公布数据。", "There are no published figures for this choice."),
    "rule": ("隐去和取整规则", "Suppression and rounding"),
    "rule_words": (
        "少于 5 名儿童的一般指标、少于 10 名儿童的限制指标不公布，以“＊”表示；率和中位数同样须有 5 名以上儿童。"
        "为防止从合计推算，可能同时隐去其他数字；隐去对同一季度的全部表格一次确定，各单位所见相同。"
        "公布的人数按 5 取整，零只在一般指标中公布。",
        "A general figure of fewer than 5 children, and a restricted one of fewer than 10, is not published and stands"
        ' as "*"; rates and medians need 5 children as well. So that none follows from a total, others may be'
        " suppressed with it; this is settled once for all tables of a quarter, alike for every unit. Counts are"
        " rounded to 5; zero is shown in general figures alone.",
    ),
    "workbook": ("下载 Excel", "Download Excel"),
    "notes_sheet": ("说明", "Notes"),
    "divisions_sheet": ("各镇街", "Towns"),
    "trend_sheet": ("历季变化", "Trend"),
    "indicators_sheet": ("全部指标", "Indicators"),
    "asked_by": ("查询单位", "Asked by"),
    "entry_number": ("日志记录号", "Log entry"),
    "made_at": ("生成时间", "Made at"),
    "give_census": ("登记或更正", "Give or correct"),
    "census_title": ("登记普查参考值", "Give a census figure"),
    "census_help": (
        "填写普查或抽样调查中对应地区和指标的人数。原值以您打开本页时为准；他人已改动的，不会覆盖。",
        "Enter what the census or sample survey found of this place. What stood here when you opened the page is"
        " replaced, and nothing that somebody else has written since.",
    ),
    "stands_now": ("现值", "Stands now"),
    "nothing_yet": ("尚无", "none yet"),
    "back_to_statistics": ("返回统计图表", "Back to statistics"),
    "people_unit": ("人", "children"),
    "percent_unit": ("%", "%"),
    "minutes_unit": ("分钟", "minutes"),
    "hours_unit": ("小时", "hours"),
    "in_unit": ("单位：{0}", "in {0}"),
}
"""Key -> Chinese, English."""
