"""Io verbs: every input raw and in its unit, and values by subscription."""

from micropython import const

from service import inputs
from service.context import Context, to_int, unknown
from service.error_codes import BAD_ARGUMENT, OUT_OF_RANGE, TOO_BIG
from service.reply import Reply
from service.telemetry import MOST_HZ, TELEMETRY
from vcu.signals import (
    SLOW_BATTERY_TEMP,
    SLOW_BMS_CONTACTS,
    SLOW_CONTROLLER_TEMP,
    SLOW_MOTOR_TEMP,
    SLOW_RAIL_12V,
    SLOW_SENSOR_5V,
)

# Every slow channel comes round in 240 ms.
_ROUND_SLICES = const(26)
# Beyond these a reading is that of a broken wire; the pedal's come from its calibration.
_LIMITS = (
    ("pack_v", "15.0 V..3050 mV"),
    ("bus_v", "0..3050 mV"),
    ("pack_a", "100..3050 mV"),
    ("battery_temp", "60..3000 mV"),
    ("motor_temp", "60..3000 mV"),
    ("controller_temp", "60..3000 mV"),
    ("rail_12v", "10.5..15.5 V"),
    ("sensor_5v", "4.75..5.25 V"),
)
_CONTACTS = (
    "wire shorted",
    "permits nothing",
    "permits charge",
    "permits discharge",
    "permits both",
)


def _io(context: Context, words: "list[str]"):
    """Write each input: mV at the pin, value, limits, least and most since the last time."""
    watched = context.inputs
    if watched.left_ms <= 0:
        watched.watch()
        for _ in range(_ROUND_SLICES):
            yield
    for place in range(len(inputs.NAMES)):
        _analog(context, place)
        yield
    watched.watch()
    raw = context.desk.loop.raw
    reply = context.reply
    reply.text("brake pressed" if raw.brake_on else "brake released")
    reply.text(", key on" if raw.key_on else ", key off")
    reply.text(", plug in" if raw.plug_in else ", plug out")
    context.readings.fill(reply, ", gear %f")
    reply.line(", enable line on" if raw.enable_readback else ", enable line off")
    yield
    reply.text("wheel ")
    reply.number(raw.pulses_counts)
    context.readings.fill(reply, " pulses, %s km/h, motor ")
    reply.number(raw.motor_pulses_counts)
    reply.line(" pulses")
    yield
    context.line("bms %R")
    yield


def _analog(context: Context, place: int) -> None:
    """Write "NAME 468 mV = 0.0 %, limits 358..2420 mV, seen 466..470 mV"."""
    reply = context.reply
    watched = context.inputs
    name = inputs.NAMES[place]
    reply.text(name + " ")
    _counts(reply, watched.now[place])
    reply.text(" mV")
    _value(context, place)
    if place == inputs.PEDAL_A:
        context.readings.fill(reply, ", limits %A mV")
    elif place == inputs.PEDAL_B:
        context.readings.fill(reply, ", limits %B mV")
    for limited, limits in _LIMITS:
        if limited == name:
            reply.text(", limits " + limits)
    reply.text(", seen ")
    _counts(reply, watched.least[place])
    reply.text("..")
    _counts(reply, watched.most[place])
    reply.line(" mV")


def _counts(reply: Reply, counts: int) -> None:
    if counts < 0:
        reply.text("failed" if counts == -1 else "?")
    else:
        reply.number(counts)


def _value(context: Context, place: int) -> None:
    reply = context.reply
    sig = context.desk.loop.sig
    slow = place - inputs.SLOW
    if place == inputs.PEDAL_A:
        _travel(context, "a", place)
    elif place == inputs.PEDAL_B:
        _travel(context, "b", place)
    elif place == inputs.PACK_V:
        _unit(reply, sig.pack_cv, 2, " V", sig.pack_valid)
    elif place == inputs.BUS_V:
        _unit(reply, sig.bus_cv, 2, " V", sig.pack_valid)
    elif place == inputs.PACK_A:
        _unit(reply, sig.pack_da, 1, " A", sig.pack_valid)
    elif slow == SLOW_BATTERY_TEMP:
        _unit(reply, sig.battery_ddegc, 1, " degC", sig.battery_temp_valid)
    elif slow == SLOW_MOTOR_TEMP:
        _unit(reply, sig.motor_ddegc, 1, " degC", sig.motor_temp_valid)
    elif slow == SLOW_CONTROLLER_TEMP:
        _unit(reply, sig.controller_ddegc, 1, " degC", sig.controller_temp_valid)
    elif slow == SLOW_RAIL_12V:
        _unit(reply, sig.rail_cv, 2, " V", 1)
    elif slow == SLOW_SENSOR_5V:
        _unit(reply, sig.sensor_5v_mv, 3, " V", 1)
    elif slow == SLOW_BMS_CONTACTS:
        reply.text(" = " + _CONTACTS[sig.bms_bits + 1])


def _unit(reply: Reply, value: int, decimals: int, unit: str, is_valid: int) -> None:
    if is_valid:
        reply.text(" = ")
        reply.number(value, decimals)
        reply.text(unit)
    else:
        reply.text(" = not valid")


def _travel(context: Context, channel: str, place: int) -> None:
    """Write the travel of one pedal channel, as its parameters have it."""
    get = context.desk.params.get
    released = get("pedal_" + channel + "_released_counts")
    span = get("pedal_" + channel + "_pressed_counts") - released
    counts = context.inputs.now[place]
    if span and counts >= 0:
        _unit(context.reply, (counts - released) * 1000 // span, 1, " %", 1)


def _sub(context: Context, words: "list[str]"):
    """Begin a subscription, or name what there is."""
    telemetry = context.telemetry
    reply = context.reply
    if len(words) == 1:
        for row in TELEMETRY:
            reply.line(row[0])
            yield
        return
    rate_hz = to_int(words[2]) if len(words) == 3 else None
    if rate_hz is None or not 1 <= rate_hz <= MOST_HZ:
        reply.error(OUT_OF_RANGE, "rate is 1 to 20 Hz; subscription as it was; give one inside")
        return
    adds = words[1][0] == "+"
    numbers = list(telemetry.numbers) if adds else []
    for name in (words[1][1:] if adds else words[1]).split(","):
        if not _add(numbers, name):
            yield
            for _ in unknown(context, BAD_ARGUMENT, name or "?", _names(), "sub"):
                yield
            return
        yield  # one name is about as much work as a line
    if not telemetry.fits(numbers, rate_hz):
        reply.error(TOO_BIG, "more than the line carries; subscription as it was; fewer or slower")
        return
    telemetry.begin(numbers, rate_hz)
    reply.number(len(numbers))
    reply.text(" values at ")
    reply.number(rate_hz)
    reply.line(" Hz")
    yield


def _names() -> "list[str]":
    return [row[0] for row in TELEMETRY]


def _add(numbers: "list[int]", wanted: str) -> bool:
    """Add the values of that name, or that begin so where it ends in *; False if none does."""
    is_prefix = wanted[-1:] == "*"
    prefix = wanted[:-1]
    is_known = False
    for number in range(len(TELEMETRY)):
        name = TELEMETRY[number][0]
        if name == wanted or (is_prefix and name.startswith(prefix)):
            is_known = True
            if number not in numbers:
                numbers.append(number)
    return is_known


def _unsub(context: Context, words: "list[str]"):
    context.telemetry.end()
    context.reply.line("no subscription")
    yield


ROWS = (
    ("io", 0, 0, _io, "  every input, its limits, least and most since the last `io`"),
    ("sub", 0, 2, _sub, " NAMES HZ  send values; alone names them"),
    ("unsub", 0, 0, _unsub, "  send no more"),
)
