"""A way to load a policy -> the policy in force, replaced whole or kept.

A request takes ``policy`` once and keeps it; a reload swaps one reference. A folder that cannot be loaded leaves the
last good policy in force, and ``failure`` says so until a reload succeeds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from policies.policy import Policy
from policies.problems import PolicyError


class Current:
    """The policy in force. The first load must succeed: without a policy nothing starts."""

    def __init__(self, read: Callable[[], Policy]) -> None:
        self._read = read
        self._turn = threading.Lock()
        self._policy = read()
        self._failure: PolicyError | None = None
        self.awaited: str | None = None
        """The version that was put in force elsewhere and is not what could be read here."""

    @property
    def policy(self) -> Policy:
        """The last good policy."""
        return self._policy

    @property
    def failure(self) -> PolicyError | None:
        """Why the last reload was refused; None if it was not."""
        return self._failure

    def reload(self, wanted: str | None = None) -> bool:
        """Whether another version is in force now; raises ``PolicyError`` and keeps the last good one otherwise.

        ``wanted``: the only version to take. Another one that is read is left, and ``awaited`` says so.
        """
        # One at a time: of two reloads the one that read later must win.
        with self._turn:
            try:
                policy = self._read()
            except PolicyError as error:
                self._failure = error
                raise
            self._failure = None
            self.awaited = wanted if wanted not in {None, policy.version} else None
            changed = self.awaited is None and policy.version != self._policy.version
            if changed:
                self._policy = policy
            return changed
