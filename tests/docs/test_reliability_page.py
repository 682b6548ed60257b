"""The tables of faults in the manual have the rows that tests state, and no others, in their order."""

from fault_table import SECTIONS, WRITE_AGAIN, marked, rows_of_page


def test_every_fault_that_is_tested_is_shown_and_no_other() -> None:
    shown = {section: list(rows) for section, rows in rows_of_page().items()}
    assert shown == marked(), WRITE_AGAIN


def test_every_section_has_faults() -> None:
    assert [section for section in SECTIONS if not marked()[section]] == []
