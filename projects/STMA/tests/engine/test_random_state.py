"""Generators go on where they were."""

from __future__ import annotations

import random

import numpy as np
import torch

from stma_d2.engine.random_state import (
    get_random_state,
    random_state_kept,
    restore_random_states,
    set_random_state,
)


def draw():
    return (
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.randn(),
        torch.rand(()).item(),
        torch.randn(()).item(),
    )


def test_every_generator_goes_on_from_a_file(tmp_path):
    draw()  # Gaussians come in pairs, of which one is now kept
    torch.save(get_random_state(), tmp_path / "state.pth")
    following = [draw(), draw()]
    set_random_state(torch.load(tmp_path / "state.pth", weights_only=True))
    assert [draw(), draw()] == following


def test_what_a_block_draws_is_not_missed_afterwards():
    state = get_random_state()
    following = draw()
    set_random_state(state)
    with random_state_kept():
        draw()
    assert draw() == following


def states_of_processes(count):
    states = []
    for seed in range(count):
        torch.manual_seed(seed)
        states.append(get_random_state())
    return states


def test_every_process_gets_its_own_state_back(monkeypatch):
    states = states_of_processes(2)
    monkeypatch.setattr("stma_d2.engine.random_state.comm.get_world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr("stma_d2.engine.random_state.comm.get_rank", lambda rank=rank: rank)
        restore_random_states(states)
        expected = torch.rand((), generator=torch.Generator().manual_seed(rank))
        assert torch.rand(()) == expected


def test_another_number_of_processes_gets_new_states_and_a_warning(monkeypatch, caplog):
    """All different, and the same each time."""
    states = states_of_processes(2)
    monkeypatch.setattr("stma_d2.engine.random_state.comm.get_world_size", lambda: 3)
    drawn = []
    for rank in (0, 1, 2, 2):
        monkeypatch.setattr("stma_d2.engine.random_state.comm.get_rank", lambda rank=rank: rank)
        restore_random_states(states)
        drawn.append(draw())
    assert len(set(drawn[:3])) == 3
    assert drawn[2] == drawn[3]
    assert "of 2 processes and goes on with 3" in caplog.text
