"""Wires: what reaches the car behind the controller's pins, through the gates outside the chip."""

from sim.frame import (
    CHARGE_A_MV,
    CHARGE_V_MV,
    CHARGER,
    CONTACTOR,
    ENABLE,
    GUARD,
    HEARTBEAT,
    PRECHARGE,
    REGEN_PERMILLE,
    REVERSE,
    THROTTLE_MV,
)

# The heartbeat's charge pumps: how many ticks after its last edge each lets go (boards/*/README).
ENABLE_PUMP_TICKS = 10
COIL_PUMP_TICKS = 70
CHARGER_PUMP_TICKS = 200

_NEVER = 1 << 30


class Wires:
    """The car's end of every actuator wire. Before the first heartbeat all pumps are empty."""

    def __init__(self) -> None:
        self.throttle_mv: int = 0
        self.regen_permille: int = 0
        self.enable = False
        self.reverse = False
        self.contactor = False
        self.precharge = False
        self.charger = False
        self.charge_v_mv: int = 0
        self.charge_a_mv: int = 0
        self._heartbeat: int = 0
        self._quiet_ticks = _NEVER

    def follow(self, out: list[int]) -> None:
        """Take the levels of the pins for the tick that begins."""
        if out[HEARTBEAT] != self._heartbeat:
            self._heartbeat = out[HEARTBEAT]
            self._quiet_ticks = quiet = 0
        else:
            self._quiet_ticks = quiet = self._quiet_ticks + 1
        self.throttle_mv = out[THROTTLE_MV]
        self.regen_permille = out[REGEN_PERMILLE]
        self.reverse = out[REVERSE] == 1
        self.enable = out[ENABLE] == 1 and out[GUARD] == 1 and quiet < ENABLE_PUMP_TICKS
        coils = quiet < COIL_PUMP_TICKS
        self.contactor = coils and out[CONTACTOR] == 1
        self.precharge = coils and out[PRECHARGE] == 1
        if quiet < CHARGER_PUMP_TICKS:
            self.charger = out[CHARGER] == 1
            self.charge_v_mv = out[CHARGE_V_MV]
            self.charge_a_mv = out[CHARGE_A_MV]
        else:  # the set-points' buffers hang on the relay's pump
            self.charger = False
            self.charge_v_mv = self.charge_a_mv = 0
