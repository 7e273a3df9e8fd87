"""The link: an answer is whole and undamaged, or it is an error that says what to do."""

import zlib
from collections.abc import Callable

import pytest

from host_tools.link import Link, LinkError


@pytest.fixture(autouse=True)
def an_impatient_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.link._AGAIN_S", 0.05)


def summed(text: bytes) -> bytes:
    return text + b" *%08X\r\n" % zlib.crc32(text)


class Port:
    """A port at whose other end answer(request, how many requests before) says what comes back."""

    def __init__(self, answer: Callable[[bytes, int], bytes]) -> None:
        self._answer = answer
        self._waiting = b""
        self.sent: list[bytes] = []

    @property
    def in_waiting(self) -> int:
        return len(self._waiting)

    def write(self, data: bytes) -> None:
        self._waiting += self._answer(data.strip(), len(self.sent))
        self.sent.append(data)

    def read(self, size: int) -> bytes:
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken


def tag_of(request: bytes) -> bytes:
    return request.split(b" ")[0]


def lines(*texts: bytes) -> Callable[[bytes, int], bytes]:
    """Answer every request with these lines behind its tag, each with its checksum."""
    return lambda request, before: b"".join(summed(tag_of(request) + b" " + t) for t in texts)


def link_to(answer: Callable[[bytes, int], bytes]) -> tuple[Link, Port]:
    port = Port(answer)
    return Link(port), port  # pyright: ignore[reportArgumentType]


def test_a_command_has_a_tag_and_the_checksum_of_all_before_it() -> None:
    link, port = link_to(lines(b"+ name lsev", b"+ ", b"ok"))
    assert link.command("id") == ["name lsev", ""]
    body, _, given = port.sent[0].strip().rpartition(b" *")
    assert body.startswith(b"@") and body.endswith(b" id")
    assert int(given, 16) == zlib.crc32(body)


def test_every_command_has_another_tag() -> None:
    link, port = link_to(lines(b"ok"))
    for _ in range(20):
        link.command("id")
    assert len({tag_of(sent) for sent in port.sent}) == 20


def test_an_error_keeps_code_slug_and_text() -> None:
    link, _ = link_to(lines(b"+ 1", b"err 22 not-now: not parked; nothing changed; stand 2 s"))
    with pytest.raises(LinkError, match="not parked") as caught:
        link.command("clear")
    assert (caught.value.code, caught.value.slug) == (22, "not-now")


def test_what_nobody_asked_for_is_kept_for_later_and_noise_is_left_out() -> None:
    def answer(request: bytes, before: int) -> bytes:
        noise = b"#b\r\nlsev> hello\r\n\xff\xfe\r\n" + summed(b"@0 + of another")
        told = b'#t {"t":5,"mode":4}\r\n#t {"t":6,\r\n#e {"code":"P2122"}\r\n#t [1]\r\n'
        return noise + told + lines(b"+ here", b"ok")(request, before)

    link, _ = link_to(answer)
    assert link.command("id") == ["here"]
    assert link.events() == [("b", {}), ("t", {"t": 5, "mode": 4}), ("e", {"code": "P2122"})]
    assert link.events() == []


@pytest.mark.parametrize("at", range(2, 24, 3))
def test_a_damaged_line_is_never_taken_for_an_answer(at: int) -> None:
    def answer(request: bytes, before: int) -> bytes:
        line = bytearray(summed(tag_of(request) + b" + speed_cap_kmh=45"))
        at_byte = len(tag_of(request)) + at
        line[at_byte] ^= 1
        return bytes(line) + summed(tag_of(request) + b" ok")

    link, _ = link_to(answer)
    with pytest.raises(LinkError, match="damaged") as caught:
        link.command("dump")
    assert caught.value.code is None


def test_a_board_that_did_not_hear_is_asked_again_with_the_same_tag() -> None:
    link, port = link_to(lambda request, before: lines(b"ok")(request, 0) if before > 1 else b"")
    assert link.command("id") == []
    first, attention, again = port.sent
    assert again == first and attention.split() == [b"exit"]


def test_the_echo_of_an_obd_adapter_is_no_answer() -> None:
    def answer(request: bytes, before: int) -> bytes:
        echoed = b">" + request + b"\r\n?\r\n"
        return lines(b"+ name lsev", b"ok")(request, 0) if before > 1 else echoed

    link, _ = link_to(answer)
    assert link.command("id") == ["name lsev"]


def test_a_line_that_lost_its_tag_on_the_way_is_missed() -> None:
    def answer(request: bytes, before: int) -> bytes:
        return summed(tag_of(request) + b" + a")[3:] + summed(tag_of(request) + b" ok")

    link, _ = link_to(answer)
    with pytest.raises(LinkError, match="damaged"):
        link.command("dump")


def test_micropythons_prompt_is_named_and_the_board_left_as_it_is() -> None:
    link, port = link_to(lambda request, before: b"\r\nNameError: \r\n>>> ")
    with pytest.raises(LinkError, match=r"bare board with `lsev flash`; .* Ctrl-D") as caught:
        link.command("id")
    assert caught.value.slug == "at-prompt" and len(port.sent) == 1


def test_many_names_are_subscribed_in_lines_that_the_board_takes() -> None:
    link, port = link_to(lines(b"ok"))
    names = [f"value_{number}_permille" for number in range(20)]
    link.subscribe(",".join(names), 10)
    said = [sent.split(b" *")[0].split(b" ", 1)[1].decode() for sent in port.sent]
    assert all(len(sent.strip()) <= 160 for sent in port.sent) and len(said) > 1
    assert [line[4] == "+" for line in said] == [False] + [True] * (len(said) - 1)
    assert ",".join(line.split()[1].lstrip("+") for line in said) == ",".join(names)


def test_a_subscription_begins_without_the_values_of_another() -> None:
    said = b'#t {"t":1}\r\n#e {"code":"P2122"}\r\n'
    link, _ = link_to(lambda request, before: said + lines(b"ok")(request, 0))
    link.subscribe("pack_cv", 10)
    assert link.events() == [("e", {"code": "P2122"})]


def test_a_sign_that_the_answer_is_under_way_is_no_part_of_it() -> None:
    link, _ = link_to(lines(b"+ pending", b"+ name lsev", b"+ pending", b"ok"))
    assert link.command("id") == ["name lsev"]


def test_a_subscription_is_kept_by_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    link, port = link_to(lines(b"ok"))
    link.events()
    link.subscribe("pack_cv", 10)
    for _ in range(19):
        now_s[0] += 0.5
        link.events()
    said = [sent.split()[1] for sent in port.sent]
    assert said == [b"sub", b"echo", b"echo", b"echo"]


def test_a_tap_hears_what_is_sent_and_what_comes() -> None:
    heard: list[str] = []
    port = Port(lambda request, before: b"\xff noise\r\n" + lines(b"ok")(request, 0))
    Link(port, heard.append).command("id")  # pyright: ignore[reportArgumentType]
    assert heard[0].startswith("> @") and heard[1] == "\\xff noise" and " ok " in heard[2]


@pytest.mark.parametrize("noise", [b"#t " + b"[" * 900, b"x" * 5000, b"#t {" + b"9" * 2000 + b"}"])
def test_long_or_deep_noise_is_left_out(noise: bytes) -> None:
    heard: list[str] = []
    port = Port(lambda request, before: noise + b"\r\n" + lines(b"ok")(request, 0))
    link = Link(port, heard.append)  # pyright: ignore[reportArgumentType]
    assert link.command("id") == [] and link.events() == []
    assert max(map(len, heard)) <= 1000


def test_a_board_that_says_nothing_or_breaks_off_is_told_apart() -> None:
    silent, _ = link_to(lambda request, before: b"")
    with pytest.raises(LinkError, match="did not come") as caught:
        silent.command("id", timeout_s=0.1)
    assert caught.value.slug == "no-answer"
    broken, port = link_to(lines(b"+ name lsev"))
    with pytest.raises(LinkError, match="broke off") as caught:
        broken.command("id", timeout_s=0.1)
    assert caught.value.slug == "broke-off" and len(port.sent) == 1


def test_a_port_that_goes_away_is_told() -> None:
    def gone(request: bytes, before: int) -> bytes:
        raise OSError(5, "Input/output error")

    link, _ = link_to(gone)
    with pytest.raises(LinkError, match="port is gone"):
        link.command("id")
