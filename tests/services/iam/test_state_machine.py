"""Users, groups, roles, policies and what ties them together, in any order, against a model that fits on a page.

After any sequence of calls both must agree on who is there, what is attached to whom, how often a policy is in use, and
on whether something may be deleted; and what the server would read of a user must be what the model says.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdfast.api import iam
from holdfast.api.base import ServiceError
from holdfast.services.iam.identities import identity_of_user

from .conftest import ACCOUNT, House
from .documents import READ, TRUST

DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
USERS, GROUPS, ROLES = ("u1", "u2"), ("g1", "g2"), ("r1",)
owners = st.sampled_from((*USERS, *GROUPS, *ROLES))
limited = st.sampled_from((*USERS, *ROLES))
policies = st.sampled_from(("p1", "p2", "aws"))
REFUSALS = {"NoSuchEntityException", "EntityAlreadyExistsException", "DeleteConflictException"}
KINDS = {"u": "User", "g": "Group", "r": "Role"}


def _arn(policy: str) -> str:
    return DENY_ALL if policy == "aws" else f"arn:aws:iam::{ACCOUNT}:policy/{policy}"


class IamMachine(RuleBasedStateMachine):
    """The rules are calls; each checks its own answer."""

    @initialize()
    def open(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-iam-"))
        self.house = House(self.directory / "store.db")
        self.there: set[str] = set()
        self.attached: set[tuple[str, str]] = set()
        self.inline: set[str] = set()
        self.boundary: dict[str, str] = {}
        self.members: set[tuple[str, str]] = set()
        self.calls = 0

    def teardown(self) -> None:
        self.house.database.close()
        shutil.rmtree(self.directory)

    def call(self, name: str, allowed: bool, **members: Any) -> None:
        """Call an operation, which must succeed exactly if the model allows it."""
        operation = iam.OPERATIONS[name]
        error: ServiceError | None = None
        try:
            self.house.call(operation, operation.input(**members))
            self.calls += 1
        except ServiceError as caught:
            error = caught
        assert (error is None) is allowed, (name, members, error)
        assert error is None or error.code in REFUSALS

    def name_of(self, owner: str) -> dict[str, str]:
        return {f"{KINDS[owner[0]]}Name": owner}

    def uses(self, policy: str) -> int:
        return sum(p == policy for _, p in self.attached) + sum(p == policy for p in self.boundary.values())

    @rule(owner=owners)
    def create(self, owner: str) -> None:
        more = {"AssumeRolePolicyDocument": TRUST} if owner[0] == "r" else {}
        self.call(f"Create{KINDS[owner[0]]}", owner not in self.there, **self.name_of(owner), **more)
        self.there.add(owner)

    @rule(owner=owners)
    def delete(self, owner: str) -> None:
        free = (
            owner not in self.inline
            and not any(o == owner for o, _ in self.attached)
            and not any(owner in pair for pair in self.members)
        )
        self.call(f"Delete{KINDS[owner[0]]}", owner in self.there and free, **self.name_of(owner))
        if owner in self.there and free:
            self.there.discard(owner)
            self.boundary.pop(owner, None)

    @rule(policy=policies)
    def create_policy(self, policy: str) -> None:
        if policy != "aws":
            self.call("CreatePolicy", policy not in self.there, PolicyName=policy, PolicyDocument=READ)
            self.there.add(policy)

    @rule(policy=policies)
    def delete_policy(self, policy: str) -> None:
        allowed = policy in self.there and not self.uses(policy)
        self.call("DeletePolicy", allowed, PolicyArn=_arn(policy))
        if allowed:
            self.there.discard(policy)

    @rule(owner=owners, policy=policies)
    def attach(self, owner: str, policy: str) -> None:
        allowed = owner in self.there and policy in self.there | {"aws"}
        self.call(f"Attach{KINDS[owner[0]]}Policy", allowed, **self.name_of(owner), PolicyArn=_arn(policy))
        if allowed:
            self.attached.add((owner, policy))

    @rule(owner=owners, policy=policies)
    def detach(self, owner: str, policy: str) -> None:
        allowed = (owner, policy) in self.attached
        self.call(f"Detach{KINDS[owner[0]]}Policy", allowed, **self.name_of(owner), PolicyArn=_arn(policy))
        self.attached.discard((owner, policy))

    @rule(owner=owners, put=st.booleans())
    def write_inline(self, owner: str, put: bool) -> None:
        kind = KINDS[owner[0]]
        if put:
            more = {"PolicyName": "inline", "PolicyDocument": READ}
            self.call(f"Put{kind}Policy", owner in self.there, **self.name_of(owner), **more)
            self.inline |= {owner} & self.there
        else:
            self.call(f"Delete{kind}Policy", owner in self.inline, **self.name_of(owner), PolicyName="inline")
            self.inline.discard(owner)

    @rule(owner=limited, policy=policies)
    def limit(self, owner: str, policy: str) -> None:
        allowed = owner in self.there and policy in self.there | {"aws"}
        name = f"Put{KINDS[owner[0]]}PermissionsBoundary"
        self.call(name, allowed, **self.name_of(owner), PermissionsBoundary=_arn(policy))
        if allowed:
            self.boundary[owner] = policy

    @rule(owner=limited)
    def free(self, owner: str) -> None:
        name = f"Delete{KINDS[owner[0]]}PermissionsBoundary"
        self.call(name, owner in self.there, **self.name_of(owner))
        self.boundary.pop(owner, None)

    @rule(user=st.sampled_from(USERS), group=st.sampled_from(GROUPS), add=st.booleans())
    def join(self, user: str, group: str, add: bool) -> None:
        allowed = {user, group} <= self.there
        self.call("AddUserToGroup" if add else "RemoveUserFromGroup", allowed, UserName=user, GroupName=group)
        if allowed:
            (self.members.add if add else self.members.discard)((user, group))

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "house"):
            return
        counts = dict(self.house.rows("SELECT resource, amount FROM iam_count WHERE account = ?", ACCOUNT))
        for resource, first in (("Users", "u"), ("Groups", "g"), ("Roles", "r"), ("Policies", "p")):
            assert counts.get(resource, 0) == sum(name[0] == first for name in self.there)
        for policy in ("p1", "p2", "aws"):
            found = self.house.rows(
                "SELECT attachments + boundaries FROM iam_policy_use WHERE policy_arn = ?", _arn(policy)
            )
            assert (found[0][0] if found else 0) == self.uses(policy)
        assert self.house.version() == self.calls

    @invariant()
    def the_server_reads_what_the_model_says(self) -> None:
        if not hasattr(self, "house"):
            return
        for user in USERS:
            with self.house.transaction(writable=False) as tx:
                found = identity_of_user(tx, ACCOUNT, user)
            if user not in self.there:
                assert found is None
                continue
            assert found is not None
            speakers = {user} | {group for member, group in self.members if member == user}
            expected = {_arn(policy) for owner, policy in self.attached if owner in speakers}
            expected |= {
                f"inline policy inline on {KINDS[owner[0]].lower()}/{owner}" for owner in speakers & self.inline
            }
            assert {policy.name for policy in found.policies} == expected
            boundary = None if found.boundary is None else found.boundary.name
            assert boundary == (_arn(self.boundary[user]) if user in self.boundary else None)


TestIam = IamMachine.TestCase
TestIam.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
