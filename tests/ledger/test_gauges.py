from fakes.books import NOON_US
from wellhead.database.gauges import GAUGES_MAX
from wellhead.ledger.gauges import WRITE_US, Gauges
from wellhead.quota import Gauge

PLACE = "openai", "", "requests"


def test_only_the_newest_value_of_a_quota_waits() -> None:
    gauges = Gauges()
    for at_us in (5, 7, 6):
        gauges.note("openai", [Gauge("requests", at_us)])

    assert gauges.due(NOON_US) == {PLACE: Gauge("requests", 7)}


def test_gauges_are_written_once_a_second_and_the_last_one_gets_there() -> None:
    gauges = Gauges()
    written: list[Gauge] = []
    for step in range(0, 3 * WRITE_US, WRITE_US // 10):
        now_us = NOON_US + step
        gauges.note("openai", [Gauge("requests", now_us)])
        due = gauges.due(now_us)
        written += due.values()
        gauges.wrote(due, now_us)
    assert [one.at_us - NOON_US for one in written] == [0, WRITE_US, 2 * WRITE_US]

    last = gauges.due(NOON_US + 3 * WRITE_US)
    assert [one.at_us - NOON_US for one in last.values()] == [3 * WRITE_US - WRITE_US // 10]
    gauges.wrote(last, NOON_US + 3 * WRITE_US)
    assert not gauges


def test_what_comes_while_another_value_is_written_stays() -> None:
    gauges = Gauges()
    gauges.note("openai", [Gauge("requests", 1)])
    due = gauges.due(NOON_US)
    gauges.note("openai", [Gauge("requests", 2)])
    gauges.wrote(due, NOON_US)

    assert gauges.all() == {PLACE: Gauge("requests", 2)}


def test_a_clock_that_was_set_back_holds_nothing_up() -> None:
    gauges = Gauges()
    gauges.note("openai", [Gauge("requests", 1)])
    gauges.wrote(gauges.due(NOON_US), NOON_US)
    gauges.note("openai", [Gauge("requests", 2)])

    assert gauges.due(NOON_US - WRITE_US)


def test_only_so_many_wait() -> None:
    gauges = Gauges()
    for number in range(2 * GAUGES_MAX):
        gauges.note("openai", [Gauge("requests", 1, account=f"a{number}")])
    gauges.note("openai", [Gauge("requests", 2, account="a0")])

    assert len(gauges) == GAUGES_MAX
    assert gauges.all()["openai", "a0", "requests"].at_us == 2
