"""Value verbs: parameters as a person and as a program read them, in a drive too."""

from service.context import Context, unknown
from service.error_codes import BAD_ARGUMENT
from service.param_levels import level_of
from service.reply import Reply
from vcu.params import TABLE

# The units of a plain number and of a choice, behind which a person reads nothing.
PLAIN = ("1", "enum")


def names() -> "list[str]":
    """Return the name of every parameter."""
    return [row[1] for row in TABLE]


def _get(context: Context, words: "list[str]"):
    """Write each parameter of that name, or that begins so where it ends in *."""
    return _each(context, words[1], _write, "get *")


def _desc(context: Context, words: "list[str]"):
    """Write one JSON object for each parameter of that name, or that begins so."""
    return _each(context, words[1] if len(words) > 1 else "*", _describe, "desc")


def _each(context: Context, wanted: str, write, hint: str):  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
    # Taken out of the loop: MicroPython looks up every character that it takes from a string.
    is_prefix = wanted[-1] == "*"
    prefix = wanted[:-1]
    found = 0
    for i in range(len(TABLE)):
        row = TABLE[i]
        if row[1] == wanted or (is_prefix and row[1].startswith(prefix)):
            found += 1
            write(context.reply, row, context.desk.params.at(i))
            yield
    if not found:
        yield
        for _ in unknown(context, BAD_ARGUMENT, wanted, names(), hint):
            yield


def unit_of(row: "tuple[int, str, str, int, int, int]") -> str:
    """Return what a person reads behind a value: " km/h", or "" behind a plain number."""
    return "" if row[2] in PLAIN else " " + row[2]


def _write(reply: Reply, row: "tuple[int, str, str, int, int, int]", value: int) -> None:
    reply.text(row[1] + " ")
    write_value(reply, row, value)
    reply.line(" changed" if value != row[5] else "")


def write_value(reply: Reply, row: "tuple[int, str, str, int, int, int]", value: int) -> None:
    """Write "45 km/h (40..56, default 40)"."""
    reply.number(value)
    reply.text(" " + row[2] + " (")
    reply.number(row[3])
    reply.text("..")
    reply.number(row[4])
    reply.text(", default ")
    reply.number(row[5])
    reply.text(")")


def _describe(reply: Reply, row: "tuple[int, str, str, int, int, int]", value: int) -> None:
    reply.text('{"name":"' + row[1] + '","unit":"' + row[2] + '","min":')
    reply.number(row[3])
    reply.text(',"max":')
    reply.number(row[4])
    reply.text(',"default":')
    reply.number(row[5])
    reply.text(',"value":')
    reply.number(value)
    reply.text(',"level":')
    reply.number(level_of(row[1]))
    reply.line("}")


ROWS = (
    ("get", 1, 1, _get, " NAME|*  parameters"),
    ("desc", 0, 1, _desc, " [NAME|*]  parameters as JSON"),
)
