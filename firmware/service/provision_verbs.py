"""Provision verb: whose board this is and its keys; and what anybody may know of that."""

from binascii import unhexlify

from service.access import FACTORY
from service.context import Context, wait
from service.error_codes import BAD_ARGUMENT, NOT_NOW, OUT_OF_RANGE
from service.identity import is_key, is_number, is_vin

_USAGE = " id=ID vin=VIN k1=HEX k2=HEX"


def _provision(context: Context, words: "list[str]"):
    """Give the board its vehicle and keys; once where it has none, later with the factory's."""
    desk = context.desk
    reply = context.reply
    if not context.may_write(FACTORY):
        return
    if desk.is_edited:
        reply.error(NOT_NOW, "edits are not saved; nothing changed; `save` or `reboot` first")
        return
    values = _parse(context, words)
    if values is None:
        return
    yield  # the words are about as much work as a line
    parts = _judge(context, values)
    if parts is None:
        return
    yield
    identity = desk.vault.identity
    old = (identity.number, identity.vin, identity.key(1), identity.key(2))
    old_wheel = (identity.circumference_mm, identity.pulses_per_turn)
    if identity.has_keys():
        desk.vault.seal.bump()
    identity.take(*parts)
    saved = desk.vault.saved
    identity.take_wheel(saved.get("wheel_circumference_mm"), saved.get("pulses_per_turn"))
    desk.request_provision()
    yield
    for _ in written(context):
        yield
    if reply.has_failed:
        identity.take(*old)
        identity.take_wheel(*old_wheel)
        return
    desk.access.look_at_keys()
    reply.line("vehicle " + identity.number + ", VIN " + identity.vin + "; keep the keys safe")
    yield
    reply.line("it locks at `lock`, key off, drive or 10 min without a byte")


def _parse(context: Context, words: "list[str]") -> "dict[str, str] | None":
    """Return the parts by name, as they are where they are not given; or say what is wrong."""
    identity = context.desk.vault.identity
    values = {"id": identity.number, "vin": identity.vin, "k1": "", "k2": ""}
    for word in words[1:]:
        name, _, value = word.partition("=")
        if name not in values:
            context.reply.error(
                BAD_ARGUMENT, "no such part; nothing changed; use: provision" + _USAGE
            )
            return None
        values[name] = value
    return values


def _judge(context: Context, values: "dict[str, str]") -> "tuple[str, str, bytes, bytes] | None":
    """Return number, VIN and keys, keys that are not given as they are; or say what is wrong."""
    identity = context.desk.vault.identity
    keys = [
        from_hex(values["k" + str(n)]) if values["k" + str(n)] else identity.key(n) for n in (1, 2)
    ]
    wrong = ""
    if not is_number(values["id"]):
        wrong = "id has 1 to 20 letters, digits, - _ or dots"
    elif not is_vin(values["vin"]):
        wrong = "vin has 17 of A-Z and 0-9, no I O Q"
    elif not is_key(keys[0]) or not is_key(keys[1]):
        wrong = "k1 and k2 have 32 to 64 hexadecimal digits, not all the same"
    elif keys[0] == keys[1]:
        wrong = "k1 and k2 must differ"
    if wrong:
        context.reply.error(OUT_OF_RANGE, wrong + "; nothing changed; give all that are missing")
        return None
    return values["id"], values["vin"], keys[0], keys[1]


def from_hex(text: str) -> bytes:
    """Return the bytes that text is in hexadecimal digits, b"" where it is not."""
    try:
        return unhexlify(text.encode())
    except ValueError:
        return b""


def written(context: Context):
    """Wait until the record is in flash, or say that it is not."""
    return wait(context, "", "still locked; try again later")


ROWS = (("provision", 1, 4, _provision, _USAGE + "  (parked)"),)
