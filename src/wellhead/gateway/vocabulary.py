"""Counts tokens with a vocabulary on this machine, for what a call reserves.

It counts the whole body, so a little more than the upstream will; counting goes on in
a thread, since a long body takes tens of milliseconds.
"""

from collections.abc import Callable
from pathlib import Path

from wellhead.errors import ConfigError, Problem

SETTING = "limits.vocabulary"
BODY_MAX = 4 * 1024 * 1024
"""Bytes of the longest body that is counted; of a longer one the size says enough."""
RANKS_MIN = 256
"""A vocabulary has every byte at least."""
PATTERN = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
    r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
)
"""How text is split before it is looked up: that of cl100k_base, and near enough to all later ones."""

Count = Callable[[bytes], int]


def counting(path: str) -> Count:
    """A function that counts the tokens of a text, by the ranks in a `.tiktoken` file.

    Raises `ConfigError` when the file is none, or tiktoken is not installed.
    """
    try:
        from tiktoken import Encoding
        from tiktoken.load import load_tiktoken_bpe
    except ImportError as error:
        raise _unusable("needs tiktoken: pip install 'wellhead[vocabulary]'") from error
    file = Path(path).expanduser()
    try:
        ranks = load_tiktoken_bpe(str(file))
    except (OSError, ValueError) as error:
        raise _unusable("must be a readable .tiktoken file") from error
    if len(ranks) < RANKS_MIN:
        raise _unusable("must be a .tiktoken file with a whole vocabulary")
    encoding = Encoding(file.stem, pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})

    def count(text: bytes) -> int:
        return len(encoding.encode_ordinary(text.decode("utf-8", "replace")))

    return count


def _unusable(message: str) -> ConfigError:
    return ConfigError((Problem(SETTING, message),))
