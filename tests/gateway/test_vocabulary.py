import base64
from pathlib import Path

import pytest

from wellhead.errors import ConfigError
from wellhead.gateway.vocabulary import counting

WORDS = [b"th", b"he", b"the", b" the"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Every byte, and a few words."""
    ranks = [bytes([byte]) for byte in range(256)] + WORDS
    path = tmp_path / "small.tiktoken"
    path.write_text(
        "\n".join(f"{base64.b64encode(token).decode()} {rank}" for rank, token in enumerate(ranks))
    )
    return path


@pytest.mark.parametrize(
    ("text", "tokens"),
    [(b"", 0), (b"the", 1), (b"the the", 2), (b"other", 3), ("ä".encode(), 2), (b"\xff", 3)],
)
def test_tokens_are_counted_by_the_vocabulary(file: Path, text: bytes, tokens: int) -> None:
    assert counting(str(file))(text) == tokens


@pytest.mark.parametrize("content", [b"", b"\xff\xfe not a vocabulary", b"dGhl zero", b"dGhl 0"])
def test_a_file_that_is_no_vocabulary_is_told_at_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.tiktoken"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"limits\.vocabulary: must be a"):
        counting(str(path))


def test_a_file_that_is_not_there_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"limits\.vocabulary: must be a readable \.tiktoken file"):
        counting(str(tmp_path / "absent.tiktoken"))
