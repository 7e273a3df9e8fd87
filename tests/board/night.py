"""A night on the virtual board: a half-full car at its socket, and a person at its console."""

import select
import socket

from service import charge_record
from service.store import OK, Store
from sim import frame
from sim.interpreter import FIRMWARE_DIR, MicropythonController
from sim.plant.charger import SetpointCharger
from sim.vehicle import load_vehicle
from sim.world import TICK_S, World
from vcu.charge.phases import BULK, CHECK, OFF
from vcu.charge.session import FIELDS, Session

VEHICLE = load_vehicle("four_wheel_60v_agm")
# It could give twice what it is told.
CHARGER_A = 30.0
CHARGER_V = 100.0
# A run's boot, its check with a known zero, and the wait before the current rises.
BEGIN_S = 50.0


class Owner:
    """Puts the plug in and goes; may leave the gear in reverse."""

    def __init__(self) -> None:
        self.key = False
        self.plug = True
        self.gear = 0
        self.pedal = 0.0
        self.brake = 0.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Nobody is there."""


class Night:
    """A half-full AGM car at its socket, whose current sensor's zero is known from earlier."""

    def __init__(self, firmware=FIRMWARE_DIR, **wishes: int) -> None:
        self.console, theirs = socket.socketpair()
        self.console.setblocking(False)
        self.controller = MicropythonController(
            "esp32_s3", VEHICLE.values, console=theirs.fileno(), firmware=firmware
        )
        self._theirs = theirs
        self.store = Store(str(self.controller.flash / "records"))
        session = Session()
        session.zero_q4 = VEHICLE.values["pack_a_zero_counts"] << 4
        for name, value in wishes.items():
            setattr(session, name, value)
        payload = bytearray(charge_record.SIZE)
        head = charge_record.SIZE - 4 * len(FIELDS)
        payload[4:10] = (50000).to_bytes(4, "little") + (50).to_bytes(2, "little")
        for i, name in enumerate(FIELDS):
            at = head + 4 * i
            payload[at : at + 4] = getattr(session, name).to_bytes(4, "little", signed=True)
        payload[0:4] = (1000).to_bytes(4, "little")
        assert self.store.write("charge", 1, payload) == OK
        self.owner = Owner()
        self.world = World(
            VEHICLE,
            driver=self.owner,
            controller=self.controller,
            charger=SetpointCharger(CHARGER_A, CHARGER_V),
            soc=0.5,
        )
        self.restart(power_lost=True)

    def __enter__(self) -> "Night":
        return self

    def __exit__(self, *exc: object) -> None:
        self.controller.close()
        self.console.close()
        self._theirs.close()

    @property
    def out(self):
        return self.world.outputs

    @property
    def phase(self):
        return self.out[frame.CHARGE_PHASE]

    def charge(self, seconds: float = 30.0) -> "Night":
        """Begin, and charge for that long."""
        self.world.run(BEGIN_S + seconds)
        assert self.phase == BULK and self.world.charger.current_a > 10.0
        return self

    def restart(self, power_lost: bool) -> "Night":
        self.world.restart(power_lost)
        self.world.step()
        return self

    def until(self, happened, most_s: float = 60.0) -> float:
        """Run until it has happened; return how long that took."""
        for tick in range(round(most_s / TICK_S)):
            if happened():
                return tick * TICK_S
            self.world.step()
        raise AssertionError("it has not happened")

    def safe_boot(self) -> None:
        """Nothing flows from a start until its check is over."""
        seen = set()
        while self.phase in {OFF, CHECK}:
            assert not self.world.wires.charger
            assert not any(self.out[i] for i in (frame.CHARGE_V_MV, frame.CHARGE_A_MV))
            seen.add(self.phase)
            self.world.step()
        assert CHECK in seen

    def is_safe(self) -> bool:
        return not any(self.controller.outputs[: frame.PIN_COUNT])

    def kept(self) -> Session:
        """Return the session on flash, with what may have been lost counted as charged."""
        assert self.store.read("charge", 1) == OK
        session = Session()
        assert charge_record.unpack(self.store.payload, session, charge_record.Moment())
        return session

    def say(self, line: str) -> str:
        self.console.send(line.encode() + b"\r")
        said = b""
        for _ in range(400):
            self.world.step()
            while select.select([self.console], [], [], 0)[0]:
                said += self.console.recv(4096)
        return said.decode()
