"""Access verbs: unlocking a role, ending it, and who changed which parameter when."""

from service.access import ANSWER_BYTES, FACTORY, LEVEL_NAMES, SERVICE
from service.change_log import PROVISIONING, ROLE_NAMES
from service.context import Context, to_int
from service.dates import write_date
from service.desk import BOOTS
from service.error_codes import (
    BAD_ARGUMENT,
    BAD_KEY,
    LOCKED,
    LOCKED_OUT,
    NOT_NOW,
    WAIT,
    WRONG_ORDER,
)
from service.provision_verbs import ROWS as PROVISION_ROWS
from service.provision_verbs import from_hex, written
from vcu.params import TABLE


def _unlock(context: Context, words: "list[str]"):
    """Give a challenge; the answer is the first half of HMAC-SHA256(key, lsev1|id|level|nonce)."""
    reply = context.reply
    desk = context.desk
    level = to_int(words[1])
    if level is None or not SERVICE <= level <= FACTORY:
        reply.error(BAD_ARGUMENT, "no such level; nothing changed; 1 is service, 2 factory")
        return
    if not _can_unlock(context):
        return
    moment = str(desk.counters[BOOTS]) + "|" + str(desk.uptime_ms) + "|" + str(desk.port_bytes)
    nonce = desk.access.challenge(level, moment)
    yield
    reply.text("level " + str(level) + " id " + desk.vault.identity.number + " nonce " + nonce)
    reply.line(" tries " + str(desk.access.tries_left()) + "; `auth HEX` within 60 s")
    yield


def _can_unlock(context: Context) -> bool:
    """Return whether there is a key to ask for and a try left, or say what is so."""
    reply = context.reply
    access = context.desk.access
    if access.is_open():
        reply.error(NOT_NOW, "not provisioned: nothing is locked; go on, or `provision` it")
    elif context.desk.vault.identity.is_lost:
        reply.error(
            LOCKED, "the keys were lost with their record; all stays readable; see README, Access"
        )
    elif access.left_s():
        reply.error(WAIT)
        reply.text("too many wrong answers; all stays readable; try again in ")
        reply.number(access.left_s())
        reply.line(" s with the supply on")
    else:
        return True
    return False


def _auth(context: Context, words: "list[str]"):
    """Judge an answer, once it has been counted as a wrong one in flash."""
    reply = context.reply
    desk = context.desk
    access = desk.access
    answer = from_hex(words[1])
    if len(answer) != ANSWER_BYTES:
        reply.error(BAD_ARGUMENT, "no answer; nothing changed; give 32 hexadecimal digits")
        return
    if not context.may_write(0) or not _can_unlock(context):
        return
    challenge = access.take_challenge()
    if challenge is None:
        reply.error(WRONG_ORDER, "no challenge of the last 60 s; nothing changed; `unlock` first")
        return
    level, right = challenge
    access.count_try()
    desk.request_access()
    for _ in written(context):
        yield
    if reply.has_failed:
        return
    if not access.judge(level, right, answer):
        _refuse_answer(context, level)
        return
    desk.request_access()
    yield
    # Where this is not written the next start counts one wrong answer too many.
    for _ in desk.until_done():
        yield
    reply.line(LEVEL_NAMES[level] + " until `lock`, key off, drive or 10 min without a byte")


def _refuse_answer(context: Context, level: int) -> None:
    reply = context.reply
    access = context.desk.access
    if access.left_s():
        reply.error(LOCKED_OUT)
        reply.text("wrong answer; nothing changed; `unlock` again in ")
        reply.number(access.left_s())
        reply.line(" s with the supply on")
        return
    reply.error(BAD_KEY)
    reply.text("wrong answer for level ")
    reply.number(level)
    reply.text("; nothing changed; ")
    reply.number(access.tries_left())
    reply.line(" tries left; `unlock` again")


def _changes(context: Context, words: "list[str]"):
    """Write the last changes of parameters, the latest last."""
    reply = context.reply
    changes = context.desk.vault.changes
    if not changes.count:
        reply.line("no parameter was ever written")
        yield
    for i in range(changes.count):
        seconds, cycles, wall_s, id_, old, new, role = changes.entry(i)
        reply.number(seconds)
        reply.text(" s, key cycle ")
        reply.number(cycles)
        reply.text(", ")
        write_date(reply, wall_s)
        reply.text(", " + ROLE_NAMES[role] + ": ")
        if id_ == PROVISIONING:
            reply.line("provisioned")
        else:
            reply.text(_name_of(id_) + " ")
            reply.number(old)
            reply.text(" -> ")
            reply.number(new)
            reply.end()
        yield


def _name_of(id_: int) -> str:
    for row in TABLE:
        if row[0] == id_:
            return row[1]
    return "parameter " + str(id_)


ROWS = (
    ("unlock", 1, 1, _unlock, " 1|2  ask for a challenge: service or factory"),
    ("auth", 1, 1, _auth, " HEX  answer it (parked)"),
    ("changes", 0, 0, _changes, "  the last 32 parameters written"),
) + PROVISION_ROWS
