"""WhoCan: every principal that would be let through, each with its path.

Asked are the root user, users and roles of the account that owns the resource, and whomever else the resource's policy
or a grant names. Then, from each role that would be let through, whoever may assume it, and whoever may assume those:
with the shortest way there. A principal stands in the answer once.

What principals of other accounts may do by their own policies is those accounts' business: they are taken to allow, and
the answer says so. The search goes in steps with other calls between them, so it is about the policies as they were
while it went, not at one moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

from holdfast.access.decision import PolicyKind
from holdfast.access.grounds import Identity
from holdfast.access.policy import compile_policy
from holdfast.access.principal import Principal, PrincipalKind, root_of, service_principal, web_identity
from holdfast.api import holdfast as api
from holdfast.services.arn import parse_arn
from holdfast.services.holdfast.explanations import show_check
from holdfast.services.holdfast.question_operations import all_names, refuse_other_account
from holdfast.services.holdfast.questions import Question, given_context
from holdfast.services.holdfast.readers import Reader
from holdfast.services.service import SecondHalf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.access.chain import Check
    from holdfast.access.decision import ContextValue
    from holdfast.services.call import Call
    from holdfast.services.service import Guard

STEP = 50
"""Principals that are asked about before other calls get their turn."""
MOST = 1000
"""Answers. Beyond them the answer says that it is not all."""
ANYBODY = "*"
_ELSEWHERE = "policies of its own account"
_ALLOWS_ALL = compile_policy(
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
    name=_ELSEWHERE,
    kind=PolicyKind.IDENTITY,
)


class Somebody(NamedTuple):
    """A principal that may be asked about."""

    name: str
    """What the answer calls it: an ARN, a service's name, or `*`."""
    identity: Identity
    elsewhere: bool = False
    """Its own policies are another account's business."""


class Found(NamedTuple):
    """Somebody who would be let through."""

    who: Somebody
    roles: tuple[str, ...]
    """The roles to be assumed on the way, in order."""
    path: tuple[Check, ...]


Search = Generator[None, "Call", list[Found]]
"""Goes one step with each call that is sent to it."""


def who_can(call: Call, value: api.WhoCanRequest) -> Callable[[], Awaitable[SecondHalf]]:
    """Everybody who may do something to a resource of the own account; of any account for the operator."""
    call.authorize("holdfast:WhoCan", "*")
    search: Search | None = None

    def go_on(step: Call) -> SecondHalf | api.WhoCanResponse:
        nonlocal search
        step.authorize("holdfast:WhoCan", "*")
        try:
            if search is None:
                search = _search(step, value)
                next(search)
            else:
                search.send(step)
        except StopIteration as end:
            found: list[Found] = end.value
            return _answer(step, value, found)
        return SecondHalf(go_on)

    async def effect() -> SecondHalf:
        return SecondHalf(go_on)

    return effect


def search_at_once(call: Call, value: api.WhoCanRequest) -> api.WhoCanResponse:
    """The same for a store that nobody else uses: without steps."""
    search = _search(call, value)
    try:
        next(search)
        while True:
            search.send(call)
    except StopIteration as end:
        return _answer(call, value, end.value)


def _question(call: Call, value: api.WhoCanRequest) -> Question:
    given = given_context(value.Context)
    question = Question(call, value.Action or "", value.Resource or "", call.account, given)
    refuse_other_account(call, question.guard.owner)
    return question


def _search(call: Call, value: api.WhoCanRequest) -> Search:
    question = _question(call, value)
    given = given_context(value.Context)
    owner = question.guard.owner
    members = yield from _members(call, owner)
    found: dict[str, Found] = {}
    for number, who in enumerate((*members, *named_by(call, question.guard)), 1):
        _add(found, question, who, (), ())
        if number % STEP == 0:
            call = yield
    yield from _through_roles(call, found, members, given)
    return list(found.values())


def _members(call: Call, account: str) -> Generator[None, Call, list[Somebody]]:
    """The root user, users and roles of an account, each with everything that speaks for it."""
    principals = call.surroundings.principals
    names = [f"arn:{call.partition}:iam::{account}:root", *all_names(call, account, "user")]
    names += all_names(call, account, "role")
    members: list[Somebody] = []
    for number, arn in enumerate(names, 1):
        identity = principals.identity(call.tx, arn)
        if identity is not None:
            members.append(Somebody(arn, identity))
        if number % STEP == 0:
            call = yield
    return members


def _add(
    found: dict[str, Found], question: Question, who: Somebody, roles: tuple[str, ...], way: tuple[Check, ...]
) -> bool:
    """Put a question to somebody who is not in the answer yet; whether they are now."""
    if who.name in found or len(found) > MOST:
        return False
    checks = question.put_to(who.identity)
    if not all(check.allowed for check in checks):
        return False
    found[who.name] = Found(who, roles, (*checks, *way))
    return True


def _through_roles(
    call: Call, found: dict[str, Found], members: list[Somebody], given: dict[str, ContextValue]
) -> Generator[None, Call, None]:
    """Whoever may assume a role that is let through, nearest first."""
    waiting = deque(each for each in found.values() if _is_role(each.who))
    asked = 0
    while waiting:
        target = waiting.popleft()
        arn = target.who.name
        question = Question(call, "sts:AssumeRole", arn, target.who.identity.principal.account, given)
        for who in (*members, *named_by(call, question.guard)):
            if _add(found, question, who, (arn, *target.roles), target.path) and _is_role(who):
                waiting.append(found[who.name])
            asked += 1
            if asked % STEP == 0:
                call = yield


def _is_role(who: Somebody) -> bool:
    return bool(who.identity.role_arn) and not who.elsewhere


# -- whom a resource names ----------------------------------------------------------------------------------------------


def named_by(call: Call, guard: Guard) -> list[Somebody]:
    """Those whom a resource's policy or a grant allows something by name and who are not of its account."""
    statements = () if guard.policy is None else guard.policy.statements
    names = [name for each in statements if each.allow and each.principal is not None for name in each.principal.named]
    names += [grant.grantee for grant in guard.grants]
    named: dict[str, Somebody] = {}
    for name in names:
        who = _somebody(call, name, guard.owner)
        if who is not None:
            named.setdefault(who.name, who)
    return list(named.values())


def _somebody(call: Call, name: str, owner: str) -> Somebody | None:
    if name.startswith(("AIDA", "AROA")):
        arn = call.surroundings.principals.arn_of_unique_id(call.tx, name)
        if arn is None:
            return None  # deleted; nobody is named by it any more
        return _by_arn(arn, owner, name)
    if name == ANYBODY:
        anybody = Principal(PrincipalKind.USER, "", ANYBODY, ANYBODY)
        return Somebody(ANYBODY, Identity(anybody, (_ALLOWS_ALL,)), elsewhere=True)
    if parse_arn(name) is None:
        service = name.endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"))
        return Somebody(name, Identity(service_principal(name) if service else web_identity(name, name)))
    return _by_arn(name, owner, name)


def _by_arn(arn: str, owner: str, principal_id: str) -> Somebody | None:
    parts = parse_arn(arn)
    assert parts is not None
    account = parts.account
    if ":oidc-provider/" in arn or ":saml-provider/" in arn:
        return Somebody(arn, Identity(web_identity(arn, arn)))
    if account == owner:
        return None  # asked about with the members, or a session of one of its roles
    if parts.resource == "root":
        return Somebody(arn, Identity(root_of(account, partition=parts.partition)), elsewhere=True)
    if parts.resource.startswith("user/"):
        user = Principal(PrincipalKind.USER, account, arn, principal_id)
        return Somebody(arn, Identity(user, (_ALLOWS_ALL,)), elsewhere=True)
    role = Principal(PrincipalKind.ASSUMED_ROLE, account, arn, principal_id)
    role_arn = arn if parts.resource.startswith("role/") else ""
    return Somebody(arn, Identity(role, (_ALLOWS_ALL,), role_arn=role_arn), elsewhere=True)


# -- the answer ---------------------------------------------------------------------------------------------------------


def _answer(call: Call, value: api.WhoCanRequest, found: list[Found]) -> api.WhoCanResponse:
    reader = Reader(call, call.account, call.principal.arn, own=False)
    answers: list[api.WhoCanAnswer] = []
    resource = _question(call, value).guard.resource
    for each in found[:MOST]:
        path = [show_check(reader, reader.told(check)) for check in each.path]
        for check in path:
            check.Matched = [matched for matched in check.Matched or () if matched.Policy != _ELSEWHERE]
        answers.append(
            api.WhoCanAnswer(
                Principal=each.who.name,
                Roles=list(each.roles) or None,
                Path=path,
                OwnPolicies=True if each.who.elsewhere else None,
            )
        )
    return api.WhoCanResponse(
        Resource=resource,
        Answers=answers,
        Truncated=True if len(found) > MOST else None,
        Redacted=reader.redacted or None,
    )
