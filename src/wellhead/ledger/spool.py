"""The spool: a file that keeps what the database cannot take just now.

::

    wellhead-spool 1\\n | size: 4 | crc32: 4 | record | size: 4 | crc32: 4 | record | ...

Each process has a file of its own and only ever appends to it, so what one process
has written can be read by another after its death.  Whoever replays takes the file
over first, by giving it another name, and removes it when all of it is booked.
Booking a record twice does nothing, so a replay that is cut short begins anew.

A record that is damaged or was cut short ends what can be read: the file is then put
aside, not removed.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from zlib import crc32

import msgspec

from wellhead.call import Opening, Settlement
from wellhead.database.workers import Process

MAGIC = b"wellhead-spool 1\n"
RECORD_BYTES_MAX = 1 << 20
"""A record is about a kilobyte; a larger one is damaged."""
SUFFIX = ".spool"
DAMAGED = ".damaged"

_FRAME = Struct(">II")
_NAME = re.compile(
    r"worker-(?P<slot>\d+)-(?P<started_us>\d+)-(?P<pid>\d+)-(?P<ticks>\d+)\.spool(?P<taken>\.\d+)?"
)

Record = tuple[Opening, Settlement | None]
"""The end of a call; or, without one, the beginning of a call that could not be booked before it was sent."""


class SpoolFull(Exception):
    """The file would grow above its bound, or the disk takes no more."""


@dataclass(frozen=True, slots=True)
class Found:
    """A spool file, and whose it was."""

    path: Path
    slot: int
    started_us: int
    process: Process
    """Whoever writes it; of one that was taken over, whoever wrote it."""
    taken_by: int | None
    """The number of the process that replays it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What can be read of a file."""

    records: list[Record]
    bytes_unread: int = 0
    """What comes after them, and is no record."""


class Spool:
    """The spool of one process; its file is made with the first record."""

    def __init__(self, directory: Path, bytes_max: int, *, durable: bool = False) -> None:
        """`durable`: a record is on the disk, not only with the kernel, when `append` returns."""
        self._directory = directory
        self._bytes_max = bytes_max
        self._durable = durable
        self._file: int | None = None
        self.path: Path | None = None
        self.size = 0

    def append(self, name: str, records: list[Record]) -> None:
        """Keep records, all or none of them; `SpoolFull` if they cannot be kept.

        `name` is that of the file, as `name_of` has it, which counts where there is none yet.
        """
        framed = b"".join(_framed(record) for record in records)
        if self.size + len(framed) > self._bytes_max:
            raise SpoolFull(f"it would grow above {self._bytes_max} bytes")
        try:
            file = self._open(name)
            written = os.write(file, framed)
            if written < len(framed):
                raise OSError("the disk took only a part")
            if self._durable:
                os.fsync(file)
        except OSError as error:
            if self.size == len(MAGIC):
                self.clear()
            elif self._file is not None:
                with suppress(OSError):  # A half of a record would hide what comes after it.
                    os.ftruncate(self._file, self.size)
            raise SpoolFull(str(error)) from error
        self.size += len(framed)

    def records(self) -> Contents:
        """What was appended so far."""
        return read(self.path) if self.path is not None else Contents([])

    def clear(self) -> None:
        """Remove the file: all of it is booked."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None
        self.size = 0

    def _open(self, name: str) -> int:
        if self._file is None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._directory / name
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file, self.path = os.open(path, flags, 0o600), path
            self.size = os.fstat(self._file).st_size
            if not self.size:
                self.size = os.write(self._file, MAGIC)
                if self.size < len(MAGIC):
                    self.clear()
                    raise OSError("the disk took only a part")
        return self._file


def name_of(slot: int, started_us: int, process: Process) -> str:
    """The name of a worker's file."""
    return f"worker-{slot}-{started_us}-{process.pid}-{process.started_ticks}{SUFFIX}"


def found_in(directory: Path, host: str) -> list[Found]:
    """The files that are there, those of damaged ones left out; they are all of this host."""
    files = []
    with suppress(FileNotFoundError):
        for path in sorted(directory.iterdir()):
            named = _NAME.fullmatch(path.name)
            if named is not None:
                process = Process(host, int(named["pid"]), int(named["ticks"]))
                taken = None if named["taken"] is None else int(named["taken"][1:])
                files.append(Found(path, int(named["slot"]), int(named["started_us"]), process, taken))
    return files


def take_over(found: Found, pid: int) -> Path | None:
    """Make a dead process's file one's own; `None` if somebody else was quicker."""
    name = found.path.name if found.taken_by is None else found.path.name.removesuffix(f".{found.taken_by}")
    path = found.path.with_name(f"{name}.{pid}")
    try:
        found.path.rename(path)
    except FileNotFoundError:
        return None
    return path


def put_aside(path: Path) -> Path:
    """Keep a damaged file under a name that nobody replays."""
    aside = path.with_name(path.name + DAMAGED)
    path.rename(aside)
    return aside


def read(path: Path) -> Contents:
    """What can be read of a file; one that is not there holds nothing."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Contents([])
    if not content.startswith(MAGIC):
        return Contents([], len(content))
    records, end = [], len(MAGIC)
    for record, end in _records(content):  # noqa: B007 - `end` is used below
        records.append(record)
    return Contents(records, len(content) - end)


def counted(path: Path, start: int = 0) -> tuple[int, int]:
    """How many whole records a file has from a place on, by their sizes alone, and where the last one ends.

    `start` is such an end, or 0.  Raises `OSError` for a file that is not there.
    """
    count, at = 0, start or len(MAGIC)
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while at + _FRAME.size <= size:
            end = at + _FRAME.size + _FRAME.unpack(os.pread(file.fileno(), _FRAME.size, at))[0]
            if end > min(size, at + _FRAME.size + RECORD_BYTES_MAX):
                break
            count, at = count + 1, end
    return count, at


def kept_since(path: Path) -> int | None:
    """When the first record of a file was kept; `None` if it has none.  Raises `OSError` as well."""
    with path.open("rb") as file:
        first = next(_records(file.read(len(MAGIC) + _FRAME.size + RECORD_BYTES_MAX)), None)
    if first is None:
        return None
    (opening, end), _ = first
    return opening.started_us if end is None else end.finished_us


def _records(content: bytes) -> Iterator[tuple[Record, int]]:
    at = len(MAGIC)
    while at + _FRAME.size <= len(content):
        size, checksum = _FRAME.unpack_from(content, at)
        start, end = at + _FRAME.size, at + _FRAME.size + size
        payload = content[start:end]
        if size > RECORD_BYTES_MAX or len(payload) < size or crc32(payload) != checksum:
            return
        try:
            record = _decoder.decode(payload)
        except msgspec.MsgspecError:
            return
        yield record, end
        at = end


def _framed(record: Record) -> bytes:
    payload = _encoder.encode(record)
    return _FRAME.pack(len(payload), crc32(payload)) + payload


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)
