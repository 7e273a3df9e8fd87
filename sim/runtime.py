"""Runtimes: the firmware behind one interface, in this process or as a whole in MicroPython.

CpythonController runs the loop alone and is fast; MicropythonController (sim/interpreter.py)
runs all of the firmware, and for the same inputs gives the same outputs.
"""

import traceback
from typing import NoReturn

from sim.controller import (
    WATCHDOG_BIT,
    Controller,
    ControllerError,
    board_scaling,
    load_board,
)
from sim.frame import (
    AGE_LIMIT_US,
    BRAKE_ON,
    BUS_V_MV,
    COMMAND,
    DOUBLE,
    EARLY_AGE_US,
    EARLY_PULSES,
    EDGE_AGE_US,
    EDGE_PULSES,
    ENABLE_READBACK,
    GEAR_FORWARD_ON,
    GEAR_REVERSE_ON,
    KEY_ON,
    MOTOR_PULSES,
    OUTPUT_SIZE,
    PACK_A_MV,
    PACK_V_MV,
    PEDAL_A_MV,
    PEDAL_B_MV,
    PIN_COUNT,
    PLUG_IN,
    PULSES,
    SLOW_MV,
    STALL,
)
from vcu.charge.bms import CellData
from vcu.loop import Loop
from vcu.preset import Preset
from vcu.request import REVERSE
from vcu.signals import SLOW_ORDER, Raw
from vcu.speed import SAMPLE_MAX_US

_TICK_MS = 10
_TICK_US = 10_000
_SLOW_LAST = len(SLOW_ORDER) - 1
# What main.py makes of time: a tick is late, and nobody has fed the watchdog.
_LATE_MS = 15
_WATCHDOG_MS = 2000


def make_controller(
    runtime: str, board: str, values: dict[str, int], *, stamps: bool = True, name: str = ""
) -> Controller:
    """Return the controller for "cpython" or "micropython"; ControllerError if it cannot start.

    With stamps False the board is one without edge stamps, whatever its data says;
    the input frames must then be such a board's too. name is the vehicle's.
    """
    if runtime == "cpython":
        return CpythonController(board, values)
    if runtime == "micropython":
        try:  # only here: it needs pipes and file locks as Windows has none
            from sim.interpreter import MicropythonController
        except ImportError:
            raise ControllerError(
                "MicroPython runs here on Linux and macOS only; nothing was started; leave"
                " --runtime out"
            ) from None
        return MicropythonController(board, values, stamps=stamps, name=name)
    raise ControllerError(f"no runtime is called {runtime!r}: there are cpython and micropython")


class CpythonController:
    """The loop in this process, for speed; what hal and main.py do is written out flat here.

    loop is open to be looked into between two exchanges; a restart makes a new one.
    """

    def __init__(self, board: str, values: dict[str, int]) -> None:
        data = load_board(board)
        self.scaling = board_scaling(data)
        self._values = dict(values)
        self._has_regen = bool(data["REGEN"] >= 0)
        self._has_motor = bool(data["MOTOR_PULSES"] >= 0)
        self._has_setpoint = "charger_setpoint" not in data["NOT_FITTED"]
        self._start()

    def _start(self) -> None:
        self.loop = Loop(self.scaling, Preset(self._values, self._has_setpoint))
        self.outputs = [0] * OUTPUT_SIZE
        self._error: ControllerError | None = None
        self._slow_place = 0
        self._now_us = 0
        self._edge_seen = False
        self._edge_us = 0
        self._edge_pulses = 0
        self._old_pulses = -1
        self._early_pulses = 0
        self._early_age_us = -1
        self._late_ms = 0  # that the next tick comes after its time
        self._late_ticks = 0
        self._ticks = 0
        self._beat = 0

    @property
    def cell_data(self) -> CellData:
        """Where a BMS with a serial port puts what it says."""
        return self.loop.charge.cell_data

    def restart(self, power_lost: bool) -> None:
        """Start anew with a fresh loop, which has neither flash nor RTC memory."""
        self._start()

    def exchange(self, inputs: list[int]) -> list[int]:
        """Run the ticks of these inputs and return a new output frame; ControllerError.

        Usually that is one tick. After n frames with STALL, in which the pins keep
        their levels, it is one that is 10 n ms late. With DOUBLE it is two, the
        second 1 ms after the first, and the tick of the next frame comes 9 ms later:
        main.py hands whole milliseconds to the loop and loses none.
        """
        if self._error is not None:
            raise self._error
        self._now_us += _TICK_US
        if inputs[EDGE_PULSES] != self._edge_pulses:
            self._note_edge(inputs)
        command = inputs[COMMAND]
        if command == STALL:
            self._stall(inputs)
            return self.outputs
        self._tick(inputs, _TICK_MS + self._late_ms)
        self._late_ms = 0
        if command == DOUBLE:
            self._tick(inputs, 1)
            self._late_ms = -1
        self.outputs = outputs = self._frame()
        return outputs

    def _stall(self, inputs: list[int]) -> None:
        if self._late_ms <= 0:  # the wheel was sampled before the tick that does not come
            self._early_pulses = inputs[EARLY_PULSES]
            self._early_age_us = inputs[EARLY_AGE_US]
        self._late_ms += _TICK_MS
        self.outputs = list(self.outputs)
        if self._late_ms >= _WATCHDOG_MS:
            self._stop(WATCHDOG_BIT)

    def _stop(self, why: str) -> NoReturn:
        self.outputs = self._frame()
        self.outputs[:PIN_COUNT] = [0] * PIN_COUNT
        self._error = ControllerError(f"the firmware stopped: {why}".rstrip())
        raise self._error

    def _tick(self, inputs: list[int], dt_ms: int) -> None:
        self._fill(inputs)
        loop = self.loop
        if dt_ms > _LATE_MS:
            self._late_ticks += 1
        try:
            loop.step(dt_ms)
        except Exception:
            self._stop(f"it crashed\n{traceback.format_exc()}")
        if loop.out.heartbeat:
            self._beat ^= 1
        self._ticks += 1

    def _fill(self, inputs: list[int]) -> None:
        raw = self.loop.raw
        if self._edge_seen:
            self._stamp(raw)
        raw.pulses_counts = inputs[PULSES]
        if self._late_ms > 0:
            raw.early_pulses_counts = self._early_pulses
            age_us = self._early_age_us
            raw.early_age_us = age_us if age_us < 0 else age_us + self._late_ms * 1000
        else:
            raw.early_pulses_counts = inputs[EARLY_PULSES]
            raw.early_age_us = inputs[EARLY_AGE_US]
        if self._has_motor:
            raw.motor_pulses_counts = inputs[MOTOR_PULSES]
        raw.enable_readback = inputs[ENABLE_READBACK]
        raw.key_on = inputs[KEY_ON]
        raw.plug_in = inputs[PLUG_IN]
        raw.brake_on = inputs[BRAKE_ON]
        raw.gear_forward_on = inputs[GEAR_FORWARD_ON]
        raw.gear_reverse_on = inputs[GEAR_REVERSE_ON]
        raw.pedal_a_counts = inputs[PEDAL_A_MV]
        raw.pedal_b_counts = inputs[PEDAL_B_MV]
        raw.pack_v_counts = inputs[PACK_V_MV]
        raw.bus_v_counts = inputs[BUS_V_MV]
        raw.pack_a_counts = inputs[PACK_A_MV]
        place = self._slow_place
        raw.slow_index = index = SLOW_ORDER[place]
        raw.slow_counts = inputs[SLOW_MV + index]
        self._slow_place = place + 1 if place < _SLOW_LAST else 0

    def _note_edge(self, inputs: list[int]) -> None:
        """Stamp the edge as the pin interrupt does, which runs while a tick is late too."""
        age_us = inputs[EDGE_AGE_US]
        if age_us >= 0:
            self._edge_seen = True
            self._edge_pulses = inputs[EDGE_PULSES]
            self._edge_us = self._now_us - age_us

    def _stamp(self, raw: Raw) -> None:
        age_us = self._now_us - self._edge_us
        if age_us > AGE_LIMIT_US or self._edge_pulses == self._old_pulses:
            self._old_pulses = self._edge_pulses
            age_us = AGE_LIMIT_US
        raw.edge_pulses_counts = self._edge_pulses
        raw.edge_age_us = age_us

    def _frame(self) -> list[int]:
        """Return the output frame, in the order of sim/frame.py."""
        loop = self.loop
        out = loop.out
        sig = loop.sig
        energy = loop.energy
        faults = loop.faults
        charge = loop.charge
        modes = loop.modes
        torque = loop.torque_permille
        return [
            out.throttle_mv,
            out.regen_permille if self._has_regen else 0,
            out.enable,
            out.reverse,
            out.contactor,
            out.precharge,
            out.charger,
            out.lamp,
            out.buzzer,
            out.fan,
            out.hold,
            self._beat,
            out.guard,
            out.charge_v_mv if self._has_setpoint else 0,
            out.charge_a_mv if self._has_setpoint else 0,
            modes.mode,
            modes.reasons,
            sig.speed_mmps,
            -torque if loop.request.direction == REVERSE else torque,
            sig.soc_permille,
            loop.chain.winner,
            energy.odometer_m,
            self._late_ticks,
            sig.pedal_permille,
            energy.range_m,
            energy.range_uncertainty_m,
            energy.soc_uncertainty_permille,
            energy.trip_mwh,
            self._ticks,
            loop.contactor.state,
            loop.response.accel_full_mmps2,
            *faults.active,
            *faults.stored,
            0,  # nothing is written to flash here
            0,
            charge.phase,
            charge.cause,
            charge.command.set_cv,
            charge.command.set_ma,
            charge.session.in_mah,
            SAMPLE_MAX_US - loop.observer.sample_age_us(self._ticks),
        ]

    def close(self) -> None:
        """Nothing runs outside this process."""
