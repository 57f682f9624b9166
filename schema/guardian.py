"""Who looks after the child, by what title (2.1.5)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.person import GuardianKind, GuardianshipCapacity, KinRelation
from schema.facts import shared
from schema.scalars import CitizenId, Date, Phone


@strawberry.type(description="监护人 a guardian of the child")
class Guardian(Node):
    """A guardian of the child."""

    kind: GuardianKind | None = shared(
        "监护人类别",
        "kind of guardian",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L2",
        mask="none",
        standard="hub enum",
        clause="2.1.5",
    )
    name: str | None = shared(
        "监护人姓名",
        "guardian's name",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L3",
        mask="surname",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    citizen_id: CitizenId | None = shared(
        "监护人公民身份号码",
        "guardian's citizen id",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L4",
        mask="id_first6",
        standard="GB 11643-1999",
        clause="2.2",
    )
    phone: Phone | None = shared(
        "监护人电话",
        "guardian's telephone",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L3",
        mask="phone_last4",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    relation: KinRelation | None = shared(
        "与被监护人关系",
        "relation to the child",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L2",
        mask="none",
        standard="GB/T 4761-2008",
        clause="2.2",
    )
    address: str | None = shared(
        "居住地地址",
        "guardian's address",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L3",
        mask="village",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    capacity: GuardianshipCapacity | None = shared(
        "监护能力",
        "capacity to act as guardian",
        source="civil_affairs",
        category="guardianship_type",
        sensitivity="L4",
        mask="withhold",
        standard="民发〔2016〕42号 register form",
        clause="2.1.5",
    )
    non_performance_since: Date | None = shared(
        "不履行监护职责起始日",
        "not performing the duty since",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L4",
        mask="withhold",
        standard="GB/T 7408",
        clause="2.1.1",
    )
    last_supervised_on: Date | None = shared(
        "最近监护监督指导日期",
        "last supervision and guidance",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.1.5",
    )
