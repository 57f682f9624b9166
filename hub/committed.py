"""Catalogue -> the coordinates whose disclosed values an entry of the log binds by commitments.

Guarantee: who reported is bound nowhere. Reporters are few: whoever reads the keys of commitments could try them all.
"""

from __future__ import annotations

from typing import Final

from schema.catalogue import CATALOGUE

LEVELS: Final = frozenset({"L3", "L4"})
REPORTER: Final = frozenset(
    {
        "MandatoryReport.reporterKind",
        "MandatoryReport.reporterName",
        "MandatoryReport.reporterPhone",
        "MandatoryReport.reporterUnit",
    }
)
COMMITTED: Final = frozenset(name for name, fact in CATALOGUE.items() if fact.sensitivity in LEVELS) - REPORTER
"""Coordinates of level L3 and L4, but for the reporter's."""
CHILD_OF_REPORT: Final = frozenset(
    {"MandatoryReport.narrative", "MandatoryReport.placeAddress", "MandatoryReport.subject"}
)
"""What could name the child of a report: not bound in the entry of its author's own reads, which does not name it."""
