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

from wellhead.breaker import Outcome
from wellhead.call import Attempt, Opening
from wellhead.errors import BooksUnavailable, BreakerOpen, CallerError, NoRoomToConnect, UpstreamError
from wellhead.gateway.client import Client
from wellhead.gateway.means import Means
from wellhead.gateway.plan import Plan
from wellhead.gateway.replies import is_short_circuit
from wellhead.gateway.way import Way, stand_in_for
from wellhead.policy import retry
from wellhead.policy.retry import JITTER_MS, Attempted, Ended, Step
from wellhead.ports import UpstreamResponse

FAILED_STATUS = 500
"""From here on it is the upstream's fault."""


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

    def __init__(
        self, means: Means, client: Client, plan: Plan, call_id: int, now_us: Callable[[], int]
    ) -> None:
        self._means = means
        self.now_us = now_us
        """The moments of this call, which tell how long each step took."""
        self.patience = means.patience
        self._client = client
        self._call_id = call_id
        self._way = Way(plan)
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
        wait_s = await self._way.enter(self._means)
        if wait_s is not None and not await self._go_elsewhere():
            raise BreakerOpen(self._way.plan.provider.id, wait_s)

    # Sending.

    async def response(self) -> UpstreamResponse:
        """The answer that goes to the client.

        Raises `UpstreamError` where there is none, and `CallerError` where nothing could be sent.
        """
        means, response, error = self._means, None, None
        await self._way.bring_up_to_date(means)
        if self._way.trouble is not None:
            raise self._way.trouble
        while True:
            way = self._way
            self.count += 1
            self._began_us = self.now_us()
            try:
                response = await means.upstream.send(way.plan.request(self._client, way.credential))
            except UpstreamError as caught:
                response, error = None, caught
                self.head_us = self.status = None
                self._was_sent = caught.was_sent
            else:
                self.head_us = self.now_us()
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
        taken = await self._way.with_other(self._means, self._outcome_of_credential())
        if taken is None:
            return False
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
            plan = stand_in_for(means, self._client, self._way.plan, provider_id)
            if plan is None or means.breakers.is_open(provider_id):
                continue
            way = Way(plan)
            try:
                wait_s = await way.enter(means)
            except CallerError:
                continue
            if wait_s is not None or not await self._move(way):
                continue
            self._leave(self._outcome(b"" if response is None else response.ready()))
            self._way.plan.let_go_of_body()
            self._way = way
            return True
        return False

    async def _move(self, way: Way) -> bool:
        """Have the call admitted under the other provider, if it is booked already."""
        if self.opened is None:
            return True
        assert self.reopened is not None
        moved = self.reopened(self.opened, way.plan)
        try:
            await self._means.books.move(self.opened, moved)
        except (CallerError, BooksUnavailable):
            way.leave(self._means, Outcome.NEUTRAL)
            return False
        except BaseException:
            way.leave(self._means, Outcome.NEUTRAL)
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
        # It is not over for the provider: the last attempt decides.
        self._leave(Outcome.SUCCESS if attempted.ended is Ended.LIMITED else Outcome.NEUTRAL)
        await asyncio.sleep(wait_s)
        return await self._way.enter_again(self._means)

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

    def tried(
        self, error_code: str | None, *, failed: bool, well: bool, metered: bool
    ) -> tuple[Attempt, ...]:
        """The attempts, where there is more to tell of them than the call itself says.

        `error_code` is how the call ended, if not `well`; `metered`: it is known what it used.
        """
        if not self._over and (well or not self.count):
            return ()
        last = self._attempt(error_code, metered=metered)
        if not self._over and not failed and not last.unmetered:
            return ()
        return (*self._over, last)

    def _attempt(self, error_code: str | None, *, metered: bool = False) -> Attempt:
        """The last one, for the books."""
        way, status, opened = self._way, self.status, self.opened
        # Who refuses a request has not worked for it.
        was_refused = status is not None and 400 <= status < FAILED_STATUS
        unmetered = self._was_sent and not metered and not was_refused
        holds: tuple[int | None, int | None] = None, None
        if unmetered and opened is not None:
            holds = opened.hold_input_tokens, opened.hold_output_tokens
        return Attempt(
            provider=way.plan.provider.id,
            credential_id=None if way.credential is None else way.credential.id,
            started_us=self._began_us,
            latency_us=None if self.head_us is None else self.head_us - self._began_us,
            status_code=status,
            error_code=error_code,
            unmetered=unmetered,
            input_tokens_max=holds[0],
            output_tokens_max=holds[1],
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
            self._way.leave(self._means, outcome, self._outcome_of_credential())

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
