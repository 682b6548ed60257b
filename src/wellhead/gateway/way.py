"""One way to send a call: by which plan, with which credential of ours, through which breakers.

::

    enter               the provider's breaker, then a credential and its breaker
    bring_up_to_date    the credential again, once it is certain which there are
    with_other          the same way with another credential
    enter_again         both breakers, after a wait
    leave               whatever happened, with what was seen of provider and credential

Whether there is a way to another provider is asked of `stand_in_for`.
"""

from dataclasses import dataclass, replace

from wellhead.access import Credential
from wellhead.breaker import Outcome, of_credential
from wellhead.directory import AuthType
from wellhead.errors import BreakerOpen, CallerError
from wellhead.gateway.client import Client
from wellhead.gateway.credentials import candidates
from wellhead.gateway.means import Means
from wellhead.gateway.plan import Plan, stand_in
from wellhead.policy import routing
from wellhead.policy.admission import allows

CREDENTIALS_TRIED_MAX = 4
"""Of one provider, for one call."""


@dataclass(slots=True)
class Way:
    """One way to send a call.  Its breakers are entered and left in the task that serves the call."""

    plan: Plan
    credential: Credential | None = None
    tried: tuple[int, ...] = ()
    """Ids of the provider's credentials that were sent already."""
    is_entered: bool = False
    trouble: CallerError | None = None
    """Why there is no credential, where there should be one; told once the call is in the books."""
    version: int = -1
    """Of the Directory that the credential was chosen by."""

    @property
    def subject(self) -> str:
        """The credential's, for breakers."""
        assert self.credential is not None
        return of_credential(self.plan.provider.id, self.credential.id)

    async def enter(self, means: Means) -> int | None:
        """Enter the breakers, and choose the credential; else in how many seconds to come again."""
        breakers, plan = means.breakers, self.plan
        wait_s = await breakers.enter(plan.provider.id)
        caller = plan.caller
        # One of ours takes the place of what the client sent; but what came beside a key is for the first.
        if wait_s is None and caller.key is not None and (caller.own is None or plan.is_stand_in):
            try:
                wait_s = await self._enter_credential(means)
            except BaseException:
                breakers.leave(plan.provider.id, Outcome.NEUTRAL)
                raise
            if wait_s is not None:
                breakers.leave(plan.provider.id, Outcome.NEUTRAL)
        self.is_entered = wait_s is None
        return wait_s

    async def _enter_credential(self, means: Means) -> int | None:
        """Choose a credential and enter its breaker; else in how many seconds to come again."""
        plan, directory = self.plan, means.books.directory
        key, provider = plan.caller.key, plan.provider.id
        assert key is not None
        self.version, known = directory.version, directory.credentials
        try:
            chosen = means.credentials.of(known, key, provider)
        except CallerError as trouble:
            if plan.is_stand_in:
                raise
            self.trouble = trouble
            return None
        waits_s: list[int] = []
        while chosen is not None and len(self.tried) < CREDENTIALS_TRIED_MAX:
            self.credential = chosen
            self.tried = (*self.tried, chosen.id)
            wait_s = await means.breakers.enter(self.subject)
            if wait_s is None:
                return None
            self.credential = None
            waits_s.append(wait_s)
            chosen = means.credentials.other(known, key, provider, self.tried)
        return min(waits_s, default=None)

    async def bring_up_to_date(self, means: Means) -> None:
        """Choose the credential again if the Directory is another one than at the choice.

        What it says is certain only once the call is in the books, and the choice came before.  Raises
        `BreakerOpen` where none of them may be used just now.
        """
        caller = self.plan.caller
        if means.books.directory.version == self.version or caller.key is None:
            return
        if caller.own is not None and not self.plan.is_stand_in:
            return
        if self.credential is not None:
            means.breakers.leave(self.subject, Outcome.NEUTRAL)
        self.credential, self.tried, self.trouble = None, (), None
        wait_s = await self._enter_credential(means)
        if wait_s is not None:
            raise BreakerOpen(self.plan.provider.id, wait_s)

    async def with_other(self, means: Means, outcome: Outcome) -> "Way | None":
        """The same way with another credential, if one is ready; `outcome` is what was seen of this one."""
        key = self.plan.caller.key
        if self.credential is None or key is None or len(self.tried) >= CREDENTIALS_TRIED_MAX:
            return None
        known, provider = means.books.directory.credentials, self.plan.provider.id
        chosen = means.credentials.other(known, key, provider, self.tried)
        if chosen is None:
            return None
        taken = replace(self, credential=chosen, tried=(*self.tried, chosen.id))
        if await means.breakers.enter(taken.subject) is not None:
            return None
        # The provider's breaker is entered still; only the credential is another one.
        means.breakers.leave(self.subject, outcome)
        return taken

    async def enter_again(self, means: Means) -> bool:
        """Enter the breakers that were left for a wait, if they let the call through."""
        breakers, provider = means.breakers, self.plan.provider.id
        if await breakers.enter(provider) is not None:
            return False
        if self.credential is not None and await breakers.enter(self.subject) is not None:
            breakers.leave(provider, Outcome.NEUTRAL)
            return False
        self.is_entered = True
        return True

    def leave(self, means: Means, outcome: Outcome, of_credential: Outcome = Outcome.NEUTRAL) -> None:
        """Leave the breakers, which must have been entered."""
        self.is_entered = False
        means.breakers.leave(self.plan.provider.id, outcome)
        if self.credential is not None:
            means.breakers.leave(self.subject, of_credential)


def stand_in_for(means: Means, client: Client, plan: Plan, provider_id: str) -> Plan | None:
    """The plan for another provider, unless something forbids it beforehand."""
    provider = means.directory.by_id(provider_id)
    if (
        not plan.generates
        or provider is None
        or not routing.stands_in(provider, plan.place, plan.place.model or plan.asked.model)
        or not routing.stays_below(provider, client.raw_path[plan.place.prefix_size :])
    ):
        return None
    key = plan.caller.key
    if key is not None and not allows(key.allowed_providers, provider.id):
        return None
    if provider.auth.type is AuthType.PRESERVE:
        # The client's own credential is not for it, so there has to be one of ours.
        known = means.books.directory.credentials
        if key is None or not candidates(known, key, provider.id):
            return None
    try:
        means.door.guard_credential(client, plan.caller, provider)
    except CallerError:
        return None
    return stand_in(plan, provider)
