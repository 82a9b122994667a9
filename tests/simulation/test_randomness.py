from __future__ import annotations

from detach_core.simulation.randomness import generator_for


def test_equal_parts_draw_equal_numbers():
    assert generator_for(0, "home", "S1").random() == generator_for(0, "home", "S1").random()


def test_each_part_matters_and_so_does_where_one_ends():
    draws = [generator_for(*parts).random() for parts in ((0, "a", "b"), (1, "a", "b"), (0, "b", "a"), (0, "ab"))]
    assert len(set(draws)) == 4
