"""Flash: parameters that a new version lost are given back, by who may."""

import io
import zipfile
from pathlib import Path

import pytest

from host_tools.arguments import InputError
from host_tools.link import LinkError
from tests.unit.flashing import DUMP, NEW, losing, used
from tests.unit.folder_board import make_bundle

pytestmark = pytest.mark.usefixtures("own_folder")
bench = pytest.fixture(used)


def test_parameters_that_are_other_after_the_start_are_named(bench, capsys) -> None:
    dumps = iter([DUMP])
    bench.console.answers["dump"] = lambda _: next(dumps, ["speed_cap_kmh=40", *DUMP[1:]])
    assert bench.flash(NEW) == 0
    out = capsys.readouterr().out
    assert "other than before: speed_cap_kmh" in out and "lsev params restore" in out


def test_parameters_that_the_new_version_lost_are_given_back_and_a_person_must_look(
    bench, capsys
) -> None:
    losing(bench)
    assert bench.flash(NEW) == 0
    told = bench.console.told
    at = told.index("restore begin")
    assert told[at : at + 6] == ["restore begin", *DUMP, "save", "reboot"]
    assert "clear" not in told
    out = capsys.readouterr().out
    assert "parameters: 2 given back" in out and "the same 2 as before" in out
    assert "parameters_lost and does not drive" in out


def test_parameters_that_the_board_does_not_take_back_are_a_fail_that_names_the_backup(
    bench, capsys
) -> None:
    losing(bench)
    bench.console.answers["checksum"] = LinkError(14, "bad-crc", "not those of the dump")
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "version 2.0.0 in slot b runs, but the parameters were not given back: not" in out
    assert "lsev params restore" in out and "save" not in bench.console.told
    assert "abort" in bench.console.told


def test_a_key_file_that_is_not_there_does_not_deny_that_the_new_version_runs(
    bench, capsys
) -> None:
    losing(bench)
    bench.console.answers["checksum"] = LinkError(33, "locked", "needs level 2, factory")
    assert bench.flash(NEW, "--key", "nowhere.txt") == 1
    out = capsys.readouterr().out
    assert "version 2.0.0 in slot b runs, but the parameters were not given back: " in out
    assert "nowhere.txt" in out and "lsev params restore" in out


def test_a_board_that_does_not_keep_what_it_took_back_is_locked_again(bench, capsys) -> None:
    losing(bench)
    bench.console.is_unlocked = True
    bench.console.answers |= {"save": LinkError(72, "flash-error", "refused it"), "lock": []}
    assert bench.flash(NEW) == 1
    assert "not given back: refused it" in capsys.readouterr().out
    assert bench.console.told[-1] == "lock"


def test_parameters_of_an_erased_board_come_out_of_its_backup(bench, tmp_path, capsys) -> None:
    bench.flash(NEW)
    (backup,) = tmp_path.glob("lsev_backup_*.zip")
    losing(bench)
    bench.console.answers["faults"] = []
    assert bench.flash(make_bundle("3.0.0"), "--restore", str(backup)) == 0
    assert "parameters: 2 given back" in capsys.readouterr().out


def locked(bench):
    """The board is somebody's: a dump carries its speed cap, which wants the factory key."""
    own = bench.identity
    bench.console.answers |= {
        "id": lambda line: [*own(line), "vehicle_id LSEV-0007", "access view, wrong answers 0"],
        "unlock": [f"level 2 id LSEV-0007 nonce {'ab' * 16} tries 5; `auth HEX` within 60 s"],
        "auth": ["factory until `lock`"],
        "lock": [],
    }
    Path("other.txt").write_text("speed_cap_kmh=45\nreverse_cap_kmh=6\nchecksum 22222222\n")


@pytest.mark.parametrize(
    ("key", "auth", "told"),
    [
        (None, ["factory"], "wants the factory key (level 2)"),
        ("k1=" + "cd" * 16, ["factory"], "has no key of level 2"),
        ("cd" * 16, LinkError(35, "bad-key", "wrong answer for level 2"), "wrong answer for"),
    ],
)
def test_parameters_that_a_locked_board_would_not_take_are_told_before_anything_is_changed(
    bench, monkeypatch, key, auth, told
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    locked(bench)
    bench.console.answers["auth"] = auth
    Path("key.txt").write_text(key or "")
    options = ["--key", "key.txt"] if key else []
    before = bench.board.tree("")
    assert bench.flash(NEW, "--restore", "other.txt", *options) == 1
    (report,) = Path().glob("lsev_flash_*.txt")
    said = report.read_text()
    assert told in said and "nothing was changed; give the vehicle's key with --key" in said
    assert bench.board.tree("") == before and bench.board.resets == 0
    assert "repl" not in bench.console.told


def test_a_locked_board_whose_key_is_given_is_flashed_and_locked_again_before_and_after(
    bench, capsys
) -> None:
    locked(bench)
    bench.console.answers |= {line: [] for line in ("restore", "save", "reboot", "checksum")}
    bench.console.answers |= {"speed_cap_kmh=45": [], "reverse_cap_kmh=6": []}
    Path("key.txt").write_text("cd" * 16)
    assert bench.flash(NEW, "--restore", "other.txt", "--key", "key.txt") == 0
    told = bench.console.told
    assert told.index("unlock 2") < told.index("lock") < told.index("repl")
    assert "2 given back" in capsys.readouterr().out


def test_a_backup_without_parameters_is_refused_before_a_port_is_opened(bench) -> None:
    for data in (b"", b"PK", b"speed_cap_kmh=45"):
        Path("none.zip").write_bytes(data)
        with pytest.raises(InputError, match="nothing was changed"):
            bench.flash(NEW, "--restore", "none.zip")
    with zipfile.ZipFile("none.zip", "w") as archive:
        archive.writestr("id.txt", "version 1")
    with pytest.raises(InputError, match="another backup, or flash without --restore"):
        bench.flash(NEW, "--restore", "none.zip")
    assert bench.console.told == []
