"""Index of a child -> what is wrong with its data on purpose: draft, closed, without a number, a planted discrepancy.

Guarantee: by position, never by chance, so that a test knows what a comparison must find; each class is planted on one
child in fifty.
"""

from __future__ import annotations

CYCLE = 50

CLASSES = {
    3: "INVALID_CITIZEN_ID",
    6: "IDENTITY_MISMATCH",
    9: "NO_HOUSEHOLD_RECORD",
    12: "HOUSEHOLD_STATUS_CONFLICT",
    15: "ADDRESS_CONFLICT",
    18: "NO_ENROLMENT",
    21: "SCHOOLING_CONFLICT",
    24: "FLAGGED_NOT_SURVEYED",
    27: "FLAGGED_ONE_PARENT",
    30: "SURVEYED_NOT_FLAGGED",
    33: "DUPLICATE_FILE",
    36: "AGED_OUT",
}
"""Residue of the index -> class. FLAGGED_* belong to a schoolmate of that child, who is not on file."""

COPY_OF_PREVIOUS = 34
"""Residue of the second file of a child whose first file has residue 33."""

CORRECTED = (39, 42)
"""Residues of children whose discrepancy of an earlier quarter was corrected since: nothing is wrong any more."""

FORCED_AGE = {
    "NO_ENROLMENT": (7, 13),
    "SCHOOLING_CONFLICT": (7, 13),
    "SURVEYED_NOT_FLAGGED": (7, 14),
    "FLAGGED_NOT_SURVEYED": (7, 14),
    "FLAGGED_ONE_PARENT": (7, 14),
    "AGED_OUT": (16, 16),
}
"""Class -> youngest and oldest age at which it can occur."""


def planted(index: int) -> str | None:
    """The class planted on this child, if any."""
    return CLASSES.get(index % CYCLE)


def is_copy(index: int) -> bool:
    """Whether this file is a second one of the child before."""
    return index % CYCLE == COPY_OF_PREVIOUS


def numberless(index: int) -> bool:
    """Whether the child has no citizen id: one in a hundred."""
    return index % 100 == 45


def link_of(index: int) -> str | None:
    """How a child without a number, or with a wrong one, is linked: half are confirmed, a quarter candidates."""
    return ("CONFIRMED", "CANDIDATE", "CONFIRMED", None)[index // 100 % 4]


def is_draft(index: int) -> bool:
    """Whether the file was never accepted: one in two hundred."""
    return index % 200 == 97


def is_edited(index: int) -> bool:
    """Whether the file was edited after it was last accepted."""
    return index % 100 == 66


def is_closed(index: int) -> bool:
    """Whether the file is closed: one in twenty-five."""
    return index % 25 == 23 or index % 50 == 44
