"""Each board's pins against what its chip can do, and its README against its data."""

import ast
import math
import re
from pathlib import Path

import pytest

from sim.plant.bms import BOTH_MV, CHARGE_MV, DISCHARGE_MV, NOTHING_MV
from vcu.fixmath import lerp
from vcu.params import Params
from vcu.sense import Scaling, Sense
from vcu.signals import SLOW_BMS_CONTACTS, SLOW_NAMES, Outputs, Raw, Signals

BOARDS = Path(__file__).resolve().parents[2] / "boards"
NAMES = ("esp32_s3", "esp32")
SHIFT_BASE = 100

# From the datasheets and the ESP-IDF GPIO pages, except `moves`, which adds what
# users have measured: GPIO 14 and 15 of the ESP32, GPIO 20 and 21 of the S3.
CHIPS = {
    "esp32s3": {
        "gpio": {*range(22), *range(26, 49)},
        "adc1": {1, 2, 4, 5, 6, 7, 8, 9, 10},  # GPIO 3 is a strapping pin
        "input_only": set(),
        "no_pulls": set(),
        "strapping": {0, 3, 45, 46},
        # May end at a CMOS input: JTAG selection is ignored unless a fuse is burnt, and
        # GPIO 46 only has to stay low, as its pull-down has it, for a download.
        "strapping_for_logic": {3, 46},
        "strapping_for_inputs": set(),
        "moves": {18, 19, 20, 21, 39, 43, 44},  # driven or pulled high at power-on or reset
        # USB, flash and PSRAM, console; GPIO 35 to 37 are free without octal PSRAM.
        "reserved": {19, 20, *range(26, 35), 43, 44},
    },
    "esp32": {
        "gpio": {*range(20), 21, 22, 23, 25, 26, 27, *range(32, 37), 39},  # WROOM bonds these
        "adc1": {32, 33, 34, 35, 36, 39},
        "input_only": {34, 35, 36, 39},
        "no_pulls": {34, 35, 36, 39},
        "strapping": {0, 2, 5, 12, 15},
        "strapping_for_logic": {0, 2, 5, 12},  # GPIO 0 only has to be high, as its pull-up has it
        "strapping_for_inputs": {5, 15},  # boots at either level
        "moves": {1, 3, 5, 14, 15},
        "reserved": {1, 3, *range(6, 12)},  # console, flash
    },
}

# GPIOs that PSRAM inside the module takes beside those of its flash, by what the page calls it.
PSRAM = {"esp32s3": ("Octal PSRAM", {35, 36, 37}), "esp32": ("PSRAM", {16, 17})}

ANALOG = ("PEDAL_A", "PEDAL_B", "PACK_V", "BUS_V", "PACK_A", "MUX")
FLAGS = ("KEY", "PLUG", "BRAKE", "GEAR_FORWARD", "GEAR_REVERSE", "ENABLE_READBACK")
INPUTS = (*FLAGS, "PULSES", "MOTOR_PULSES")
SHIFT = ("SHIFT_DATA", "SHIFT_CLOCK", "SHIFT_LATCH")
# All that an output of the shift register may carry.
HARMLESS = ("LAMP", "BUZZER", "FAN", "HOLD")


def source(name):
    return (BOARDS / name / "board.py").read_text()


def fields(name):
    """Read board.py without running it: one literal per name."""
    found = {}
    for statement in ast.parse(source(name)).body:
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets
            assert isinstance(target, ast.Name)
            assert target.id not in found, f"{target.id} twice"
            found[target.id] = ast.literal_eval(statement.value)
        else:
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            assert text, "board.py holds assignments of literals only"
    return found


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def board(name):
    return fields(name)


@pytest.fixture
def chip(board):
    return CHIPS[board["CHIP"]]


def pins(board):
    """Every signal with its number: select lines as MUX_SELECT 0 to 3."""
    found = {signal: board[signal] for signal in (*ANALOG, *INPUTS, *SHIFT, *board["ACTUATORS"])}
    for i, number in enumerate(board["MUX_SELECT"]):
        found[f"MUX_SELECT {i}"] = number
    return found


def fitted(board, signals):
    return {s: pins(board)[s] for s in signals if 0 <= pins(board)[s] < SHIFT_BASE}


def selects(board):
    return [signal for signal in pins(board) if signal.startswith("MUX_SELECT")]


def test_boards_have_the_same_fields_of_the_same_kind():
    kinds = [{field: type(value) for field, value in fields(name).items()} for name in NAMES]
    assert kinds[0] == kinds[1]


def test_a_board_is_named_as_its_folder(name, board):
    assert board["NAME"] == name


def test_no_pin_is_used_twice(board):
    used = [number for number in pins(board).values() if number >= 0]
    assert sorted(used) == sorted(set(used))


def test_every_pin_exists_and_is_not_taken_by_flash_usb_or_console(board, chip):
    for signal, number in fitted(board, pins(board)).items():
        assert number in chip["gpio"] - chip["reserved"], signal


def test_analog_inputs_are_on_adc1(board, chip):
    assert len(fitted(board, ANALOG)) == len(ANALOG)
    for signal, number in fitted(board, ANALOG).items():
        assert number in chip["adc1"], signal


def test_outputs_are_on_pins_that_can_drive(board, chip):
    outputs = fitted(board, (*board["ACTUATORS"], *SHIFT, *selects(board)))
    assert not set(outputs.values()) & chip["input_only"]


def test_no_actuator_is_on_a_pin_that_straps_or_moves_at_reset(board, chip):
    for signal, number in fitted(board, board["ACTUATORS"]).items():
        assert number not in chip["strapping"] | chip["moves"], signal


def test_a_strapping_pin_carries_only_what_cannot_change_the_boot(board, chip):
    for signal, number in fitted(board, (*SHIFT, *selects(board))).items():
        assert number not in chip["strapping"] - chip["strapping_for_logic"], signal
    for signal, number in fitted(board, (*INPUTS, *ANALOG)).items():
        assert number not in chip["strapping"] - chip["strapping_for_inputs"], signal


def test_inputs_that_use_a_pull_are_on_pins_that_have_one(board, chip):
    assert {*INPUTS} - {*fitted(board, INPUTS)} <= {"MOTOR_PULSES"}
    for signal, number in fitted(board, INPUTS).items():
        assert board[f"{signal}_PULL"] in ("up", "down")
        assert number not in chip["no_pulls"], signal


def test_an_open_wire_reads_as_the_state_in_which_the_car_does_less(board):
    on = {}
    for signal in FLAGS:
        resting = 1 if board[f"{signal}_PULL"] == "up" else 0
        on[signal] = int(resting == board[f"{signal}_ACTIVE"])
    safe = {"KEY": 0, "PLUG": 1, "BRAKE": 1, "GEAR_FORWARD": 0, "GEAR_REVERSE": 0}
    assert on == safe | {"ENABLE_READBACK": 1}  # a fault, which a line that is really off is not


def test_only_what_can_neither_move_nor_feed_the_car_is_on_the_shift_register(board):
    shifted = {s: n for s, n in pins(board).items() if n >= SHIFT_BASE}
    assert set(shifted) <= {*HARMLESS, *selects(board)}
    assert all(number < SHIFT_BASE + 8 for number in shifted.values())
    wires = [board[signal] >= 0 for signal in SHIFT]
    assert wires == [bool(shifted)] * 3


def test_what_has_no_pin_is_listed_as_not_fitted(board):
    shift_missing = {signal for signal in SHIFT if board[signal] < 0}
    missing = {signal for signal, number in pins(board).items() if number < 0} - shift_missing
    setpoint = "charger_setpoint"
    names = {"MOTOR_PULSES": "motor_hall", "CHARGE_V": setpoint, "CHARGE_A": setpoint}
    absent = {names.get(signal, signal.lower()) for signal in missing}
    assert absent == set(board["NOT_FITTED"]) - {"can"}


def test_nothing_that_moves_feeds_or_stops_the_car_is_left_unfitted(board):
    for signal in board["ACTUATORS"]:
        spared = ("REGEN", "LAMP", "BUZZER", "FAN", "CHARGE_V", "CHARGE_A")
        assert board[signal] >= 0 or signal in spared
    assert (board["CHARGE_V"] < 0) == (board["CHARGE_A"] < 0)


def test_the_guard_and_what_it_stops_each_have_a_pin_of_the_chip_itself(board):
    for signal in ("ENABLE", "GUARD", "CONTACTOR", "PRECHARGE", "CHARGER", "HEARTBEAT"):
        assert 0 <= board[signal] < SHIFT_BASE, signal


def test_every_output_of_the_loop_is_an_actuator_released_throttle_first_and_supply_last(board):
    actuators = board["ACTUATORS"]
    commanded = {field.removesuffix("_permille").removesuffix("_mv") for field in vars(Outputs())}
    assert {signal.lower() for signal in actuators} == commanded
    assert len(actuators) == len(set(actuators))
    assert actuators[:4] == ("THROTTLE", "REGEN", "ENABLE", "GUARD")
    assert actuators[4:7] == ("CHARGE_V", "CHARGE_A", "CHARGER")
    assert actuators[-1] == "HOLD"


def test_the_multiplexer_is_wired_in_the_order_of_the_slow_channels(board):
    assert board["MUX_INPUTS"] == SLOW_NAMES
    assert len(SLOW_NAMES) <= 1 << len(board["MUX_SELECT"]) == 16  # of a 74HC4067


# --- scaling


def scaling_of(board):
    arguments = Scaling.__init__.__code__.co_varnames[1 : Scaling.__init__.__code__.co_argcount]
    return Scaling(*[board[argument.upper()] for argument in arguments])


def test_scaling_takes_the_board_s_data_by_name(board):
    assert scaling_of(board).ntc_table == board["NTC_TABLE"]


def within(value, expected, permille):
    return abs(value - expected) * 1000 <= abs(expected) * permille


def resistors(text):
    """Sum an upper and a lower leg: '2 x 110 k over 6.8 k' is (220, 6.8)."""
    count, upper, lower = re.search(r"(?:(\d) x )?([\d.]+) k over ([\d.]+) k", text).groups()
    return int(count or 1) * float(upper), float(lower)


def ratio(text):
    upper, lower = resistors(text)
    return (upper + lower) / lower


def test_the_scales_are_those_of_the_resistors_in_the_wiring_table(name, board):
    rows = table(name, "signal")
    slow = table(name, "channel")
    for signal in ("PACK", "BUS"):
        # 1000 mV at the pin in 0.01 V
        expected = 100 * ratio(rows[f"{signal}_V"][2])
        assert within(board[f"{signal}_CV_PER_1000_COUNTS"], expected, 2)
    assert within(board["RAIL_CV_PER_1000_COUNTS"], 100 * ratio(slow["rail_12v"][2]), 2)
    for field, channel in (("SENSOR_5V", "sensor_5v"), ("THROTTLE_READBACK", "throttle_readback")):
        expected = 1000 * ratio(slow[channel][2])
        assert within(board[f"{field}_MV_PER_1000_COUNTS"], expected, 2)
    # 2.5 V +- 2 V at 300 A through the divider
    per_volt_da = 3000 / 2.0
    expected = per_volt_da * ratio(rows["PACK_A"][2])
    assert within(board["PACK_DA_PER_1000_COUNTS"], expected, 2)


def test_the_contacts_of_a_bms_read_as_its_ladder_in_the_wiring_table_says(name):
    pull_up, by_charge, by_discharge = map(
        float, re.findall(r"([\d.]+) k", table(name, "channel")["bms_contacts"][2])
    )
    levels = [3300.0]
    for ground in (
        by_charge,
        by_discharge,
        by_charge * by_discharge / (by_charge + by_discharge),
    ):
        levels.append(3300 * ground / (pull_up + ground))
    told = re.search(r"charge (\d+) mV, discharge (\d+) mV, both (\d+) mV", readme("esp32_s3"))
    rounded = [round(level) for level in levels]
    assert rounded == [3300, *(int(mv) for mv in told.groups())]
    assert rounded == [NOTHING_MV, CHARGE_MV, DISCHARGE_MV, BOTH_MV]
    sense = Sense(scaling_of(fields(name)), Params())
    raw, sig = Raw(), Signals()
    raw.slow_index = SLOW_BMS_CONTACTS
    for permitted, level in enumerate(levels):
        for off_permille in (950, 1000, 1050):  # what 5 % resistors make of it
            raw.slow_counts = round(level * off_permille / 1000)
            sense.step(raw, sig, 10)
            assert sig.bms_bits == permitted, (permitted, raw.slow_counts)


def test_full_scale_stays_inside_the_converter(board):
    assert 10000 * 1000 // board["PACK_CV_PER_1000_COUNTS"] <= 3050
    assert 1500 + 3000 * 1000 // board["PACK_DA_PER_1000_COUNTS"] <= 3050
    assert 1700 * 1000 // board["RAIL_CV_PER_1000_COUNTS"] <= 3050
    assert 5500 * 1000 // board["SENSOR_5V_MV_PER_1000_COUNTS"] <= 3050


def test_the_references_are_the_taps_of_the_chain(board):
    chain = 0.39 + 8.2 + 1.2
    assert within(board["REFERENCE_LOW_COUNTS"], 2495 * 1.2 / chain, 5)
    assert within(board["REFERENCE_HIGH_COUNTS"], 2495 * (8.2 + 1.2) / chain, 5)
    # Inside the range in which either chip's converter is calibrated.
    assert 150 <= board["REFERENCE_LOW_COUNTS"] < board["REFERENCE_HIGH_COUNTS"] <= 2450


def test_the_pwm_frequency_leaves_12_bits_and_is_not_heard(board):
    assert 80_000_000 // board["PWM_HZ"] >= 1 << 12
    assert board["PWM_HZ"] >= 18000


def thermistor_counts(celsius):
    kelvin = celsius + 273.15
    ohm = 10_000 * math.exp(3950 * (1 / kelvin - 1 / 298.15))
    return 3300 * ohm / (ohm + 10_000)


def test_the_thermistor_table_rises_in_counts_and_falls_in_temperature(board):
    counts, ddegc = board["NTC_TABLE"][::2], board["NTC_TABLE"][1::2]
    assert list(counts) == sorted(set(counts))
    assert list(ddegc) == sorted(set(ddegc), reverse=True)
    assert (ddegc[0], ddegc[-1]) == (1500, -400)
    assert 12 <= len(counts) <= 16


def test_the_thermistor_table_meets_the_b3950_formula_at_its_points(board):
    table_ = board["NTC_TABLE"]
    for counts, ddegc in zip(table_[::2], table_[1::2], strict=True):
        low = thermistor_counts(ddegc / 10 + 1.5)
        high = thermistor_counts(ddegc / 10 - 1.5)
        assert low <= counts <= high, (counts, ddegc)


def test_the_thermistor_table_is_within_3_degrees_between_its_points(board):
    for tenth in range(-200, 1201):
        counts = thermistor_counts(tenth / 10)
        for whole in (math.floor(counts), math.ceil(counts)):
            assert abs(lerp(whole, board["NTC_TABLE"]) - tenth) <= 30, tenth


# --- README


def readme(name):
    return (BOARDS / name / "README.md").read_text()


def table(name, first):
    """The rows, by their first cell, of the table whose header starts with `first`."""
    rows = {}
    inside = False
    for line in readme(name).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first:
            inside = True
        elif inside and not cells[0].startswith("---"):
            assert cells[0] not in rows, f"{cells[0]} twice"
            rows[cells[0]] = cells
    assert rows, f"no table of {first}"
    return rows


def printed(number):
    if number < 0:
        return "not fitted"
    return f"595 Q{number - SHIFT_BASE}" if number >= SHIFT_BASE else str(number)


def test_the_wiring_table_has_every_signal_on_its_pin_and_nothing_else(name, board):
    expected = {signal: printed(number) for signal, number in pins(board).items()}
    for signal in SHIFT:
        if board[signal] < 0:
            del expected[signal]
    assert {signal: cells[1] for signal, cells in table(name, "signal").items()} == expected


def test_the_wiring_table_names_the_resistor_that_holds_each_actuator_low(name, board):
    rows = table(name, "signal")
    for signal in board["ACTUATORS"]:
        if board[signal] >= 0:
            assert re.match(r"low, 10 k", rows[signal][4]), signal


def test_every_wire_that_leaves_the_board_has_its_own_terminal(name):
    terminals = []
    for first in ("signal", "channel"):
        for cells in table(name, first).values():
            terminals += re.findall(r"J\d-\d+", cells[3])
    assert sorted(terminals) == sorted(set(terminals))


def test_the_slow_channels_are_listed_on_their_multiplexer_inputs(name, board):
    rows = table(name, "channel")
    assert [rows[channel][1] for channel in board["MUX_INPUTS"]] == [f"Y{i}" for i in range(9)]
    assert len(rows) == 9


def test_what_is_not_fitted_is_said(name, board):
    section = readme(name).split("## Not fitted")[1].split("## ")[0].lower()
    for part in board["NOT_FITTED"]:
        assert f"- {part.replace('_', ' ')}" in section.replace("set-point", "setpoint")


def test_the_page_warns_of_psram_that_takes_a_pin_in_use(name, board):
    kind, taken = PSRAM[board["CHIP"]]
    assert taken & set(pins(board).values())
    assert re.search(rf"{kind}[^.;]* takes GPIO {min(taken)} (to|and) {max(taken)}", readme(name))


def test_the_parts_cost_about_15_dollars(name):
    rows = table(name, "part")
    total = float(rows.pop("total")[2])
    assert round(sum(float(cells[2]) for cells in rows.values()), 2) == total
    assert 12 <= total <= 20


def drop_s(c1_uf, c2_uf, r_k, threshold_v):
    """Time from the last stroke of a pump on 3.3 V, 50 Hz, until its gate switches."""
    tau_s = c2_uf * r_k / 1000
    share = c1_uf / (c1_uf + c2_uf)
    drive_v = 3.3 - 2 * 0.2  # two Schottky diodes
    peak_v = drive_v * share / (1 - math.exp(-0.020 / tau_s) * (1 - share))
    return tau_s * math.log(peak_v / threshold_v)


def test_the_pumps_drop_the_enable_first_then_the_contactor_then_the_charger(name):
    pumps = [[float(cell) for cell in cells[2:5]] for cells in table(name, "pump").values()]
    enable_s, contactor_s, charger_s = (drop_s(*pump, threshold_v=1.05) for pump in pumps)
    relay_s = 0.010
    assert drop_s(*pumps[0], threshold_v=0.6) * 1.1 + relay_s < 0.100
    assert enable_s + relay_s > 0.035  # one late tick may not drop it
    assert 0.5 <= contactor_s <= 1.0
    assert 1.5 <= charger_s <= 3.0
    for printed_text, seconds in zip(
        (cells[5] for cells in table(name, "pump").values()),
        (enable_s + relay_s, contactor_s, charger_s),
        strict=True,
    ):
        number, unit = re.match(r"([\d.]+) (ms|s)", printed_text).groups()
        shown_s = float(number) / (1000 if unit == "ms" else 1)
        assert within(shown_s, seconds, 100)
