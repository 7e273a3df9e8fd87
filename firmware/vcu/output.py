"""Output: the decided torque and states become commands to the parts; in doubt, nothing.

Hazard: torque left standing when the mode, the key or the plug says no. Rule:
every output is worked out anew each tick from the present state; throttle and
enable need DRIVE, and the throttle's voltage is zero whenever its torque is.
"""

from micropython import const

from vcu import contactor, output_test, patterns
from vcu.charge import phases
from vcu.charge.charge import Charge
from vcu.faults import Faults
from vcu.governor import kmh_to_mmps
from vcu.modes import CHARGE, DRIVE, FAULT, PRECHARGE, READY
from vcu.params import Params
from vcu.protection import Protection
from vcu.request import REVERSE
from vcu.signals import Outputs, Raw, Signals

# The driver hears it when the car is pushed 3 km/h above the cap of its gear.
_WARN_KMH = const(3)
_FAN_ON_DDEGC = const(500)
_FAN_OFF_DDEGC = const(450)


class Output:
    """Maps the loop's state to Outputs."""

    def __init__(self, params: Params) -> None:
        self._zero_mv = params.get("throttle_zero_mv")
        self._start_mv = params.get("throttle_start_mv")
        self._span_mv = params.get("throttle_full_mv") - self._start_mv
        self._warn_mmps = kmh_to_mmps(params.get("speed_cap_kmh") + _WARN_KMH)
        self._warn_reverse_mmps = kmh_to_mmps(params.get("reverse_cap_kmh") + _WARN_KMH)
        self._turtle_permille = params.get("soc_turtle_permille")
        self.overspeed = 0
        self.patterns = patterns.Patterns()

    def step(
        self,
        out: Outputs,
        mode: int,
        direction: int,
        torque_permille: int,
        relay: contactor.Contactor,
    ) -> None:
        """Fill what moves the car; torque counts in DRIVE only, and is regeneration below 0."""
        drive = 0
        if mode == DRIVE:
            drive = torque_permille
            out.enable = 1
            out.guard = 1  # the guard takes it away
            out.reverse = 1 if direction == REVERSE else 0
        else:
            out.enable = 0
            out.guard = 0
            out.reverse = 0
        out.heartbeat = 1
        if drive > 0:
            out.throttle_permille = drive
            # 4500 * 1000 = 4.5e6
            out.throttle_mv = self._start_mv + self._span_mv * drive // 1000
            out.regen_permille = 0
        else:
            out.throttle_permille = 0
            out.throttle_mv = self._zero_mv
            out.regen_permille = -drive
        out.contactor = relay.contactor_on
        out.precharge = relay.precharge_on
        if out.charger:
            out.charger = 0
            out.charge_v_mv = 0
            out.charge_a_mv = 0

    def charge(self, out: Outputs, raw: Raw, charge: Charge, relay: contactor.Contactor) -> None:
        """Fill what charges the car: in mode CHARGE only, plugged in, with nothing else closed.

        Hazard: driving off on the cable, or charging a car that can drive. This is
        the one place where a charger with mains is switched on, and each tick it begins off.
        """
        if not charge.enable:
            return
        if not raw.plug_in:
            # Hazard: a plug contact that bounces switches the relay under full current each time,
            # and wears or welds it. The charge pauses: after a bounce that no round has seen for
            # ten minutes; a plug that was seen out begins with a check.
            charge.steps.pause(phases.UNPLUGGED)
        elif not (out.enable or relay.contactor_on):
            out.charger = 1
            out.charge_v_mv = charge.command.voltage_mv()
            out.charge_a_mv = charge.command.current_mv()

    def test(self, out: Outputs, drives: int) -> None:
        """Drive one output for a person, in mode SERVICE, whose others are off; or end it.

        Nothing that moves the car is here, and the charger's relay closes with both of its
        inputs at 0 V. The supply is held, for the coils to have their 12 V.
        """
        if drives == output_test.LAMP:
            out.lamp = 1
        elif drives == output_test.BUZZER:
            out.buzzer = 1
        elif drives == output_test.FAN:
            out.fan = 1
        elif drives == output_test.PROBE:
            out.precharge = 1
        elif drives == output_test.CONTACTOR:
            out.contactor = 1
        elif drives == output_test.CHARGER:
            out.charger = 1
        else:
            # tell() and show() switch them on again where there is a reason to.
            out.lamp = 0
            out.buzzer = 0
            out.fan = 0
            return
        out.hold = 1

    def show(
        self, out: Outputs, sig: Signals, mode: int, relay: contactor.Contactor, saving: bool
    ) -> None:
        """At each change of mode and now and then: set fan and hold, and find overspeed."""
        warn_mmps = self._warn_reverse_mmps if out.reverse else self._warn_mmps
        self.overspeed = 1 if sig.speed_mmps > warn_mmps else 0
        if not sig.controller_temp_valid or sig.controller_ddegc > _FAN_ON_DDEGC:
            out.fan = 1
        elif sig.controller_ddegc < _FAN_OFF_DDEGC:
            out.fan = 0
        # Held as long as a coil is on or about to be, or something is being saved; otherwise
        # key, plug or USB feed the board. Hazard: a car that a fault stopped rolls on and writes
        # nothing, and a key turned off then takes the supply before the save begins.
        started = mode == DRIVE or mode == READY or mode == PRECHARGE or mode == FAULT
        held = started or relay.contactor_on or relay.precharge_on or out.charger or saving
        out.hold = 1 if held else 0

    def tell(
        self,
        out: Outputs,
        sig: Signals,
        mode: int,
        faults: Faults,
        protection: Protection,
        charge: Charge,
        clock_ms: int,
    ) -> None:
        """At 12.5 Hz: lamp and buzzer, the most important of what there is to tell."""
        heard = patterns.SILENT
        if self.overspeed:
            heard = patterns.OVERSPEED
        elif protection.rolls:
            heard = patterns.ROLLING
        shown = patterns.SILENT
        code = 0
        if mode == FAULT:
            # Hazard: the fault took the motor on a slope, and nobody hears that the car rolls.
            shown = patterns.FAULT_CODE
            code = faults.stop_id
        elif heard:
            shown = heard
        elif mode == DRIVE or mode == READY:
            if faults.is_crawling:
                shown = patterns.CRAWL
            elif protection.walks:
                shown = patterns.WALK
            elif sig.soc_permille < self._turtle_permille:
                shown = patterns.TURTLE
            else:
                shown = patterns.READY
        elif mode == CHARGE:
            shown = self._charging(charge)
            if shown == patterns.FAULT_CODE:
                code = charge.fault_id()
        shows = self.patterns
        shows.step(shown, code, clock_ms, heard)
        out.lamp = shows.lamp
        out.buzzer = shows.buzzer

    def _charging(self, charge: Charge) -> int:
        phase = charge.phase
        if phase == phases.FAULT:
            return patterns.FAULT_CODE
        if phase == phases.FULL or phase == phases.FLOAT:
            return patterns.CHARGED
        return patterns.CHARGING if charge.enable else patterns.PLUGGED_IN
