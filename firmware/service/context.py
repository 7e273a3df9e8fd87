"""Context: what every verb of the console works with, and what several of them say."""

from micropython import const

from service.access import LEVEL_NAMES
from service.calibration import Calibration
from service.desk import NOTHING, Desk
from service.draft import Draft
from service.error_codes import BAD_ARGUMENT, BUSY, FLASH_ERROR, LOCKED, MOVING, NOT_NOW
from service.events import Events
from service.inputs import Inputs
from service.pack_swap import Offer
from service.readings import Readings
from service.reply import Reply
from service.telemetry import Telemetry
from vcu.loop import PARKED_MS

# 9 digits stay below 2**30.
_MOST_DIGITS = const(9)
_NEAREST = const(3)


class Context:
    """What every verb gets: where to write, what to read, whom to ask."""

    def __init__(self, desk: Desk, reply: Reply) -> None:
        self.desk = desk
        self.reply = reply
        self.readings = Readings(desk.loop, desk.params)
        self.offer = Offer()
        self.draft = Draft()
        self.calibration = Calibration()
        self.events = Events(desk)
        self.telemetry = Telemetry(desk, reply, self.events)
        self.inputs = Inputs(desk.loop)
        self.is_echoing = True
        self.wants_obd = False
        self.dump_line = not_restoring  # what takes the lines of a dump
        self.dropped_bytes = 0  # control bytes that mean nothing here, modulo 2**16

    def line(self, template: str) -> None:
        """Write one line with its readings."""
        self.readings.fill(self.reply, template)
        self.reply.end()

    def may_write(self, level: int = 1) -> bool:
        """Return whether the car is parked, the desk free, the user of that level, or say why not.

        level 0 view, 1 service, 2 factory.
        """
        reply = self.reply
        if self.desk.wanted != NOTHING:
            reply.error(BUSY, "the last request is not done; nothing changed; try again soon")
            return False
        if not self.desk.is_parked():
            self.refuse_moving()
            return False
        if not self.desk.access.may(level):
            reply.error(LOCKED)
            reply.text("needs level ")
            reply.number(level)
            reply.line(", " + LEVEL_NAMES[level] + "; nothing changed; `unlock` it first")
            return False
        return True

    def refuse_moving(self) -> None:
        """Say that the car is not parked, and what to do."""
        sig = self.desk.loop.sig
        if sig.standstill_ms < PARKED_MS and sig.speed_mmps:
            self.reply.error(MOVING)
        else:
            self.reply.error(NOT_NOW)
        self.line(
            "not parked (%s km/h, gear %f, pedal %p %); nothing changed; "
            "stand 2 s in N or key off, pedal up"
        )


def not_restoring(context: Context, words: "list[str]"):
    """Answer nothing: no dump is being restored."""
    yield


def refuse(context: Context, what: str, use: str):
    """Say that this is nothing that can be done, and what can."""
    context.reply.error(BAD_ARGUMENT, what + "; nothing changed; use: " + use)
    yield


def wait(context: Context, done: str, late: str = "the request stands; look again with `status`"):
    """Wait until the services have done what was asked, and say how it went; done may be ""."""
    desk = context.desk
    for _ in desk.until_done():
        yield
    if desk.wanted != NOTHING:
        context.reply.error(BUSY, "not done within 5 s; " + late)
    elif desk.trouble:
        context.reply.error(FLASH_ERROR, desk.trouble[:160])
    elif done:
        context.reply.line(done)


def unknown(context: Context, code: int, wanted: str, names: "list[str]", hint: str):
    """Say that there is no such name, and the three of names that are most like it."""
    best = [""] * _NEAREST
    scores = [-1000] * _NEAREST
    pairs = [wanted[i : i + 2] for i in range(len(wanted) - 1)]
    yield
    for name in names:
        score = likeness(wanted, pairs, name)
        for place in range(_NEAREST):
            if score > scores[place]:
                scores.insert(place, score)
                best.insert(place, name)
                break
        del scores[_NEAREST:], best[_NEAREST:]
        yield  # one name is about as much work as a line
    context.reply.error(code)
    context.reply.text("no such name; nothing done; try " + ", ".join(best))
    context.reply.line(" or " + hint)
    yield


def likeness(typed: str, pairs: "list[str]", name: str) -> int:
    """Return how alike typed and name are, by shared letters and pairs of them; more is more."""
    score = 2 if name.startswith(typed[0]) else 0
    for letter in typed:
        if letter in name:
            score += 1
    for pair in pairs:
        if pair in name:
            score += 2
    apart = len(typed) - len(name)
    return score - (apart if apart > 0 else -apart)


def to_int(text: str) -> "int | None":
    """Return the whole number that text is, or None."""
    digits = text[1:] if text[:1] == "-" else text
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:
        return None
    return int(text)
