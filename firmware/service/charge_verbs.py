"""Charge verb: how the charge stands, and what a person wishes of it: target, time, equalizing."""

from micropython import const

from service.charge_wishes import DELAY, EQUALIZE, TARGET
from service.context import Context, refuse, to_int, wait
from service.error_codes import BAD_ARGUMENT, NOT_NOW, OUT_OF_RANGE
from vcu import chemistry
from vcu.charge import phases
from vcu.charge.charge import Charge

USAGE = " [target PERCENT|full|storage, ready MINUTES, equalize [off]]  how it stands; wishes"

_FULL = const(100)
# Lishen, EVE: lithium is stored at 30 to 50 % of its charge.
_STORAGE = const(50)
_READY_MOST_MIN = const(1440)
# How long a charge takes beyond missing charge over current, measured in simulation. Lead: two
# and a half hours, and a minute for each permille of C: a faster bulk leaves more to absorb.
_LEAD_MIN = const(150)
_LITHIUM_MIN = const(15)
# The part of a lead charge that is absorption begins about here.
_BULK_ENDS_PERMILLE = const(600)


def charge_verb(context: Context, words: "list[str]"):
    """Show the charge, or take a wish for it."""
    about = words[1] if len(words) > 1 else ""
    if not about:
        return _show(context)
    if about == "target" and len(words) == 3:
        return _target(context, words[2])
    if about == "ready" and len(words) == 3:
        return _ready(context, words[2])
    if about == "equalize" and (len(words) == 2 or words[2] == "off"):
        return _equalize(context, 1 if len(words) == 2 else 0)
    return refuse(context, "no such wish", "charge" + USAGE)


def _show(context: Context):
    charge = context.desk.loop.charge
    context.reply.text("charge ")
    context.readings.charge(context.reply)
    context.reply.end()
    yield
    context.line("measured %U V %I A, set %E V %F A, allowed %V V %L A")
    yield
    context.line("in %C Ah of at most %D, %j min in this phase, %J min in all, session %M")
    yield
    context.line("battery %k..%h degC, target %G, latched %z")
    yield
    context.line("bms %R")
    yield
    if charge.session.equalize_armed:
        context.reply.line("equalizing is armed, once, for the end of the next charge")
        yield
    if charge.session.is_unconfirmed:
        context.reply.line("another pack: no drive, no charge until the check at the plug agrees")
        yield
    if charge.session.delay_s > 0:
        context.line("begins in %y min; a power cut puts it off by its length")
        yield


def _wish(context: Context, wish: int, value: int, done: str):
    # The car may have moved since.
    if context.may_write(0):
        context.desk.request_charge(wish, value)
        for _ in wait(context, done):
            yield


def _target(context: Context, word: str):
    profile = context.desk.loop.charge.profile
    percent = to_int(word)
    if word == "full":
        percent = _FULL
    elif word == "storage":
        percent = _STORAGE
        if not profile.is_lithium:
            context.reply.error(
                BAD_ARGUMENT, "lead is stored full; target unchanged; use: charge target full"
            )
            return
    if percent is None:
        context.reply.error(
            BAD_ARGUMENT, "no percentage; target unchanged; use a number, full or storage"
        )
        return
    least = profile.get("target_least") // 10
    if not least <= percent <= _FULL:
        text = str(percent) + " % is outside " + str(least) + "..100"
        text += "" if profile.is_lithium else ", less harms lead"
        yield  # the search for the profile was work enough
        context.reply.error(OUT_OF_RANGE, text + "; target unchanged; give one inside")
        return
    text = "target " + str(percent) + " %; kept over power cuts until you change it"
    for _ in _wish(context, TARGET, percent * 10 if percent < _FULL else 0, text):
        yield


def _ready(context: Context, word: str):
    charge = context.desk.loop.charge
    reply = context.reply
    minutes = to_int(word)
    if minutes is None or not 0 <= minutes <= _READY_MOST_MIN:
        reply.error(OUT_OF_RANGE, "minutes from now are 0..1440; nothing changed; give one inside")
        return
    if minutes and not _may_be_delayed(context):
        return
    needed = needed_min(charge) if minutes else 0
    delay = minutes - needed if minutes > needed else 0
    text = "begins now"
    if minutes:
        text = "needs about " + str(needed) + " min, begins "
        text += "in " + str(delay) + " min" if delay else "now, too late for that"
        if delay:
            text += "; a power cut puts it off by its length"
    for _ in _wish(context, DELAY, delay * 60, text):
        yield


def _may_be_delayed(context: Context) -> bool:
    charge = context.desk.loop.charge
    phase = charge.phase
    if phase in (phases.CHECK, phases.PRECHARGE, phases.BULK) and charge.command.limit_ma > 0:
        return True
    context.reply.error(NOT_NOW)
    if phases.ABSORB <= phase <= phases.FULL:
        context.reply.line("the charge is at its end; it goes on; ask at the next one")
    else:
        context.readings.charge(context.reply)
        context.reply.line("; nothing changed; plug in, or mend that, and ask again")
    return False


def needed_min(charge: Charge) -> int:
    """Return about how many minutes the charge still takes at the current allowed now, above 0.

    Of simulated charges of healthy packs from 5 to 80 % at 25 degC the longest took 20 minutes
    more and the shortest 100 less; a cold pack takes less, because it warms up.
    """
    target = charge.session.target_permille
    if not target:
        target = 1000
    capacity_mah = charge.profile.capacity_mah
    ma = charge.command.limit_ma
    # 300 000 mAh * 1000 = 3e8
    missing_mah = capacity_mah * target // 1000 - charge.energy.left_mah
    if missing_mah <= 0:
        return 0
    minutes = missing_mah * 60 // ma
    if charge.profile.is_lithium:
        return minutes + _LITHIUM_MIN
    absorbing = _LEAD_MIN + ma * 1000 // capacity_mah
    return minutes + absorbing * (target - _BULK_ENDS_PERMILLE) // (1000 - _BULK_ENDS_PERMILLE)


def _equalize(context: Context, armed: int):
    charge = context.desk.loop.charge
    refused = ""
    if charge.profile.get("equalize") == 0:
        kind = chemistry.NAMES[charge.profile.kind]
        refused = kind + " is never equalized; nothing changed; only flooded lead is"
    elif charge.is_relay:
        refused = "a relay charger cannot be told its current; not armed; needs charger_kind 2"
    elif charge.session.target_permille:
        refused = "the charge ends at its target before; not armed; `charge target full` first"
    if refused and armed:
        context.reply.error(NOT_NOW, refused)
        return
    done = "armed once: after the next full charge, below 40 degC"
    if not armed:
        stops = charge.phase == phases.EQUALIZE
        done = "equalizing stops; its float follows" if stops else "not armed"
    for _ in _wish(context, EQUALIZE, armed, done):
        yield


ROWS = (("charge", 0, 2, charge_verb, USAGE),)
