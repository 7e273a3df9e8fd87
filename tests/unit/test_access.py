"""Access: who gets which role and for how long, and that pulling the plug gives no more tries."""

import errno
from pathlib import Path

import pytest

from service.access import Access, lock_s
from service.identity import Identity
from tests.unit import runs
from tests.unit.garage import KEYS, NUMBER, PROVISION, VIN, Garage, answer_of

WRONG = b"x" * 16


class WornFiles(runs.CountingFiles):
    """Refuses to write one record, and keeps a list of what was written."""

    refused = "none"

    def __init__(self):
        super().__init__()
        self.written = []

    def open(self, path, mode):
        if mode == "wb":
            if self.refused in path:
                raise OSError(errno.EIO, "worn")
            self.written.append(Path(path).name)
        return super().open(path, mode)


@pytest.fixture
def board(tmp_path):
    board = runs.Board(tmp_path)
    board.files = WornFiles()
    return board


@pytest.fixture
def fresh(board):
    return Garage(board)


@pytest.fixture
def car(fresh):
    return fresh.provision()


# A board without keys


def test_a_board_without_keys_is_open_to_all_and_says_so(fresh):
    assert fresh.access.level == 2
    assert fresh.rows("vehicle_id") == ["vehicle_id not provisioned"]
    assert fresh.error("unlock 1")[0] == 22
    fresh.good("lock", "set speed_cap_kmh 50", "save")


def test_provisioning_locks_at_lock_and_shows_number_and_vin_but_no_key(fresh, board):
    assert fresh.good(PROVISION)[0].startswith(f"vehicle {NUMBER}, VIN {VIN}; ")
    assert fresh.access.level == 2
    fresh.good("lock")
    assert fresh.access.level == 0
    again = fresh.leave()
    assert again.access.level == 0
    assert again.rows("vehicle_id") == [f"vehicle_id {NUMBER}"]
    said = "\n".join(
        "\n".join(again.good(line))
        for line in ("id", "stats", "status", "changes", "dump", "diff", "help", "get *", "log")
    )
    for key in KEYS.values():
        assert key.hex() not in said.lower()
    assert any("access" in name for name in board.files.written)


def test_keys_are_taken_without_a_key_only_once(car):
    assert car.error(PROVISION)[0] == 33
    car.unlock(1)
    assert car.error(PROVISION)[0] == 33
    car.unlock(2)
    car.good(f"provision k1={bytes(range(50, 66)).hex()}")
    car.good("lock")
    assert car.unlock(1)[-1].startswith("err 35 bad-key")
    assert car.unlock(1, bytes(range(50, 66)))[-1] == "ok"
    assert car.unlock(2)[-1] == "ok"


@pytest.mark.parametrize(
    "line",
    ["provision id=LSEV-1", "provision k1=00", PROVISION + "0",
     PROVISION.replace("vin=L", "vin=I"),
     PROVISION.replace("id=LSEV", "id=" + "X" * 20), PROVISION.replace("k2=", "k3="),
     f"provision id=A vin={VIN} k1={KEYS[1].hex()} k2={KEYS[1].hex()}",
     f"provision id=A vin={VIN} k1={KEYS[1].hex()} k2={'00' * 16}"],
)  # fmt: skip
def test_half_an_identity_or_a_bad_one_is_refused_whole(fresh, line):
    code, text = fresh.error(line)
    assert code in (12, 31) and "nothing changed" in text
    assert not fresh.vault.identity.has_keys() and fresh.vault.identity.number == ""
    assert fresh.leave().access.level == 2


def test_a_provisioning_that_flash_refuses_leaves_the_board_as_it_was(fresh, board):
    board.files.refused = "identity"
    assert fresh.error(PROVISION)[0] == 72
    assert not fresh.vault.identity.has_keys()
    assert fresh.leave().access.level == 2


# Unlocking


@pytest.mark.parametrize("level", [1, 2])
def test_the_right_key_gives_its_level_and_the_others_key_does_not(car, level):
    assert car.unlock(level, KEYS[3 - level])[-1].startswith("err 35 bad-key")
    assert car.access.level == 0
    assert car.unlock(level)[-1] == "ok"
    assert car.access.level == level
    assert car.access.failures == 0


def test_a_refused_write_names_the_level_that_it_needs(car):
    assert (
        "needs level 1, service; nothing changed; `unlock`" in car.error("set walk_cap_kmh 5")[1]
    )
    assert "needs level 2, factory" in car.error("set speed_cap_kmh 50")[1]
    car.unlock(1)
    car.good("set walk_cap_kmh 5")
    assert car.error("set speed_cap_kmh 50")[0] == 33


def test_an_answer_counts_once(car):
    challenge = car.good("unlock 1")[0]
    answer = "auth " + answer_of(KEYS[1], challenge)
    assert car.ask(answer)[-1] == "ok"
    car.good("lock")
    assert car.error(answer)[0] == 24
    assert car.access.level == 0


def test_a_wrong_answer_uses_the_challenge_up(car):
    challenge = car.good("unlock 1")[0]
    assert car.error("auth " + answer_of(WRONG, challenge))[0] == 35
    assert car.error("auth " + answer_of(KEYS[1], challenge))[0] == 24


def test_a_new_challenge_voids_the_one_before(car):
    old = car.good("unlock 1")[0]
    car.good("unlock 1")
    assert car.error("auth " + answer_of(KEYS[1], old))[0] == 35


def test_an_answer_for_one_level_does_not_do_for_the_other(car):
    challenge = car.good("unlock 2")[0]
    forged = challenge.replace("level 2", "level 1")
    assert car.error("auth " + answer_of(KEYS[1], forged))[0] == 35
    assert car.access.level == 0


@pytest.mark.parametrize(("seconds", "taken"), [(55, True), (60, False)])
def test_a_challenge_lives_for_60_s(car, seconds, taken):
    challenge = car.good("unlock 1")[0]
    car.wait_s(seconds)
    answer = car.ask("auth " + answer_of(KEYS[1], challenge))[-1]
    assert answer == "ok" if taken else answer.startswith("err 24 wrong-order")


def test_no_two_challenges_are_the_same_even_where_the_chip_repeats_itself(car, monkeypatch):
    monkeypatch.setattr("service.access.os.urandom", bytes)
    seen = {car.good("unlock 1")[0].split()[5] for _ in range(20)}
    assert len(seen) == 20
    again = car.leave()
    assert again.good("unlock 1")[0].split()[5] not in seen


@pytest.mark.parametrize(
    "words", ["unlock 0", "unlock 3", "unlock x", "auth 00", "auth " + "g" * 32]
)
def test_what_is_no_level_or_no_answer_is_refused_and_costs_no_try(car, words):
    car.good("unlock 1")
    assert car.error(words)[0] == 12
    assert car.access.failures == 0


def test_unlocking_needs_a_parked_car_because_each_try_is_written(car, board):
    challenge = car.good("unlock 1")[0]
    car.driver.engage()
    written = len(board.files.written)
    assert car.error("auth " + answer_of(KEYS[1], challenge))[0] == 22
    assert len(board.files.written) == written and car.access.failures == 0


# The end of a role


def test_a_role_ends_10_min_after_the_last_byte(car):
    car.unlock(1)
    car.wait_s(590)
    car.good("why")
    car.wait_s(590)
    assert car.access.level == 1
    car.wait_s(15)
    assert car.access.level == 0


def test_a_role_ends_when_the_key_is_turned_off(car):
    car.unlock(2)
    car.driver.start()
    car.main()
    assert car.access.level == 2
    car.driver.key = 0
    car.driver.tick()
    car.main()
    assert car.access.level == 0


def test_a_key_that_went_off_after_the_role_had_ended_voids_no_later_challenge(car):
    car.unlock(1)
    car.driver.start()
    car.main()
    car.good("lock")
    car.driver.key = 0
    car.driver.tick(300)
    car.main()
    assert car.unlock(1)[-1] == "ok"
    assert car.access.level == 1


def test_a_role_ends_when_the_car_may_drive(car):
    car.unlock(2)
    car.driver.engage()
    car.main()
    assert car.loop.out.enable
    assert car.access.level == 0


def test_a_role_ends_with_the_supply(car):
    car.unlock(2)
    assert car.leave().access.level == 0


def test_lock_ends_a_role_its_challenge_and_what_was_staged(car):
    car.unlock(1)
    challenge = car.good("begin", "set walk_cap_kmh 5", "unlock 2")[0]
    car.good("lock")
    assert car.error("auth " + answer_of(KEYS[2], challenge))[0] == 24
    assert car.error("commit")[0] == 24
    assert car.params.get("walk_cap_kmh") == 6


def test_the_role_of_who_provisioned_ends_like_any_other(fresh):
    fresh.good(PROVISION)
    assert fresh.access.level == 2
    fresh.wait_s(601)
    assert fresh.access.level == 0


# Wrong answers


def test_the_lock_doubles_from_10_s_to_an_hour():
    assert [lock_s(n) for n in range(4, 15)] == [
        0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600,
    ]  # fmt: skip
    assert lock_s(0xFFFF) == 3600


def test_four_wrong_answers_are_told_and_the_fifth_locks_out(car):
    for left in (4, 3, 2, 1):
        assert f"; {left} tries left; " in car.fail()
    last = car.fail()
    assert last.startswith("err 36 locked-out: wrong answer; nothing changed; ")
    assert "in 10 s with the supply on" in last
    assert "try again in 10 s" in car.error("unlock 1")[1]
    assert car.error("unlock 1")[0] == 37
    car.good("status", "faults", "get *")


def test_after_the_lock_one_wrong_answer_locks_for_twice_as_long(car):
    for _ in range(5):
        car.fail()
    for seconds in (10, 20, 40):
        car.wait_s(seconds - 1)
        assert car.error("unlock 1")[0] == 37
        car.wait_s(1)
        assert f"in {2 * seconds} s" in car.fail()


def test_the_right_answer_forgets_the_wrong_ones_but_not_how_many_there_ever_were(car):
    for _ in range(4):
        car.fail()
    assert car.unlock(1)[-1] == "ok"
    assert car.access.tries_left() == 5
    assert car.rows("access") == ["access service, wrong answers 4"]
    again = car.leave()
    assert again.access.failures == 0 and again.access.failures_ever == 4


def test_a_try_is_in_flash_before_it_is_answered(car, board):
    challenge = car.good("unlock 1")[0]
    for byte in f"auth {answer_of(WRONG, challenge)}\r".encode():
        car.console.feed(byte)
    before = board.files.written.count("access.new")
    while board.files.written.count("access.new") < before + 2:
        assert b"err 35" not in car.sent
        car.main()
    assert b"err 35" not in car.sent
    board.cut_power()
    assert Garage(board).access.failures == 1


def test_the_plug_pulled_before_the_answer_gives_no_more_tries(car):
    for tries in range(1, 6):
        challenge = car.good("unlock 1")[0]
        for byte in f"auth {answer_of(WRONG, challenge)}\r".encode():
            car.console.feed(byte)
            car.main()
        for waits in (True, False):
            while bool(car.desk.wanted) != waits:
                car.main()
        car = car.leave()
        assert car.access.failures == tries
    assert car.error("unlock 1")[0] == 37


def test_the_lock_survives_the_supply_and_only_powered_time_counts(car):
    for _ in range(8):
        car.fail()
        car.wait_s(lock_s(car.access.failures) if car.access.failures < 8 else 0)
    assert car.access.left_s() == 80
    car.wait_s(30)
    again = car.leave()
    # What was not saved counts again, but never longer than the lock was.
    assert 50 <= again.access.left_s() <= 80
    again.wait_s(80)
    assert again.unlock(1)[-1] == "ok"


def test_the_lock_of_an_old_car_survives_the_supply_as_well(car):
    car.wait_s(5000)
    car.run.keeper.save_all()
    car.settle()
    for _ in range(5):
        car.fail()
    again = car.leave()
    assert again.loop.operating_s >= 5000
    # Making a run takes a few seconds of its own.
    again.wait_s(5)
    assert again.error("unlock 1")[0] == 37
    again.wait_s(5)
    again.good("unlock 1")


def test_a_count_that_flash_refuses_is_not_judged(car, board):
    board.files.refused = "access"
    assert car.unlock(1)[-1].startswith("err 72 flash-error")
    assert car.access.level == 0


# Lost records


def test_lost_keys_open_nothing_and_no_answer_fits(car, board):
    board.rot("identity")
    again = car.leave()
    assert again.access.level == 0
    assert again.rows("vehicle_id") == ["vehicle_id lost"]
    assert again.error("unlock 1")[0] == 33
    assert again.error(PROVISION)[0] == 33
    assert again.leave().access.level == 0
    again.good("status", "dump")


def test_an_empty_key_is_no_key():
    identity = Identity()
    identity.lose()
    access = Access(identity)
    access.start(0)
    access.challenge(1, "")
    assert access.take_challenge() is None


def test_a_lost_count_is_a_lock(car, board):
    car.fail()
    board.rot("access")
    again = car.leave()
    assert again.access.left_s() == 10
    assert again.error("unlock 1")[0] == 37
    again.wait_s(10)
    assert again.unlock(1)[-1] == "ok"
    assert again.leave().access.left_s() == 0
