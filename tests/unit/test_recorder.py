"""The recorder: what a freeze frame holds, how far back it goes, and when there is none."""

import pytest

from vcu.faults import WORDS
from vcu.recorder import FIELD_COUNT, FIELDS, FRAME_ROWS, FRAMES, ROW_MS, Recorder
from vcu.signals import Signals

MODE, LIMITER, TORQUE = 4, 3, -200
# One round of the ring is 40 rows.
RING = 40


def signals(speed_mmps=0):
    sig = Signals()
    sig.speed_mmps = speed_mmps
    return sig


def recorded(rows, first=1):
    """A recorder that has seen so many rows, told apart by their speed: first, first + 1, ..."""
    recorder = Recorder()
    for i in range(rows):
        recorder.record(signals(first + i), MODE, LIMITER, TORQUE)
    return recorder


def freeze(recorder, number, speed_mmps=9999):
    recorder.freeze(number, signals(speed_mmps), MODE, LIMITER, TORQUE)


def copy(recorder, steps=FRAME_ROWS):
    for _ in range(steps):
        recorder.step()
    return recorder


def column(recorder, frame=0, name="speed_mmps"):
    """One field of every row of a frame, the newest first."""
    return list(recorder.frames[frame][FIELDS.index(name) :: FIELD_COUNT])


def test_the_fields_are_what_a_technician_asks_for():
    assert len(FIELDS) == FIELD_COUNT
    assert {"pedal_permille", "speed_mmps", "pack_cv", "pack_da", "mode", "limiter"} <= set(FIELDS)
    assert {"battery_ddegc", "motor_ddegc", "controller_ddegc"} <= set(FIELDS)


def test_a_frame_reaches_two_seconds_back():
    assert (FRAME_ROWS - 1) * ROW_MS == 2000


def test_a_new_recorder_has_no_frame():
    recorder = Recorder()
    assert list(recorder.numbers) == [-1] * FRAMES
    assert recorder.ready == 0
    assert [len(frame) for frame in recorder.frames] == [FIELD_COUNT * FRAME_ROWS] * FRAMES
    copy(recorder)
    assert recorder.ready == 0


def test_a_frame_holds_every_field_in_its_place():
    sig = Signals()
    expected = {}
    for i, name in enumerate(FIELDS):
        expected[name] = 100 + i
        if hasattr(sig, name):
            setattr(sig, name, 100 + i)
    args = (expected["mode"], expected["limiter"], expected["torque_permille"])
    recorder = Recorder()
    recorder.record(sig, *args)
    recorder.freeze(7, sig, *args)
    copy(recorder)
    assert recorder.numbers[0] == 7
    rows = list(recorder.frames[0])
    assert rows[:FIELD_COUNT] == rows[FIELD_COUNT : 2 * FIELD_COUNT] == list(expected.values())
    assert not any(rows[2 * FIELD_COUNT :])


def test_a_frame_is_the_moment_and_the_two_seconds_before_it_the_newest_first():
    recorder = recorded(30)
    freeze(recorder, 5)
    copy(recorder)
    assert column(recorder) == [9999] + [30 - i for i in range(20)]


@pytest.mark.parametrize("rows", [1, 39, 40, 41, 60, 79, 80, 81, 200])
def test_the_ring_goes_round_without_a_row_lost_or_twice(rows):
    recorder = recorded(rows)
    freeze(recorder, 5)
    copy(recorder)
    history = [max(rows - i, 0) for i in range(20)]
    assert column(recorder) == [9999, *history]
    assert recorder.ready == 1


def test_a_frame_is_ready_when_it_is_copied_whole_and_not_before():
    recorder = recorded(RING)
    freeze(recorder, 5)
    for _ in range(20):
        assert recorder.ready == 0
        recorder.step()
    assert recorder.ready == 0
    recorder.step()
    assert recorder.ready == 1


@pytest.mark.parametrize("rows", [0, 1, 5, 19])
def test_soon_after_power_on_a_frame_has_the_rows_that_there_are(rows):
    recorder = recorded(rows)
    freeze(recorder, 5)
    copy(recorder, rows)
    assert recorder.ready == 0
    recorder.step()
    assert recorder.ready == 1
    assert column(recorder) == [9999] + [rows - i for i in range(rows)] + [0] * (20 - rows)


def test_each_step_copies_one_row():
    recorder = recorded(30)
    freeze(recorder, 5)
    for copied in range(1, 21):
        recorder.step()
        assert sum(speed > 0 for speed in column(recorder)) == 1 + copied


def test_rows_recorded_while_a_frame_is_copied_do_not_get_into_it():
    recorder = recorded(60)
    freeze(recorder, 5)
    for i in range(21):
        if i % 5 == 0:
            recorder.record(signals(5000 + i), MODE, LIMITER, TORQUE)
        recorder.step()
    assert column(recorder) == [9999] + [60 - i for i in range(20)]


def test_the_first_confirmation_of_a_row_keeps_its_frame():
    recorder = recorded(30)
    freeze(recorder, 5, 111)
    copy(recorder)
    freeze(recorder, 5, 222)
    copy(recorder)
    assert column(recorder)[0] == 111
    assert list(recorder.numbers) == [5, -1, -1, -1, -1, -1]


def test_row_number_0_has_frames_too():
    recorder = recorded(3)
    freeze(recorder, 0, 111)
    freeze(recorder, 0, 222)
    assert list(recorder.numbers) == [0, -1, -1, -1, -1, -1]
    assert column(recorder)[0] == 111


def test_each_row_has_its_own_frame_until_all_are_taken():
    recorder = recorded(30)
    for number in range(10, 10 + FRAMES + 2):
        freeze(recorder, number, number)
        copy(recorder)
    assert list(recorder.numbers) == list(range(10, 10 + FRAMES))
    assert recorder.ready == (1 << FRAMES) - 1
    for i in range(FRAMES):
        assert column(recorder, i) == [10 + i] + [30 - k for k in range(20)]


def test_a_fault_without_a_free_frame_does_not_end_the_copy_of_the_last():
    recorder = recorded(30)
    for number in range(FRAMES):
        freeze(recorder, number)
        if number < FRAMES - 1:
            copy(recorder)
    copy(recorder, 3)
    freeze(recorder, 50)
    assert recorder.ready == (1 << FRAMES - 1) - 1
    copy(recorder)
    assert column(recorder, FRAMES - 1) == [9999] + [30 - k for k in range(20)]


def test_a_second_fault_within_a_copy_ends_the_history_of_the_first():
    recorder = recorded(30)
    freeze(recorder, 5, 111)
    copy(recorder, 4)
    freeze(recorder, 6, 222)
    assert recorder.ready == 1
    copy(recorder)
    assert recorder.ready == 3
    assert column(recorder, 0) == [111, 30, 29, 28, 27] + [0] * 16
    assert column(recorder, 1) == [222] + [30 - i for i in range(20)]


def test_forgetting_frees_every_frame_and_stops_a_copy():
    recorder = recorded(30)
    freeze(recorder, 5)
    freeze(recorder, 6)
    copy(recorder, 2)
    recorder.forget([0] * WORDS)
    assert list(recorder.numbers) == [-1] * FRAMES
    assert recorder.ready == 0
    copy(recorder)
    assert recorder.ready == 0
    freeze(recorder, 8, 333)
    assert recorder.numbers[0] == 8
    copy(recorder)
    assert column(recorder) == [333] + [30 - i for i in range(20)]


@pytest.mark.parametrize(
    ("speed", "kept"), [(32766, 32766), (32767, 32767), (32768, 32767), (60000, 32767)]
)
def test_a_speed_beyond_16_bits_is_kept_as_the_highest(speed, kept):
    recorder = Recorder()
    freeze(recorder, 1, speed)
    assert column(recorder)[0] == kept


def test_a_frame_that_is_used_again_has_nothing_of_the_one_before():
    recorder = recorded(30)
    freeze(recorder, 5)
    copy(recorder)
    recorder.forget([0] * WORDS)
    freeze(recorder, 6)
    recorder.step()
    recorder.step()
    freeze(recorder, 7)
    assert column(recorder)[:3] == [9999, 30, 29]
    assert column(recorder)[3:] == [0] * 18


def test_clearing_keeps_the_frame_of_what_is_still_active():
    recorder, sig = Recorder(), Signals()
    recorder.freeze(3, sig, 0, 0, 0)
    recorder.freeze(30, sig, 0, 0, 0)
    recorder.forget([0, 1 << 6, 0, 0])
    assert 30 in recorder.numbers
    assert 3 not in recorder.numbers
