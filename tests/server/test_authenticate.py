"""From a signed request to an identity: long-term keys and session tokens on a real store, with a clock that tests move."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.access.evaluate import evaluate
from holdfast.access.principal import PrincipalKind
from holdfast.access.request import AccessRequest
from holdfast.api import iam, secretsmanager, sts
from holdfast.server.authenticate import KEY_USED, NEVER_NOTED, NOBODY, ROLE_USED, Authenticator, Caller
from holdfast.server.identities import Identities
from holdfast.services.holdfast.operations import create_account_rows
from holdfast.services.iam import account_records, policy_records, records
from holdfast.services.service import linked, unsigned
from holdfast.services.sts.rules import new_session_key_id
from holdfast.services.sts.session_token import Session, SessionKind, packed, seal_session
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.statements import Statement
from holdfast.vault.randomness import UnsafeSeededRandomness
from holdfast.vault.registry import ACCESS_KEY_SECRET
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from holdfast.wire.messages import Request
from holdfast.wire.signer import Credentials, Signer
from holdfast.wire.sigv4_errors import (
    ExpiredTokenException,
    MissingAuthenticationTokenException,
    SignatureMismatch,
    UnrecognizedClientException,
)

ACCOUNT = "123456789012"
NOW = 1_800_000_000
SERVICE_NOW = NOW * 1000
USER_ID, ROLE_ID = "AIDAQAAAAAAAAAAAAAAAA", "AROAQAAAAAAAAAAAAAAAA"
ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"%s","Resource":"*"}}'
TRUST = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}}'
SESSION = Session(
    kind=SessionKind.ROLE, account=ACCOUNT, principal_id=ROLE_ID, name="Reader", session_name="me", secret="s" * 40,
    issued=SERVICE_NOW, expires=NOW + 3600,
)  # fmt: skip


class CountingTransaction(SqliteTransaction):
    statements = 0

    def one(self, statement: Statement, *parameters: Any) -> Any:
        self.statements += 1
        return super().one(statement, *parameters)

    def all(self, statement: Statement, *parameters: Any) -> Any:
        self.statements += 1
        return super().all(statement, *parameters)


class Place:
    """A store with an account that has a user and a role, and an authenticator on it."""

    def __init__(self, path: Path) -> None:
        self.randomness = UnsafeSeededRandomness("authenticate")
        self.vault = Vault(RootKeys.generate(self.randomness), self.randomness)
        self.database = SqliteDatabase(path, synchronous="OFF")
        self.tx = CountingTransaction(self.database.writing, writable=True)
        self.snapshot = CountingTransaction(self.database.writing, writable=False)
        """What reads see; here of the same connection, so that nothing has to be committed in between."""
        self.tx.execute("BEGIN")
        migrate(self.tx, self.database.execute)
        self.now = float(NOW)
        self.identities = Identities()
        self.authenticator = Authenticator(
            self.vault, self.identities, lambda: self.now, lambda: ACCOUNT, lambda: "us-east-1"
        )
        root = create_account_rows(self.tx, self.vault, self.randomness, SERVICE_NOW, ACCOUNT)
        assert root is not None
        self.root = Credentials(*root)
        self.tx.run(records.INSERT_USER, ACCOUNT, "alice", "Alice", USER_ID, "/", SERVICE_NOW, '{"team": "a"}')
        self.user = self.new_key("AKIAQAAAAAAAAAAAAAAA", "Alice", USER_ID)
        self.new_role(ROLE_ID)
        self.inline(ROLE_ID, "read", "secretsmanager:*")

    def new_key(self, key_id: str, user: str, user_id: str) -> Credentials:
        sealed = self.vault.seal(ACCESS_KEY_SECRET, (key_id,), b"user secret")
        arn = f"arn:aws:iam::{ACCOUNT}:user/{user}"
        self.tx.run(records.INSERT_KEY, key_id, ACCOUNT, "IAMUser", user_id, arn, sealed, SERVICE_NOW, user)
        return Credentials(key_id, "user secret")

    def new_role(self, role_id: str) -> None:
        self.tx.run(
            records.INSERT_ROLE, ACCOUNT, "reader", "Reader", role_id, "/team/", SERVICE_NOW, "", 3600, TRUST, "{}",
            json.dumps({"Team": "red", "Cost": "1"}),
        )  # fmt: skip
        self.changed()

    def inline(self, owner: str, name: str, action: str) -> None:
        self.tx.run(policy_records.WRITE_INLINE, ACCOUNT, owner, name, ALLOW % action)
        self.changed()

    def changed(self) -> None:
        """What IAM does with every write."""
        self.tx.run(account_records.NEW_VERSION, ACCOUNT)

    def session(self, session: Session = SESSION) -> Credentials:
        key_id = new_session_key_id(self.randomness, session.account)
        return Credentials(key_id, session.secret, seal_session(self.vault, key_id, session))

    def call(
        self, credentials: Credentials, metadata: Any = secretsmanager.METADATA, *, signed_at: float = 0
    ) -> Caller:
        moment = datetime.fromtimestamp(signed_at or self.now, UTC)
        signer = Signer(credentials, "eu-central-1", metadata.signing_name)
        headers = signer.sign("POST", "/", {"Host": "localhost"}, b"{}", moment)
        return self.authenticator.authenticate(Request("POST", "/", headers, b"{}"), metadata, self.snapshot)

    def allowed(self, caller: Caller, action: str) -> bool:
        return evaluate(caller.identity, AccessRequest(action, "*", ACCOUNT)).allowed


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "store.db")
    yield place
    place.database.close()


def test_what_a_write_saw_is_not_kept_when_its_group_is_taken_back(place: Place) -> None:
    """The next write to IAM has the version that was taken back, and says something else."""
    credentials = (place.user, place.session())
    callers = [place.call(each) for each in credentials]
    mark = place.tx.savepoint()
    place.inline(USER_ID, "own", "kms:*")
    place.inline(ROLE_ID, "own", "kms:*")
    for caller in callers:
        caller.identity = place.authenticator.still_valid(caller, place.tx)
        assert place.allowed(caller, "kms:Encrypt")
    assert place.identities.role(place.tx, ACCOUNT, "Reader") is not None
    place.tx.rollback(mark)
    place.inline(USER_ID, "other", "ssm:*")
    place.tx.run(records.DELETE_ROLE, ACCOUNT, "reader")
    place.new_role(ROLE_ID)
    assert place.identities.version(place.tx, ACCOUNT) == 4
    for caller in map(place.call, credentials):
        assert not place.allowed(caller, "kms:Encrypt")


# -- long-term keys -----------------------------------------------------------------------------------------------------


def test_the_root_user(place: Place) -> None:
    caller = place.call(place.root)
    principal = caller.identity.principal
    assert (principal.kind, principal.account, principal.arn) == (
        PrincipalKind.ROOT, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root",
    )  # fmt: skip
    assert caller.region == "eu-central-1"
    assert caller.identity.session is None
    assert place.allowed(caller, "kms:Decrypt")


def test_a_user_with_policies_of_its_own_and_of_a_group(place: Place) -> None:
    assert not place.allowed(place.call(place.user), "ssm:GetParameter")
    place.inline(USER_ID, "own", "ssm:*")
    group = "AGPAQAAAAAAAAAAAAAAAA"
    place.tx.run(records.INSERT_GROUP, ACCOUNT, "all", "All", group, "/", SERVICE_NOW)
    place.tx.run(records.ADD_MEMBER, ACCOUNT, group, USER_ID)
    place.inline(group, "of-group", "kms:*")
    caller = place.call(place.user)
    assert place.allowed(caller, "ssm:GetParameter")
    assert place.allowed(caller, "kms:Decrypt")
    assert not place.allowed(caller, "secretsmanager:GetSecretValue")
    assert caller.identity.principal.principal_id == USER_ID
    assert caller.identity.tags == {"team": "a"}


def test_a_policy_that_is_taken_away_stops_counting(place: Place) -> None:
    place.inline(USER_ID, "own", "ssm:*")
    before = place.call(place.user)
    assert place.allowed(before, "ssm:GetParameter")
    place.tx.run(policy_records.DELETE_INLINE, ACCOUNT, USER_ID, "own")
    place.changed()
    assert not place.allowed(place.call(place.user), "ssm:GetParameter")
    # A write that was authenticated before and runs now is decided by what is true now.
    before.identity = place.authenticator.still_valid(before, place.tx)
    assert not place.allowed(before, "ssm:GetParameter")


def test_a_boundary_limits(place: Place) -> None:
    place.inline(USER_ID, "own", "*")
    arn = f"arn:aws:iam::{ACCOUNT}:policy/limit"
    place.tx.run(policy_records.INSERT_POLICY, ACCOUNT, "limit", "limit", "ANPAX", arn, "/", "", 0, 0, "{}")
    place.tx.run(policy_records.INSERT_VERSION, ACCOUNT, "ANPAX", 1, ALLOW % "ssm:*", 0)
    policy_records.attach(place.tx, ACCOUNT, USER_ID, "boundary", arn)
    place.changed()
    caller = place.call(place.user)
    assert place.allowed(caller, "ssm:GetParameter")
    assert not place.allowed(caller, "kms:Decrypt")


def test_a_key_that_was_made_inactive(place: Place) -> None:
    caller = place.call(place.user)
    place.tx.run(records.ACTIVATE_KEY, 0, ACCOUNT, place.user.access_key_id)
    with pytest.raises(UnrecognizedClientException):
        place.call(place.user)
    with pytest.raises(UnrecognizedClientException):
        place.authenticator.still_valid(caller, place.tx)
    place.tx.run(records.ACTIVATE_KEY, 1, ACCOUNT, place.user.access_key_id)
    assert place.call(place.user).identity.principal.principal_id == USER_ID


def test_a_key_that_was_deleted(place: Place) -> None:
    caller = place.call(place.user)
    place.tx.run(records.DELETE_KEY, ACCOUNT, place.user.access_key_id)
    with pytest.raises(UnrecognizedClientException):
        place.call(place.user)
    with pytest.raises(UnrecognizedClientException):
        place.authenticator.still_valid(caller, place.tx)


def test_a_key_of_a_user_that_was_made_again(place: Place) -> None:
    """IAM refuses to delete a user that has keys; if a row is left all the same, it opens nothing."""
    place.tx.run(records.DELETE_USER, ACCOUNT, "alice")
    place.tx.run(records.INSERT_USER, ACCOUNT, "alice", "Alice", "AIDAZZZZZZZZZZZZZZZZZ", "/", 0, "{}")
    place.changed()
    with pytest.raises(UnrecognizedClientException):
        place.call(place.user)


def test_a_wrong_secret(place: Place) -> None:
    for right in (place.root, place.user, place.session()):
        wrong = Credentials(right.access_key_id, "x" * 40, right.session_token)
        with pytest.raises(SignatureMismatch):
            place.call(wrong)


def test_an_unknown_key(place: Place) -> None:
    with pytest.raises(UnrecognizedClientException):
        place.call(Credentials("AKIAZZZZZZZZZZZZZZZZ", "x"))


def test_a_call_costs_one_row(place: Place) -> None:
    place.inline(USER_ID, "own", "ssm:*")
    for credentials in (place.root, place.user, place.session()):
        place.call(credentials)
        before = place.snapshot.statements
        place.call(credentials)
        assert place.snapshot.statements - before == 1


# -- sessions -----------------------------------------------------------------------------------------------------------


def test_a_role_session(place: Place) -> None:
    caller = place.call(place.session())
    identity = caller.identity
    assert identity.principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/me"
    assert identity.principal.principal_id == f"{ROLE_ID}:me"
    assert identity.role_arn == f"arn:aws:iam::{ACCOUNT}:role/team/Reader"
    assert identity.session is not None
    assert (identity.session.issued, identity.session.name) == (SERVICE_NOW, "me")
    assert place.allowed(caller, "secretsmanager:GetSecretValue")
    assert not place.allowed(caller, "kms:Decrypt")


def _with(**changes: Any) -> Session:
    fields = {name: getattr(SESSION, name) for name in SESSION.__struct_fields__}
    return Session(**{**fields, **changes})


def test_what_a_session_carries(place: Place) -> None:
    session = _with(tags={"team": "blue"}, transitive=("team",), source_identity="alice", provider="arn:p")
    identity = place.call(place.session(session)).identity
    assert identity.tags == {"Cost": "1", "team": "blue"}
    assert identity.session is not None
    assert identity.session.transitive_tags == (("team", "blue"),)
    assert (identity.session.source_identity, identity.session.federated_provider) == ("alice", "arn:p")


def test_session_policies_limit_a_session(place: Place) -> None:
    place.inline(ROLE_ID, "all", "*")
    caller = place.call(place.session(_with(policy=packed(ALLOW % "ssm:*"))))
    assert place.allowed(caller, "ssm:GetParameter")
    assert not place.allowed(caller, "kms:Decrypt")
    # A managed policy that is no more allows nothing.
    caller = place.call(place.session(_with(policy_arns=(f"arn:aws:iam::{ACCOUNT}:policy/gone",))))
    assert not place.allowed(caller, "ssm:GetParameter")


def test_a_session_ends_by_wall_time(place: Place) -> None:
    credentials = place.session()
    place.now = SESSION.expires - 1
    caller = place.call(credentials)
    for late in (0, 1):
        place.now = SESSION.expires + late
        with pytest.raises(ExpiredTokenException):
            place.call(credentials)
        with pytest.raises(ExpiredTokenException):
            place.authenticator.still_valid(caller, place.tx)
    with pytest.raises(ExpiredTokenException):
        place.call(place.session(_with(expires=NOW)))


def test_a_token_beside_another_key_id(place: Place) -> None:
    one, other = place.session(), place.session()
    place.call(one)
    place.call(other)
    for key_id in (other.access_key_id, place.root.access_key_id, "ASIAQAAAAAAAAAAAAAAA"):
        with pytest.raises(UnrecognizedClientException):
            place.call(Credentials(key_id, one.secret_access_key, one.session_token))


def test_a_temporary_key_without_its_token(place: Place) -> None:
    credentials = place.session()
    with pytest.raises(UnrecognizedClientException):
        place.call(Credentials(credentials.access_key_id, credentials.secret_access_key))


@pytest.mark.parametrize("token", ["x", "Aä", "A" * 9000, " ", "hft"])
def test_a_forged_token(place: Place, token: str) -> None:
    with pytest.raises(UnrecognizedClientException):
        place.call(Credentials("ASIAQAAAAAAAAAAAAAAA", "s" * 40, token))


def test_a_role_that_was_deleted_or_made_again(place: Place) -> None:
    credentials = place.session()
    caller = place.call(credentials)
    place.tx.run(records.DELETE_ROLE, ACCOUNT, "reader")
    place.changed()
    with pytest.raises(UnrecognizedClientException):
        place.call(credentials)
    place.new_role("AROAZZZZZZZZZZZZZZZZZ")
    with pytest.raises(UnrecognizedClientException):
        place.call(credentials)
    with pytest.raises(UnrecognizedClientException):
        place.authenticator.still_valid(caller, place.tx)


def test_sessions_of_users_and_the_root_user(place: Place) -> None:
    place.inline(USER_ID, "own", "ssm:*")
    of_user = place.session(_with(kind=SessionKind.USER, principal_id=USER_ID, name="Alice", session_name=""))
    caller = place.call(of_user)
    assert caller.identity.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/Alice"
    assert place.allowed(caller, "ssm:GetParameter")
    # A new name is the same user.
    place.tx.run(records.MOVE_USER, "bob", "Bob", "/x/", ACCOUNT, "alice")
    place.changed()
    assert place.call(of_user).identity.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/x/Bob"

    of_root = place.session(_with(kind=SessionKind.ROOT, principal_id=ACCOUNT, name="", session_name=""))
    caller = place.call(of_root)
    assert caller.identity.principal.arn == f"arn:aws:iam::{ACCOUNT}:root"
    assert caller.identity.principal.access_key_id == of_root.access_key_id
    assert place.allowed(caller, "kms:Decrypt")
    # GetSessionToken's credentials may not call IAM without a device, and nobody has one.
    for credentials in (of_user, of_root):
        with pytest.raises(UnrecognizedClientException):
            place.call(credentials, iam.METADATA)
    place.call(place.session(), iam.METADATA)
    place.call(of_root, sts.METADATA)


def test_a_session_of_an_account_that_is_not_here(place: Place) -> None:
    with pytest.raises(UnrecognizedClientException):
        place.call(place.session(_with(kind=SessionKind.ROOT, account="999999999999")))


# -- neither ------------------------------------------------------------------------------------------------------------


def test_nothing_signed(place: Place) -> None:
    request = Request("POST", "/", {"host": "localhost"})
    with pytest.raises(MissingAuthenticationTokenException):
        place.authenticator.authenticate(request, sts.METADATA, place.tx)
    for served in (unsigned(lambda: None), linked(lambda: None)):
        caller = place.authenticator.authenticate(request, sts.METADATA, place.tx, served)
        assert caller.identity is NOBODY
        assert not place.allowed(caller, "sts:GetCallerIdentity")
        assert place.authenticator.still_valid(caller, place.tx) is NOBODY


def test_a_link_that_is_signed_has_a_caller(place: Place) -> None:
    request = Request("POST", "/", {"host": "localhost"}, operator=True)
    caller = place.authenticator.authenticate(request, sts.METADATA, place.tx, linked(lambda: None))
    assert caller.identity.principal.kind is PrincipalKind.OPERATOR


def test_the_operator(place: Place) -> None:
    request = Request("POST", "/", {"host": "localhost"}, operator=True)
    caller = place.authenticator.authenticate(request, sts.METADATA, place.tx)
    assert caller.identity.principal.kind is PrincipalKind.OPERATOR
    assert caller.note(SERVICE_NOW) is None


# -- last used ----------------------------------------------------------------------------------------------------------


def test_the_use_of_a_key_is_noted_once_an_hour(place: Place) -> None:
    caller = place.call(place.user)
    note = caller.note(SERVICE_NOW)
    assert note == (
        KEY_USED, place.user.access_key_id, (SERVICE_NOW, "secretsmanager", "eu-central-1"),
    )  # fmt: skip
    place.tx.run(records.USE_KEY, SERVICE_NOW, "secretsmanager", "eu-central-1", place.user.access_key_id, SERVICE_NOW)
    caller = place.call(place.user)
    assert caller.note(SERVICE_NOW + 3_599_999) is None
    assert caller.note(SERVICE_NOW + 3_600_000) is not None


def test_the_use_of_a_role_is_noted_once_an_hour_for_each_session(place: Place) -> None:
    credentials = place.session()
    assert place.call(credentials).note(SERVICE_NOW) == (
        ROLE_USED, (ACCOUNT, ROLE_ID), (SERVICE_NOW, "eu-central-1"),
    )  # fmt: skip
    assert place.call(credentials).note(SERVICE_NOW + 1) is None
    assert place.call(credentials).note(SERVICE_NOW + 3_600_000) is not None
    of_root = place.session(_with(kind=SessionKind.ROOT, principal_id=ACCOUNT, name="", session_name=""))
    assert place.call(of_root).note(SERVICE_NOW) is None
    assert NEVER_NOTED > SERVICE_NOW * 1000


def test_iam_writes_these_notes() -> None:
    from holdfast.services.iam.service import SERVICE

    assert {KEY_USED, ROLE_USED} <= SERVICE.notes.keys()
