"""The figures of a day as they are packed into sheets, and back."""

from collections.abc import Mapping, Sequence

import msgspec

from wellhead.database.bulk import Row
from wellhead.database.schema import MEASURES
from wellhead.database.sheet import compressed, decompressed, packed, parted, unpacked

Sums = Mapping[Row, Row]
"""Measures, in the order of `MEASURES`, by a key."""
Models = Mapping[Row, Row]
"""Measures and both packed histograms, as `models_hourly` has them, by provider and model."""

NOBODY = ("", "", 0, 0, "")
"""What follows provider and model in a key that stands for all of a model, whoever used it."""
_histograms = msgspec.msgpack.Decoder(list[tuple[int, bytes, bytes]])


def spending_sheet(sums: Sums, number_of: Mapping[Row, int]) -> bytes:
    """Who used what, packed."""
    rows = sorted((number_of[key], measures) for key, measures in sums.items())
    return packed([[number for number, _ in rows]], [measures for _, measures in rows])


def spending(sheet: bytes, keys: Mapping[int, Row]) -> Sums:
    """The same unpacked."""
    found = unpacked(sheet)
    return {
        keys[number]: parted(total, len(MEASURES))
        for number, total in zip(found.ids[0], found.sums, strict=True)
    }


def model_sheets(models: Models, number_of: Mapping[Row, int]) -> tuple[bytes, bytes]:
    """Models, whoever used them: their sums, and their histograms, both packed."""
    rows = sorted((number_of[(*key, *NOBODY)], values) for key, values in models.items())
    sums = packed([[number for number, _ in rows]], [values[: len(MEASURES)] for _, values in rows])
    histograms = [(number, *values[len(MEASURES) :]) for number, values in rows]
    return sums, compressed(msgspec.msgpack.encode(histograms))


def models(sheet: bytes, histograms: bytes, keys: Mapping[int, Row]) -> Models:
    """The same unpacked."""
    both = {number: some for number, *some in unpacked_histograms(histograms)}
    found = unpacked(sheet)
    return {
        keys[number][:2]: (*parted(total, len(MEASURES)), *both[number])
        for number, total in zip(found.ids[0], found.sums, strict=True)
    }


def unpacked_histograms(value: bytes) -> Sequence[tuple[int, bytes, bytes]]:
    """Numbers of keys, and their packed histograms of latency and time to first byte."""
    return _histograms.decode(decompressed(value))


def session_sheet(sums: Sums, number_of: Mapping[Row, int]) -> bytes:
    """What was used by session, agent and who used it, packed."""
    names, agents = (sorted({key[place] for key in sums}) for place in (0, 1))
    session_at, agent_at = ({name: place for place, name in enumerate(some)} for some in (names, agents))
    rows = sorted(
        ((session_at[session], agent_at[agent], number_of[tuple(key)]), measures)
        for (session, agent, *key), measures in sums.items()
    )
    columns = [[ids[place] for ids, _ in rows] for place in range(3)]
    return packed(columns, [measures for _, measures in rows], (names, agents))


def sessions(sheet: bytes, keys: Mapping[int, Row]) -> Sums:
    """The same unpacked."""
    found = unpacked(sheet)
    names, agents = found.names
    return {
        (names[session], agents[agent], *keys[number]): parted(total, len(MEASURES))
        for session, agent, number, total in zip(*found.ids, found.sums, strict=True)
    }
