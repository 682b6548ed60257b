"""How figures and names look in a terminal: short, aligned, and never a 0 for what nobody knows.

Names come from the requests of clients, so anything may stand in them: what is no
plain character would be an order to the terminal, and is not let through.
"""

import sys
import unicodedata

from wellhead.money import NANOUSD_PER_USD

UNKNOWN = "–"
CUT = "…"
REPLACED = "\N{REPLACEMENT CHARACTER}"
SCALES = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
DIGITS_SHORT = 3


def plain(text: str) -> str:
    """A name that is safe to print: one line, without any character that only steers."""
    return text if text.isprintable() else "".join(one if one.isprintable() else REPLACED for one in text)


def printed(text: str) -> str:
    """What the output can show of a text, whatever encoding it has."""
    encoding = sys.stdout.encoding or "ascii"
    if _takes(encoding, text):
        return text
    return text.translate(ASCII).encode(encoding, "replace").decode(encoding)


ASCII = {ord(UNKNOWN): "-", ord(CUT): "~", ord(REPLACED): "?", ord("·"): "|"}


def _takes(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def cut(text: str, most: int) -> str:
    """A text in no more than so many columns; what is left out is marked."""
    if width(text) <= most:
        return text
    kept, left = "", most - 1
    for one in text:
        left -= _columns(one)
        if left < 0:
            break
        kept += one
    return kept + CUT if most > 0 else ""


def left(text: str, columns: int) -> str:
    """A text in exactly so many columns, at their left."""
    text = cut(text, columns)
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    """A figure at the right of so many columns; it is never cut."""
    return " " * (columns - width(text)) + text


def whole(count: int) -> str:
    """A count in full."""
    return f"{count:,}"


def short(count: int) -> str:
    """A count in three digits: `987`, `12.3k`, `4.56M`."""
    for size, letter in SCALES:
        # What would be rounded to a thousand of a scale belongs to the next.
        if count * 2 >= size * 2 - size // 1000:
            value = count / size
            decimals = max(0, DIGITS_SHORT - len(str(int(value + 0.0005))))
            return f"{value:.{decimals}f}{letter}"
    return str(count)


def dollars(nanousd: int | None, decimals: int = 2, *, separated: bool = True) -> str:
    """An amount in US dollars; one that would look like nothing says that it is less."""
    if nanousd is None:
        return UNKNOWN
    step = NANOUSD_PER_USD // 10**decimals
    units = (nanousd + step // 2) // step
    if units == 0 and nanousd > 0:
        return f"<{1 / 10**decimals:.{decimals}f}"
    whole = units // 10**decimals
    return f"{f'{whole:,}' if separated else whole}.{units % 10**decimals:0{decimals}d}"


def seconds(us: int | None) -> str:
    """A duration: `340ms`, `1.8s`, `75s`."""
    if us is None:
        return UNKNOWN
    ms = (us + 500) // 1000
    if ms < 1000:
        return f"{ms}ms"
    return f"{us / 1_000_000:.1f}s" if ms < 100_000 else f"{us / 1_000_000:.0f}s"
