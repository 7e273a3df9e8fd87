"""Hindrance: what forbids any current, the most important first, and what a current says."""

from unit.charges import Rig

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


def test_a_minute_without_current_far_below_the_set_point_is_a_hindrance():
    rig = Rig().in_bulk().so(obeys=False, amps=0.0)
    rig.seconds(55)
    assert rig.phase == "BULK"
    rig.seconds(150)
    assert (rig.phase, rig.charge.cause) == ("PAUSE", phases.NO_CURRENT)
