"""The attempts of one call: until there is an answer for its client.

::

    begin     before it is booked   whom to ask: the first provider (and credential) whose breaker is not open
    response  once it is booked     send; then what `policy.retry` allows: the next credential, the next
                                    provider (moved there in the books first), or the same after a wait
    answered  first of the body     the upstream did its part
    close     whatever happened     every breaker that was entered is left

Nothing of this is seen by the client: the last answer reaches it byte for byte, and an
answer that is given up is let go before it is read.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from msgspec import structs

from wellhead.access import Credential
from wellhead.breaker import Outcome, of_credential
from wellhead.call import Attempt, Opening
from wellhead.directory import AuthType, Directory
from wellhead.errors import BooksUnavailable, BreakerOpen, CallerError, NoRoomToConnect, UpstreamError
from wellhead.gateway.client import Client, Patience
from wellhead.gateway.credentials import Credentials, candidates
from wellhead.gateway.door import Door
from wellhead.gateway.plan import Plan, stand_in
from wellhead.gateway.replies import is_short_circuit
from wellhead.policy import retry, routing
from wellhead.policy.admission import allows
from wellhead.policy.retry import JITTER_MS, Attempted, Ended, Retries, Step
from wellhead.ports import Books, Breakers, Upstream, UpstreamResponse

CREDENTIALS_TRIED_MAX = 4
"""Of one provider, for one call."""
FAILED_STATUS = 500
"""From here on it is the upstream's fault."""


class Log(Protocol):
    """A structured logger: an event's name and its fields."""

    def debug(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def exception(self, event: str, **fields: object) -> object: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What the attempts of all calls are made with."""

    directory: Directory
    """For its providers."""
    books: Books
    upstream: Upstream
    breakers: Breakers
    door: Door
    credentials: Credentials
    retries: Retries
    now_us: Callable[[], int]
    log: Log
    patience: Patience


@dataclass(slots=True)
class _Way:
    """One way to send a call: by which plan, with which credential of ours; its breakers were entered."""

    plan: Plan
    credential: Credential | None = None
    tried: tuple[int, ...] = ()
    """Ids of the provider's credentials that were sent already."""
    is_entered: bool = False

    @property
    def subject(self) -> str:
        """The credential's, for breakers."""
        assert self.credential is not None
        return of_credential(self.plan.provider.id, self.credential.id)


class Attempts:
    """The attempts of one call.  It is entered and left by breakers in the task that serves the call."""

    # Most calls need one attempt, so what only others change begins here and not with each of them.
    count = 0
    """How often the request was sent, or was to be."""
    head_us: int | None = None
    """When the last response's head was there."""
    status: int | None = None
    """The last response's."""
    opened: Opening | None = None
    """The call as it is booked now, if it is."""
    reopened: Callable[[Opening, Plan], Opening] | None = None
    """Makes of that what it is by another plan."""
    _over: tuple[Attempt, ...] = ()
    _began_us = 0
    _was_sent = True
    """Of the last one, as far as is known."""
    _is_short_circuit = False
    _again = 0
    _again_limited = 0
    _is_between = False
    """One attempt is over, and the next one, if there is one, has not begun."""
    _is_stopped = False
    _trouble: CallerError | None = None
    _version = -1
    """Of the Directory that the credential was chosen by."""

    def __init__(self, means: Means, client: Client, plan: Plan, call_id: int) -> None:
        self._means = means
        self.patience = means.patience
        self._client = client
        self._call_id = call_id
        self._way = _Way(plan)
        self._others = plan.provider.fallback
        """Ids of the providers that may stand in and were not asked yet."""

    @property
    def plan(self) -> Plan:
        """By which the call is being served."""
        return self._way.plan

    @property
    def secret(self) -> str | None:
        """The credential of ours that went with the last one; not to be repeated in the books."""
        credential = self._way.credential
        return None if credential is None else credential.secret

    # Whom to ask.

    async def begin(self) -> None:
        """Choose whom to ask first.  Raises `BreakerOpen` if nobody may be asked just now."""
        wait_s = await self._enter(self._way)
        if wait_s is not None and not await self._go_elsewhere():
            raise BreakerOpen(self._way.plan.provider.id, wait_s)

    async def _enter(self, way: _Way) -> int | None:
        """Enter the breakers on a way, and choose its credential; else in how many seconds to come again."""
        breakers, plan = self._means.breakers, way.plan
        wait_s = await breakers.enter(plan.provider.id)
        caller = plan.caller
        # One of ours takes the place of what the client sent; but what came beside a key is for the first.
        if wait_s is None and caller.key is not None and (caller.own is None or plan.is_stand_in):
            try:
                wait_s = await self._enter_credential(way)
            except BaseException:
                breakers.leave(plan.provider.id, Outcome.NEUTRAL)
                raise
            if wait_s is not None:
                breakers.leave(plan.provider.id, Outcome.NEUTRAL)
        way.is_entered = wait_s is None
        return wait_s

    async def _enter_credential(self, way: _Way) -> int | None:
        """Choose a credential and enter its breaker; else in how many seconds to come again."""
        means, plan = self._means, way.plan
        key, provider = plan.caller.key, plan.provider.id
        assert key is not None
        self._version = means.books.directory.version
        known = means.books.directory.credentials
        try:
            chosen = means.credentials.of(known, key, provider)
        except CallerError as trouble:
            if plan.is_stand_in:
                raise
            self._trouble = trouble  # Told once the call is in the books.
            return None
        waits_s: list[int] = []
        while chosen is not None and len(way.tried) < CREDENTIALS_TRIED_MAX:
            way.credential = chosen
            way.tried = (*way.tried, chosen.id)
            wait_s = await means.breakers.enter(way.subject)
            if wait_s is None:
                return None
            way.credential = None
            waits_s.append(wait_s)
            chosen = means.credentials.other(known, key, provider, way.tried)
        return min(waits_s, default=None)

    # Sending.

    async def response(self) -> UpstreamResponse:
        """The answer that goes to the client.

        Raises `UpstreamError` where there is none, and `CallerError` where nothing could be sent.
        """
        await self._bring_up_to_date()
        if self._trouble is not None:
            raise self._trouble
        means, response, error = self._means, None, None
        while True:
            way = self._way
            self.count += 1
            self._began_us = means.now_us()
            try:
                response = await means.upstream.send(way.plan.request(self._client, way.credential))
            except UpstreamError as caught:
                response, error = None, caught
                self.head_us = self.status = None
                self._was_sent = caught.was_sent
            else:
                self.head_us = means.now_us()
                self.status = status = response.status
                if status < 400:
                    return response
                error, self._was_sent = None, True
                self._learn(response)
            attempted = self._attempted(response, error)
            if not await self._goes_on(attempted, response, error):
                if response is not None:
                    return response
                assert error is not None
                is_ours = attempted.ended is Ended.CROWDED
                self._leave(Outcome.NEUTRAL if is_ours else Outcome.FAILURE)
                raise error
            if response is not None:
                response.ready()  # One that is here whole leaves its connection to others.
                response.close()

    async def _bring_up_to_date(self) -> None:
        """Choose the credential again if the Directory is another one than at the choice.

        What it says is certain only once the call is in the books, and the choice came before.
        """
        way, means = self._way, self._means
        caller = way.plan.caller
        if means.books.directory.version == self._version or caller.key is None:
            return
        if caller.own is not None and not way.plan.is_stand_in:
            return
        if way.credential is not None:
            means.breakers.leave(way.subject, Outcome.NEUTRAL)
        way.credential, way.tried, self._trouble = None, (), None
        wait_s = await self._enter_credential(way)
        if wait_s is not None:
            raise BreakerOpen(way.plan.provider.id, wait_s)

    def _learn(self, response: UpstreamResponse) -> None:
        """Take note of what an answer says that is none."""
        means, credential = self._means, self._way.credential
        self._is_short_circuit = response.status == 503 and is_short_circuit(response.headers, b"")
        if credential is None:
            return
        retry_after = dict(response.headers).get(b"retry-after")
        if means.credentials.learn(credential, response.status, retry_after):
            means.log.warning("credential.cooling", credential_id=credential.id, status=response.status)

    def _attempted(self, response: UpstreamResponse | None, error: UpstreamError | None) -> Attempted:
        """What there is to decide about."""
        told_s = None
        if response is not None:
            how = retry.ended(response.status)
            if how is Ended.LIMITED:
                told_s = retry.told_s(dict(response.headers).get(b"retry-after"), self._means.now_us())
        else:
            assert error is not None
            how = Ended.BROKEN if error.was_sent else Ended.UNSENT
            if isinstance(error, NoRoomToConnect):
                how = Ended.CROWDED
        plan = self._way.plan
        return Attempted(
            how,
            self._client.method,
            can_be_sent_again=how is Ended.UNSENT or plan.body is None or isinstance(plan.body, bytes),
            streamed=plan.streams,
            again=self._again,
            again_limited=self._again_limited,
            told_s=told_s,
        )

    # Going on.

    def stop(self) -> bool:
        """Make no further attempt; whether none is under way just now."""
        self._is_stopped = True
        return self._is_between

    async def _goes_on(
        self, attempted: Attempted, response: UpstreamResponse | None, error: UpstreamError | None
    ) -> bool:
        """Get ready for another attempt, if there is to be one."""
        if attempted.ended is Ended.ANSWERED or self._is_stopped:
            return False
        self._is_between = True
        try:
            return await self._get_ready(attempted, response, error)
        except BaseException:
            if response is not None:
                response.close()
            raise
        finally:
            self._is_between = False

    async def _get_ready(
        self, attempted: Attempted, response: UpstreamResponse | None, error: UpstreamError | None
    ) -> bool:
        last = self._attempt("upstream_error" if error is None else error.code)
        for step in retry.steps(attempted, self._means.retries):
            if step is Step.OTHER_CREDENTIAL:
                goes_on = await self._take_other_credential()
            elif step is Step.OTHER_PROVIDER:
                goes_on = await self._go_elsewhere(response)
            else:
                self._say(last, attempted, error, step)
                goes_on = await self._wait(attempted)
            if goes_on:
                if step is not Step.AGAIN:
                    self._say(last, attempted, error, step)
                self._over = (*self._over, last)
                return True
        return False

    async def _take_other_credential(self) -> bool:
        means, way = self._means, self._way
        key = way.plan.caller.key
        if way.credential is None or key is None or len(way.tried) >= CREDENTIALS_TRIED_MAX:
            return False
        known, provider = means.books.directory.credentials, way.plan.provider.id
        chosen = means.credentials.other(known, key, provider, way.tried)
        if chosen is None:
            return False
        taken = replace(way, credential=chosen, tried=(*way.tried, chosen.id))
        if await means.breakers.enter(taken.subject) is not None:
            return False
        # The provider's breaker is entered still; only the credential is another one.
        means.breakers.leave(way.subject, self._outcome_of_credential())
        self._way = taken
        return True

    async def _go_elsewhere(self, response: UpstreamResponse | None = None) -> bool:
        """Turn to the next provider that may stand in and lets the call through; in the books, too.

        `response` is what the last one said; it is lost if there is another one.
        """
        means = self._means
        while self._others:
            provider_id, *others = self._others
            self._others = tuple(others)
            plan = self._stand_in(provider_id)
            if plan is None or means.breakers.is_open(provider_id):
                continue
            way = _Way(plan)
            try:
                wait_s = await self._enter(way)
            except CallerError:
                continue
            if wait_s is not None or not await self._move(way):
                continue
            self._leave(self._outcome(b"" if response is None else response.ready()))
            self._way = way
            return True
        return False

    def _stand_in(self, provider_id: str) -> Plan | None:
        """The plan for another provider, unless something forbids it beforehand."""
        plan, client = self._way.plan, self._client
        provider = self._means.directory.by_id(provider_id)
        if (
            not plan.generates
            or provider is None
            or not routing.stands_in(provider, plan.place, plan.place.model or plan.asked.model)
        ):
            return None
        key = plan.caller.key
        if key is not None and not allows(key.allowed_providers, provider.id):
            return None
        if provider.auth.type is AuthType.PRESERVE:
            # The client's own credential is not for it, so there has to be one of ours.
            known = self._means.books.directory.credentials
            if key is None or not candidates(known, key, provider.id):
                return None
        try:
            self._means.door.guard_credential(client, plan.caller, provider)
        except CallerError:
            return None
        return stand_in(plan, provider)

    async def _move(self, way: _Way) -> bool:
        """Have the call admitted under the other provider, if it is booked already."""
        if self.opened is None:
            return True
        assert self.reopened is not None
        moved = self.reopened(self.opened, way.plan)
        try:
            await self._means.books.move(self.opened, moved)
        except (CallerError, BooksUnavailable):
            self._leave_way(way, Outcome.NEUTRAL)
            return False
        except BaseException:
            self._leave_way(way, Outcome.NEUTRAL)
            raise
        self.opened = moved
        return True

    async def _wait(self, attempted: Attempted) -> bool:
        """Wait, and come again; the client's leaving and every timeout end it at once."""
        wait_s = retry.wait_s(attempted, random.randrange(JITTER_MS))
        if attempted.ended is Ended.LIMITED:
            self._again_limited += 1
        else:
            self._again += 1
        way = self._way
        # It is not over for the provider: the last attempt decides.
        self._leave(Outcome.SUCCESS if attempted.ended is Ended.LIMITED else Outcome.NEUTRAL)
        await asyncio.sleep(wait_s)
        breakers = self._means.breakers
        if await breakers.enter(way.plan.provider.id) is not None:
            return False
        if way.credential is not None and await breakers.enter(way.subject) is not None:
            breakers.leave(way.plan.provider.id, Outcome.NEUTRAL)
            return False
        way.is_entered = True
        return True

    # How it went.

    def answered(self, first: bytes) -> None:
        """The body has begun with these bytes, or ended without any."""
        way = self._way
        if not way.is_entered:
            return
        if way.credential is None and self.status is not None and self.status < FAILED_STATUS:
            way.is_entered = False
            self._means.breakers.leave(way.plan.provider.id, Outcome.SUCCESS)
        else:
            self._leave(self._outcome(first))

    def failed(self) -> None:
        """The upstream broke off or took too long, before or after it began to answer."""
        self._leave(Outcome.FAILURE)

    def close(self) -> None:
        """The call is over; whose fault it is nobody can tell by now."""
        if self._way.is_entered:
            self._leave(Outcome.NEUTRAL)

    def tried(self, error_code: str | None, *, failed: bool, metered: bool) -> tuple[Attempt, ...]:
        """The attempts, where there is more to tell of them than the call itself says.

        `error_code` is how the call ended, if not well; `metered`: it is known what it used.
        """
        if not self._over and not (failed and self.count):
            return ()
        last = self._attempt(error_code)
        return (*self._over, structs.replace(last, unmetered=last.unmetered and not metered))

    def _attempt(self, error_code: str | None) -> Attempt:
        """The last one, for the books."""
        way, status = self._way, self.status
        return Attempt(
            provider=way.plan.provider.id,
            credential_id=None if way.credential is None else way.credential.id,
            started_us=self._began_us,
            latency_us=None if self.head_us is None else self.head_us - self._began_us,
            status_code=status,
            error_code=error_code,
            # Who refuses a request has not worked for it.
            unmetered=self._was_sent and not (status is not None and 400 <= status < FAILED_STATUS),
        )

    def _outcome(self, body: bytes = b"") -> Outcome:
        """The last attempt's, for the provider; `body` is how what it said begins."""
        if self.status is None:
            return Outcome.FAILURE
        if self.status == 503 and (self._is_short_circuit or is_short_circuit((), body)):
            return Outcome.NEUTRAL  # It passes on what somebody behind it has.
        return Outcome.FAILURE if self.status >= FAILED_STATUS else Outcome.SUCCESS

    def _outcome_of_credential(self) -> Outcome:
        if self.status is None:
            return Outcome.NEUTRAL
        return Outcome.FAILURE if self.status in (401, 403) else Outcome.SUCCESS

    def _leave(self, outcome: Outcome) -> None:
        """Leave the breakers of the way taken; a second time does nothing."""
        if self._way.is_entered:
            self._leave_way(self._way, outcome, self._outcome_of_credential())

    def _leave_way(self, way: _Way, outcome: Outcome, of_credential: Outcome = Outcome.NEUTRAL) -> None:
        way.is_entered = False
        self._means.breakers.leave(way.plan.provider.id, outcome)
        if way.credential is not None:
            self._means.breakers.leave(way.subject, of_credential)

    def _say(self, last: Attempt, attempted: Attempted, error: UpstreamError | None, step: Step) -> None:
        if attempted.ended is Ended.LIMITED and step is Step.AGAIN:
            self._means.log.warning(
                "upstream.rate_limited", provider=last.provider, retry_after_s=attempted.told_s
            )
            return
        self._means.log.warning(
            "upstream.error",
            request_id=self._call_id,
            provider=last.provider,
            code=last.error_code,
            status=last.status_code,
            cause=None if error is None else error.message,
            attempt=self.count,
            next=step.value,
        )
