"""The files of a tree, by the examples of C2SP tlog-tiles."""

from __future__ import annotations

import pytest

from hub.audit import tiles
from hub.audit.merkle import ProofError


def test_paths_are_those_of_the_specification() -> None:
    assert tiles.path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tiles.path(0, 0) == "tile/0/000"
    assert tiles.path(5, 999, 8) == "tile/5/999.p/8"
    assert tiles.path("entries", 1_000, 255) == "tile/entries/x001/000.p/255"


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    found = list(tiles.tiles(70_000))
    full = [(level, width) for level, _, width in found if width == 256]
    assert full.count((0, 256)) == 273 and full.count((1, 256)) == 1 and len(full) == 274
    assert [tile for tile in found if tile[2] < 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]


def test_a_tree_of_256_is_a_full_tile_and_a_partial_one_of_width_1() -> None:
    assert list(tiles.tiles(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles.tiles(0)) == [] and list(tiles.tiles(1)) == [(0, 0, 1)]


def test_bundles_hold_each_entry_behind_its_length() -> None:
    found = [b"one", b"", b"x" * 65_535]
    assert tiles.bundle(found)[:5] == b"\x00\x03one"
    assert tiles.entries(tiles.bundle(found)) == found
    assert tiles.entries(b"") == []
    for torn in (b"\x00", b"\x00\x03on", tiles.bundle([b"one"]) + b"\x00"):
        with pytest.raises(ProofError):
            tiles.entries(torn)
    with pytest.raises(ProofError):
        tiles.bundle([b"x" * 65_536])
