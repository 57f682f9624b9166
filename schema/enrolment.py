"""A pupil's enrolment (2.1.2, 2.4)."""

from __future__ import annotations

import strawberry

from schema.attendance_record import AttendanceRecord
from schema.connection import Connection, Node
from schema.dropout_record import DropoutRecord
from schema.enums.schooling import BoardingMode, EnrolmentStatus, LeftBehindFlag, SchoolStage, SubsidyKind
from schema.facts import many, shared


@strawberry.type(description="学籍 an enrolment in a school or kindergarten")
class Enrolment(Node):
    """An enrolment in a school or kindergarten."""

    student_number: str | None = shared(
        "全国学籍号",
        "national student number (G + citizen id, or L + temporary)",
        source="education",
        category="education",
        sensitivity="L4",
        mask="withhold",
        standard="JY/T 1004-2012; 教基一〔2013〕7号",
        clause="2.4",
    )
    school_code: str | None = shared(
        "学校标识码",
        "school identifier",
        source="education",
        category="education",
        sensitivity="L1",
        mask="none",
        standard="JY/T 1004-2012 (10 digits)",
        clause="2.4",
    )
    school_name: str | None = shared(
        "学校名称",
        "school name",
        source="education",
        category="education",
        sensitivity="L3",
        mask="withhold",
        standard="JY/T 1004-2012",
        clause="2.4",
    )
    stage: SchoolStage | None = shared(
        "学段",
        "stage of schooling",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="JY/T 1001-2012",
        clause="2.1.2",
    )
    status: EnrolmentStatus | None = shared(
        "学籍状态",
        "enrolment status",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="JY/T 1001-2012",
        clause="2.1.2",
    )
    boarding_mode: BoardingMode | None = shared(
        "就读方式",
        "day or boarding",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="学籍系统 1/2",
        clause="3.1.3",
    )
    left_behind_flag: LeftBehindFlag | None = shared(
        "是否留守儿童",
        "left-behind flag in the enrolment system",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="学籍系统 0/1/2",
        clause="2.4",
    )
    subsidy_kinds: list[SubsidyKind] | None = shared(
        "教育资助",
        "education subsidies received",
        source="education",
        category="education",
        sensitivity="L3",
        mask="withhold",
        standard="hub enum",
        clause="2.1.2",
    )
    attendance_records: Connection[AttendanceRecord] | None = many("AttendanceRecord", "考勤记录", "attendance by term")
    dropout_records: Connection[DropoutRecord] | None = many("DropoutRecord", "辍学记录", "dropout records")
