"""Guard's wheel: how fast the guard says the car rolls, from pulses alone, and what pulls it.

Hazard: a speed that the rest of the loop reads wrong hides that the car is too
fast, or that it gains speed which nobody asked for. The pulses of eight slots of
120 ms are kept: sums of the newer and of the older half second are the speed and
where it is going.
"""

from array import array

from micropython import const

_SLOTS = const(8)
SLOT_MS = const(120)
_LONG_SLOT_MS = const(128)
_SURE_SLOTS = const(25)  # 3 s: until then the governor has found the speed again, too
_MAX_PULSES = const(1000)
_COARSE_UM = const(140000)
_LAG_MMPS = const(300)  # that the speed may lie behind
_COARSE_LAG_MMPS = const(2000)  # where it is that of a whole second
# While the wheel does not say how fast it gains: more than any car does.
ANY_MMPS2 = const(30000)
# Steeper than any road: 3 m/s2, as a difference between two half seconds.
_JERK_MM = const(700)


class GuardWheel:
    """count() takes in a slot that ended, measure() says what it means.

    speed_mmps is that of the last half second, ahead_mmps where it is now if it rose or
    fell evenly, fastest_mmps what it may be at most; is_silent: no pulse in the newest slot.
    A wheel with a pulse every 14 cm or rarer is_coarse: its speed is that of the whole
    second, and ahead_mmps where the newer half leads if that is slower. is_sure: it is not,
    and for 3 s no tick was late.
    """

    def __init__(self, values: "dict[str, int]") -> None:
        """Copy what is needed of the parameters' values by name."""
        self._spacing_um = values["wheel_circumference_mm"] * 1000 // values["pulses_per_turn"]
        self.is_coarse = 1 if self._spacing_um >= _COARSE_UM else 0
        self._complement = 0
        self._complement = ~self.sum()
        self.speed_mmps = 0
        self.ahead_mmps = 0
        self.fastest_mmps = 0
        self.is_silent = True
        self._newest = 0
        self._steady_slots = 0  # of regular length, since the last that was not
        self.is_sure = False
        self._ways = array("H", [0] * _SLOTS)  # pulses by slot
        self._newer = 0
        self._older = 0
        self._rolling_slots = 0  # in a row with pulses
        self._slot = 0
        self._pulses = -1

    def count(self, pulses: int, slot_ms: int) -> None:
        """Take in the counter at the end of a slot: sums of the newer and older half second."""
        new = (pulses - self._pulses) & 0xFFFF if self._pulses >= 0 else 0
        self._pulses = pulses
        if new > _MAX_PULSES:
            new = 0
        # Late ticks make a slot long: count as if it had been a regular one.
        if slot_ms > _LONG_SLOT_MS:
            self._steady_slots = 0
        elif self._steady_slots < _SURE_SLOTS:
            self._steady_slots += 1
        self.is_sure = self._steady_slots >= _SURE_SLOTS and not self.is_coarse
        if slot_ms > SLOT_MS:
            new = (new * SLOT_MS + (slot_ms >> 1)) // slot_ms
        ways = self._ways
        slot = self._slot
        middle = ways[slot - _SLOTS // 2]
        self._newer += new - middle
        self._older += middle - ways[slot]
        ways[slot] = new
        self._slot = slot + 1 if slot < _SLOTS - 1 else 0
        if not new:
            self._rolling_slots = 0
        elif self._rolling_slots < _SLOTS:
            self._rolling_slots += 1
        self._newest = new
        self.is_silent = not new

    def measure(self, is_coasting: bool) -> bool:
        """Form the speed; return whether a car that is_coasting gains more than a road gives."""
        newer = self._newer
        older = self._older
        if not (newer or older or self.speed_mmps):
            return False
        spacing = self._spacing_um >> 4  # 10 * 1000 * 550 000 would not fit: in 16 um
        gain = newer - older
        # A car that a hill brakes down to its cap may pull again: it is as slow as it is by now.
        if self.is_coarse:  # it needs the whole second
            speed = (newer + older) * spacing // 60
            ahead = min(speed, (newer + min(gain, 0)) * spacing // 30)
            fastest = speed + _COARSE_LAG_MMPS
        else:
            speed = newer * spacing // 30
            # The middle of the half second lies 0.24 s back: go on as fast as it rose or fell.
            ahead = min(speed, (newer + gain) * spacing // 30)
            if gain > 1 and self._steady_slots >= _SLOTS:
                ahead += (gain - 1) * spacing // 30
            # The newest slot alone knows a launch; from one to the next it is off by a pulse.
            fastest = self._newest * spacing * 2 // 15
            if fastest < speed + _LAG_MMPS:
                fastest = speed + _LAG_MMPS
            if fastest < ahead:
                fastest = ahead
        self.fastest_mmps = fastest
        self.speed_mmps = speed
        self.ahead_mmps = ahead
        # With pulses in every slot: a wire that comes back is no acceleration.
        return (
            is_coasting and self._rolling_slots >= _SLOTS and (gain - 2) * spacing // 62 > _JERK_MM
        )

    def gains_mmps2(self) -> int:
        """Return what the speed gains at most, from 0 on; ANY_MMPS2 where the wheel cannot say.

        It can after a second with pulses in every slot and with ticks on time.
        """
        if self._rolling_slots < _SLOTS or self._steady_slots < _SLOTS:
            return ANY_MMPS2
        # In 0.48 s; either half is off by a pulse. 4002 * 34 375 * 5 = 6.9e8
        gains = (self._newer - self._older + 2) * (self._spacing_um >> 4) * 5 // 72
        return gains if gains > 0 else 0

    def sum(self) -> int:
        """Return -1 for as long as every copy is as it was written: see the complement."""
        return self._spacing_um ^ self.is_coarse ^ self._complement
