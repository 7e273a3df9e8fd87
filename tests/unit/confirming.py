"""Confirming: a fault of any row, seen for as long as its row asks for, and then gone."""

from service.fault_record import row_number
from vcu.faults import WORD_SHIFT


def confirm(faults, id_):
    """Confirm a row and let it heal."""
    number = row_number(id_)
    for present in (1 << number % WORD_SHIFT, 0):
        for _ in range(30):
            faults.step(number // WORD_SHIFT, present, 0, 1, 500)
    return number
