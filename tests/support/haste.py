"""A patch -> hubs of this process look ten times as often for what they do behind requests.

For processes of their own alone: in that of the tests, what requests allocate is counted, and would be counted with it.

A second until an entry stands in the tree, and one more until it can be searched, is nothing to an auditor; to a
hundred tests that look there it is minutes in which nobody works. How often they look by themselves is tested where
that is the point.
"""

from __future__ import annotations

from typing import Final

import pytest

from hub.audit.indexer import Indexer

PERIOD: Final = 0.1
LOOKS: Final = ("hub.audit.sequencer.PERIOD", "hub.ordered.LOOK_EVERY")


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Makes them do so, as long as the patch holds."""
    for name in LOOKS:
        patch.setattr(name, PERIOD)
    defaults = Indexer.__init__.__kwdefaults__
    assert defaults is not None
    patch.setitem(defaults, "period", PERIOD)
