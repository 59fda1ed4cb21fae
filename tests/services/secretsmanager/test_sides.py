"""Who reads a secret: the secret's policy, the caller's own side and the key's policy, in all combinations.

Callers are identities with policies, so that each side can be there, missing, about something else, or denying.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.access.decision import PolicyKind
from holdfast.access.grounds import Identity
from holdfast.access.policy import CompiledPolicy, compile_policy
from holdfast.access.principal import Principal, PrincipalKind, root_of
from holdfast.api import kms
from holdfast.api import secretsmanager as api
from holdfast.api.base import AccessDeniedException, ServiceError

from .conftest import ACCOUNT, House

OTHER = "210987654321"
ROOT, OTHER_ROOT = (f"arn:aws:iam::{account}:root" for account in (ACCOUNT, OTHER))
GET = "secretsmanager:GetSecretValue"
TOKEN = "c" * 32


class Names:
    """Users and roles, for policies that name them: what the server's IAM answers."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def unique_id(self, tx: object, arn: str) -> str | None:
        return self.ids.get(arn)

    def arn_of_unique_id(self, tx: object, unique_id: str) -> str | None:
        return next((arn for arn, known in self.ids.items() if known == unique_id), None)


def user(account: str) -> Principal:
    return Principal(PrincipalKind.USER, account, f"arn:aws:iam::{account}:user/app", f"AIDAUSER{account}")


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(
    effect: str, action: str, principal: str | None = None, resource: str = "*", **more: Any
) -> dict[str, Any]:
    who = {} if principal is None else {"Principal": "*" if principal == "*" else {"AWS": principal}}
    return {"Effect": effect, "Action": action, "Resource": resource, **who, **more}


def identity_policies(*statements: dict[str, Any]) -> tuple[CompiledPolicy, ...]:
    if not statements:
        return ()
    return (compile_policy(document(*statements), name="inline policy p on user/app", kind=PolicyKind.IDENTITY),)


class Scene:
    """A secret under a customer's key."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.principals = self.names = Names()
        self.names.ids = {user(account).arn: user(account).principal_id for account in (ACCOUNT, OTHER)}
        key = house.call(kms.CreateKey, kms.CreateKeyRequest()).KeyMetadata
        assert key is not None
        self.key = key.Arn or ""
        request = api.CreateSecretRequest(Name="s", ClientRequestToken=TOKEN, SecretString="hunter2", KmsKeyId=self.key)
        self.arn = house.call(api.CreateSecret, request).ARN or ""

    def put(self, *statements: dict[str, Any]) -> None:
        """As the owner: the secret's policy."""
        self.house.identity = None
        if statements:
            request = api.PutResourcePolicyRequest(SecretId=self.arn, ResourcePolicy=document(*statements))
            self.house.call(api.PutResourcePolicy, request)
        else:
            self.house.call(api.DeleteResourcePolicy, api.DeleteResourcePolicyRequest(SecretId=self.arn))

    def put_on_key(self, *statements: dict[str, Any]) -> None:
        self.house.identity = None
        text = document(statement("Allow", "kms:*", ROOT), *statements)
        self.house.call(kms.PutKeyPolicy, kms.PutKeyPolicyRequest(KeyId=self.key, Policy=text))

    def read(self, identity: Identity) -> str:
        """The value, or the text of the denial."""
        self.house.identity = identity
        try:
            answer = self.house.call(api.GetSecretValue, api.GetSecretValueRequest(SecretId=self.arn))
        except AccessDeniedException as error:
            return error.message or ""
        assert answer.SecretString is not None
        return answer.SecretString


@pytest.fixture(scope="module")
def shared_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    house = House(Path(tmp_path_factory.mktemp("sides")) / "store.db")
    yield Scene(house)
    house.database.close()


@pytest.fixture
def scene(shared_scene: Scene) -> Scene:
    """One store for all tests of this file, and no policy that another test put there."""
    shared_scene.put()
    shared_scene.put_on_key()
    return shared_scene


def side(action: str, other_action: str, principal: str | None, other: str | None) -> dict[str, list[dict[str, Any]]]:
    """What one side may say, and whether that allows: only `allow` and `wildcard` do."""
    family = action.partition(":")[0]
    return {
        "nothing": [],
        "allow": [statement("Allow", action, principal)],
        "wildcard": [statement("Allow", f"{family}:*", principal)],
        "another action": [statement("Allow", other_action, principal)],
        "another resource": [statement("Allow", action, principal, "arn:aws:x:eu-central-1:123456789012:y")],
        "a condition that fails": [
            statement("Allow", action, principal, Condition={"StringEquals": {"aws:PrincipalAccount": "000000000000"}})
        ],
        "allow and deny": [statement("Allow", action, principal), statement("Deny", action, principal)],
        **({} if other is None else {"somebody else": [statement("Allow", action, other)]}),
    }


ALLOWS = ("allow", "wildcard")
SECRET_SIDE = side(GET, "secretsmanager:DescribeSecret", user(OTHER).arn, user(ACCOUNT).arn)
OWN_SIDE = side(GET, "secretsmanager:DescribeSecret", None, None)
OWN_KEY_SIDE = side("kms:Decrypt", "kms:Encrypt", None, None)
KEY_SIDE = side("kms:Decrypt", "kms:Encrypt", user(OTHER).arn, "arn:aws:iam::111122223333:root")
KEY_SIDE.pop("another resource")  # A key policy's Resource means the key it stands on.


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=st.sampled_from(sorted(SECRET_SIDE)) | st.just("allow"),
    own=st.sampled_from(sorted(OWN_SIDE)) | st.just("allow"),
    own_key=st.sampled_from(sorted(OWN_KEY_SIDE)) | st.just("allow"),
    key=st.sampled_from(sorted(KEY_SIDE)) | st.just("allow"),
)
def test_across_accounts_all_sides_must_allow(scene: Scene, secret: str, own: str, own_key: str, key: str) -> None:
    scene.put(*SECRET_SIDE[secret])
    scene.put_on_key(*KEY_SIDE[key])
    caller = Identity(user(OTHER), identity_policies(*OWN_SIDE[own], *OWN_KEY_SIDE[own_key]))
    answer = scene.read(caller)
    sides = [each in ALLOWS for each in (secret, own, own_key, key)]
    assert (answer == "hunter2") is all(sides)
    if not sides[0] or not sides[1]:
        # The caller's own side first: it is the only one that they can do something about. The owner's policy tells
        # nothing of itself, its own does.
        if own == "allow and deny":
            assert answer.endswith("with an explicit deny in an identity-based policy")
        else:
            kind = "resource" if sides[1] else "identity"
            assert answer == (
                f"User: {user(OTHER).arn} is not authorized to perform: {GET} on resource: {scene.arn} because no "
                f"{kind}-based policy allows the {GET} action"
            )
    elif not all(sides):
        assert answer == "Access to KMS is not allowed"


@pytest.mark.parametrize(("secret", "own"), list(itertools.product(["nothing", "allow", "deny"], repeat=2)))
def test_in_one_account_either_side_is_enough(scene: Scene, secret: str, own: str) -> None:
    """And nobody overrules a deny, the root user included."""
    mine = user(ACCOUNT).arn
    said = {"nothing": [], "allow": [statement("Allow", GET, mine)], "deny": [statement("Deny", GET, "*")]}
    have = {"nothing": [], "allow": [statement("Allow", GET)], "deny": [statement("Deny", GET)]}
    scene.put(*said[secret])
    scene.put_on_key()
    decrypt = statement("Allow", "kms:Decrypt", None, scene.key)
    answer = scene.read(Identity(user(ACCOUNT), identity_policies(decrypt, *have[own])))
    assert (answer == "hunter2") is ("deny" not in (secret, own) and "allow" in (secret, own))
    if secret == "deny":
        assert scene.read(Identity(root_of(ACCOUNT))).endswith("with an explicit deny in a resource-based policy")


def test_a_policy_for_the_account_leaves_it_to_identity_policies(scene: Scene) -> None:
    scene.put(statement("Allow", GET, ROOT))
    scene.put_on_key()
    decrypt = statement("Allow", "kms:Decrypt")
    assert "no identity-based policy" in scene.read(Identity(user(ACCOUNT), identity_policies(decrypt)))
    scene.put(statement("Allow", GET, OTHER_ROOT))
    scene.put_on_key(statement("Allow", "kms:Decrypt", OTHER_ROOT))
    allowed = identity_policies(decrypt, statement("Allow", GET, None, scene.arn))
    assert scene.read(Identity(user(OTHER), allowed)) == "hunter2"
    assert scene.read(Identity(root_of(OTHER))) == "hunter2"


def test_conditions_of_a_policy_see_the_request_and_the_secret(scene: Scene) -> None:
    scene.put_on_key()
    decrypt = identity_policies(statement("Allow", "kms:Decrypt"))
    condition = {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}
    scene.put(statement("Allow", GET, user(ACCOUNT).arn, Condition=condition))
    assert "no identity-based policy" in scene.read(Identity(user(ACCOUNT), decrypt))
    request = api.GetSecretValueRequest(SecretId="s", VersionStage="AWSCURRENT")
    assert scene.house.call(api.GetSecretValue, request).SecretString == "hunter2"


def test_a_user_made_again_under_the_name_is_somebody_else(scene: Scene) -> None:
    scene.put_on_key()
    mine = user(ACCOUNT)
    scene.put(statement("Allow", GET, mine.arn))
    decrypt = identity_policies(statement("Allow", "kms:Decrypt"))
    assert scene.read(Identity(mine, decrypt)) == "hunter2"
    scene.house.identity = None
    request = api.GetResourcePolicyRequest(SecretId="s")
    assert mine.arn in (scene.house.call(api.GetResourcePolicy, request).ResourcePolicy or "")
    again = Principal(mine.kind, mine.account, mine.arn, "AIDASOMEBODYELSE00000")
    assert "no identity-based policy" in scene.read(Identity(again, decrypt))
    scene.house.identity = None
    known = scene.names.ids.pop(mine.arn)
    shown = scene.house.call(api.GetResourcePolicy, request).ResourcePolicy or ""
    assert mine.principal_id in shown
    assert mine.arn not in shown
    # A policy that names nobody any more cannot be put again.
    put = api.PutResourcePolicyRequest(SecretId="s", ResourcePolicy=shown)
    assert scene.house.error(api.PutResourcePolicy, put).code == "MalformedPolicyDocumentException"
    scene.names.ids[mine.arn] = known


# -- shutting oneself out -----------------------------------------------------------------------------------------------


def error_of(scene: Scene, identity: Identity, operation: Any, request: Any) -> ServiceError:
    scene.house.identity = identity
    return scene.house.error(operation, request)


def test_a_policy_that_its_author_depends_on(scene: Scene) -> None:
    """Somebody with no policies of their own, whom the secret's policy allows to change it."""
    mine = user(ACCOUNT)
    scene.put(statement("Allow", "secretsmanager:PutResourcePolicy", mine.arn))
    put = api.PutResourcePolicyRequest(SecretId=scene.arn, ResourcePolicy=document(statement("Allow", GET, mine.arn)))
    assert error_of(scene, Identity(mine), api.PutResourcePolicy, put).code == "InvalidRequestException"
    keeps = [statement("Allow", GET, mine.arn), statement("Allow", "secretsmanager:Put*", mine.arn)]
    put = api.PutResourcePolicyRequest(SecretId=scene.arn, ResourcePolicy=document(*keeps))
    scene.house.call(api.PutResourcePolicy, put)
    assert scene.read(Identity(mine, identity_policies(statement("Allow", "kms:Decrypt")))) == "hunter2"


def test_public_policies_can_be_forbidden_by_a_condition(scene: Scene) -> None:
    """secretsmanager:BlockPublicPolicy is in the request only when the caller sent it."""
    blocked = statement("Allow", "secretsmanager:PutResourcePolicy", None, "*")
    blocked["Condition"] = {"Bool": {"secretsmanager:BlockPublicPolicy": "true"}}
    mine = Identity(user(ACCOUNT), identity_policies(blocked))
    text = document(statement("Allow", GET, ROOT))
    for block, allowed in ((True, True), (False, False), (None, False)):
        put = api.PutResourcePolicyRequest(SecretId=scene.arn, ResourcePolicy=text, BlockPublicPolicy=block)
        scene.house.identity = mine
        if allowed:
            scene.house.call(api.PutResourcePolicy, put)
        else:
            assert scene.house.error(api.PutResourcePolicy, put).code == "AccessDeniedException"


def test_tags_by_which_one_would_lose_the_secret(scene: Scene) -> None:
    scene.put()
    condition = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    mine = Identity(user(ACCOUNT), identity_policies(statement("Allow", "secretsmanager:*", None, Condition=condition)))

    def tag(value: str) -> api.TagResourceRequest:
        return api.TagResourceRequest(SecretId="s", Tags=[api.Tag(Key="team", Value=value), api.Tag(Key="x", Value="")])

    untag = api.UntagResourceRequest(SecretId="s", TagKeys=["team"])
    assert error_of(scene, mine, api.TagResource, tag("a")).code == "AccessDeniedException"
    scene.house.identity = None
    scene.house.call(api.TagResource, tag("a"))
    assert error_of(scene, mine, api.TagResource, tag("b")).message == (
        f"User: {user(ACCOUNT).arn} is not authorized to perform: secretsmanager:TagResource on resource: {scene.arn} "
        "because no identity-based policy allows the secretsmanager:TagResource action"
    )
    assert "secretsmanager:UntagResource" in (error_of(scene, mine, api.UntagResource, untag).message or "")
    scene.house.call(api.UntagResource, api.UntagResourceRequest(SecretId="s", TagKeys=["x"]))
    tags = scene.house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId="s")).Tags or []
    assert [(each.Key, each.Value) for each in tags] == [("team", "a")]
    scene.house.identity = None
    scene.house.call(api.UntagResource, untag)


def test_validating_takes_two_permissions(scene: Scene) -> None:
    both = ("secretsmanager:ValidateResourcePolicy", "secretsmanager:PutResourcePolicy")
    text = document(statement("Allow", GET, ROOT))
    for members in ({"SecretId": "s"}, {}):
        request = api.ValidateResourcePolicyRequest(ResourcePolicy=text, **members)
        for missing in both:
            allowed = [statement("Allow", action) for action in both if action != missing]
            mine = Identity(user(ACCOUNT), identity_policies(*allowed))
            error = error_of(scene, mine, api.ValidateResourcePolicy, request)
            assert f"not authorized to perform: {missing}" in (error.message or "")
        scene.house.identity = Identity(user(ACCOUNT), identity_policies(*(statement("Allow", a) for a in both)))
        assert scene.house.call(api.ValidateResourcePolicy, request).PolicyValidationPassed is True
