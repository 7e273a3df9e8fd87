"""Every verb that writes, tests or clears, in each state of the car: what it is answered.

tests/unit/refusals.md is the table, generated here with LSEV_KEEP_SCREENS=1: it stands
beside the tests because only they can put a car into these states. A verb that has
no decision in WRITES or in HARMLESS fails.
"""

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import pytest

from service.desk import NOTHING
from service.verbs import LATER, names
from tests.unit import runs
from tests.unit.garage import PROVISION, Garage
from vcu import modes
from vcu.params import TABLE as PARAMETERS

KEPT = Path(__file__).parent / "refusals.md"

# Verbs that only read, or change no more than what this session shows.
HARMLESS = {
    "help": "help", "status": "status", "why": "why", "faults": "faults hist",
    "freeze": "freeze 11", "io": "io", "get": "get *", "show": "show", "dump": "dump",
    "diff": "diff", "desc": "desc speed_cap_kmh", "stats": "stats", "id": "id", "log": "log",
    "changes": "changes", "sub": "sub mode 1", "unsub": "unsub", "echo": "echo on",
    "time": "time 1795405000", "unlock": "unlock 1", "lock": "lock", "abort": "abort",
}  # fmt: skip
LINE = "pedal_curve_permille=300"
SUM = f"{crc32((LINE + chr(10)).encode()):08X}"
STAGED = ("begin", "set pedal_curve_permille 300")
EDITED = ("set speed_cap_kmh 50",)
WRONG = "auth " + "0" * 32
# The verb, the line, and what is typed before it while the car still stands parked.
WRITES = (
    ("set", "set speed_cap_kmh 50", ()),
    ("set", "set motor_lag_ms 90", ()),
    ("set", "set pedal_curve_permille 300", ()),
    ("begin", "begin", ()),
    ("commit", "commit", STAGED),
    ("defaults", "defaults", EDITED),
    ("save", "save", EDITED),
    ("restore", "restore begin", ()),
    ("restore", LINE, ("restore begin",)),
    ("checksum", "checksum " + SUM, ("restore begin", LINE)),
    ("clear", "clear", ()),
    ("charge", "charge target 90", ()),
    ("charge", "charge ready 0", ()),
    ("charge", "charge equalize off", ()),
    ("pack", "pack confirm", ("pack agm 30 100",)),
    ("auth", WRONG, ()),
    ("provision", PROVISION, ()),
    ("test", "test lamp 1", ()),
    ("cal", "cal pedal start", ()),
    ("cal", "cal pedal step", ("cal pedal start",)),
    ("cal", "cal current accept", ("cal current start", "cal current step")),
    ("cal", "cal pedal undo", ()),
    ("obd", "04", ("obd",)),
    ("repl", "repl", ()),
    ("reboot", "reboot", ()),
)
# Taken, and then answered for another reason: a wrong key, and nothing there to undo.
TAKEN = {WRONG: "35 bad-key", "cal pedal undo": "24 wrong-order"}
LINES = [line for _, line, _ in WRITES]


class Car(Garage):
    """A car in one state; ticks lets its loop run while it answers."""

    ticks = False

    def main(self):
        if self.ticks:
            self.driver.tick()
        super().main()

    def say(self, line):
        """Type a line and return all of its answer, however long it takes."""
        slices = 0
        for byte in line.encode() + b"\r":
            self.console.feed(byte)
            if not self.console.room():
                self.main()
        while slices < 10 or not self.console.is_silent():
            self.main()
            slices += 1
            assert slices < 3000, line
        text = self.sent.decode("ascii")
        self.sent.clear()
        return text

    def kept(self):
        """All that a refused line must leave as it was."""
        identity = self.vault.identity
        return (
            [self.params.at(i) for i in range(len(PARAMETERS))],
            [self.vault.saved.at(i) for i in range(len(PARAMETERS))],
            list(self.loop.faults.stored), list(self.loop.faults.permanent),
            identity.number, identity.key(1), self.access.level, self.access.failures_ever,
            vars(self.loop.charge.session).get("target_permille"),
            vars(self.loop.out).copy(), self.desk.wanted, self.services.is_ending,
        )  # fmt: skip


def moving(car):
    car.driver.engage().roll_at(4000).tick(50)


def pedal_pressed(car):
    car.driver.start()
    car.driver.pedal = 300
    car.driver.tick(300)


def in_gear(car):
    car.driver.engage().tick(300)


def not_yet_parked(car):
    moving(car)
    car.driver.key = car.driver.gear = 0
    car.driver.body.speed_mps = 0.0
    car.driver.tick(60)


def charging(car):
    car.driver.plug = 1
    car.driver.tick(600)
    assert car.driver.mode == modes.CHARGE


def locked(car):
    car.provision()


def locked_out(car):
    car.provision()
    for _ in range(5):
        car.fail()
    assert car.access.left_s()


def parked(car):
    """As it is."""


STATES = (parked, charging, moving, pedal_pressed, in_gear, not_yet_parked, locked, locked_out)
NAMES = [state.__name__ for state in STATES]
NOT_NOW, MOVING = "22 not-now", "88 moving"
REFUSED = {
    moving: (MOVING,),
    pedal_pressed: (NOT_NOW,),
    in_gear: (NOT_NOW,),
    not_yet_parked: (NOT_NOW, MOVING),
}
UNPARKED = tuple(REFUSED)


def ask(car, verb, line):
    """Return what a line is answered: ok, a code, or in OBD mode what the tool sees."""
    if verb == "obd":
        text = car.send(line + "\r").replace(" ", "")
        return "ok" if "44\r" in text else text[text.find("7F") :][:6]
    if verb == "test":
        car.ticks = True
    return last_line(car.say(line)).split(":")[0].removeprefix("err ")


def last_line(said):
    """Return the one last line of an answer, or all of it where that is not one."""
    rows = said.split("\r\n")[1:]
    finals = [row for row in rows if row == "ok" or row.startswith("err ")]
    return finals[0] if len(finals) == 1 else said


@cache
def answers():
    """Return answer and whether anything changed, of every line in every state."""
    found = {}
    for state in STATES:
        with TemporaryDirectory() as folder:
            idle = Car(runs.Board(Path(folder)))
            state(idle)
            for verb, line, before in WRITES:
                # A refusal changes nothing, which is looked at: one car will do for them.
                is_simple = state in UNPARKED and not before and verb not in ("auth", "test")
                if is_simple:
                    found[line, state.__name__] = answer(idle, state, verb, line)
                    continue
                with TemporaryDirectory() as other:
                    car = prepare(Car(runs.Board(Path(other))), state, verb, before)
                    found[line, state.__name__] = answer(car, state, verb, line)
    return found


def prepare(car, state, verb, before):
    """Type what comes first into the parked car, then bring it into its state."""
    is_late = state in (locked, locked_out)
    if verb == "auth" and not is_late:
        car.provision()
    if verb == "auth" and state is not locked_out:
        before = ("unlock 1",)
    if is_late:
        state(car)
    for earlier in before:
        car.say(earlier)
    if not is_late:
        state(car)
    return car


def answer(car, state, verb, line):
    """Return what a line is answered, and whether anything of the car is another."""
    assert car.desk.is_parked() == (state not in UNPARKED), state
    assert car.desk.wanted == NOTHING
    kept = car.kept()
    return ask(car, verb, line), car.kept() != kept


def table():
    lines = [
        "# What is refused when",
        "",
        "Generated by tests/unit/test_refusals.py with LSEV_KEEP_SCREENS=1",
        "from the verbs of firmware/service/verbs.py. Each line is typed into a car in that",
        "state; `ok` is done, the rest is the refusal, after which nothing has changed. But for",
        "`locked` and `locked_out` the board has no keys yet; for `auth` it has. `04` is what a",
        "scan tool sends, and 7F0422 what it sees. While locked, `commit` and `checksum` have",
        "nothing to take over where what they need was refused before.",
        "",
        "| line | " + " | ".join(NAMES) + " |",
        "|" + " --- |" * (len(NAMES) + 1),
    ]
    for _, line, _ in WRITES:
        cells = [answers()[line, name][0] for name in NAMES]
        shown = line if len(line) < 40 else line.split()[0] + " ..."
        lines.append(f"| `{shown}` | " + " | ".join(cells) + " |")
    shown = ["", ""]
    for verb, line in HARMLESS.items():
        shown[verb in late()] += f", `{line}`" if shown[verb in late()] else f"`{line}`"
    lines += ["", "Answered in every state, and changing nothing of the car:", shown[0] + "."]
    lines += ["", "So too, but where the car is not parked only if a verb of that kind was used"]
    lines += ["since the start: loading it takes flash and time.", shown[1] + ".", ""]
    return "\n".join(lines)


def late():
    """Return the verbs whose module is loaded when it is first used."""
    return {verb for _, verbs in LATER for verb in verbs}


def test_every_verb_has_a_decision():
    decided = set(HARMLESS) | {verb for verb, _, _ in WRITES}
    verbs = set(names())
    assert verbs - decided == set(), "new verbs: put them into WRITES or HARMLESS"
    assert decided - verbs == set(), "decisions about verbs that there are no more"


def test_the_table_is_current():
    if os.environ.get("LSEV_KEEP_SCREENS"):
        KEPT.write_text(table(), encoding="utf-8")
    assert KEPT.read_text(encoding="utf-8") == table()


@pytest.mark.parametrize("line", LINES)
def test_a_parked_open_car_takes_it(line):
    said, _ = answers()[line, "parked"]
    assert said == TAKEN.get(line, "ok")


@pytest.mark.parametrize("state", UNPARKED)
@pytest.mark.parametrize("line", LINES)
def test_a_car_that_is_not_parked_refuses_it_and_nothing_changes(line, state):
    said, has_changed = answers()[line, state.__name__]
    if line == "04":
        assert said == "7F0422"
    else:
        assert said in REFUSED[state]
    assert not has_changed


# Whom a role is no matter for: who leaves, begins, or asks for the role itself; what is comfort,
# and what the whole repair trade does with a scan tool that has no key.
@pytest.mark.parametrize("state", ["locked", "locked_out"])
@pytest.mark.parametrize("line", LINES)
def test_without_a_role_nothing_changes_that_needs_one(line, state):
    said, has_changed = answers()[line, state]
    if line in FREE:
        assert said == "ok"
    else:
        assert said != "ok"
        assert not has_changed or line == WRONG


FREE = (
    "set pedal_curve_permille 300", "begin", "commit", "defaults", "save", "restore begin", LINE,
    "checksum " + SUM, "charge target 90", "charge ready 0", "charge equalize off", "04",
    "repl", "reboot",
)  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_what_only_reads_is_answered_in_every_state_and_changes_nothing(state, tmp_path):
    car = Car(runs.Board(tmp_path))
    for verb in late() & set(HARMLESS):
        car.say("help " + verb)
    state(car)
    for line in HARMLESS.values():
        kept = car.kept()
        last = last_line(car.say(line))
        if line not in ("abort", "unlock 1", "freeze 11"):
            assert last == "ok", (line, last)
        assert car.kept() == kept, line


@pytest.mark.parametrize("state", UNPARKED)
def test_a_verb_of_a_parked_car_that_was_never_used_is_refused_before_it_stands(state, tmp_path):
    car = Car(runs.Board(tmp_path))
    state(car)
    for verb, line in HARMLESS.items():
        last = last_line(car.say(line))
        if verb in late():
            assert last.startswith(tuple("err " + said for said in REFUSED[state])), (line, last)
        elif line != "freeze 11":
            assert last == "ok", (line, last)
