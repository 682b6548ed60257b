"""What becomes of a request: where it goes, as what it is booked, and the bytes that leave.

::

    Places    path               what the path says
    plan_of   body               the provider, the dialect, the body as it is to be sent
    Plan      credential chosen  the request to the upstream
    stand_in  another provider   the same, made anew for it
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache, partial

from wellhead.access import Credential
from wellhead.directory import AuthType, Directory, Provider
from wellhead.errors import CallerError
from wellhead.gateway.client import Client, Upload
from wellhead.gateway.door import Caller
from wellhead.gateway.headers import to_upstream
from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.dialect import Dialect
from wellhead.meter.request import read_form, read_request
from wellhead.policy import rewrite, routing
from wellhead.policy.identify import carries_encoded, query_without
from wellhead.policy.routing import Place
from wellhead.ports import UpstreamRequest
from wellhead.usage import NOTHING_ASKED, Asked

MEANT_FOR_ONE = frozenset((b"cookie", b"openai-organization", b"openai-project"))
"""Headers that belong to an account at one provider: no other one is sent them."""
PLACES_MAX = 1024
"""What the last so many different paths say is remembered..."""
PLACE_CHARS_MAX = 200
"""...if they are no longer than this."""


class Places:
    """What paths say; nearly all requests go to the same few."""

    def __init__(self, directory: Directory) -> None:
        self._read = partial(routing.place, directory)
        self._remembered = lru_cache(PLACES_MAX)(self._read)

    def of(self, client: Client) -> Place:
        """Where a request goes; raises `CallerError` where nothing is served."""
        read = self._remembered if len(client.path) <= PLACE_CHARS_MAX else self._read
        place = read(client.method, client.path, client.text(b"x-provider"))
        prefix = client.path[: place.prefix_size] if place is not None else ""
        if carries_encoded(client.raw_path, None):
            raise CallerError("key_in_path", 400, "A key stands in the path; send it in a header")
        # A prefix that is encoded has other bytes than those that would be cut off.
        if place is None or (prefix and not client.raw_path.startswith(prefix.encode() + b"/")):
            told = f"Nothing is served at {client.path[:PLACE_CHARS_MAX]}"
            raise CallerError("not_found", 404, told + routing.advice(client.path[:PLACE_CHARS_MAX]))
        if client.fields.get(b"upgrade", b"").lower() == b"websocket":
            told = "WebSocket is not served here; send the request as POST over HTTP"
            raise CallerError("websocket_unsupported", 426, told)
        return place


@dataclass(slots=True)
class Plan:
    """What is to be done with a request."""

    place: Place
    caller: Caller
    provider: Provider
    dialect: Dialect | None
    """`None`: it does not generate, so it is neither metered nor booked."""
    asked: Asked
    body: bytes | AsyncIterator[bytes] | None
    original: bytes | AsyncIterator[bytes] | None
    """The body before the provider's rewrites."""
    hide_usage: bool = False
    """Its usage was asked for by us, and is to be hidden from the client."""
    is_stand_in: bool = False
    """The client meant it for another provider."""

    @property
    def generates(self) -> bool:
        """It is metered, and what it asks for can be had elsewhere: nothing of it stays with a provider."""
        return self.dialect is not None and (self.place.dialect is not None or self.asked.model is not None)

    @property
    def streams(self) -> bool:
        """A stream is asked for, as far as the request says."""
        streamed = self.place.streamed if self.place.streamed is not None else self.asked.streamed
        return bool(streamed)

    def let_go_of_body(self) -> None:
        """It was sent, and will not be again."""
        self.body = self.original = None

    def request(self, client: Client, credential: Credential | None) -> UpstreamRequest:
        """The request as it leaves, with the credential in the place of the client's, if there is one."""
        headers = to_upstream(
            client.headers,
            self.provider,
            key=self.caller.presented,
            credential=None if credential is None else credential.secret,
            family=self.place.family,
        )
        if self.is_stand_in:
            if credential is None and self.provider.auth.type is AuthType.PRESERVE:
                raise AssertionError("the client's credential is for another provider")
            headers = [line for line in headers if line[0] not in MEANT_FOR_ONE]
        if self.hide_usage:  # what is compressed cannot be hidden in
            headers = [line for line in headers if line[0] != b"accept-encoding"]
            headers.append((b"accept-encoding", b"identity"))
        query = client.query
        if query:
            ours = None if self.caller.presented is None else self.caller.presented.as_it_came
            # The client's own credential goes nowhere but where the client meant it to go.
            replaced = credential is not None or self.provider.auth.type is not AuthType.PRESERVE
            query = query_without(query, ours, all_keys=replaced)
        target = routing.target(self.provider, client.raw_path[self.place.prefix_size :], query)
        return UpstreamRequest(
            client.method,
            self.provider.base_url,
            target,
            headers,
            self.body,
            client.size,
            timeouts=self.provider.timeouts,
            streamed=self.streams,
        )


def plan_of(
    directory: Directory, client: Client, place: Place, caller: Caller, body: bytes | Upload | None
) -> Plan:
    """What to do with a request whose body was read.

    Raises `CallerError` where no provider serves it (404), where the path may lead out of the provider's
    base URL, or a key that is held to some models cannot be held to them (400).
    """
    dialect = DIALECTS[place.dialect] if place.dialect else None
    asked = _asked(body, place, dialect)
    model = place.model or asked.model
    provider = routing.choose(directory, place, model, asked.provider)
    if not routing.stays_below(provider, client.raw_path[place.prefix_size :]):
        told = f"The path leads up, perhaps out of the base URL of {provider.id}; say where it leads"
        raise CallerError("path_outside", 400, told)
    # Whoever has a key passes the gate with everything that may cost something.
    may_cost = model is not None or caller.key is not None
    if place.generates is None and client.method == "POST" and may_cost:
        dialect = DIALECTS[routing.DIALECT_OF_FAMILY[place.family]]
    if dialect is not None and isinstance(body, bytes) and _may_mean_another_model(place, caller, body):
        told = "The body names its model twice, or is no plain JSON object; this key needs one plain name"
        raise CallerError("model_ambiguous", 400, told)
    sent = body.pieces if isinstance(body, Upload) else body
    plan = Plan(place, caller, provider, dialect, asked, sent, sent)
    _rewrite(plan)
    return plan


def stand_in(plan: Plan, provider: Provider) -> Plan:
    """The plan as it is when another provider is to serve it."""
    place, asked, original = plan.place, plan.asked, plan.original
    made = Plan(place, plan.caller, provider, plan.dialect, asked, original, original, is_stand_in=True)
    _rewrite(made)
    return made


def _may_mean_another_model(place: Place, caller: Caller, body: bytes) -> bool:
    """Whether the upstream may read another model in the body than the one that the key allows."""
    held = caller.key is not None and caller.key.allowed_models is not None
    return held and place.model is None and not rewrite.names_once(body, "model")


def _asked(body: bytes | Upload | None, place: Place, dialect: Dialect | None) -> Asked:
    if isinstance(body, Upload):
        return read_form(body.first)
    return read_request(body, dialect) if body and place.generates is not False else NOTHING_ASKED


def _rewrite(plan: Plan) -> None:
    """Do with the body what the provider's entry says."""
    provider, asked, body = plan.provider, plan.asked, plan.original
    if not isinstance(body, bytes):
        return
    if provider.strip_provider_field and asked.provider is not None:
        body = rewrite.without_member(body, "provider")
    asks = provider.ask_stream_usage and plan.place.dialect == "openai_chat" and asked.streamed
    if asks and not asked.include_usage:
        asking = rewrite.with_stream_usage(body)
        plan.hide_usage, body = asking is not body, asking
    plan.body = body
