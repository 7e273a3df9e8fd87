"""The charges: nights at the socket, in frost and heat, with power cuts and with broken parts."""

import math

from sim.charge_scenario import LEAD, ChargeScenario
from sim.metrics import Expectation, Watch
from sim.scenario import Scenario
from sim.scenarios.stories import (
    aged_pack,
    charger_goes_deaf,
    other_pack,
    plugs_in,
    sensor_comes_off,
    short_after_a_drive,
    sun_rises,
    ten_cuts,
)

_HOUR_S = 3600.0

# What every charge must show: no healthy cell above its hard limit, the household fuse holds, and
# too much current lasts no longer than it takes to see it (5 s) and to open the relay.
_ALWAYS = (
    Expectation("cell_room_mv", 0.0, math.inf, "mV"),
    Expectation("mains_room_a", -0.5, math.inf, "A"),
    Expectation("over_command_s", 0.0, 8.0, "s"),
    Expectation("top_c", -math.inf, 60.0, "degC"),
)
_NO_FAULT = Expectation("charge_faults", 0.0, 0.0, "")
_FULL = Expectation("full", 1.0, 1.0, "")
# Under MicroPython the session is saved meanwhile: a flash write stalls the chip of a parked car.
_LATE = Expectation("late_ticks", 0.0, 60.0, "")
_COUNTED = Expectation("count_error_pct", 0.0, 1.0, "%")
_LEAD_NIGHT = (
    Expectation("soc_pct", 98.0, 100.0, "%"),
    Expectation("ah_factor", 1.03, 1.20, ""),
    Expectation("hours", 3.0, 14.0, "h"),
    Expectation("absorb_h", 0.5, 8.0, "h"),
)
_LITHIUM_NIGHT = (
    Expectation("soc_pct", 98.0, 100.0, "%"),
    Expectation("ah_factor", 0.97, 1.05, ""),
    Expectation("hours", 1.0, 10.0, "h"),
    Expectation("float_h", 0.0, 0.0, "h"),
)
# Of the minutes in the whole loop: the relay closed, current rose, and nothing else was on.
_STARTS = (
    Expectation("charge_top_a", 5.0, 40.0, "A"),
    Expectation("charge_ah", 0.2, 3.0, "Ah"),
    Expectation("charge_with_traction_ms", 0.0, 0.0, "ms"),
    Expectation("stored_faults", 0.0, 0.0, ""),
    _LATE,
)
_STAYS_OFF = (
    Expectation("charge_top_a", 0.0, 0.0, "A"),
    Expectation("charge_on_s", 0.0, 0.0, "s"),
)


NIGHTS = (
    ChargeScenario(
        name="overnight",
        summary="a night at the socket, from 20 %",
        seconds=14 * _HOUR_S,
        expectations=(*_ALWAYS, _FULL, _NO_FAULT, _COUNTED),
        more={"lead": _LEAD_NIGHT, "lithium": _LITHIUM_NIGHT},
        piece_expectations=_STARTS,
    ),
    ChargeScenario(
        name="cold_morning",
        summary="plugged in at -10 degC with 30 %, four hours of frost before the sun",
        seconds=18 * _HOUR_S,
        vehicle="four_wheel_72v_lfp",
        soc=0.3,
        ambient_c=-10.0,
        story=sun_rises,
        watches=(Watch("frost", 0.0, 4 * _HOUR_S),),
        expectations=(*_ALWAYS, _FULL, _NO_FAULT, _COUNTED),
        more={
            "lead": (
                Expectation("frost_ah", 1.0, math.inf, "Ah"),
                Expectation("soc_pct", 85.0, 100.0, "%"),
            ),
            "lead setpoint": (Expectation("soc_pct", 96.0, 100.0, "%"),),
            "lithium": (
                Expectation("frost_ah", 0.0, 0.0, "Ah"),
                Expectation("check_h", 5.0, 12.0, "h"),
                Expectation("soc_pct", 98.0, 100.0, "%"),
            ),
        },
    ),
    ChargeScenario(
        name="hot_shed",
        summary="a night in a shed at 40 degC, from 20 %",
        seconds=16 * _HOUR_S,
        ambient_c=40.0,
        expectations=(
            *_ALWAYS,
            _NO_FAULT,
            Expectation("top_c", 40.0, 50.5, "degC"),
        ),
        # One behind a relay cannot give less where the heat allows less: it is on and off.
        more={
            "setpoint": (_FULL, Expectation("soc_pct", 94.0, 100.0, "%")),
            "relay": (Expectation("soc_pct", 70.0, 100.0, "%"),),
        },
        piece_expectations=_STARTS,
    ),
    ChargeScenario(
        name="power_cuts",
        summary="a night from 20 % with ten power cuts of up to 45 min",
        seconds=22 * _HOUR_S,
        story=ten_cuts,
        expectations=(
            *_ALWAYS,
            _FULL,
            _NO_FAULT,
            _COUNTED,
            Expectation("sessions", 1.0, 1.0, ""),
            Expectation("soc_pct", 96.0, 100.0, "%"),
            Expectation("absorb_h", 0.0, 8.0, "h"),
            Expectation("ah_factor", 0.97, 1.20, ""),
        ),
        piece_faults=("power_cut@90", "power_cut@180"),
        piece_expectations=(
            Expectation("charge_top_a", 5.0, 40.0, "A"),
            Expectation("charge_with_traction_ms", 0.0, 0.0, "ms"),
        ),
    ),
    ChargeScenario(
        name="aged_flooded",
        summary="a sulphated flooded pack of 70 % that gasses three times as much, from 20 %",
        seconds=22 * _HOUR_S,
        vehicle="three_wheel_48v_flooded",
        make_pack=aged_pack,
        kinds=("flooded",),
        expectations=(
            *_ALWAYS,
            Expectation("top_c", 25.0, 50.5, "degC"),
            Expectation("hours", 3.0, 20.0, "h"),
            Expectation("end_a", 0.0, 3.0, "A"),
        ),
        piece_expectations=_STARTS,
    ),
    ChargeScenario(
        name="shorted_cell",
        summary="a charge, a drive, a cell is shorted: the next charge reports it",
        seconds=34 * _HOUR_S,
        story=short_after_a_drive,
        kinds=LEAD,
        piece_s=0.0,
        expectations=(
            *_ALWAYS,
            Expectation("faultless_h", 16.6, 33.5, "h"),
            Expectation("cell_shorted", 1.0, 1.0, ""),
            Expectation("charge_faults", 1.0, 1.0, ""),
            Expectation("top_cell_v", 2.0, 2.6, "V"),
            Expectation("end_a", 0.0, 0.0, "A"),
        ),
    ),
    ChargeScenario(
        name="wrong_chemistry",
        summary="another pack than the controller is set for: it never charges",
        seconds=2 * _HOUR_S,
        soc=0.5,
        make_pack=other_pack,
        has_bms=False,
        expectations=(
            Expectation("charge_ah", 0.0, 0.0, "Ah"),
            Expectation("relay_closings", 0.0, 0.0, ""),
        ),
        more={
            "lead": (Expectation("wrong_pack", 1.0, 1.0, ""),),
            "lithium": (Expectation("discharge_not_permitted", 1.0, 1.0, ""),),
        },
        piece_s=60.0,
        piece_expectations=_STAYS_OFF,
    ),
    ChargeScenario(
        name="lost_temperature",
        summary="the battery's sensor comes off after an hour: lead goes on as if hot, slowly",
        seconds=16 * _HOUR_S,
        story=sensor_comes_off,
        watches=(Watch("blind", _HOUR_S + 10.0),),
        expectations=(*_ALWAYS, _NO_FAULT),
        more={
            "lead": (
                Expectation("blind_top_a", 0.0, 13.0, "A"),  # 0 of a relay: all would be too much
                Expectation("absorb_h", 0.0, 2.1, "h"),
            ),
            "lead setpoint": (_FULL, Expectation("soc_pct", 75.0, 100.0, "%")),
            "lithium": (
                Expectation("blind_top_a", 0.0, 0.0, "A"),
                Expectation("full", 0.0, 0.0, ""),
            ),
        },
        piece_faults=("battery_temp_open@120",),
        piece_expectations=(
            Expectation("charge_top_a", 5.0, 40.0, "A"),
            Expectation("charge_with_traction_ms", 0.0, 0.0, "ms"),
            Expectation("stored_faults", 1.0, 2.0, ""),
        ),
    ),
    ChargeScenario(
        name="deaf_charger",
        summary="after half an hour the charger gives all it has, whatever it is told",
        seconds=8 * _HOUR_S,
        story=charger_goes_deaf,
        only_setpoint=True,
        piece_s=0.0,
        expectations=(
            *_ALWAYS[:1],
            *_ALWAYS[2:],
            Expectation("charger_disobeys", 1.0, 1.0, ""),
            Expectation("faultless_h", 0.5, 7.5, "h"),
            Expectation("end_a", 0.0, 0.0, "A"),
            Expectation("fault_h", 0.5, 8.0, "h"),
        ),
    ),
)


PLUGGED = (
    Scenario(
        name="plug_in_while_driving",
        summary="the plug goes in at speed: torque goes, the charge waits until the car is safe",
        seconds=120.0,
        make_driver=plugs_in,
        soc=0.5,
        watches=(Watch("plugged", 12.3), Watch("driven", 5.0, 12.0)),
        expectations=(
            Expectation("driven_top_kmh", 8.0, 60.0, "km/h"),
            Expectation("plugged_torque_permille", 0.0, 0.0, ""),
            Expectation("charge_with_traction_ms", 0.0, 0.0, "ms"),
            Expectation("charge_on_s", 10.0, 108.0, "s"),
            Expectation("charge_top_a", 5.0, 40.0, "A"),
            Expectation("arc_closings", 0.0, 0.0, ""),
            Expectation("stored_faults", 0.0, 0.0, ""),
            Expectation("flash_ops_moving", 0.0, 0.0, ""),
            _LATE,
        ),
    ),
)
