"""Hindrance: what forbids any current, the most important first, and what a current says."""

import pytest

from tests.unit.charges import RELAY, WAIT_S, Rig, absorbing_with_bms, lithium, speaking
from vcu.charge import phases


def test_nothing_hinders_a_sound_pack():
    rig = Rig().in_bulk()
    assert rig.charge.cause == phases.NOTHING


def test_a_measurement_that_is_not_to_be_believed_goes_before_cold_and_heat():
    rig = Rig().in_bulk()
    rig.session.is_cold = rig.session.is_hot = 1
    rig.charge.inhibited = True
    rig.seconds(2)
    assert (rig.phase, rig.charge.cause) == ("PAUSE", phases.NO_SENSOR)


def test_traction_that_has_power_opens_the_relay_and_is_waited_for():
    rig = Rig().in_bulk()
    rig.charge.traction_live = rig.charge.inhibited = True
    rig.seconds(2)
    assert (rig.phase, rig.charge.cause, rig.charge.enable) == ("PAUSE", phases.TRACTION_LIVE, 0)
    rig.charge.inhibited = False
    rig.seconds(1000)
    assert not rig.charge.enable
    rig.charge.traction_live = False
    rig.until("BULK")


@pytest.mark.parametrize(("plain", "share", "is_missed"), [
    (False, 0.993, True), (True, 0.993, True), (False, 0.998, False), (True, 0.998, False),
])  # fmt: skip
def test_lithium_that_stays_high_without_mains_is_not_full(plain, share, is_missed):
    rig = lithium(**RELAY if plain else {}).in_absorption()
    rig.so(obeys=False, amps=0.0, cell_mv=rig.cell_mv * share).seconds(200)
    assert (rig.phase == "PAUSE" and rig.charge.cause == phases.NO_CURRENT) is is_missed
    assert rig.session.is_full == 0


def test_a_bms_that_takes_the_current_of_a_nearly_full_pack_is_no_lack_of_mains():
    rig = absorbing_with_bms()
    rig.so(obeys=False, amps=0.0, cell_mv=rig.cell_mv * 0.993)
    speaking(rig, seconds=200, highest_mv=3590, lowest_mv=3530)
    assert rig.charge.bms.share_permille < 1000
    assert rig.phase == "ABSORB"


def test_a_minute_without_current_far_below_the_set_point_is_a_hindrance():
    rig = Rig().in_bulk().so(obeys=False, amps=0.0)
    rig.seconds(55)
    assert rig.phase == "BULK"
    rig.seconds(150)
    assert (rig.phase, rig.charge.cause) == ("PAUSE", phases.NO_CURRENT)


def test_a_current_about_a_tenth_and_an_ampere_above_what_it_may_is_too_much_in_spite_of_noise():
    rig = Rig(**RELAY).so(amps=10.0)
    rig.until("BULK")
    rig.seconds(WAIT_S)
    allowed_a = rig.command.limit_ma / 1000 * 1.1 + 1.0
    for amps in (allowed_a + 0.3, allowed_a - 0.2, allowed_a + 0.1, allowed_a - 0.2):
        assert rig.phase == "BULK"
        rig.so(amps=amps).seconds(1)
    rig.seconds(3)
    assert (rig.phase, rig.charge.cause) == ("PAUSE", phases.TOO_MUCH_CURRENT)


def test_a_current_that_noise_alone_makes_too_small_is_not_yet_too_much():
    rig = Rig(**RELAY).so(amps=10.0)
    rig.until("BULK")
    rig.seconds(WAIT_S)
    rig.so(amps=rig.command.limit_ma / 1000 * 1.1 + 0.8).seconds(60)
    assert rig.phase == "BULK"
