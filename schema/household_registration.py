"""What the police hold on a person's household registration (2.4)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.person import HouseholdKind, KinRelation, RegistrationStatus, UnregisteredReason
from schema.facts import shared
from schema.scalars import CitizenId, Date


@strawberry.type(description="户籍登记 a household registration")
class HouseholdRegistration(Node):
    """A household registration."""

    status: RegistrationStatus | None = shared(
        "户口登记状态",
        "registration status",
        source="public_security",
        category="household",
        sensitivity="L2",
        mask="none",
        standard="GA 214",
        clause="2.4",
    )
    name: str | None = shared(
        "户籍姓名",
        "registered name",
        source="public_security",
        category="household",
        sensitivity="L3",
        mask="surname",
        standard="GA 214.1",
        clause="2.4",
    )
    citizen_id: CitizenId | None = shared(
        "户籍公民身份号码",
        "registered citizen id",
        source="public_security",
        category="household",
        sensitivity="L4",
        mask="id_first6",
        standard="GB 11643-1999",
        clause="2.4",
    )
    birth_date: Date | None = shared(
        "户籍出生日期",
        "registered date of birth",
        source="public_security",
        category="household",
        sensitivity="L3",
        mask="year",
        standard="GA 214.1",
        clause="2.4",
    )
    household_kind: HouseholdKind | None = shared(
        "户口类别",
        "kind of household registration",
        source="public_security",
        category="household",
        sensitivity="L2",
        mask="none",
        standard="GA 214",
        clause="2.4",
    )
    relation_to_head: KinRelation | None = shared(
        "与户主关系",
        "relation to head of household",
        source="public_security",
        category="household",
        sensitivity="L3",
        mask="withhold",
        standard="GB/T 4761-2008",
        clause="2.4",
    )
    address: str | None = shared(
        "户籍地址",
        "registered address",
        source="public_security",
        category="household",
        sensitivity="L4",
        mask="village",
        standard="GA 214.1",
        clause="2.4",
    )
    unregistered_reason: UnregisteredReason | None = shared(
        "无户籍原因",
        "why unregistered",
        source="public_security",
        category="household",
        sensitivity="L3",
        mask="withhold",
        standard="国办发〔2015〕96号",
        clause="1",
    )
