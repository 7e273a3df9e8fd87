"""Random and mutated lines at the one serial port, for any interpreter: one answer to each.

    line_fuzz.py LINES [SEED]

Two cars do the same, the first with a terminal that gets LINES chunks of bytes, the
second with none: their outputs must never differ. A model of its own of the line editor says
what is a command; each must have exactly one last line, in its tag and with the right
sum, or in OBD mode one prompt. Prints `fuzz LINES commands N ...`, and on MicroPython
`heap BEFORE AFTER`. Any exception ends it.
"""

import gc
import sys
from binascii import crc32

from car import BRAKE, GEAR, KEY, PEDAL, Car, make_scaling

from service.desk import NOTHING, Desk
from service.terminal import Terminal
from vcu.loop import Loop
from vcu.params import Params

VERBS = b"""help status why faults freeze clear io get set begin show commit abort defaults save
dump diff desc sub unsub log stats id changes unlock auth lock provision echo obd repl reboot time
charge pack restore checksum cal test""".split()
WORDS = b"""* p* speed_cap_kmh reverse_cap_kmh 45 -1 0 11 999999999 99999999999 0x10 1.5 confirm
begin full storage target ready equalize off on hist faults freeze agm lfp 16 30 100 bms cells
mode,speed_mmps pedal current start step accept undo lamp 20 id=A1 vin=LLSEV4W60AGM00037 = ,
speed_cap_kmh=41 1795405000 k1=00112233445566778899aabbccddeeff
deadbeef *00000000 \xc3\xa4""".split()
OBD = b"""ATZ ATE0 ATE1 ATH1 ATS0 ATL1 ATSP0 ATDPN ATRV ATSH7E0 ATMA AT ATI ATD STI 0100 010C0D
0101 0902 0904 0906 090A 03 04 07 0A 020200 0120 01 0 010 ZZ""".split()
EXITS = (b"exit\r", b"EX it\r", b"exit\n", b"exit\r\n")
ENDS = (b"\r", b"\r", b"\n", b"\r\n")
# As few as this much time passes for a line: 50 of them a second are no flood yet.
SLICES_A_LINE = 3
SLICES_MOST = 2000
# Ticks of both cars: one in so many chunks, and at least as many as three turns of the key.
CHUNKS_A_TICK = 16
TICKS_LEAST = 1500
TICKS_A_TURN = 250
# What the heap may have more at the end than after a quarter of the chunks.
HEAP_MORE_BYTES = 6000
BLOCKS_MORE = 1500

OUTPUTS = (
    "throttle_permille", "throttle_mv", "regen_permille", "enable", "guard", "heartbeat",
    "reverse", "contactor", "precharge", "charger", "charge_v_mv", "charge_a_mv", "lamp",
    "buzzer", "fan", "hold",
)  # fmt: skip


class Random:
    """Wichmann and Hill's three congruences: no product needs more than 23 bits."""

    def __init__(self, seed):
        self.a = seed % 30000 + 1
        self.b = seed * 7 % 30000 + 1
        self.c = seed * 13 % 30000 + 1

    def below(self, limit):
        self.a = 171 * self.a % 30269
        self.b = 172 * self.b % 30307
        self.c = 170 * self.c % 30323
        return (self.a + self.b + self.c) % limit

    def of(self, things):
        return things[self.below(len(things))]


class Lines:
    """Makes chunks of bytes; made[byte] says that the byte was in one of them."""

    def __init__(self, random):
        self.random = random
        self.made = bytearray(256)
        self.tag = 0
        self.kinds = (
            self.noise, self.mutated, self.words, self.words, self.summed, self.summed,
            self.damaged, self.long, self.scan, self.scan, self.keys, self.several,
        )  # fmt: skip

    def next(self, is_obd):
        chunk = self.random.of(self.kinds)()
        if is_obd and self.random.below(6) == 0:
            chunk = self.random.of(EXITS)
        for byte in chunk:
            self.made[byte] = 1
        return chunk

    def noise(self):
        below = self.random.below
        return bytes([below(256) for _ in range(below(24))]) + b"\r"

    def line(self):
        random = self.random
        words = [random.of(VERBS)]
        for _ in range(random.below(4)):
            words.append(random.of(WORDS))
        return b" ".join(words)

    def words(self):
        return self.line() + self.random.of(ENDS)

    def mutated(self):
        random = self.random
        line = bytearray(self.line() if random.below(2) else self.summed()[:-1])
        for _ in range(random.below(3) + 1):
            at = random.below(len(line))
            how = random.below(3)
            if how == 0:
                line[at] = random.below(256)
            elif how == 1:
                line = line[:at] + bytes([random.below(256)]) + line[at:]
            else:
                line = line[:at] + line[at + random.below(4) :] or bytearray(b"x")
        return bytes(line) + random.of(ENDS)

    def summed(self):
        self.tag = (self.tag + self.random.below(2)) % 10000  # half of them come again
        line = b"@" + str(self.tag).encode() + b" " + self.line()
        return line + b" *" + (b"%08X" % crc32(line)) + b"\r"

    def damaged(self):
        random = self.random
        if random.below(6) == 0:
            line = random.of((b"@7", b"@7 ", b" ", b"@7 *" + (b"%08X" % crc32(b"@7"))))
            return line + random.of(ENDS)
        line = random.of((b"@", b"@x", b"@12345", b"@-1", b"@7", b"@ 7")) + b" " + self.line()
        return line + random.of((b"", b" *", b" *1234", b" *0123ABCD", b" **")) + b"\r"

    def long(self):
        below = self.random.below
        return bytes([32 + below(95) for _ in range(120 + below(100))]) + b"\r"

    def scan(self):
        random = self.random
        if random.below(12) == 0:
            return b"\x7f\x7f\r"
        line = bytearray(random.of(OBD))
        if random.below(4) == 0:
            line[random.below(len(line))] = random.below(256)
        return bytes(line) + random.of((b"\r", b"\r\n", b" \r"))

    def keys(self):
        random = self.random
        line = b""
        for _ in range(random.below(6) + 1):
            line += random.of(
                (b"\x1b[A", b"\x1bOP", b"\x1b", b"\x08", b"\x7f", b"\x15", b"\x03", b"\x00",
                 b"\xff", b"a", b"at", b"@", b"ok", b"err 5", b" ", b"why")
            )  # fmt: skip
        return line + b"\r"

    def several(self):
        return self.summed() + self.words() + self.summed() + b"why\r"


class Editor:
    """What a line is, as service/line_editor.py documents it, in another way."""

    def __init__(self):
        self.was_cr = False
        self.begin()

    def begin(self):
        self.is_new = True
        self.text = bytearray()
        self.is_flawed = False
        self.deletes = 0
        self.escape = b""

    def put(self, byte):
        """Take a byte; True where the line has ended."""
        was_cr = self.was_cr
        self.was_cr = byte == 13
        was_new = self.is_new
        self.is_new = False
        if self.escape == b"\x1b":
            if byte != 27:
                self.escape = b"\x1b[" if byte in b"[O" else b""
        elif self.escape:
            if byte < 32 or byte > 63:
                self.escape = b""
        elif byte == 13 or byte == 10:
            if byte == 10 and was_cr:
                self.is_new = was_new
                return False
            return True
        elif byte == 27:
            self.escape = b"\x1b"
        elif byte == 8 or byte == 127:
            self.deletes += 1 if byte == 127 else -1000
            self.text = self.text[:-1]
        elif byte == 21:
            self.text = bytearray()
            self.is_flawed = False
        elif byte > 127:
            self.is_flawed = True
        elif byte > 31:
            self.deletes = -1000
            if len(self.text) < 160:
                self.text.append(byte)
            else:
                self.is_flawed = True
        return False


def tag_and_command(text):
    """Return the tag of a line, b"" for a person, and whether a command stands in it."""
    mark = text.rfind(b" *")
    rest = text
    has_sum = mark >= 0 and len(text[mark + 2 :].split()) == 1 and text[mark + 2] != 32
    is_right = True
    if has_sum:
        rest = text[:mark]
        is_right = text[mark + 2 :].strip().upper() == b"%08X" % crc32(rest)
    if rest[:1] != b"@":
        return b"", bool(rest.strip()) or not is_right
    first = rest.split(b" ")[0]
    is_tag = first[1:].isdigit() and len(first) <= 5
    return (first if is_tag else b""), True


def is_error(line):
    """Return whether a line is `err CODE slug: text`."""
    words = line.split(b" ")
    return len(words) > 3 and words[0] == b"err" and words[1].isdigit() and words[2][-1:] == b":"


class Fuzz:
    """One terminal at the first of two cars."""

    def __init__(self, seed):
        self.random = Random(seed)
        self.lines = Lines(self.random)
        self.editor = Editor()
        self.loops = []
        self.cars = []
        for _ in range(2):
            params = Params()
            self.loops.append(Loop(make_scaling(), params))
            self.cars.append(Car(params, True, 7))
        desk = Desk(self.loops[0], Params(), ("lsev", "0", "none", "none", "0"))
        self.desk = desk
        self.sent = bytearray()
        self.sums = 0
        self.was_cr = False
        self.commands = self.prompts = self.stops = self.breaks = self.ticks = 0
        self.parked_commands = self.scans = 0
        self.longest = 0
        self.terminal = Terminal(desk, self.write)
        self.room = self.terminal.room()

    def write(self, data):
        assert len(data) <= 100
        self.sent.extend(data)

    def slice(self):
        self.terminal.step(10)
        desk = self.desk
        if desk.wanted != NOTHING and self.random.below(4) == 0:
            desk.finish("" if self.random.below(8) else "flash refused it; nothing kept; again")

    def settle(self, least=SLICES_A_LINE):
        """Let slices pass until nothing is left to do."""
        terminal = self.terminal
        slices = 0
        quiet = 0
        # An OBD answer may think for some slices before its first byte.
        while slices < least or quiet < 2:
            before = len(self.sent)
            self.slice()
            slices += 1
            done = terminal.room() == self.room and terminal.is_silent()
            if terminal.is_obd and self.sent[-1:] != b">":
                done = False
            quiet = quiet + 1 if done and len(self.sent) == before else 0
            assert slices < SLICES_MOST, bytes(self.sent[-200:])
        if slices > self.longest:
            self.longest = slices

    def drive(self):
        """Step both cars, and compare all that they put out."""
        self.ticks += 1
        if self.ticks % TICKS_A_TURN == 0:
            # In gear with the pedal down, then in neutral, then off until the wheels stand.
            turn = self.ticks // TICKS_A_TURN % 4
            for car in self.cars:
                car.knobs[KEY] = 1 if turn in (2, 3) else 0
                car.knobs[GEAR] = 1 if turn == 3 else 0
                car.knobs[PEDAL] = 300 if turn == 3 else 0
                car.knobs[BRAKE] = 0 if turn == 3 else 1
        for i in range(2):
            self.cars[i].step(self.loops[i].raw, self.loops[i].out, 10)
            self.loops[i].step(10)
        for name in OUTPUTS:
            assert getattr(self.loops[0].out, name) == getattr(self.loops[1].out, name), name

    def feed(self, byte):
        while not self.terminal.room():
            self.slice()
        return self.terminal.feed(byte)

    def chunk(self, data):
        """Feed a chunk, and look at the answer to each line as it ends."""
        is_together = data.count(b"\r") > 1 and b"obd" not in data and not self.terminal.is_obd
        wanted = []
        ends = 0
        at = 0
        # A key code may have taken the end of the line away.
        while at < len(data) or not (self.terminal.is_obd or self.editor.is_new):
            byte = data[at] if at < len(data) else 13
            at += 1
            if byte == 3 and self.desk.is_parked():
                assert self.feed(3)  # it would end the program here
                self.stops += 1
                continue
            if byte == 3:
                self.interrupt(wanted)
                wanted = []
                ends = 0
                continue
            is_obd = self.terminal.is_obd
            assert not self.feed(byte)
            if is_obd:
                if byte == 13 or (byte == 10 and not self.was_cr):
                    self.settle()
                    self.look_at_scan()
                self.was_cr = byte == 13
                continue
            self.was_cr = True  # an LF may follow the line that leads to OBD mode
            if self.editor.put(byte):
                ends += 1
                wants_obd = self.note(wanted)
                if wants_obd or not is_together:
                    self.settle(SLICES_A_LINE * ends)
                    self.look(wanted, wants_obd)
                    wanted = []
                    ends = 0
        if not self.terminal.is_obd:
            self.settle(SLICES_A_LINE * ends + 1)
            self.look(wanted, False)

    def note(self, wanted):
        """A line has ended: say which answer it gets; True where it may lead to OBD mode."""
        editor = self.editor
        text = bytes(editor.text)
        is_flawed = editor.is_flawed
        deletes = editor.deletes
        editor.begin()
        if deletes == 2 or (not is_flawed and text.replace(b" ", b"")[:2].upper() == b"AT"):
            return True
        tag, is_command = tag_and_command(text)
        if is_command or is_flawed:
            wanted.append(tag)
        return b"obd" in text

    def finals(self):
        """Return the tags of all last lines, with their sums looked at; b"" is a person's."""
        found = []
        pieces = bytes(self.sent).split(b"\r\n")
        for i in range(len(pieces) - 1):
            line = pieces[i]
            if line[:1] == b"@":
                body, digits = line[:-10], line[-8:]
                assert line[-10:-8] == b" *", bytes(self.sent)
                assert digits == b"%08X" % crc32(body), line
                self.sums += 1
                words = body.split(b" ")
                assert words[1] in (b"+", b"ok", b"err"), line
                if words[1] != b"+":
                    found.append(words[0])
            elif line == b"ok" or is_error(line):
                after = i + 1
                while pieces[after][:1] == b"#":
                    after += 1  # a subscription goes on
                if pieces[after][:4] == b"lsev":  # and no echo of these words
                    found.append(b"")
        return found

    def look(self, wanted, wants_obd):
        """What was sent has the last lines that are wanted, in their order, and no more."""
        if self.terminal.is_obd:
            assert wants_obd, bytes(self.sent)
            assert self.scan_prompts() == 1, bytes(self.sent)
            self.scans += 1
        found = self.finals()
        assert found == wanted, (found, wanted, bytes(self.sent))
        self.commands += len(wanted)
        if self.desk.is_parked():
            self.parked_commands += len(wanted)
        self.sent[:] = b""

    def scan_prompts(self):
        return self.sent.count(b"\r>") + self.sent.count(b"\n>")

    def look_at_scan(self):
        """One prompt: the adapter's, or after `exit` the console's."""
        if self.terminal.is_obd:
            assert self.scan_prompts() == 1 and self.sent[-1:] == b">", bytes(self.sent)
            self.prompts += 1
        else:
            assert self.sent[-6:] in (b"lsev> ", b"lsev* "), bytes(self.sent)
            self.editor.begin()
        self.sent[:] = b""

    def interrupt(self, wanted):
        """Ctrl-C while not parked: it is data, answered with 22, and ends half a line."""
        if not self.terminal.is_obd:
            self.settle(2 * SLICES_A_LINE)
            self.look(wanted, False)
        assert not self.feed(3)
        if not self.terminal.is_obd:
            self.settle()
            assert b"err 22 not-now: Ctrl-C" in self.sent, bytes(self.sent)
            self.editor.begin()
            self.breaks += 1
            self.look([b""], False)

    def run(self, count):
        ticks = max(count // CHUNKS_A_TICK, TICKS_LEAST)
        for number in range(count):
            for _ in range(ticks * (number + 1) // count - ticks * number // count):
                self.drive()
            self.chunk(self.lines.next(self.terminal.is_obd))

    def rest(self):
        """Drop what a session may hold: a draft, a subscription, an offered pack."""
        if self.terminal.is_obd:
            self.chunk(b"exit\r")
        for line in (b"unsub\r", b"abort\r", b"pack x\r"):
            self.chunk(line)
        self.sent = bytearray()  # of the longest answer so far


def heap(fuzz):
    """Return what is taken: bytes on MicroPython, blocks on CPython."""
    fuzz.rest()
    if gc.isenabled():
        gc.collect()
    if hasattr(gc, "mem_alloc"):
        return gc.mem_alloc()
    return sys.getallocatedblocks()


def main():
    if getattr(sys.implementation, "_build", "") == "wasi":
        gc.disable()  # that build's collector frees live objects
    count = int(sys.argv[1])
    fuzz = Fuzz(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for _ in range(200):
        fuzz.slice()  # it has not just started, when Ctrl-C stops it though it is not parked
    warm = count // 4
    fuzz.run(warm)
    before = heap(fuzz)
    fuzz.run(count - warm)
    after = heap(fuzz)
    more = HEAP_MORE_BYTES if hasattr(gc, "mem_alloc") else BLOCKS_MORE
    print(
        "fuzz", count, "commands", fuzz.commands, "parked", fuzz.parked_commands,
        "sums", fuzz.sums, "scans", fuzz.scans, "prompts", fuzz.prompts,
        "stops", fuzz.stops, "breaks", fuzz.breaks, "ticks", fuzz.ticks,
        "bytes", sum(fuzz.lines.made), "longest", fuzz.longest,
    )  # fmt: skip
    print("heap", before, after)
    assert after - before <= more or not gc.isenabled(), (before, after)


main()
