"""URL -> what another system answers there: no redirect is followed, no proxy of the environment asked.

Guarantee: a reply cannot lead the hub to an address that its settings do not name; https is verified.
"""

from __future__ import annotations

import ssl
import urllib.request
from typing import Any


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **named: Any) -> None:
        """A redirect could lead the hub to an address that its settings do not name."""


def opener() -> urllib.request.OpenerDirector:
    """Opens URLs; the caller sets a timeout and bounds what it reads."""
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _NoRedirect,
    )
