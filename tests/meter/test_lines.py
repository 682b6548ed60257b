from wellhead.meter.lines import FIRST_PIECES, PIECE_MAX, Pieces

HINT = b"_tokens"


def pieces_of(*chunks: bytes, separator: bytes = b"\n\n") -> list[bytes]:
    pieces = Pieces(separator, [HINT])
    return [piece for chunk in chunks for piece in pieces.feed(chunk)] + pieces.finish()


def test_pieces_are_cut_at_the_separator() -> None:
    assert pieces_of(b"a\n\nb\nb\n\n") == [b"a", b"b\nb"]


def test_last_piece_counts_even_without_its_separator() -> None:
    assert pieces_of(b"a\n\nb") == [b"a", b"b"]


def test_all_three_line_ends_may_be_mixed() -> None:
    assert pieces_of(b"a\r\n\r\nb\r\rc\n\r\nd\r\n\n") == [b"a", b"b", b"c", b"d"]


def test_a_crlf_cut_in_two_is_one_line_end() -> None:
    assert pieces_of(b"a\r", b"\nb\r", b"\n\r", b"\nc") == [b"a\nb", b"c"]


def test_an_lf_after_a_cut_crlf_is_a_line_end_of_its_own() -> None:
    assert pieces_of(b"a\r", b"\n", b"\n", b"b") == [b"a", b"b"]


def test_empty_pieces_and_comments_do_not_count() -> None:
    assert pieces_of(b": hi\n\n" * 9 + b"\n\n\n\n\na") == [b"a"]


def test_after_the_first_few_only_pieces_with_a_hint_are_handed_out() -> None:
    first = b"".join(b"%d\n\n" % n for n in range(FIRST_PIECES))
    assert pieces_of(first + b"dull\n\nx_tokens\n\ndull") == [b"0", b"1", b"2", b"3", b"x_tokens"]


def test_a_piece_of_the_longest_size_is_read_however_it_comes() -> None:
    longest = b"_tokens".ljust(PIECE_MAX, b".")
    whole = longest + b"\n\nafter"
    half = len(whole) // 2
    for chunks in ([whole], [whole[:half], whole[half:]], [longest, b"\n", b"\nafter"]):
        pieces = Pieces(b"\n\n", [HINT])
        found = [piece for chunk in chunks for piece in pieces.feed(chunk)] + pieces.finish()
        assert found == [longest, b"after"]
        assert not pieces.too_long


def test_a_longer_piece_is_skipped_and_said_and_the_next_is_read() -> None:
    whole = b"before\n\n" + b"_tokens".ljust(PIECE_MAX + 1, b".") + b"\n\nafter\n\n"
    for size in (len(whole), 65536):
        pieces = Pieces(b"\n\n", [HINT])
        found = [piece for n in range(0, len(whole), size) for piece in pieces.feed(whole[n : n + size])]
        assert found + pieces.finish() == [b"before", b"after"]
        assert pieces.too_long


def test_an_endless_piece_holds_no_more_than_its_bound() -> None:
    pieces = Pieces(b"\n\n", [HINT])
    chunk = b"x" * 65536
    for _ in range(4 * PIECE_MAX // len(chunk)):
        assert pieces.feed(chunk) == []
        assert len(pieces._held) <= PIECE_MAX + len(chunk)
    assert pieces.too_long
