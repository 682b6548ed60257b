"""The master key: what seals the credentials, from the settings or from a file beside the books.

::

    wellhead.db
    wellhead.db.master-key         made once, where no setting says otherwise
    wellhead.db.master-key.new     the next one, while it takes the other's place

A key that takes another's place is written to disk before anything is sealed with it,
and gets its place after everything is: whenever that is cut short, both files are
there, one of them opens the credentials, and doing it again ends it.
"""

import base64
from dataclasses import dataclass, field
from pathlib import Path

from wellhead import secret_files
from wellhead.secret_files import SecretFileError
from wellhead.vault import new_master_key_text, parse_master_key

SUFFIX = ".master-key"
NEXT_SUFFIX = ".new"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A master key, and where it comes from."""

    key: bytes = field(repr=False)
    file: Path | None = None
    """Beside the books; `None`: the settings have it."""
    is_new: bool = False
    """It was made just now: somebody should keep a copy of the file."""

    @property
    def text(self) -> str:
        """As a setting takes it."""
        return base64.b64encode(self.key).decode()


def master_key(setting: str | None, database: str) -> MasterKey:
    """The key of the settings, or the one in the file beside the books, which is made if there is none.

    Raises `SecretFileError` for a file that others can read, or that holds no key.
    """
    if setting is not None:
        return MasterKey(parse_master_key(setting))
    kept = secret_files.kept(file_beside(database), new_master_key_text)
    return MasterKey(_parsed(kept.text, kept.path), kept.path, kept.is_new)


def next_key(database: str) -> MasterKey | None:
    """The key that was about to take the other's place when that was cut short."""
    path = _next_file(database)
    text = secret_files.look(path)
    return None if text is None else MasterKey(_parsed(text, path), path)


def key_in_file(file: str | None) -> bytes | None:
    """The key that a file holds now; `None` if there is no such file, or no key in it."""
    if file is None:
        return None
    try:
        lines = Path(file).expanduser().read_text(encoding="utf-8").splitlines()
        return parse_master_key(lines[0]) if lines else None
    except (OSError, ValueError):
        return None


def keys_in_files(file: str | None, database: str) -> list[bytes]:
    """The keys that may open a credential just now: the one in use, and one that takes its place."""
    # The next one first: it has its place by the time that is looked at, if it is not found here.
    found = (key_in_file(str(_next_file(database))), key_in_file(file))
    return [key for key in found if key is not None]


def put_next(database: str, key: bytes) -> None:
    """Write down a key that is to take the other's place, before anything is sealed with it."""
    path = _next_file(database)
    try:
        secret_files.put(path, MasterKey(key).text)
    except FileExistsError:
        raise SecretFileError(f"another rotation of the master key is under way: {path} is there") from None


def adopt_next(database: str) -> None:
    """Put the next key in its place, now that everything is sealed with it."""
    secret_files.move(_next_file(database), file_beside(database))


def file_beside(database: str) -> Path:
    """Where the key of these books is kept, when no setting has it."""
    path = Path(database.removeprefix("sqlite:///"))
    return path.with_name(path.name + SUFFIX)


def _next_file(database: str) -> Path:
    path = file_beside(database)
    return path.with_name(path.name + NEXT_SUFFIX)


def _parsed(text: str, path: Path) -> bytes:
    try:
        return parse_master_key(text)
    except ValueError:
        raise SecretFileError(
            f"{path} holds no master key (32 bytes, as base64 or as 64 hexadecimal digits); put it back"
        ) from None
