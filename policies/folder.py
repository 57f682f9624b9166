"""A policy folder and the fields of the schema -> ``Policy``, or ``PolicyError`` with every problem found.

Files are read once, so that what is checked, what is hashed and what decides are the same bytes. ``matrix.csv`` comes
last: a folder whose grants say other than its matrix was cut, changed by hand or copied half, and is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from policies import rules, tables, vocabulary
from policies.enforcer import Enforcer, ModelError
from policies.matrix import text
from policies.policy import Policy
from policies.problems import Findings, PolicyError
from policies.rules import FieldFacts, Rule

FILES = (
    "clauses.csv",
    "divisions.csv",
    "institutions.csv",
    "model.conf",
    "purposes.csv",
    "scopes.csv",
    "tables.csv",
    "units.csv",
)
"""Files that decide, beside ``grants/<unit>.csv``."""


def load(
    folder: Path, fields: Mapping[str, FieldFacts], *, scopes: frozenset[str] | None = None, matrix: bool = True
) -> Policy:
    """The policy in ``folder``.

    ``fields`` are all coordinates of the schema. ``scopes`` are those that the caller can turn into predicates: another
    one is a problem. ``matrix=False`` leaves ``matrix.csv`` alone and is only for writing it anew.
    """
    findings = Findings()
    files = _files(folder, findings)
    words = vocabulary.read(files, findings)
    for scope in sorted(words.scopes.keys() - scopes) if scopes is not None else ():
        findings.note("scopes.csv", 0, f"no predicate is known for scope `{scope}`")
    lines = rules.read(files, fields, words, findings)
    exact = rules.expand(lines, fields, findings)
    declared = tables.read(files, exact, findings)
    enforcer = _enforcer(files, exact, findings)
    if findings or enforcer is None:
        raise PolicyError(findings)
    policy = Policy(
        version=version(files),
        enforcer=enforcer,
        lines=lines,
        words=words,
        tables=declared,
        coordinates=frozenset(fields),
    )
    if matrix:
        _compare(folder, policy, findings)
    return policy


def version(files: Mapping[str, bytes]) -> str:
    """First 16 hex digits of SHA-256 over names, lengths and bytes in name order."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file}\0{len(files[file])}\0".encode())
        digest.update(files[file])
    return digest.hexdigest()[:16]


def _files(folder: Path, findings: Findings) -> dict[str, bytes]:
    """Bytes of every file that decides, by its name in the folder."""
    names = {*FILES, *(f"grants/{path.name}" for path in sorted((folder / "grants").glob("*.csv")))}
    found = {}
    for name in sorted(names):
        try:
            found[name] = (folder / name).read_bytes()
        except FileNotFoundError:
            findings.note(name, 0, "is missing")
        except OSError as error:
            findings.note(name, 0, f"cannot be read: {(error.strerror or 'unknown reason').lower()}")
    return found


def _enforcer(files: Mapping[str, bytes], exact: list[Rule], findings: Findings) -> Enforcer | None:
    if "model.conf" not in files:
        return None
    try:
        return Enforcer(files["model.conf"].decode("utf-8", "replace"), exact)
    except ModelError as error:
        findings.note("model.conf", 0, str(error))
        return None


def _compare(folder: Path, policy: Policy, findings: Findings) -> None:
    """Raises unless ``matrix.csv`` says what the grants say."""
    wanted = text(policy).splitlines(keepends=True)
    try:
        found = (folder / "matrix.csv").read_text("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        findings.note("matrix.csv", 0, "is missing or cannot be read; `hub policy matrix` writes it")
        raise PolicyError(findings) from None
    if found and not found[-1].endswith("\n"):
        findings.note("matrix.csv", len(found), "is cut: the last line does not end with a line feed")
        found[-1] += "\n"
    for line in sorted(set(found) - set(wanted)):
        findings.note("matrix.csv", found.index(line) + 1, f"`{line.strip()}` is in no grants file")
    for line in sorted(set(wanted) - set(found)):
        findings.note("matrix.csv", 0, f"`{line.strip()}` is granted and does not stand here")
    if found != wanted and not findings:
        findings.note("matrix.csv", 0, "is not in order, or says something twice")
    if findings:
        raise PolicyError([*findings[:20]])
