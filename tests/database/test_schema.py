from msgspec.structs import fields

from wellhead.call import Opening, Settlement
from wellhead.database.request_forms import FACTS
from wellhead.database.schema import (
    TOKEN_COLUMNS,
    calls,
    usage_hourly,
    usage_total,
)
from wellhead.usage import Usage

OF_THE_BOOKS = {
    *("state", "worker_id", "hold_nanousd", "reserve"),
    *("admitted_us", "hold_input_tokens", "hold_output_tokens", "request_form"),
}


def names(record: type) -> set[str]:
    return {field.name for field in fields(record)}


def test_calls_have_the_fields_of_the_vocabulary_and_a_few_of_their_own() -> None:
    of_a_call = names(Opening) | names(Settlement) - {"usage", "tried"} | names(Usage)

    assert {*calls.columns.keys(), *FACTS} == of_a_call | OF_THE_BOOKS


def test_token_columns_are_the_fields_of_usage_in_their_order() -> None:
    assert tuple(field.name for field in fields(Usage)) == TOKEN_COLUMNS


def test_the_total_is_the_hourly_rollup_without_the_hour() -> None:
    assert ["hour", *usage_total.columns.keys()] == usage_hourly.columns.keys()
    assert usage_hourly.primary_key.columns.keys() == ["hour", *usage_total.primary_key.columns.keys()]
