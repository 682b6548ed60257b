"""What an export has of a call, and what it has not."""

from wellhead.database.request_forms import FACTS
from wellhead.database.schema import calls
from wellhead.exporting.columns import COLUMNS, NAMES, Kind

KEPT_TO_THE_BOOKS = {
    *("worker_id", "reserve", "request_form", "credential_hash"),
    *("admitted_us", "hold_nanousd", "hold_input_tokens", "hold_output_tokens"),
}


def test_every_column_of_a_call_is_exported_but_hashes_and_what_the_books_keep_for_themselves() -> None:
    whole = {*calls.columns.keys(), *FACTS}
    assert {column.of for column in COLUMNS} == whole - KEPT_TO_THE_BOOKS


def test_a_column_is_called_as_in_the_books_unless_it_shows_for_people_what_another_one_holds() -> None:
    beside = {column.name for column in COLUMNS if column.name != column.of}
    assert beside == {"started_at", "finished_at", "cost_usd"}
    assert {column.of for column in COLUMNS if column.name in beside} <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_money_is_a_whole_number_in_one_column_and_dollars_in_another() -> None:
    kinds = {column.name: column.kind for column in COLUMNS}
    assert (kinds["cost_nanousd"], kinds["cost_usd"]) == (Kind.WHOLE, Kind.DOLLARS)
