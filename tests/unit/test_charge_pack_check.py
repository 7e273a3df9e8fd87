"""The pack check: which voltages a pack may rest at, and when a charge begins anew."""

import pytest

from tests.unit.charges import Rig


@pytest.mark.parametrize(("gave_mah", "driven"), [(2000, False), (2001, True)])
def test_a_pack_that_gave_more_than_2_percent_was_driven(gave_mah, driven):
    rig = Rig(capacity_mah=100000)
    rig.session.left_mah = rig.energy.left_mah + gave_mah
    assert rig.charge.pack_check.was_driven() is driven


def test_a_new_charge_may_put_in_what_is_missing_and_what_its_profile_loses():
    rig = Rig(capacity_mah=100000, unsure_permille=0)
    rig.charge.pack_check.begin()
    missing = 100000 - rig.energy.left_mah
    assert rig.session.missing_mah == missing
    factor = rig.charge.profile.get("ah_limit")
    assert rig.session.limit_mah == missing * factor // 1000 + 5000


def test_a_count_that_may_be_wrong_may_not_end_the_charge():
    rig = Rig(capacity_mah=100000, unsure_permille=400)
    rig.charge.pack_check.begin()
    assert rig.session.missing_mah == 100000
    assert rig.session.limit_mah == 100 * rig.charge.profile.get("ah_limit")


def test_a_full_pack_with_a_target_comes_down_10_percent_below_it():
    rig = Rig(capacity_mah=100000)
    check = rig.charge.pack_check
    rig.session.target_permille = 800
    assert not check.has_come_down(5000)
    rig.session.is_full = 1
    rig.soc(700)
    assert not check.has_come_down(5000)
    rig.soc(699)
    assert check.has_come_down(5000)


@pytest.mark.parametrize(("cv", "sunk"), [(4970, False), (4969, True)])
def test_a_pack_whose_tail_was_not_seen_sinks_below_what_it_rested_at_itself(cv, sunk):
    rig = Rig(cell_count=24)
    rig.session.full_permille = 990
    rig.session.rested_cv = 5200
    rig.session.part_rest = 4993 << 10 | 990
    assert rig.charge.pack_check.has_sunk(cv) is sunk
