"""Published vectors, and the tree against its own definition."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[2] / "vectors"
TREES = json.loads((VECTORS / "merkle_trees.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in TREES["leaves"]]
ROOTS = [bytes.fromhex(root) for root in TREES["roots"]]


def probes(kind: str) -> list[dict[str, Any]]:
    lines = (VECTORS / f"merkle_{kind}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def decoded(hashes: list[str] | None) -> list[bytes]:
    return [b64decode(value) for value in hashes or []]


def definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word by word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = max(1 << power for power in range(64) if 1 << power < len(leaves))
    return node_hash(definition(leaves[:k]), definition(leaves[k:]))


@pytest.mark.parametrize("size", range(9))
def test_roots_of_the_published_trees(size: int) -> None:
    assert root_of(LEAVES[:size]) == ROOTS[size] == definition(LEAVES[:size])


@pytest.mark.parametrize("probe", probes("inclusion"), ids=lambda probe: probe["name"])
def test_inclusion_probes_are_judged_as_published(probe: dict[str, Any]) -> None:
    arguments = (
        b64decode(probe["leafHash"] or ""),
        probe["leafIdx"],
        probe["treeSize"],
        decoded(probe["proof"]),
        b64decode(probe["root"] or ""),
    )
    if probe["wantErr"]:
        with pytest.raises(ProofError):
            verify_inclusion(*arguments)
    else:
        verify_inclusion(*arguments)


@pytest.mark.parametrize("probe", probes("consistency"), ids=lambda probe: probe["name"])
def test_consistency_probes_are_judged_as_published(probe: dict[str, Any]) -> None:
    arguments = (
        probe["size1"],
        probe["size2"],
        decoded(probe["proof"]),
        b64decode(probe["root1"] or ""),
        b64decode(probe["root2"] or ""),
    )
    if probe["wantErr"]:
        with pytest.raises(ProofError):
            verify_consistency(*arguments)
    else:
        verify_consistency(*arguments)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4)) for number in range(size)]


def test_every_leaf_of_every_small_tree_has_a_proof_that_holds_for_it_alone() -> None:
    for size in range(1, 40):
        leaves = leaves_of(size)
        root = definition(leaves)
        for index, leaf in enumerate(leaves):
            proof = inclusion_proof(index, leaves)
            verify_inclusion(leaf, index, size, proof, root)
            for other in range(size):
                if other != index:
                    with pytest.raises(ProofError):
                        verify_inclusion(leaf, other, size, proof, root)


def test_every_prefix_of_every_small_tree_is_consistent_and_no_other_tree_is() -> None:
    for new in range(1, 40):
        leaves = leaves_of(new)
        root = definition(leaves)
        for old in range(1, new + 1):
            proof = consistency_proof(old, leaves)
            verify_consistency(old, new, proof, definition(leaves[:old]), root)
            forged = definition([*leaves[: old - 1], leaf_hash(b"another entry")])
            with pytest.raises(ProofError):
                verify_consistency(old, new, proof, forged, root)


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), max_size=8))
def test_a_frontier_extended_in_any_steps_has_the_root_of_the_definition(steps: list[int]) -> None:
    leaves = leaves_of(sum(steps))
    frontier, at = Frontier(), 0
    for step in steps:
        frontier = frontier.extend(leaves[at : at + step])
        frontier = Frontier.from_bytes(frontier.size, frontier.to_bytes())
        at += step
        assert frontier.root == definition(leaves[:at])


@pytest.mark.parametrize(("size", "data"), [(1, b""), (3, b"\x00" * 32), (0, b"\x00" * 32), (1, b"\x00" * 31)])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(ProofError):
        Frontier.from_bytes(size, data)
