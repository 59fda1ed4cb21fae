"""What of an explanation its reader may see. Knowing why is itself permissioned.

    who asks                         sees
    the operator                     everything
    root user of the account         everything of its own account; of others' resources what a stranger may know
    the caller of the request        what it asked, each check's outcome, its own gap;
                                     matched statements of policies that it may read
    anybody else                     what was asked and each check's outcome; matched statements and gaps where it may
                                     read the policies that they are about

May read means: the operation that shows such a policy is tried as the reader, on the reader's behalf, so IAM decides it
and the audit trail shows it.

Threat: holdfast:Explain as a way around iam:GetPolicy… . INVARIANT: the name, Sid, index or effect of a policy's statement
leaves only through `statements`, which fails closed.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from holdfast.access.decision import GRANT, MatchedStatement, PolicyKind
from holdfast.access.evaluate import OPERATOR_STATEMENT, ROOT_STATEMENT, SERVICE_STATEMENT
from holdfast.access.matched import NearMiss
from holdfast.access.principal import PrincipalKind
from holdfast.api.base import ServiceError
from holdfast.services.arn import parse_arn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.access.chain import Check, StoredGap
    from holdfast.api.base import Operation
    from holdfast.services.call import Call

SERVICE = "holdfast"
_NOT_POLICIES = {ROOT_STATEMENT.policy, OPERATOR_STATEMENT.policy, SERVICE_STATEMENT.policy}
_OF_RESOURCES = (PolicyKind.RESOURCE, PolicyKind.KEY, PolicyKind.TRUST, GRANT)
_INLINE = re.compile(r"inline policy (.+) on (user|group|role)/(.+)")
_POLICY_ARN = re.compile(r"arn:[^:]+:iam::(?:[0-9]{12}|aws):policy/.+")


class Reader:
    """Whoever asks, about a request of a principal of `account`."""

    def __init__(self, call: Call, account: str, subject: str, *, own: bool) -> None:
        """`subject` is the ARN of the user or role whose policies decided; `own`: the reader asked itself."""
        self._call = call
        self._account = account
        self._subject = subject
        principal = call.principal
        self._operator = principal.kind is PrincipalKind.OPERATOR
        self._everything = self._operator or (
            principal.kind is PrincipalKind.ROOT
            and principal.account == account
            and call.identity.session_policies is None
        )
        self._own = own
        self._known: dict[tuple[str, ...], bool] = {}
        self.redacted = False
        """Something was left out."""

    def told(self, check: Check) -> Check:
        """The check as somebody of its account may know it: another account's policies are its own business."""
        if self._operator or not self._foreign(check.resource):
            return check
        if check.told is not None:
            return check.told
        return replace(
            check,
            matched=tuple(each for each in check.matched if each.kind not in _OF_RESOURCES),
            near=tuple(each for each in check.near if each.statement.kind not in _OF_RESOURCES),
        )

    def _foreign(self, resource: str) -> bool:
        arn = parse_arn(resource)
        return arn is not None and arn.account not in ("", "aws", self._account)

    def statements(self, check: Check) -> list[MatchedStatement]:
        """Those of the statements that matched which the reader may see."""
        found = [each for each in check.matched if self._may_see(each, check.resource)]
        self.redacted = self.redacted or len(found) < len(check.matched)
        return found

    def near_misses(self, check: Check) -> list[NearMiss]:
        """Those of the statements that only their conditions kept from allowing which the reader may see."""
        found = [each for each in check.near if self._may_see(each.statement, check.resource)]
        self.redacted = self.redacted or len(found) < len(check.near)
        return found

    def place(self, check: Check, gap: StoredGap) -> bool:
        """Whether the reader may know that something is missing, or denies, in this place."""
        seen = self._everything or self._own or self._may_read_place(gap.where, check.resource)
        self.redacted = self.redacted or not seen
        return seen

    def removable(self, check: Check, gap: StoredGap) -> MatchedStatement | None:
        """The statement that a gap says has to go, if the reader may see it."""
        if gap.remove is None or self._may_see(gap.remove, check.resource):
            return gap.remove
        self.redacted = True
        return None

    # -- may it be read? --------------------------------------------------------------------------------------------

    def _may_see(self, statement: MatchedStatement, resource: str) -> bool:
        if self._everything or statement.policy in _NOT_POLICIES:
            return True
        about = resource if statement.kind in _OF_RESOURCES else ""
        key = (statement.kind, statement.policy, about)
        if key not in self._known:
            self._known[key] = self._reads(_to_see(statement, resource))
        return self._known[key]

    def _may_read_place(self, where: str, resource: str) -> bool:
        about = resource if where in _OF_RESOURCES else ""
        key = (where, about)
        if key not in self._known:
            self._known[key] = self._reads(_to_know(where, resource, self._subject))
        return self._known[key]

    def _reads(self, requests: Iterable[tuple[Operation[Any, Any], Any]]) -> bool:
        """Whether the reader is let at all of these; False for none, which is where nothing shows such a policy."""
        tried = False
        for operation, request in requests:
            if not self._let_at(operation, request):
                return False
            tried = True
        return tried

    def _let_at(self, operation: Operation[Any, Any], request: Any) -> bool:
        """Whether the reader is authorized for a read. That it finds nothing then is no matter."""
        traces = self._call.traces
        before = len(traces)
        with suppress(ServiceError):
            self._call.on_behalf(operation, request, by=SERVICE)
        decisions = [decision for trace in traces[before:] for decision in trace.call.decisions]
        return bool(decisions) and all(decision.allowed for decision in decisions)


Requests = list[tuple["Operation[Any, Any]", Any]]


def _to_see(statement: MatchedStatement, resource: str) -> Requests:
    """The reads that show a statement."""
    from holdfast.api import iam

    if statement.kind in _OF_RESOURCES:
        return _of_resource(statement.kind, resource)
    if _POLICY_ARN.fullmatch(statement.policy):
        # Whether there is a first version does not matter.
        return [(iam.GetPolicyVersion, iam.GetPolicyVersionRequest(PolicyArn=statement.policy, VersionId="v1"))]
    inline = _INLINE.fullmatch(statement.policy)
    if inline is None:
        return []  # a session's own policy: no operation shows it
    name, kind, owner = inline.groups()
    if kind == "user":
        return [(iam.GetUserPolicy, iam.GetUserPolicyRequest(UserName=owner, PolicyName=name))]
    if kind == "role":
        return [(iam.GetRolePolicy, iam.GetRolePolicyRequest(RoleName=owner, PolicyName=name))]
    return [(iam.GetGroupPolicy, iam.GetGroupPolicyRequest(GroupName=owner, PolicyName=name))]


def _to_know(where: str, resource: str, subject: str) -> Requests:
    """The reads that show what stands in a place."""
    from holdfast.api import iam

    if where in _OF_RESOURCES:
        return _of_resource(where, resource)
    arn = parse_arn(subject)
    kind, _, path = ("", "", "") if arn is None else arn.resource.partition("/")
    name = path.rpartition("/")[2]
    if where == PolicyKind.SESSION:
        return []
    if kind == "user":
        if where == PolicyKind.BOUNDARY:
            return [(iam.GetUser, iam.GetUserRequest(UserName=name))]
        return [
            (iam.ListUserPolicies, iam.ListUserPoliciesRequest(UserName=name)),
            (iam.ListAttachedUserPolicies, iam.ListAttachedUserPoliciesRequest(UserName=name)),
        ]
    if kind == "role":
        if where == PolicyKind.BOUNDARY:
            return [(iam.GetRole, iam.GetRoleRequest(RoleName=name))]
        return [
            (iam.ListRolePolicies, iam.ListRolePoliciesRequest(RoleName=name)),
            (iam.ListAttachedRolePolicies, iam.ListAttachedRolePoliciesRequest(RoleName=name)),
        ]
    return []


def _of_resource(kind: str, resource: str) -> Requests:
    if kind == PolicyKind.TRUST:
        from holdfast.api import iam

        return [(iam.GetRole, iam.GetRoleRequest(RoleName=resource.rpartition("/")[2]))]
    if kind == PolicyKind.RESOURCE:
        arn = parse_arn(resource)
        if arn is not None and arn.service == "ssm":
            from holdfast.api import ssm

            return [(ssm.GetResourcePolicies, ssm.GetResourcePoliciesRequest(ResourceArn=resource))]
        if arn is not None and arn.service == "sns":
            from holdfast.api import sns

            return [(sns.GetTopicAttributes, sns.GetTopicAttributesInput(TopicArn=resource))]
        if arn is not None and arn.service == "events" and (bus := _bus_of(arn.resource)):
            from holdfast.api import events

            named = str(arn._replace(resource=f"event-bus/{bus}"))
            return [(events.DescribeEventBus, events.DescribeEventBusRequest(Name=named))]
        if arn is not None and arn.service != "secretsmanager":
            return []
        from holdfast.api import secretsmanager

        request = secretsmanager.GetResourcePolicyRequest(SecretId=resource)
        return [(secretsmanager.GetResourcePolicy, request)]
    from holdfast.api import kms

    if kind == GRANT:
        return [(kms.ListGrants, kms.ListGrantsRequest(KeyId=resource))]
    return [(kms.GetKeyPolicy, kms.GetKeyPolicyRequest(KeyId=resource))]


def _bus_of(resource: str) -> str:
    """The bus whose policy decides about an event bus or a rule; empty for anything else."""
    kind, _, path = resource.partition("/")
    if kind == "event-bus":
        return path
    return (path.rpartition("/")[0] or "default") if kind == "rule" else ""
