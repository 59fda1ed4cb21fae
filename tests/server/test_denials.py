"""The stored chain: its order, what of a job is kept, and that what was stored can be read again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.services.secretsmanager.conftest import ACCOUNT, House

from holdfast.access.chain import Check, Denial, check_of, decode_denial, encode_denial
from holdfast.access.decision import Decision, MatchedStatement, Outcome, PolicyKind
from holdfast.access.grounds import Identity
from holdfast.access.principal import Principal, PrincipalKind, root_of, service_role
from holdfast.api import kms
from holdfast.api.base import ServiceError
from holdfast.server.denials import denial_of

ALICE = Principal(PrincipalKind.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDA1")


@dataclass
class Plan:
    """What a call does: checks, and calls on behalf among them."""

    steps: list[Plan | int] = field(default_factory=list["Plan | int"])


_plans: st.SearchStrategy[Plan] = st.recursive(
    st.builds(Plan, st.lists(st.integers(0, 99), max_size=3)),
    lambda inner: st.builds(Plan, st.lists(st.integers(0, 99) | inner, max_size=4)),
    max_leaves=8,
)


def flat(plan: Plan) -> list[int]:
    return [each for step in plan.steps for each in ([step] if isinstance(step, int) else flat(step))]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "store.db")


def test_checks_stand_in_the_order_in_which_they_were_made(house: House) -> None:
    """Whatever calls call: each denied, so that all are kept; numbers stand for resources."""

    @settings(deadline=None)
    @given(_plans)
    def run(plan: Plan) -> None:
        house.identity = Identity(ALICE)
        plans: dict[int, Plan] = {}

        def act(call: Any, value: kms.DecryptRequest) -> kms.DecryptResponse:
            follow(call, plans[len(value.CiphertextBlob or b"")])
            raise kms.DisabledException

        def follow(call: Any, followed: Plan) -> None:
            for step in followed.steps:
                if isinstance(step, int):
                    call.check("kms:Decrypt", str(step))
                    continue
                plans[len(plans)] = step
                with pytest.raises(ServiceError):
                    call.on_behalf(kms.Decrypt, kms.DecryptRequest(CiphertextBlob=b"x" * (len(plans) - 1)), by="ssm")

        house.instead["Decrypt"] = act
        with house.transaction(writable=True) as tx:
            call = house._new_call(tx, house.principal)  # pyright: ignore[reportPrivateUsage]
            follow(call, plan)
        made = denial_of(call)
        expected = flat(plan)
        assert [int(check.resource) for check in (made.checks if made else ())] == expected

    run()


def test_a_job_that_was_denied_names_its_role(house: House) -> None:
    key = house.call(kms.CreateKey, kms.CreateKeyRequest()).KeyMetadata
    assert key is not None
    assert key.Arn is not None
    root = {"AWS": root_of(ACCOUNT).arn}
    allowing = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    denying = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowing, denying]})
    house.call(kms.PutKeyPolicy, kms.PutKeyPolicyRequest(KeyId=key.Arn, Policy=policy))
    house.principal = service_role(ACCOUNT, "rotation.holdfast", "AWSServiceRoleForHoldfastRotation")
    with house.transaction(writable=True) as tx:
        job = house._new_call(tx, house.principal)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(ServiceError):
            job.on_behalf(kms.Encrypt, kms.EncryptRequest(KeyId=key.Arn, Plaintext=b"x"), by="secretsmanager")
    found = denial_of(job)
    assert found is not None
    assert found.principal.endswith("/AWSServiceRoleForHoldfastRotation")
    assert found.failed
    assert found.decisive is found.checks[0]
    (gap,) = found.checks[0].gaps
    assert gap.remove is not None
    assert (gap.where, gap.remove.sid) == ("key-policy", "No")


_texts = st.text(max_size=20)
_matched = st.builds(
    MatchedStatement, _texts, _texts, st.integers(0, 9), st.sampled_from(["Allow", "Deny"]), st.sampled_from(PolicyKind)
)
_decisions = st.builds(
    Decision,
    st.sampled_from(Outcome),
    st.sampled_from(["kms:Decrypt", "ssm:GetParameter"]),
    st.text(min_size=1, max_size=20),
    st.just(ALICE.arn),
    st.lists(_matched, max_size=3).map(tuple),
    st.sampled_from(PolicyKind),
    st.lists(st.sampled_from(PolicyKind), max_size=3).map(tuple),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(_decisions, max_size=4), st.sampled_from(["", "ssm.us-east-1.amazonaws.com"]))
def test_what_was_stored_is_read_again(decisions: list[Decision], via: str) -> None:
    checks = tuple(check_of(decision, Identity(ALICE), via) for decision in decisions)
    denial = Denial(ACCOUNT, "us-east-1", ALICE.arn, ALICE.principal_id, checks=checks)
    assert decode_denial(encode_denial(denial)) == denial


def test_a_chain_that_a_later_server_wrote() -> None:
    text = (
        '{"account":"1","region":"r","principal":"p","principal_id":"i","news":1,"checks":'
        '[{"action":"a","resource":"r","principal":"p","outcome":"implicit-deny","more":[]}]}'
    )
    assert decode_denial(text).checks == (Check("a", "r", "p", Outcome.IMPLICIT_DENY),)
