"""Phases and causes have their names at their numbers."""

import pytest

from vcu.charge import phases
from vcu.charge.phases import CAUSE_NAMES, NAMES

# Where the name for people is another word than the constant.
CAUSES = {
    "parameters_broken": "BAD_PARAMETERS",
    "wrong_pack": "WRONG",
    "too_cold": "COLD",
    "too_hot": "HOT",
    "sensor_lost": "NO_SENSOR",
    "voltage_high": "HIGH_VOLTAGE",
    "current_high": "TOO_MUCH_CURRENT",
    "full": "IS_FULL",
    "fault": "HAS_FAULT",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_phase_has_its_name_at_its_number(name):
    assert NAMES[getattr(phases, name)] == name


@pytest.mark.parametrize("name", CAUSE_NAMES)
def test_a_cause_has_its_name_at_its_number(name):
    assert CAUSE_NAMES[getattr(phases, CAUSES.get(name, name.upper()))] == name


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)
    assert len(set(CAUSE_NAMES)) == len(CAUSE_NAMES)


def test_the_phases_with_current_stand_together():
    active = ("PRECHARGE", "BULK", "ABSORB", "EQUALIZE", "FLOAT", "BALANCE")
    first = phases.PRECHARGE
    assert NAMES[first : phases.BALANCE + 1] == active
