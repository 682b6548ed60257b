"""The figures of a day, and of parts of it, as they are packed into sheets, and back.

How calls ended (`outcome`, `streamed`) is in a sheet of its own, for that takes three times as many rows.
The end that most calls have is in no row there: it is what the others leave of the whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import add, sub

import msgspec

from wellhead.call import CallState
from wellhead.database.bulk import Row
from wellhead.database.schema import MEASURES, SPENDING_KEY
from wellhead.database.sheet import (
    Sheet,
    compressed,
    decompressed,
    packed,
    packed_numbers,
    unpacked,
    unpacked_numbers,
)

Sums = Mapping[Row, Row]
"""Measures, in the order of `MEASURES`, by a key."""
Took = Mapping[Row, tuple[Sequence[int], Sequence[int]]]
"""Buckets of known latencies and times to first byte, rising, by the key of sessions."""
Histograms = Mapping[Row, tuple[bytes, bytes]]
"""Packed histograms of latency and time to first byte, by provider and model."""

End = tuple[str, int]
"""`outcome` and `streamed`."""
USUAL: End = (CallState.COMPLETED.value, 1)
"""How most calls end: completed, and streamed."""
NOBODY = ("", "", 0, 0, "")
"""What follows provider and model in a key that stands for all of a model, whoever used it."""
BOTH = (0, 1)
"""Latency, and time to first byte."""
TIMED = MEASURES.index("timed_calls"), MEASURES.index("ttft_calls")
"""Which measures count the calls whose are known."""
_KEY, _MODEL = len(SPENDING_KEY), 2
_WHO, _NAMED = 3, (1, 2, -2)
"""In a key of sessions: where who used it begins; session, agent and outcome."""
_histograms = msgspec.msgpack.Decoder(list[tuple[int, bytes, bytes]])


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of a part of a day."""

    spending: Sums
    """By `USAGE_KEY`."""
    histograms: Histograms

    @property
    def models(self) -> Sums:
        """By provider, model, and how calls ended."""
        return _summed(self.spending.items(), lambda key: (*key[:_MODEL], *key[_KEY:]))

    def keys(self) -> set[Row]:
        """Those that need a number to be packed."""
        return {key[:_KEY] for key in self.spending} | {(*key[:_MODEL], *NOBODY) for key in self.spending}


@dataclass(frozen=True, slots=True)
class PackedPart:
    """The same, as `usage_sheets` has it (the first two) and `model_sheets` (the others)."""

    usage: bytes
    ends: bytes
    models: bytes
    histograms: bytes


def packed_part(part: Part, number_of: Mapping[Row, int]) -> PackedPart:
    """All sheets of a part of a day."""
    totals = _summed(part.spending.items(), lambda key: key[:_KEY])
    rows = sorted((number_of[key], measures) for key, measures in totals.items())
    unusual = ((key, measures) for key, measures in part.spending.items() if key[_KEY:] != USUAL)
    models = {(*key[:_MODEL], *NOBODY, *key[_MODEL:]): measures for key, measures in part.models.items()}
    histograms = sorted((number_of[(*key, *NOBODY)], *both) for key, both in part.histograms.items())
    return PackedPart(
        usage=packed([[number for number, _ in rows]], [measures for _, measures in rows]),
        ends=_by_end(unusual, number_of),
        models=_by_end(models.items(), number_of),
        histograms=compressed(msgspec.msgpack.encode(histograms)),
    )


def unpacked_part(packed_one: PackedPart, keys: Mapping[int, Row]) -> tuple[Part, Sums]:
    """A part of a day, and the sums of its models as they stand in their own sheet."""
    usual: dict[Row, Row] = {}
    spending: dict[Row, Row] = {}
    whole = unpacked(packed_one.usage)
    for number, measures in zip(whole.ids[0].tolist(), whole.sums.tolist(), strict=True):
        usual[*keys[number], *USUAL] = tuple(measures)
    for number, end, measures in _rows(unpacked(packed_one.ends)):
        spending[*keys[number], *end] = measures
        left = usual.get((*keys[number], *USUAL), (0,) * len(MEASURES))
        usual[*keys[number], *USUAL] = tuple(map(sub, left, measures))
    spending |= {key: measures for key, measures in usual.items() if any(measures)}
    histograms = {
        keys[number][:_MODEL]: (latency, ttft)
        for number, latency, ttft in unpacked_histograms(packed_one.histograms)
    }
    models = {
        (*keys[number][:_MODEL], *end): measures
        for number, end, measures in _rows(unpacked(packed_one.models))
    }
    return Part(spending, histograms), models


def unpacked_histograms(value: bytes) -> Sequence[tuple[int, bytes, bytes]]:
    """Numbers of keys, and their packed histograms of latency and time to first byte."""
    return _histograms.decode(decompressed(value))


@dataclass(frozen=True, slots=True)
class PackedSessions:
    """The sessions of a day, as `session_sheets` has them."""

    sheet: bytes
    took: bytes | None


def packed_sessions(sums: Sums, took: Took, number_of: Mapping[Row, int]) -> PackedSessions:
    """What was used by half hour, session, agent, who used it, and how it ended (`USAGE_KEY`)."""
    names = [sorted({key[place] for key in sums}) for place in _NAMED]
    at = [{name: place for place, name in enumerate(some)} for some in names]
    rows = sorted(
        ((half, at[0][session], at[1][agent], number_of[tuple(key)], at[2][end], int(streamed)), whole)
        for whole in sums
        for half, session, agent, *key, end, streamed in (whole,)
    )
    columns = [[ids[place] for ids, _ in rows] for place in range(6)]
    none: tuple[Sequence[int], Sequence[int]] = ((), ())
    durations = [took.get(key, none) for _, key in rows]
    return PackedSessions(
        packed(columns, [sums[key] for _, key in rows], names),
        packed_numbers([number for both in BOTH for one in durations for number in one[both]]),
    )


def unpacked_took(some: PackedSessions, keys: Mapping[int, Row]) -> Took:
    """How long calls took, by the key of sessions."""
    if some.took is None:
        return {}
    numbers = iter(unpacked_numbers(some.took).tolist())
    found = sessions(some.sheet, keys)  # In the order of the rows.
    both = ([[*islice(numbers, sums[place])] for sums in found.values()] for place in TIMED)
    return {
        key: (latencies, ttfts)
        for key, latencies, ttfts in zip(found, *both, strict=True)
        if latencies or ttfts
    }


def session_keys(sums: Sums) -> set[Row]:
    """Those that need a number to be packed."""
    return {key[_WHO:-2] for key in sums}


def sessions(sheet: bytes, keys: Mapping[int, Row]) -> Sums:
    """The same unpacked."""
    found = unpacked(sheet)
    names, agents, ends = found.names
    return {
        (half, names[session], agents[agent], *keys[number], ends[end], streamed): tuple(sums)
        for half, session, agent, number, end, streamed, sums in zip(
            *found.ids.tolist(), found.sums.tolist(), strict=True
        )
    }


def _by_end(some: Iterable[tuple[Row, Row]], number_of: Mapping[Row, int]) -> bytes:
    rows = [(*key[_KEY:], number_of[key[:_KEY]], measures) for key, measures in some]
    outcomes = sorted({outcome for outcome, *_ in rows})
    place = {outcome: at for at, outcome in enumerate(outcomes)}
    rows = sorted((place[outcome], int(streamed), number, sums) for outcome, streamed, number, sums in rows)
    columns = [[row[at] for row in rows] for at in range(3)]
    return packed(columns, [row[-1] for row in rows], (outcomes,))


def _rows(sheet: Sheet) -> Iterator[tuple[int, End, Row]]:
    for outcome, streamed, number, sums in zip(*sheet.ids.tolist(), sheet.sums.tolist(), strict=True):
        yield number, (sheet.names[0][outcome], streamed), tuple(sums)


def _summed(some: Iterable[tuple[Row, Row]], key_of: Callable[[Row], Row]) -> dict[Row, Row]:
    found: dict[Row, Row] = {}
    for key, measures in some:
        before = found.get(short := key_of(key))
        found[short] = measures if before is None else tuple(map(add, before, measures))
    return found
