"""A call as a CloudTrail record (CloudTrail user guide, "CloudTrail record contents").

Values never get in (`elements`).
A record is one JSON object, assembled from a part that is the same for all calls of one caller to one operation (made
once, kept in a bounded cache) and the part that differs; audit is written for every call, so a microsecond counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from holdfast.access.principal import Principal, PrincipalKind
from holdfast.api.base import AccessDeniedException, Operation
from holdfast.remember import remember
from holdfast.services.cloudtrail.attributes import terms_of
from holdfast.services.cloudtrail.elements import Name, name_of, text_of
from holdfast.services.cloudtrail.lines import second
from holdfast.services.cloudtrail.marks import marks_of, marks_of_all

if TYPE_CHECKING:
    from holdfast.access.decision import Decision
    from holdfast.access.grounds import SessionFacts
    from holdfast.services.call import Call, Trace

EVENT_VERSION = "1.11"
RESOURCE_TYPES = {
    ("events", "api-destination"): "AWS::Events::ApiDestination",
    ("events", "connection"): "AWS::Events::Connection",
    ("events", "event-bus"): "AWS::Events::EventBus",
    ("events", "rule"): "AWS::Events::Rule",
    ("iam", "group"): "AWS::IAM::Group",
    ("iam", "oidc-provider"): "AWS::IAM::OIDCProvider",
    ("iam", "policy"): "AWS::IAM::Policy",
    ("iam", "role"): "AWS::IAM::Role",
    ("iam", "user"): "AWS::IAM::User",
    ("kms", "alias"): "AWS::KMS::Alias",
    ("kms", "key"): "AWS::KMS::Key",
    ("lambda", "function"): "AWS::Lambda::Function",
    ("secretsmanager", "secret"): "AWS::SecretsManager::Secret",
    ("sns", ""): "AWS::SNS::Topic",
    ("ssm", "parameter"): "AWS::SSM::Parameter",
}
"""By the service and the kind in an ARN; a topic's ARN has its name there."""
CREATES_A_KEY: Final = "CreateKey"
"""Authorized on nothing, since the key has no ARN yet; its record names the key that was made (KMS developer guide,
"CreateKey" among the log entries)."""
NO_RESPONSE_ELEMENTS: Final = frozenset({"kms"})
"""Services whose answers CloudTrail leaves out except for what creates something."""
NAMES_ITS_RESOURCE = frozenset({"secretsmanager"})
"""Services whose records have the resource's ARN in `responseElements`, also where the answer is empty: rules are to find
TagResource by it ("Match all changes to a specified secret", Secrets Manager user guide)."""
ISSUING = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "GetSessionToken"})
"""Reads whose answers are kept all the same: they tell which temporary credentials somebody got."""
READ_THOUGH_WAITING = frozenset({"LookupEvents", "ReadAudit", "SearchAudit", "VerifyAudit"})
"""Operations that change nothing, though they are not served as plain reads."""
CHANGE_THOUGH_READ = frozenset({"GetSessionToken"})
"""Operations that are served as reads, but which AWS counts as changes ("Receiving read-only management events from AWS
services", EventBridge user guide)."""
GLOBAL_SERVICES = {"iam": "us-east-1"}
"""Where CloudTrail records services that have no region ("Global service events")."""
LONGEST_TEXT: Final = 1024
"""Characters of an error message or a user agent that are kept."""
LARGEST_ELEMENT: Final = 100 << 10
"""Bytes of requestParameters or responseElements that are kept. A call that is refused for its length is on record too."""
OMITTED: Final = b'{"omitted":true}'
"""What stands in the place of a larger one ("CloudTrail record contents": a field beyond its maximum size)."""

_encode: Final = msgspec.json.encode


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What all calls of one operation share. One object for each operation; compared by identity, which is cheap."""

    api_version: str
    read_only: bool
    home_region: str = ""
    """The region of a service that has none of its own."""
    shows_output: bool = True
    """The record has `responseElements` (`shows_output`)."""


def shows_output(service: str, name: str, *, read_only: bool) -> bool:
    """Whether CloudTrail keeps what an operation answered."""
    if service in NO_RESPONSE_ELEMENTS and name != "CreateKey":
        return False
    return not read_only or (service == "sts" and name in ISSUING)


Recorded = tuple[bytes, bytes, int, tuple[str, ...]]
"""One record: (its head, its tail (`lines.Line`), marks, other accounts whose resources the call was let at). Each of those
accounts gets a copy (`other_records.shared`)."""


def user_identity(
    principal: Principal, via: str, session: SessionFacts | None = None, role_arn: str = ""
) -> dict[str, Any]:
    """The `userIdentity` element. `role_arn` is the role's for a role session."""
    if principal.kind is PrincipalKind.SERVICE:
        return {"type": "AWSService", "accountId": principal.account, "invokedBy": principal.service}
    if not principal.arn:  # nobody signed a link
        return {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    if principal.kind is PrincipalKind.WEB_IDENTITY:
        subject = principal.principal_id
        return {
            "type": "WebIdentityUser",
            "principalId": f"{principal.arn}:{subject}",
            "userName": subject,
            "identityProvider": principal.arn,
        }
    identity: dict[str, Any] = {
        "type": str(principal.kind),
        "principalId": principal.principal_id,
        "arn": principal.arn,
        "accountId": principal.account,
    }
    if principal.access_key_id:
        identity["accessKeyId"] = principal.access_key_id
    if principal.kind is PrincipalKind.USER:
        identity["userName"] = principal.arn.rsplit("/", 1)[-1]
    if session is not None:
        identity["sessionContext"] = _session_context(principal, session, role_arn)
    if via:
        identity["invokedBy"] = f"{via}.amazonaws.com"
    return identity


def _session_context(principal: Principal, session: SessionFacts, role_arn: str) -> dict[str, Any]:
    """`sessionContext` (CloudTrail user guide, "CloudTrail userIdentity element")."""
    context: dict[str, Any] = {}
    if role_arn:
        context["sessionIssuer"] = {
            "type": "Role",
            "principalId": principal.principal_id.partition(":")[0],
            "arn": role_arn,
            "accountId": principal.account,
            "userName": role_arn.rsplit("/", 1)[-1],
        }
    if session.federated_provider:
        context["webIdFederationData"] = {"federatedProvider": session.federated_provider, "attributes": {}}
    context["attributes"] = {
        "creationDate": second(session.issued // 1000),
        "mfaAuthenticated": str(session.multi_factor).lower(),
    }
    if session.source_identity:
        context["sourceIdentity"] = session.source_identity
    return context


CONSTANTS = 1024
_constants: Final[dict[tuple[object, ...], tuple[bytes, int]]] = {}


def _constant(call: Call, operation: Operation[Any, Any], facts: Facts) -> tuple[bytes, int]:
    """The part of a record that all calls of one caller from one place to one operation share, and its marks."""
    source = call.source
    return _constant_part(
        operation,
        facts,
        call.principal,
        facts.home_region or call.region,
        source.address,
        source.user_agent,
        call.via_service,
        source.tls,
        source.host,
        call.account,
        call.identity.session,
        call.identity.role_arn,
    )


def _constant_part(
    operation: Operation[Any, Any],
    facts: Facts,
    principal: Principal,
    region: str,
    address: str,
    user_agent: str,
    via: str,
    tls: tuple[str, str] | None,
    host: str,
    account: str,
    session: SessionFacts | None,
    role_arn: str,
) -> tuple[bytes, int]:
    if principal.kind is PrincipalKind.SERVICE:
        address = user_agent = principal.service
    elif via:
        address = user_agent = f"{via}.amazonaws.com"
    part: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": user_identity(principal, via, session, role_arn),
        "eventSource": f"{operation.service.rstrip('_')}.amazonaws.com",
        "eventName": operation.name,
        "awsRegion": region,
        "sourceIPAddress": address,
        "userAgent": user_agent[:LONGEST_TEXT],
        "apiVersion": facts.api_version,
        "readOnly": facts.read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": account,
    }
    if tls and not via:
        part["tlsDetails"] = {"tlsVersion": tls[0], "cipherSuite": tls[1], "clientProvidedHostHeader": host}
    return _encode(part)[:-1], marks_of_all(terms_of(part))


_resource_parts: Final[dict[tuple[str, tuple[str, ...]], tuple[bytes, int, tuple[str, ...]]]] = {}


def _resources(account: str, arns: tuple[str, ...]) -> tuple[bytes, int, tuple[str, ...]]:
    """The `resources` element, its marks, and the other accounts that own some of them."""
    name = (account, arns)
    return _resource_parts.get(name) or remember(_resource_parts, name, _write_resources(account, arns), 1024)


def _write_resources(account: str, arns: tuple[str, ...]) -> tuple[bytes, int, tuple[str, ...]]:
    rows: list[dict[str, str]] = []
    owners: dict[str, None] = {}
    for arn in arns:
        owner = owner_of(arn)
        if owner is None:  # a missing secret is named as the caller sent it
            continue
        kind = type_of(arn)
        rows.append({"accountId": owner, "type": kind, "ARN": arn} if kind else {"ARN": arn})
        if owner and owner != account:
            owners[owner] = None
    text = b',"resources":' + _encode(rows) if rows else b""
    return text, marks_of_all(terms_of({"resources": rows})), tuple(owners)


def type_of(arn: str) -> str:
    """CloudTrail's type of the resource that an ARN names; empty where it has none."""
    parts = arn.split(":", 5)
    if parts[0] != "arn" or len(parts) != 6:
        return ""
    service, resource = parts[2], parts[5]
    kind = "" if service == "sns" else resource.partition(":" if ":" in resource else "/")[0]
    return RESOURCE_TYPES.get((service, kind.partition("/")[0]), "")


def owner_of(arn: str) -> str | None:
    """The account in an ARN, empty where it names none; None for what is no ARN."""
    parts = arn.split(":", 5)
    return parts[4] if parts[0] == "arn" and len(parts) == 6 else None


TAILS: Final = 1024
LONGEST_KEPT: Final = 1024
"""Bytes of a tail that is kept."""
Tail = tuple[bytes, int, tuple[str, ...]]
"""What differs from call to call: its text, its marks, the other accounts that own some of the resources."""
_tails: Final[dict[tuple[Name, str, tuple[str, ...]], Tail]] = {}


def record(trace: Trace, facts: Facts) -> Recorded:
    """One call's record, without its time and ids."""
    call = trace.call
    operation = trace.operation
    # Identities and sources never change and are kept from call to call, so they are compared as objects: 0.1 us for
    # each record, where the hash of all that they hold took 0.7.
    name = (operation, facts, call.identity, call.source, call.region, call.account, call.via_service)
    found = _constants.get(name)
    if found is None:
        found = _constant(call, operation, facts)
        remember(_constants, name, found, CONSTANTS)
    constant, marks = found
    shown = facts.shows_output
    if trace.error is None and not (shown and trace.output is not None):
        tail, more, owners = _known_tail(trace)
    else:
        tail, more, owners = _tail(trace, shows_output=shown)
    if owners:
        owners = _let_at(call, owners) if trace.error is None else ()
    return constant, tail, marks | more, owners


def _known_tail(trace: Trace) -> Tail:
    """The tail of a call that was let and shows no answer: what was asked for, of what, and whose that is.

    Calls that read the same again leave the same again: it is found in a third of the time.
    """
    call = trace.call
    given = trace.input
    asked = None if given is None else name_of(given)
    if asked is None:
        return _tail(trace, shows_output=False)
    name = (asked, call.account, _arns(trace))
    try:
        known = _tails.get(name)
    except TypeError:  # lists of lists
        return _tail(trace, shows_output=False)
    if known is not None:
        return known
    tail = _tail(trace, shows_output=False)
    return remember(_tails, name, tail, TAILS) if len(tail[0]) <= LONGEST_KEPT else tail


def _arns(trace: Trace) -> tuple[str, ...]:
    """The resources that a call was about."""
    decisions = trace.call.decisions
    if len(decisions) == 1:
        return (_told_of(decisions[0]),)
    return tuple(dict.fromkeys([_told_of(decision) for decision in decisions[:100]]))


def _tail(trace: Trace, *, shows_output: bool) -> Tail:
    call = trace.call
    operation = trace.operation
    given = trace.input
    output = trace.output
    answered = b"null"
    marks = 0
    decisions = call.decisions
    if output is not None and shows_output:
        answered = text_of(output)
        if answered == b"null" and operation.service in NAMES_ITS_RESOURCE:
            answered = b'{"arn":' + _encode(decisions[0].resource) + b"}"
    error = trace.error
    failure = b""
    if error is not None:
        code = "AccessDenied" if isinstance(error, AccessDeniedException) else error.code
        marks |= marks_of("ErrorCode", code)
        failure = b',"errorCode":' + _encode(code)
        if error.message:
            failure += b',"errorMessage":' + _encode(error.message[:LONGEST_TEXT])
    owners: tuple[str, ...] = ()
    resources = b""
    if decisions:
        arns = _arns(trace)
        if operation.name == CREATES_A_KEY and output is not None:
            arns = (cast("Any", output).KeyMetadata.Arn,)
        resources, more, owners = _resources(call.account, arns)
        marks |= more
    asked = b"null" if given is None else text_of(given)
    tail = (
        b',"requestParameters":',
        asked if len(asked) <= LARGEST_ELEMENT else OMITTED,
        b',"responseElements":',
        answered if len(answered) <= LARGEST_ELEMENT else OMITTED,
        failure,
        resources,
        b"}",
    )
    return b"".join(tail), marks, owners


def _told_of(decision: Decision) -> str:
    """The resource as the caller may know it: which key a stranger's alias or ciphertext stands for is not told."""
    return decision.resource if decision.told is None else decision.told.resource


def _let_at(call: Call, owners: tuple[str, ...]) -> tuple[str, ...]:
    """Of these accounts, those whose resources the call was let at. Who is refused writes nothing into others' trails."""
    allowed = {owner_of(decision.resource) for decision in call.decisions if decision.allowed}
    return tuple(owner for owner in owners if owner in allowed)
