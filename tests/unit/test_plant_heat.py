"""The thermal model of motor and motor controller: where it settles, and how it gets there."""

import pytest

from sim.plant.heat import Heat


def run(node: Heat, loss_w: float, seconds: float, dt_s: float, ambient_c: float = 25.0) -> None:
    for _ in range(round(seconds / dt_s)):
        node.step(loss_w, dt_s, ambient_c)


def test_a_steady_loss_settles_at_loss_over_conductance():
    node = Heat(14000.0, 7.0, 25.0)
    run(node, 350.0, 10 * 3600.0, 1.0)
    assert node.temperature_c == pytest.approx(75.0, abs=0.1)
    assert node.case_c == pytest.approx(65.0, abs=0.1)


def test_the_core_leads_the_case_and_returns_to_it_when_the_loss_ends():
    node = Heat(14000.0, 7.0, 25.0)
    run(node, 1000.0, 60.0, 1.0)
    assert node.temperature_c - node.case_c > 10.0
    run(node, 0.0, 600.0, 1.0)
    assert node.temperature_c - node.case_c < 1.0


def test_all_heat_is_kept_while_the_air_is_as_warm_as_the_case():
    node = Heat(10000.0, 1e-9, 25.0)
    run(node, 500.0, 200.0, 1.0)
    kept_j = 2000.0 * (node.temperature_c - 25.0) + 8000.0 * (node.case_c - 25.0)
    assert kept_j == pytest.approx(100000.0)


def test_steps_of_10_ms_1_s_and_10_minutes_agree():
    nodes = [Heat(3500.0, 5.0, 25.0) for _ in range(3)]
    for node, dt_s in zip(nodes, (0.01, 1.0, 600.0), strict=True):
        run(node, 150.0, 600.0, dt_s)
    fine, coarse, cut = (node.temperature_c for node in nodes)
    assert fine == pytest.approx(coarse, abs=0.1)
    assert fine == pytest.approx(cut, abs=0.5)
