"""Who calls, by which key; bad keys are told apart and wait, good ones never do."""

import asyncio
import base64
import hashlib
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from fakes.access import a_key, a_project, a_secret, knowing
from fakes.books import NOON_US, FakeBooks
from fakes.gateway import a_request
from wellhead.access import Key
from wellhead.directory import Auth, AuthType, Directory, Provider, ProviderType
from wellhead.errors import CallerError
from wellhead.gateway.door import (
    ADDRESSES_MAX,
    DELAY_S,
    DELAY_S_MAX,
    DELAYED_MAX,
    FAILURES_FREE,
    FORGIVEN_US,
    Caller,
    Door,
)
from wellhead.policy.identify import Presented

KEY = a_secret()
UNKNOWN = a_secret(99)
MISSPELT = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
FOREIGN = "5a1e0000-0000-4000-8000-00000000beef"
KNOWING = knowing(Directory(), a_key())
OWN_ACCOUNT = Provider("u", ProviderType.OPENAI, "http://u", auth=Auth(AuthType.BEARER, "provider-secret"))


class ADoor(Door):
    """A door whose clock stands still and whose waits are only written down."""

    def __init__(self, books: FakeBooks, **options: Any) -> None:
        self.now_us = NOON_US
        self.waits: list[float] = []
        self.held: asyncio.Event | None = None
        """Set it to have refusals wait for it."""
        settings = {"require_key": False, "names": {}, "allowed_origins": (), **options}
        super().__init__(books, lambda: self.now_us, sleep=self._wait, **settings)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.held is not None:
            await self.held.wait()

    async def met(self, *headers: tuple[bytes, bytes], **request: Any) -> Caller:
        return await self.identify(a_request(*headers, **request))

    async def refused_with(self, *headers: tuple[bytes, bytes], **request: Any) -> CallerError:
        """What a caller is told who is not let in."""
        with pytest.raises(CallerError) as error:
            await self.met(*headers, **request)
        return error.value


def bearer(secret: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + secret.encode()


def books_knowing(*known: Key) -> FakeBooks:
    books = FakeBooks(knowing(Directory(), *known))
    books.now_us = lambda: NOON_US
    return books


# Who is let in.


@pytest.mark.parametrize("require_key", [False, True])
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([bearer(KEY)], b""),
        ([(b"x-api-key", KEY.encode())], b""),
        ([(b"x-goog-api-key", KEY.encode())], b""),
        ([(b"x-wellhead-key", KEY.encode())], b""),
        ([], b"alt=sse&key=" + KEY.encode()),
    ],
)
async def test_a_good_key_is_known_wherever_it_comes(
    require_key: bool, headers: list[tuple[bytes, bytes]], query: bytes
) -> None:
    door = ADoor(books_knowing(a_key()), require_key=require_key)
    caller = await door.met(*headers, query=query)
    assert caller.key == a_key()
    assert caller.presented is not None
    assert caller.presented.secret == KEY
    assert caller.own is None
    assert door.refused == 0


async def test_without_a_key_and_none_needed_a_credential_passes_through() -> None:
    door = ADoor(FakeBooks())
    assert await door.met() == Caller()
    assert await door.met(bearer("sk-test")) == Caller(own=Presented("sk-test"))
    assert await door.met((b"x-proxy-key", KEY.encode())) == Caller()
    # The first place decides, even where the second has a key of ours.
    mixed = await door.met(bearer("sk-test"), (b"x-api-key", KEY.encode()))
    assert (mixed.key, mixed.own) == (None, Presented("sk-test"))


async def test_a_key_in_its_own_header_leaves_the_clients_credential_alone() -> None:
    door = ADoor(books_knowing(a_key(), a_key(a_secret(2), id=8)))
    ours = b"x-wellhead-key", KEY.encode()
    assert (await door.met(ours, bearer("sk-test"))).own == Presented("sk-test")
    assert (await door.met(ours, (b"x-api-key", b"sk-2"))).own == Presented("sk-2")
    assert (await door.met(ours, query=b"key=sk-3")).own == Presented("sk-3")
    assert (await door.met(ours)).own is None
    # What is one of ours as well is nobody's own.
    for again in (KEY, a_secret(2), MISSPELT):
        assert (await door.met(ours, bearer(again))).own is None
    assert (await door.met(ours, bearer(KEY), (b"x-api-key", b"sk-2"))).own == Presented("sk-2")
    basic = base64.b64encode(b"user:" + KEY.encode())
    assert (await door.met(ours, (b"authorization", b"Basic " + basic))).own is None


async def test_a_key_that_another_system_made_is_found_by_its_hash() -> None:
    door = ADoor(books_knowing(a_key(FOREIGN)), require_key=True)
    assert (await door.met(bearer(FOREIGN))).key == a_key(FOREIGN)
    twice = await door.met((b"x-wellhead-key", FOREIGN.encode()), bearer(FOREIGN))
    assert twice.own is None


async def test_clients_have_the_names_that_an_operator_gave_to_their_credentials() -> None:
    names = {
        hashlib.sha256(secret.encode()).digest(): name for secret, name in ((KEY, "alice"), ("sk-b", "bob"))
    }
    door = ADoor(books_knowing(a_key()), names=names)
    assert (await door.met(bearer(KEY))).name == "alice"
    assert (await door.met((b"x-wellhead-key", KEY.encode()), bearer("sk-b"))).name == "alice"
    assert (await door.met(bearer("sk-b"))).name == "bob"
    assert (await door.met(bearer("sk-c"))).name is None
    assert (await door.met()).name is None


# Who is not.


@pytest.mark.parametrize(
    ("secret", "known", "require_key", "code"),
    [
        (None, [], True, "key_missing"),
        (UNKNOWN, [], False, "key_unknown"),
        (UNKNOWN, [], True, "key_unknown"),
        ("sk-test", [], True, "key_unknown"),
        (MISSPELT, [a_key()], False, "key_malformed"),
        (MISSPELT, [a_key()], True, "key_malformed"),
        (KEY[:20], [a_key()], False, "key_malformed"),
        ("wh_", [], False, "key_malformed"),
        (KEY, [a_key(revoked_us=NOON_US)], False, "key_revoked"),
        (KEY, [a_key(expires_us=NOON_US)], False, "key_withered"),
        (FOREIGN, [a_key(FOREIGN, revoked_us=NOON_US)], False, "key_revoked"),
    ],
)
async def test_a_bad_key_is_told_what_is_wrong_with_it(
    secret: str | None, known: list[Key], require_key: bool, code: str
) -> None:
    door = ADoor(books_knowing(*known), require_key=require_key)
    error = await door.refused_with(*([] if secret is None else [bearer(secret)]))
    assert (error.code, error.status) == (code, 401)
    assert secret is None or secret[3:] not in error.message or secret == "wh_"
    assert door.refused == 1


async def test_what_stands_in_our_own_header_has_to_be_a_key() -> None:
    door = ADoor(FakeBooks())
    error = await door.refused_with((b"x-wellhead-key", b"sk-test"), bearer("sk-test"))
    assert error.code == "key_unknown"


# What an operator did a moment ago.


async def test_a_key_that_was_made_a_moment_ago_works_at_once() -> None:
    books = FakeBooks()
    books.registry = KNOWING
    assert (await ADoor(books).met(bearer(KEY))).key == a_key()


async def test_a_key_that_was_given_more_time_a_moment_ago_works_at_once() -> None:
    books = books_knowing(a_key(expires_us=NOON_US))
    books.registry = knowing(Directory(), a_key(expires_us=NOON_US + 1))
    caller = await ADoor(books).met(bearer(KEY))
    assert caller.key is not None
    assert caller.key.expires_us == NOON_US + 1


@pytest.mark.parametrize(
    ("changed", "code", "status"),
    [
        (a_key(revoked_us=NOON_US), "key_revoked", 401),
        (a_key(expires_us=NOON_US), "key_withered", 401),
        (a_key(allowed_endpoints=("/v1/chat/*",)), "endpoint_not_allowed", 403),
        (a_key(allowed_endpoints=("/v1/models",)), None, None),
        (a_key(allowed_providers=("anthropic",)), None, None),
        (a_key(project_id=3), "project_archived", 403),
        (None, "key_unknown", 401),
    ],
)
async def test_what_was_taken_away_a_moment_ago_is_gone_also_for_a_list_of_models(
    changed: Key | None, code: str | None, status: int | None
) -> None:
    books = books_knowing(a_key())
    door = ADoor(books)
    caller = await door.met(bearer(KEY), method="GET", path="/v1/models")
    changes = (
        [a_project(archived_us=NOON_US)] if changed is None else [a_project(archived_us=NOON_US), changed]
    )
    books.registry = knowing(Directory(), *changes)
    if code is None:
        await door.let_through(caller, "/v1/models", "openai")
        return
    with pytest.raises(CallerError) as error:
        await door.let_through(caller, "/v1/models", "openai")
    assert (error.value.code, error.value.status) == (code, status)


async def test_a_key_that_does_not_allow_a_provider_does_not_allow_its_files() -> None:
    door = ADoor(books_knowing(a_key(allowed_providers=("anthropic",))))
    caller = await door.met(bearer(KEY))
    await door.let_through(caller, "/v1/files", "anthropic")
    with pytest.raises(CallerError) as error:
        await door.let_through(caller, "/v1/files", "openai")
    assert (error.value.code, error.value.status) == ("provider_not_allowed", 403)


async def test_whoever_has_no_key_is_let_through_as_is() -> None:
    books = FakeBooks()
    books.unavailable = "locked"
    await ADoor(books).let_through(Caller(), "/v1/models", "openai")


async def test_while_the_registry_cannot_be_read_no_key_is_called_bad_and_none_let_through() -> None:
    books = books_knowing(a_key())
    door = ADoor(books)
    caller = await door.met(bearer(KEY))
    books.unavailable = "locked"
    assert await door.met(bearer(KEY)) == caller, "it is checked when its call is booked"
    error = await door.refused_with(bearer(UNKNOWN))
    assert (error.code, error.status, error.retry_after_s) == ("books_unavailable", 503, 2)
    with pytest.raises(CallerError) as unchecked:
        await door.let_through(caller, "/v1/models", "openai")
    assert unchecked.value.code == "books_unavailable"
    # A typo needs no registry to be told.
    assert (await door.refused_with(bearer(MISSPELT))).code == "key_malformed"
    assert door.waits == []


# Wrong keys wait.


async def test_an_address_waits_twice_as_long_for_every_further_wrong_key() -> None:
    door = ADoor(FakeBooks())
    for _ in range(FAILURES_FREE):
        await door.refused_with(bearer(UNKNOWN))
    assert door.waits == []
    for _ in range(9):
        await door.refused_with(bearer(MISSPELT))
    assert door.waits[:6] == [DELAY_S * factor for factor in (1, 2, 4, 8, 16, 32)]
    assert door.waits[6:] == [DELAY_S_MAX] * 3
    assert door.refused == FAILURES_FREE + 9


async def test_a_thousand_wrong_keys_wait_no_longer_than_the_longest() -> None:
    door = ADoor(FakeBooks())
    for _ in range(1000):
        await door.refused_with(bearer(UNKNOWN))
    assert max(door.waits) == DELAY_S_MAX


async def test_good_keys_and_other_addresses_do_not_wait() -> None:
    door = ADoor(books_knowing(a_key()))
    for _ in range(FAILURES_FREE + 1):
        await door.refused_with(bearer(UNKNOWN))
    door.waits.clear()
    await door.met(bearer(KEY))
    await door.met(bearer("sk-test"))
    await door.refused_with(bearer(UNKNOWN), address="10.0.0.2")
    await door.refused_with(bearer(UNKNOWN), address=None)
    assert door.waits == []
    # ...and a good key does not wash the wrong ones away.
    await door.refused_with(bearer(UNKNOWN))
    assert door.waits == [2 * DELAY_S]


async def test_a_missing_key_is_no_wrong_one() -> None:
    door = ADoor(FakeBooks(), require_key=True)
    for _ in range(FAILURES_FREE + 1):
        assert (await door.refused_with()).code == "key_missing"
    assert door.waits == []
    assert door.refused == FAILURES_FREE + 1


async def test_wrong_keys_are_forgiven_after_a_while() -> None:
    door = ADoor(FakeBooks())
    for _ in range(FAILURES_FREE + 3):
        await door.refused_with(bearer(UNKNOWN))
    door.waits.clear()
    door.now_us += FORGIVEN_US
    await door.refused_with(bearer(UNKNOWN))
    assert len(door.waits) == 1
    door.now_us += FORGIVEN_US + 1
    await door.refused_with(bearer(UNKNOWN))
    assert len(door.waits) == 1


async def test_only_so_many_refusals_wait_at_one_time() -> None:
    door = ADoor(FakeBooks())
    for _ in range(FAILURES_FREE):
        await door.refused_with(bearer(UNKNOWN))
    door.held = asyncio.Event()
    waiting = [asyncio.create_task(door.refused_with(bearer(UNKNOWN))) for _ in range(DELAYED_MAX)]
    while len(door.waits) < DELAYED_MAX:
        await asyncio.sleep(0)
    at_once = await door.refused_with(bearer(UNKNOWN))
    assert (at_once.code, at_once.status) == ("too_many_wrong_keys", 429)
    assert at_once.retry_after_s == FORGIVEN_US // 1_000_000
    # One whose client gave up leaves its place.
    waiting.pop().cancel()
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(door.refused_with(bearer(UNKNOWN))))
    while len(door.waits) < DELAYED_MAX + 1:
        await asyncio.sleep(0)
    door.held.set()
    told = await asyncio.gather(*waiting)
    assert {error.code for error in told} == {"key_unknown"}
    door.held = None
    assert (await door.refused_with(bearer(UNKNOWN))).code == "key_unknown"


async def test_only_so_many_addresses_are_remembered() -> None:
    door = ADoor(FakeBooks())
    for _ in range(FAILURES_FREE):
        await door.refused_with(bearer(MISSPELT), address="10.0.0.1")

    async def from_many(first: int) -> int:
        before, _ = tracemalloc.get_traced_memory()
        for n in range(first, first + ADDRESSES_MAX):
            await door.refused_with(bearer(MISSPELT), address=f"fd00::{n:x}")
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        first = await from_many(0)
        assert await from_many(ADDRESSES_MAX) < first / 2, "the next ones cost no more memory"
    finally:
        tracemalloc.stop()
    # The one not heard of for the longest was forgotten.
    await door.refused_with(bearer(MISSPELT), address="10.0.0.1")
    assert door.waits == []


# Pages of others.


@pytest.mark.parametrize(
    ("origin", "may_call"),
    [
        (None, True),
        (b"http://localhost", True),
        (b"http://localhost:3000", True),
        (b"https://app.localhost:3000", True),
        (b"http://127.0.0.1:8080", True),
        (b"http://127.8.9.10", True),
        (b"http://[::1]:3000", True),
        (b"https://app.example.com", True),
        (b"HTTPS://App.Example.com/", True),
        (b"https://example.com", False),
        (b"http://app.example.com", False),
        (b"https://app.example.com:8443", False),
        (b"https://app.example.com.evil.example", False),
        (b"http://localhost.evil.example", False),
        (b"http://127.0.0.1.evil.example", False),
        (b"http://10.0.0.1", False),
        (b"null", False),
        (b"http://[", False),
        (b"\xff\xfe", False),
    ],
)
async def test_pages_of_others_do_not_spend_what_the_gateway_adds(
    origin: bytes | None, may_call: bool
) -> None:
    door = ADoor(books_knowing(a_key()), allowed_origins=("https://app.example.com",))
    request = a_request(*([] if origin is None else [(b"origin", origin)]))
    own = Caller(own=Presented("sk-test"))
    for caller in (Caller(), own):
        if may_call:
            door.guard_credential(request, caller, OWN_ACCOUNT)
        else:
            with pytest.raises(CallerError) as error:
                door.guard_credential(request, caller, OWN_ACCOUNT)
            assert (error.value.code, error.value.status) == ("origin_not_allowed", 403)
    # A page that has a key may, and one may where the gateway adds nothing of its own.
    door.guard_credential(request, Caller(key=a_key()), OWN_ACCOUNT)
    door.guard_credential(request, own, replace(OWN_ACCOUNT, auth=Auth()))
