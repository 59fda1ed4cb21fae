"""Calls of API destinations: the request that an event becomes, its authorization, its pace, and what its answer means.

    headers, query, body   the target's HttpParameters, then the connection's, which win ("HttpParameters", API reference)
    path                   each `*` of the endpoint is the next of PathParameterValues
    401, 407               the OAuth token is fetched anew, and the request sent once more
    409, 429, 5xx          tried again later, not before Retry-After
    other 4xx              final

Tokens are kept in memory until they expire, under the connection and the moment at which it was changed.

Threat: an event whose texts break out of the place that they are put in. What goes into path and query is percent-encoded
to the last character, and a header that cannot hold a text makes the call fail for good.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from holdfast.services.events import connection_records as records
from holdfast.services.events.connection_records import AUTHORIZED
from holdfast.services.events.inputs import input_of, values_at
from holdfast.services.events.roles import assumable, role_may
from holdfast.services.outbox.deliveries import NotDelivered, Send
from holdfast.services.outside import Answer, Outgoing, OutsideError

if TYPE_CHECKING:
    from holdfast.api import events as api
    from holdfast.services.call import Call
    from holdfast.services.events.connection_records import Connection, Destination
    from holdfast.services.events.names import RuleAt
    from holdfast.services.events.routing import Carried
    from holdfast.services.outside import Outside

SECONDS = 5.0
"""A call may take ("API destinations … maximum client execution timeout of 5 seconds", user guide)."""
AGAIN = (401, 407, 409, 429)
"""Statuses below 500 after which a call is tried again; no other is (user guide, "API destinations")."""
ANEW = (401, 407)
EARLIER = 30.0
"""Seconds before its end a token is fetched anew."""
TOKEN_SECONDS = 300.0
"""How long a token is kept whose answer does not say."""
MOST_TOKENS = 1024
MOST_PACES = 4096
BODILESS = ("GET", "HEAD", "OPTIONS")
_HEADER = re.compile(r"[\t\x20-\x7e]*")
_TOKEN_FORM = "application/x-www-form-urlencoded"  # noqa: S105 - a media type

HEADERS = {
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Content-Type": "application/json; charset=utf-8",
    "Range": "bytes=0-1048575",
}
"""Of every call (user guide, "Headers included in requests to API destinations")."""


class NoToken(Exception):
    """The authorization endpoint gave none; `args[0]` says why in our words, `args[1]` for how long not to ask."""


class Token(NamedTuple):
    text: str
    until: float
    """Of the loop's clock."""


def api_call(call: Call, rule: RuleAt, target: api.Target, role: str, carried: Carried) -> Send | NotDelivered:
    """The call that a target asks for, as `role`; NotDelivered for one that cannot be made."""
    rule_arn, arn = rule.arn(call.partition), target.Arn or ""
    destination = records.destination_at(call.tx, arn)
    if destination is None:
        return NotDelivered("NO_RESOURCE", "the API destination does not exist", final=True)
    allowed = assumable(call, role, rule_arn) and role_may(
        call, role, "events:InvokeApiDestination", arn, destination.account
    )
    if not allowed:
        reason = "the target's role may not be assumed by events.amazonaws.com, or may not events:InvokeApiDestination"
        return NotDelivered("NO_PERMISSIONS", reason, final=True)
    connection = records.connection_at(call.tx, destination.connection)
    if connection is None or connection[:2] != destination[:2]:
        return NotDelivered("NO_RESOURCE", "the connection of the API destination does not exist", final=True)
    parameters = records.open_parameters(call.vault, connection)
    if connection.state != AUTHORIZED or parameters is None:
        return NotDelivered("NO_PERMISSIONS", "the connection is not authorized", final=True)
    text = input_of(target, carried, rule, call.partition)
    outgoing = request_of(destination, target.HttpParameters, parameters, text, carried.event)
    if outgoing is None:
        return NotDelivered("SDK_CLIENT_ERROR", "a header cannot hold what the event has for it", final=True)
    return _sender(call.surroundings.outside, destination, connection, parameters, outgoing)


# -- the request --------------------------------------------------------------------------------------------------------


def request_of(
    destination: Destination,
    own: api.HttpParameters | None,
    parameters: api.CreateConnectionAuthRequestParameters,
    text: str,
    event: dict[str, Any],
) -> Outgoing | None:
    """The request without what an OAuth token adds; None when a header cannot hold its value. Raises TooLarge."""
    of_connection = parameters.InvocationHttpParameters
    headers = _with(HEADERS, _values(own.HeaderParameters if own else None, event).items())
    headers = _with(headers, _pairs(of_connection.HeaderParameters if of_connection else None))
    headers = _with(headers, _authorization(parameters))
    if not all(_HEADER.fullmatch(value) for value in headers.values()):
        return None
    query = _values(own.QueryStringParameters if own else None, event)
    query.update(_pairs(of_connection.QueryStringParameters if of_connection else None))
    path = values_at((own.PathParameterValues if own else None) or (), event)
    url = address_of(destination.endpoint, path, query)
    body = b""
    if destination.method not in BODILESS:
        body = _with_members(text, _pairs(of_connection.BodyParameters if of_connection else None)).encode()
    return Outgoing(destination.method, url, headers, body, SECONDS)


def address_of(endpoint: str, path: list[str], query: Mapping[str, str]) -> str:
    """The endpoint with `*` replaced in order, and more of a query."""
    parts = urlsplit(endpoint)
    values = iter(path)
    filled = re.sub(r"\*", lambda _: _segment(next(values, "")), parts.path)
    given = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in given if name not in query]
    return urlunsplit((parts.scheme, parts.netloc, filled, urlencode([*kept, *query.items()]), ""))


def _segment(value: str) -> str:
    """A text as a part of a path. Dots alone would lead elsewhere, encoded or not (RFC 3986 §5.2.4, §6.2.2): left out."""
    return "" if value in (".", "..") else quote(value, safe="")


def _values(given: Mapping[str, str] | None, event: dict[str, Any]) -> dict[str, str]:
    return dict(zip(given, values_at(given.values(), event), strict=True)) if given else {}


def _pairs(members: list[Any] | None) -> list[tuple[str, str]]:
    return [(member.Key or "", member.Value or "") for member in members or ()]


def _with(headers: Mapping[str, str], more: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers with others, which win; names are compared without regard to case."""
    found = dict(headers)
    for name, value in more:
        for other in [other for other in found if other.lower() == name.lower()]:
            del found[other]
        found[name] = value
    return found


def _with_members(text: str, members: list[tuple[str, str]]) -> str:
    """A JSON object with the connection's body parameters in it; any other text as it is."""
    if not members:
        return text
    try:
        decoded = json.loads(text)
    except ValueError:
        return text
    if not isinstance(decoded, dict):
        return text
    return json.dumps({**cast("dict[str, Any]", decoded), **dict(members)}, ensure_ascii=False, separators=(",", ":"))


def _authorization(parameters: api.CreateConnectionAuthRequestParameters) -> list[tuple[str, str]]:
    if (basic := parameters.BasicAuthParameters) is not None:
        pair = base64.b64encode(f"{basic.Username}:{basic.Password}".encode()).decode()
        return [("Authorization", f"Basic {pair}")]
    if (key := parameters.ApiKeyAuthParameters) is not None:
        return [(key.ApiKeyName or "", key.ApiKeyValue or "")]
    return []


# -- sending ------------------------------------------------------------------------------------------------------------


def _sender(
    outside: Outside,
    destination: Destination,
    connection: Connection,
    parameters: api.CreateConnectionAuthRequestParameters,
    outgoing: Outgoing,
) -> Send:
    oauth = parameters.OAuthParameters
    key = f"{connection.connection_id}|{connection.modified}"

    async def send() -> NotDelivered | None:
        await PACES.turn(destination.destination_id, destination.rate_limit)
        if oauth is None:
            return verdict(await outside.post(outgoing))
        try:
            answer = await outside.post(_bearing(outgoing, await TOKENS.of(outside, key, oauth)))
            if answer.status in ANEW:
                TOKENS.forget(key)
                answer = await outside.post(_bearing(outgoing, await TOKENS.of(outside, key, oauth)))
        except NoToken as refused:
            return NotDelivered("NO_PERMISSIONS", str(refused.args[0]), retry_after=refused.args[1])
        return verdict(answer)

    return send


def _bearing(outgoing: Outgoing, token: str) -> Outgoing:
    headers = _with(outgoing.headers, [("Authorization", f"Bearer {token}")])
    return Outgoing(outgoing.method, outgoing.url, headers, outgoing.body, outgoing.timeout)


def verdict(answer: Answer) -> NotDelivered | None:
    """What an answer means for the delivery."""
    if 200 <= answer.status < 300:
        return None
    # "If Retry-After value is negative, EventBridge stops retrying delivery for that event" (user guide).
    again = (answer.status in AGAIN or answer.status >= 500) and not answer.headers.get("retry-after", "").startswith(
        "-"
    )
    reason = f"the endpoint answered with status {answer.status}"
    return NotDelivered(str(answer.status), reason, final=not again, retry_after=answer.retry_after)


class Paces:
    """When the next call of each API destination may begin: its rate limit, per server."""

    def __init__(self) -> None:
        self._next: OrderedDict[str, float] = OrderedDict()

    async def turn(self, destination_id: str, per_second: int) -> None:
        """Wait until it is this call's turn."""
        now = asyncio.get_running_loop().time()
        begins = max(now, self._next.pop(destination_id, now))
        self._next[destination_id] = begins + 1 / per_second
        while len(self._next) > MOST_PACES:
            self._next.popitem(last=False)
        if begins > now:
            await asyncio.sleep(begins - now)


class Tokens:
    """Access tokens, in memory only. One that is being fetched is waited for, not fetched twice."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, asyncio.Task[Token]] = OrderedDict()

    async def of(self, outside: Outside, key: str, oauth: api.CreateConnectionOAuthRequestParameters) -> str:
        """A token that is good for a while; raises NoToken, OutsideError."""
        loop = asyncio.get_running_loop()
        task = self._kept.get(key)
        if task is None or task.get_loop() is not loop or (task.done() and _useless(task, loop.time())):
            task = loop.create_task(_fetch(outside, oauth))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._kept[key] = task
            while len(self._kept) > MOST_TOKENS:
                self._kept.popitem(last=False)
        return (await asyncio.shield(task)).text

    def forget(self, key: str) -> None:
        self._kept.pop(key, None)


def _useless(task: asyncio.Task[Token], now: float) -> bool:
    return task.cancelled() or task.exception() is not None or task.result().until <= now


PACES = Paces()
TOKENS = Tokens()


async def _fetch(outside: Outside, oauth: api.CreateConnectionOAuthRequestParameters) -> Token:
    """The client credentials grant (RFC 6749 §4.4), the client's id and secret in the body or, for GET, in the query."""
    client, more = oauth.ClientParameters, oauth.OAuthHttpParameters
    assert client is not None
    form = {"grant_type": "client_credentials", "client_id": client.ClientID or "",
            "client_secret": client.ClientSecret or ""}  # fmt: skip
    form.update(_pairs(more.BodyParameters if more else None))
    headers = _with({"Content-Type": _TOKEN_FORM, "Accept": "application/json", "User-Agent": HEADERS["User-Agent"]},
                    _pairs(more.HeaderParameters if more else None))  # fmt: skip
    query = dict(_pairs(more.QueryStringParameters if more else None))
    method = oauth.HttpMethod or "POST"
    body = b""
    if method == "GET":
        query = {**form, **query}
    else:
        as_json = "json" in next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        body = (json.dumps(form) if as_json else urlencode(form)).encode()
    url = address_of(oauth.AuthorizationEndpoint or "", [], query)
    try:
        answer = await outside.post(Outgoing(method, url, headers, body, SECONDS))
    except OutsideError as error:
        raise NoToken(f"the authorization endpoint cannot be reached: {error}", 0) from None
    return _token_in(answer)


def _token_in(answer: Answer) -> Token:
    if answer.status != 200:
        raise NoToken(f"the authorization endpoint answered with status {answer.status}", answer.retry_after)
    try:
        decoded = json.loads(answer.body)
    except ValueError:
        decoded = None
    found = cast("dict[str, Any]", decoded) if isinstance(decoded, dict) else {}
    text, seconds = found.get("access_token"), found.get("expires_in", TOKEN_SECONDS)
    if not isinstance(text, str) or not text or not _HEADER.fullmatch(text):
        raise NoToken("the authorization endpoint gave no access token", 0)
    if isinstance(seconds, str) and seconds.isdecimal():
        seconds = int(seconds)
    lasts = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else TOKEN_SECONDS
    return Token(text, asyncio.get_running_loop().time() + max(0.0, lasts - EARLIER))
