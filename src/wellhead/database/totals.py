"""Adding up rows of sums that belong together.

::

    codes      rows               codes    sums
      3       1   0   700
      5       1   1     0           3     3   0   950
      3       2   0   250    ─►     5     1   1     0

A code is a whole number that says what a row belongs to.  Whoever asks makes it of the ids
of a sheet, and a line of what comes out.
"""

import numpy as np
from numpy.typing import NDArray

from wellhead.database.sheet import Numbers

ROWS_AT_ONCE = 2**16
"""So many rows wait until they are added up."""
CODES_AT_ONCE = 2**20
"""So many codes wait until they are counted."""
_SPARSE = 16


def distinct(codes: Numbers, size: int) -> tuple[Numbers, NDArray[np.intp]]:
    """The codes that there are, in their order, and the place of each row's code among them.

    Codes are from 0 to below `size`.
    """
    if size > _SPARSE * (len(codes) + _SPARSE):
        return np.unique(codes, return_inverse=True)
    is_there = np.zeros(size, np.bool_)
    is_there[codes] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[codes]


def added_up(codes: Numbers, rows: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """The codes that there are, as above, and the sums of their rows."""
    found, at = distinct(codes, size)
    return found, summed(at, rows, len(found))


def summed(at: NDArray[np.intp], rows: Numbers, count: int) -> Numbers:
    """So many sums, of rows by their places."""
    sums = np.zeros((rows.shape[1], count), np.int64)
    for column, of_column in zip(rows.T, sums, strict=True):
        np.add.at(of_column, at, column)  # Of rows as a whole it takes more than twice as long.
    return sums.T


class Counts:
    """How often codes come."""

    def __init__(self, at_once: int = CODES_AT_ONCE) -> None:
        self._totals, self._at_once = Totals(1), at_once
        self._new: list[Numbers] = []
        self._count = 0

    def add(self, codes: Numbers) -> None:
        """Any codes, in any order."""
        self._new.append(codes)
        self._count += len(codes)
        if self._count > self._at_once:
            self._merge()

    def found(self) -> tuple[Numbers, Numbers]:
        """The codes in their order, and how often each came."""
        self._merge()
        codes, counts = self._totals.found()
        return codes, counts[:, 0]

    def _merge(self) -> None:
        if self._new:
            codes, counts = np.unique(np.concatenate(self._new), return_counts=True)
            self._totals.add(codes, counts[:, np.newaxis])
            self._new, self._count = [], 0


class Totals:
    """Sums of rows that come piece by piece; memory is for as many as there are sums, and some more."""

    def __init__(self, width: int, at_once: int = ROWS_AT_ONCE) -> None:
        self._codes = [np.zeros(0, np.int64)]
        self._rows = [np.zeros((0, width), np.int64)]
        self._count, self._at_once, self._most = 0, at_once, at_once

    def add(self, codes: Numbers, rows: Numbers) -> None:
        """Rows may be below zero, to be taken away; sums may so be in between."""
        self._codes.append(codes)
        self._rows.append(rows)
        self._count += len(codes)
        if self._count > self._most:
            self._merge()
            self._most = max(self._at_once, 2 * self._count)

    def found(self) -> tuple[Numbers, Numbers]:
        """The codes in their order, and their sums; of what came to nothing none."""
        self._merge()
        is_some = self._rows[0].any(axis=1)
        return self._codes[0][is_some], self._rows[0][is_some]

    def _merge(self) -> None:
        if len(self._codes) == 2 and not len(self._codes[0]) and (np.diff(self._codes[1]) > 0).all():
            self._codes, self._rows = self._codes[1:], self._rows[1:]  # Nothing is there twice.
            return
        found, at = np.unique(np.concatenate(self._codes), return_inverse=True)
        self._codes, self._rows = [found], [summed(at, np.concatenate(self._rows), len(found))]
        self._count = len(found)
