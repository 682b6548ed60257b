from wellhead.meter.sse import parse_event


def test_data_is_what_follows_the_colon_and_one_space() -> None:
    assert parse_event(b"data: x") == (None, b"x")
    assert parse_event(b"data:x") == (None, b"x")
    assert parse_event(b"data:  x") == (None, b" x")


def test_data_of_several_lines_is_joined_by_line_ends() -> None:
    assert parse_event(b"data: {\ndata:\ndata: }") == (None, b"{\n\n}")


def test_an_event_may_be_named() -> None:
    assert parse_event(b"event: error\ndata: {}") == ("error", b"{}")
    assert parse_event(b"data: {}\nevent:error") == ("error", b"{}")


def test_comments_and_other_fields_pass() -> None:
    assert parse_event(b": note\nid: 7\nretry: 3\nnonsense\ndata: {}") == (None, b"{}")


def test_a_field_without_a_colon_has_no_value() -> None:
    assert parse_event(b"data\ndata: x") == (None, b"\nx")


def test_an_event_without_data_is_empty() -> None:
    assert parse_event(b"event: ping") == ("ping", b"")


def test_a_name_that_is_not_utf8_is_read_all_the_same() -> None:
    assert parse_event(b"event: \xff\ndata: x") == ("�", b"x")
