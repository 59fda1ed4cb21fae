"""New temporary credentials, from what an operation decided that they may do."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, NamedTuple

from holdfast.api import sts
from holdfast.services.sts.rules import new_session_key_id
from holdfast.services.sts.session_token import LONGEST_TOKEN, Session, SessionKind, seal_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.services.call import Call

_SECRET_ALPHABET = string.ascii_letters + string.digits + "+/"


class Issued(NamedTuple):
    """Credentials as an answer shows them."""

    credentials: sts.Credentials
    token_size: int
    utilization: int
    """Percent of the longest token."""


def issue(
    call: Call,
    kind: SessionKind,
    account: str,
    principal_id: str,
    name: str,
    duration: int,
    *,
    session_name: str = "",
    policy: bytes = b"",
    policy_arns: tuple[str, ...] = (),
    tags: Mapping[str, str] | None = None,
    transitive: tuple[str, ...] = (),
    source_identity: str = "",
    provider: str = "",
    fence: tuple[str, str] = ("", ""),
    minimum_token_size: int = 0,
) -> Issued:
    """Make credentials that end `duration` seconds from now in wall time: clients compare Expiration with their clock."""
    session = Session(
        kind=kind,
        account=account,
        principal_id=principal_id,
        name=name,
        session_name=session_name,
        secret=call.randomness.token(_SECRET_ALPHABET, 40),
        issued=call.now,
        expires=int(call.surroundings.wall()) + duration,
        policy=policy,
        policy_arns=policy_arns,
        tags=dict(tags or {}),
        transitive=transitive,
        source_identity=source_identity,
        provider=provider,
        fence=fence,
    )
    key_id = new_session_key_id(call.randomness, account)
    token = seal_session(call.vault, key_id, session, minimum_token_size)
    credentials = sts.Credentials(
        AccessKeyId=key_id, SecretAccessKey=session.secret, SessionToken=token, Expiration=float(session.expires)
    )
    return Issued(credentials, len(token), min(100, -(-len(token) * 100 // LONGEST_TOKEN)))
