"""Who may do what -> ``Policy``: one line of a grants file a right, decided by Casbin, founded on a clause.

``load`` reads a folder, ``Policy`` answers, ``Current`` holds the version in force.
"""

from __future__ import annotations

from policies.current import Current
from policies.decision import Decision, Grant
from policies.folder import load
from policies.policy import Policy
from policies.problems import PolicyError, Problem

__all__ = ["Current", "Decision", "Grant", "Policy", "PolicyError", "Problem", "load"]
