"""Charge readings: why a charge is as it is, each cause with what is measured and needed."""

from service.reply import Reply
from vcu.charge import bms
from vcu.charge.backstops import FIRST_ROW
from vcu.charge.charge import Charge
from vcu.faults import SYSTEM, TABLE
from vcu.loop import Loop

# One template for each name of vcu.charge.phases.CAUSE_NAMES; see service/readings.py.
CAUSES = (
    ("nothing", "nothing hinders it"),
    ("unplugged", "plug %P, contactor %c, mode %m; needs in, open, CHARGE"),
    ("no_charger", "charger_kind 0, needs 1 for a relay or 2 for a set-point charger"),
    ("no_bms", "bms_kind 0, lithium needs 1 for contacts or 2 for cell data"),
    ("parameters_broken", "lost, rules broken or restart due, needs none; see `faults`, `save`"),
    ("checking", "the resting pack is measured, needs a minute at most"),
    ("wrong_pack", "%x mV a cell, needs %X; see `pack`"),
    ("too_cold", "battery %k degC, needs %K"),
    ("too_hot", "battery %h degC, needs below %H"),
    ("sensor_lost", "battery %k degC, current at rest %I A, needs all sensors; see `faults`"),
    ("bms_refuses", "bms %R, needs charge yes"),
    ("no_current", "%I A at %U V, needs above 0.3 A: mains, charger or its relay"),
    ("voltage_high", "charger at %U V, needs at most %V: its curve is another pack's"),
    (
        "current_high",
        "charger at %I A, allowed %L A: a smaller charger, or battery nearer 25 degC",
    ),
    ("scheduled", "begins in %y min; `charge ready 0` begins now"),
    ("target_reached", "charge %q %, target %G; `charge target full` goes on"),
    ("full", "charge %q %"),
    ("fault", "latched %z; needs repair, then `clear`"),
    ("traction_live", "bus %u V, needs a dead bus and the enable line off; see `faults`"),
)


def write(loop: Loop, reply: Reply, letter: str) -> bool:
    """Write the reading of a letter of a template; False where it has none."""
    charge = loop.charge
    if letter == "P":
        reply.text("in" if loop.raw.plug_in else "out")
    elif letter == "U":
        reply.number(charge.meter.voltage_cv, 2)
    elif letter == "I":
        reply.number(charge.meter.current_ma // 100, 1)
    elif letter == "E":
        reply.number(charge.command.set_cv, 2)
    elif letter == "F":
        reply.number(charge.command.set_ma // 100, 1)
    elif letter == "V":
        reply.number(charge.command.limit_cv, 2)
    elif letter == "L":
        reply.number(charge.command.limit_ma // 100, 1)
    elif letter == "k":
        _temperature(reply, charge.warmth.coldest_ddegc, charge.warmth.is_known)
    elif letter == "h":
        _temperature(reply, charge.warmth.hottest_ddegc, charge.warmth.is_known)
    elif letter == "K":
        reply.number(charge.profile.get("warm_again"), 1)
    elif letter == "H":
        reply.number(charge.profile.get("cool_again"), 1)
    else:
        return _write_session(charge, reply, letter)
    return True


def _write_session(charge: Charge, reply: Reply, letter: str) -> bool:
    session = charge.session
    profile = charge.profile
    if letter == "x":
        reply.number(charge.meter.voltage_cv * 10 // profile.cells)
    elif letter == "X":
        reply.number(charge.pack_check.least_mv())
        reply.text("..")
        reply.number(profile.get("reject_above"))
    elif letter == "y":
        reply.number(session.delay_s // 60)
    elif letter == "z":
        _latched(reply, session.faults)
    elif letter == "R":
        _permissions(reply, charge.bms)
    elif letter == "G":
        _target(reply, session.target_permille)
    elif letter == "C":
        reply.number(session.in_mah // 100, 1)
    elif letter == "D":
        reply.number(session.limit_mah // 100, 1)
    elif letter == "j":
        reply.number(session.phase_s // 60)
    elif letter == "J":
        reply.number(session.total_s // 60)
    elif letter == "M":
        reply.number(session.number)
    else:
        return False
    return True


def _temperature(reply: Reply, ddegc: int, is_known: bool) -> None:
    if is_known:
        reply.number(ddegc, 1)
    else:
        reply.text("?")


def _latched(reply: Reply, bits: int) -> None:
    if not bits:
        reply.text("none")
    row = FIRST_ROW
    while bits:
        if bits & 1:
            reply.text(TABLE[SYSTEM][row][1])
            if bits > 1:
                reply.text(", ")
        bits >>= 1
        row += 1


def _permissions(reply: Reply, port: bms.Bms) -> None:
    reply.text(bms.KIND_NAMES[port.kind])
    if port.is_lost:
        reply.text(" lost")
    reply.text(": charge yes" if port.may_charge else ": charge no")
    reply.text(", discharge yes" if port.may_discharge else ", discharge no")


def _target(reply: Reply, permille: int) -> None:
    if permille:
        reply.number(permille, 1)
        reply.text(" %")
    else:
        reply.text("full")
