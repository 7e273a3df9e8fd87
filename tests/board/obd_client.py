"""An ordinary scan tool at a serial port: python-OBD, as anybody's script would use it.

    python obd_client.py PORT

A process of its own, because the library warns, and sleeps for seconds. It is
under the GPL: it is used here over a serial line and is part of nothing that is
shipped. Prints one JSON object a line: what it read while the car drives, then,
after a line on its standard input, what it read and cleared once the car is parked.
"""

import json
import sys
import time

# The type stubs of MicroPython bring a package `mip` without contents, which the library's
# unit converter takes for a solver of that name and breaks on. So this stands before its import.
sys.modules["mip"] = None  # pyright: ignore[reportArgumentType]

# E402: after the line above, or it breaks on the stubs.
import obd  # noqa: E402

READ_S = 2.5
NAMES = ("SPEED", "RPM", "THROTTLE_POS", "CONTROL_MODULE_VOLTAGE", "HYBRID_BATTERY_REMAINING")


def read(connection: obd.OBD, name: str) -> float:
    """Return the value of one command as a plain number."""
    return float(connection.query(obd.commands[name]).value.magnitude)


def codes(connection: obd.OBD, name: str) -> list[str]:
    """Return the trouble codes that a command lists."""
    return [code.upper() for code, _ in connection.query(obd.commands[name]).value or []]


def identify(connection: obd.OBD) -> dict[str, object]:
    """Return what the control unit says of itself."""
    vin = connection.query(obd.commands.VIN).value
    calibration = connection.query(obd.commands.CALIBRATION_ID).value
    return {"vin": bytes(vin or b"").decode(), "calibration": bytes(calibration or b"").decode()}


def tell(**values: object) -> None:
    """Print one line for the test that started this."""
    print(json.dumps(values), flush=True)


def main(port: str) -> None:
    """Read while the car drives, wait for the word, read and clear what is stored."""
    connection = obd.OBD(port, baudrate=115200)
    try:
        tell(status=connection.status(), commands=len(connection.supported_commands))
        samples: dict[str, list[float]] = {name: [] for name in NAMES}
        end_s = time.monotonic() + READ_S
        while time.monotonic() < end_s:
            for name in NAMES:
                samples[name].append(read(connection, name))
        status = connection.query(obd.commands.STATUS).value
        refused = connection.query(obd.commands.CLEAR_DTC)
        tell(
            **samples,
            codes=codes(connection, "GET_DTC"),
            lamp=status.MIL,
            count=status.DTC_count,
            cleared=[message.data.hex() for message in refused.messages],
            **identify(connection),
        )
        sys.stdin.readline()
        before = codes(connection, "GET_DTC")
        done = connection.query(obd.commands.CLEAR_DTC)
        tell(
            before=before,
            cleared=[message.data.hex() for message in done.messages],
            after=codes(connection, "GET_DTC"),
            speed=read(connection, "SPEED"),
        )
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
