"""An offence against the child, told by police, procuratorate and court, each in its own part."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.justice import CriminalOutcome, CriminalStage, Offence
from schema.enums.person import KinRelation
from schema.facts import shared
from schema.scalars import Date


@strawberry.type(description="刑事案件 a criminal case of an offence against the child")
class CriminalCase(Node):
    """A criminal case of an offence against the child."""

    case_number: str | None = shared(
        "案号",
        "court's case number (null before the court has the case)",
        source="courts",
        category="case",
        sensitivity="L4",
        mask="withhold",
        standard="法〔2015〕137号",
        clause="2.7",
    )
    offence: Offence | None = shared(
        "罪名",
        "offence for which the case was filed, then charged",
        source="public_security",
        category="case",
        sensitivity="L4",
        mask="withhold",
        standard="刑法 arts. 260, 261 etc.",
        clause="2.7",
    )
    stage: CriminalStage | None = shared(
        "诉讼阶段",
        "procedural stage",
        source="hub",
        category="case",
        sensitivity="L4",
        mask="withhold",
        standard="hub enum, derived from whose row is furthest",
        clause="2.7",
    )
    suspect_name: str | None = shared(
        "犯罪嫌疑人姓名",
        "suspect's name",
        source="public_security",
        category="case",
        sensitivity="L4",
        mask="surname",
        standard="hub",
        clause="2.7",
    )
    suspect_relation: KinRelation | None = shared(
        "与儿童关系",
        "suspect's relation to the child",
        source="public_security",
        category="case",
        sensitivity="L4",
        mask="withhold",
        standard="GB/T 4761-2008",
        clause="2.7",
    )
    prosecuted_on: Date | None = shared(
        "提起公诉日期",
        "prosecuted on",
        source="procuratorate",
        category="case",
        sensitivity="L4",
        mask="withhold",
        standard="GB/T 7408",
        clause="3.1.15",
    )
    outcome: CriminalOutcome | None = shared(
        "裁判结果",
        "court's outcome",
        source="courts",
        category="case",
        sensitivity="L4",
        mask="withhold",
        standard="hub enum",
        clause="3.1.14",
    )
    victim_relief: bool | None = shared(
        "被害儿童救助",
        "relief granted to the child victim",
        source="procuratorate",
        category="case",
        sensitivity="L3",
        mask="withhold",
        standard="hub Boolean",
        clause="3.1.15",
    )
