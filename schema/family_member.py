"""A member of the child's family, as surveyed (2.2)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.person import GuardianshipCapacity, KinRelation
from schema.facts import shared
from schema.scalars import CitizenId, Date, Phone


@strawberry.type(description="家庭成员 a member of the child's family")
class FamilyMember(Node):
    """A member of the child's family."""

    relation: KinRelation | None = shared(
        "与儿童关系",
        "relation to the child",
        source="civil_affairs",
        category="family",
        sensitivity="L2",
        mask="none",
        standard="GB/T 4761-2008",
        clause="2.2",
    )
    name: str | None = shared(
        "姓名",
        "name",
        source="civil_affairs",
        category="family",
        sensitivity="L3",
        mask="surname",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    citizen_id: CitizenId | None = shared(
        "公民身份号码",
        "citizen identification number",
        source="civil_affairs",
        category="family",
        sensitivity="L4",
        mask="id_first6",
        standard="GB 11643-1999",
        clause="2.2",
    )
    birth_date: Date | None = shared(
        "出生日期",
        "date of birth",
        source="civil_affairs",
        category="family",
        sensitivity="L3",
        mask="year",
        standard="GB/T 7408",
        clause="2.2",
    )
    phone: Phone | None = shared(
        "联系电话",
        "telephone",
        source="civil_affairs",
        category="family",
        sensitivity="L3",
        mask="phone_last4",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    work_place: str | None = shared(
        "当前务工地点",
        "present place of migrant work (province and city)",
        source="civil_affairs",
        category="family",
        sensitivity="L2",
        mask="none",
        standard="GB/T 2260 (to city level)",
        clause="2.2",
    )
    guardianship_capacity: GuardianshipCapacity | None = shared(
        "监护能力",
        "capacity to act as guardian",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L4",
        mask="withhold",
        standard="民发〔2016〕42号 register form",
        clause="2.3",
    )
