"""Whose call is this? From the signature to an identity, or AWS's refusal.

    long-term key    its row -> its user or root user
    session token    opened by the vault, which proves that this server made it -> the role, user or root user
    nothing          the control socket's operator; an unsigned operation's or a link's nobody; else refused

The row of the key, or of the session's account, is read in the call's own snapshot, one row either way. Only what is
derived from it is kept (signing keys of a day, opened tokens, identities), under the row's version, so a key that was
made inactive and a policy that was detached take effect at once. Identities that a write reads are not kept: its group
may be taken back, and a later write then has the same version with other policies.

Threat: a session token beside another key id, of another server, altered, or past its end. The vault opens a token for
one key id only; its end is judged by wall time with each call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from holdfast.access.grounds import Identity
from holdfast.access.principal import Principal, PrincipalKind, operator_of
from holdfast.api.base import ValidationException
from holdfast.remember import remember
from holdfast.services.holdfast.records import AccessKey, read_access_key
from holdfast.services.sts.fences import holds
from holdfast.services.sts.session_token import Session, SessionKind, open_session
from holdfast.vault.errors import DecryptError
from holdfast.vault.registry import ACCESS_KEY_SECRET
from holdfast.wire import sigv4
from holdfast.wire.regions import partition_of
from holdfast.wire.signature_doctor import Credential
from holdfast.wire.sigv4_canonical import SigningKeys
from holdfast.wire.sigv4_errors import (
    ExpiredTokenException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

if TYPE_CHECKING:
    from holdfast.api.base import ServiceMetadata
    from holdfast.server.identities import Identities
    from holdfast.services.service import Served
    from holdfast.store.transaction import Transaction
    from holdfast.vault.vault import Vault
    from holdfast.wire.messages import Request
    from holdfast.wire.sigv4 import Presented

SIGNING_KEYS = 4096
SESSIONS = 2048
"""Opened session tokens that are kept; one that is not kept is opened again."""

KEY_USED, ROLE_USED = "iam.access-key-used", "iam.role-used"
"""Kinds of notes that IAM writes (`services/iam/notes.py`)."""
OPERATORS_REGION = "x-holdfast-region"
"""The operator signs nothing, so their region is in no credential scope. Taken on the control socket only."""
HOUR = 3_600_000
"""Milliseconds."""
NEVER_NOTED = 1 << 62
"""Last used in the far future: nothing to note."""

NOBODY = Identity(Principal(PrincipalKind.WEB_IDENTITY, "", "", ""))
"""Who calls an unsigned operation, until its effect finds out."""


class OpenedSession:
    """A session token that the vault opened, and its identity under one version of the account."""

    __slots__ = ("access_key_id", "identity", "last_used", "session", "version")

    def __init__(self, access_key_id: str, session: Session) -> None:
        self.access_key_id = access_key_id
        self.session = session
        self.version: int | None = None
        self.identity: Identity | None = None
        self.last_used = 0
        """When this process last noted it, in service time."""


class Caller:
    """Who calls, with what is looked at again when a write begins."""

    __slots__ = ("identity", "last_used", "region", "service", "session")

    def __init__(
        self,
        identity: Identity,
        region: str,
        service: str = "",
        last_used: int = NEVER_NOTED,
        session: OpenedSession | None = None,
    ) -> None:
        self.identity = identity
        self.region = region
        self.service = service
        """The signing name."""
        self.last_used = last_used
        """When the credentials were last noted as used: service time, milliseconds."""
        self.session = session

    def note(self, now: int) -> tuple[str, Any, Any] | None:
        """What the use of the credentials leaves behind, to the hour, so that a busy key does not cost a row for each
        batch; None when it was noted within the hour."""
        if now - self.last_used < HOUR:
            return None
        opened = self.session
        if opened is None:
            return KEY_USED, self.identity.principal.access_key_id, (now, self.service, self.region)
        if opened.session.kind is not SessionKind.ROLE:
            return None
        opened.last_used = now
        return ROLE_USED, (opened.session.account, opened.session.principal_id), (now, self.region)


class Authenticator:
    """Verifies signatures against the access keys in the store and the session tokens of this server."""

    def __init__(
        self,
        vault: Vault,
        identities: Identities,
        wall: Callable[[], float],
        home_account: Callable[[], str],
        home_region: Callable[[], str],
    ) -> None:
        self._vault = vault
        self._identities = identities
        self._wall = wall
        self._home_account = home_account
        self._home_region = home_region
        self._keys = SigningKeys(SIGNING_KEYS)
        self._kept: dict[str, tuple[AccessKey, Identity, Callable[[], bytes]]] = {}
        self._sessions: dict[tuple[str, str], OpenedSession] = {}

    def authenticate(
        self, request: Request, metadata: ServiceMetadata, transaction: Transaction, served: Served | None = None
    ) -> Caller:
        """The caller; raises a `SignatureError`. Some operations take no signature and look at none, and those that are
        links do without one."""
        unsigned = served is not None and served.unsigned
        if unsigned:
            return Caller(NOBODY, self._home_region())
        presented = sigv4.parse(request)
        if presented is None:
            if request.operator:
                region = request.headers.get(OPERATORS_REGION, "") or self._home_region()
                if partition_of(region) is None:
                    raise ValidationException(f"{region} is not a region.")
                return Caller(Identity(operator_of(self._home_account())), region)
            if served is not None and served.linked:
                return Caller(NOBODY, self._home_region())
            raise MissingAuthenticationTokenException(metadata.protocol)
        if presented.session_token is not None:
            return self._by_session(presented, presented.session_token, request, metadata, transaction)
        key = self._read_key(transaction, presented.access_key_id)
        kept = self._kept.get(presented.access_key_id)
        if kept is not None and kept[0] is key:
            # Kept are active keys only, and this is what its row says still.
            self._verify(presented, request, metadata, kept[2], kept[0].row_version)
            return Caller(kept[1], presented.scope.region, metadata.signing_name, kept[0].last_used)
        self._verify(presented, request, metadata, self._unwrapping(key), 0 if key is None else key.row_version)
        if key is None:
            raise UnrecognizedClientException
        identity = self._of_key(transaction, key)
        return Caller(identity, presented.scope.region, metadata.signing_name, key.last_used)

    def _verify(
        self,
        presented: Presented,
        request: Request,
        metadata: ServiceMetadata,
        secret: Callable[[], bytes] | None,
        version: int | str,
    ) -> None:
        sigv4.verify(
            presented,
            request,
            secret=secret,
            now=self._wall(),
            service=metadata.signing_name,
            # Real STS lets a presigned GetCallerIdentity live for the clock window whatever its X-Amz-Expires says: EKS
            # tokens are signed for 60 seconds and used for up to 14 minutes.
            honour_expires=metadata.name != "sts",
            keys=self._keys,
            version=version,
        )

    def credential(self, presented: Presented, transaction: Transaction) -> tuple[Credential, str]:
        """What is known of the credentials that a refused request presents, and their account; empty for unknown ones."""
        if presented.session_token is not None:
            opened = self._opened(presented.access_key_id, presented.session_token)
            if opened is None:
                return Credential(known=False), ""
            session = opened.session
            return Credential(known=True, secret=session.secret.encode(), expires=session.expires), session.account
        key = read_access_key(transaction, presented.access_key_id)
        if key is None:
            return Credential(known=False), ""
        return Credential(known=True, active=bool(key.active), secret=self._secret(key)), key.account

    # -- long-term keys -------------------------------------------------------------------------------------------------

    def _read_key(self, transaction: Transaction, access_key_id: str) -> AccessKey | None:
        kept = self._kept.get(access_key_id)
        return read_access_key(transaction, access_key_id, None if kept is None else kept[0])

    def _unwrapping(self, key: AccessKey | None) -> Callable[[], bytes] | None:
        """What unwraps the secret of a key if it is needed; None when there is no such active key."""
        return None if key is None or not key.active else partial(self._secret, key)

    def _secret(self, key: AccessKey) -> bytes:
        return self._vault.open(ACCESS_KEY_SECRET, (key.access_key_id,), key.secret_sealed)

    def _of_key(self, transaction: Transaction, key: AccessKey) -> Identity:
        kept = self._kept.get(key.access_key_id)
        if kept is not None and kept[0] is key:
            return kept[1]
        identity = self._identities.of_key(transaction, key)
        if identity is None:
            raise UnrecognizedClientException
        if transaction.writable:
            return identity
        unwrap: Callable[[], bytes] = partial(self._secret, key)
        remember(self._kept, key.access_key_id, (key, identity, unwrap), SIGNING_KEYS)
        return identity

    # -- sessions -------------------------------------------------------------------------------------------------------

    def _by_session(
        self, presented: Presented, token: str, request: Request, metadata: ServiceMetadata, transaction: Transaction
    ) -> Caller:
        opened = self._opened(presented.access_key_id, token)
        # The end of the token is its authentication tag: one that belongs to no other token of this key id.
        secret = None if opened is None else opened.session.secret.encode
        self._verify(presented, request, metadata, secret, token[-32:])
        if opened is None:
            raise UnrecognizedClientException
        if metadata.name == "iam" and opened.session.kind is not SessionKind.ROLE:
            # "You cannot call any IAM API operations unless MFA authentication information is included" (STS API
            # reference, GetSessionToken), and nobody has a device.
            raise UnrecognizedClientException
        identity = self._of_session(transaction, opened)
        return Caller(identity, presented.scope.region, metadata.signing_name, opened.last_used, opened)

    def _opened(self, access_key_id: str, token: str) -> OpenedSession | None:
        """A token that this server made for this key id; None for any other."""
        kept = self._sessions.get((access_key_id, token))
        if kept is None:
            try:
                kept = OpenedSession(access_key_id, open_session(self._vault, access_key_id, token))
            except (DecryptError, UnicodeError):
                return None
            remember(self._sessions, (access_key_id, token), kept, SESSIONS)
        return kept

    def _of_session(self, transaction: Transaction, opened: OpenedSession) -> Identity:
        if self._wall() >= opened.session.expires:
            raise ExpiredTokenException
        subject, attempt = opened.session.fence
        if subject and not holds(transaction, subject, attempt):
            raise ExpiredTokenException
        version = self._identities.version(transaction, opened.session.account)
        if version is None:
            raise UnrecognizedClientException
        identity = opened.identity
        if identity is None or opened.version != version:
            identity = self._identities.of_session(transaction, opened.access_key_id, opened.session)
            if identity is None:
                raise UnrecognizedClientException
            if not transaction.writable:
                opened.identity, opened.version = identity, version
        return identity

    # -- writes ---------------------------------------------------------------------------------------------------------

    def still_valid(self, caller: Caller, transaction: Transaction) -> Identity:
        """For a write that waited in the queue: the caller as the write's own transaction knows it, or its refusal."""
        if caller.session is not None:
            return self._of_session(transaction, caller.session)
        principal = caller.identity.principal
        if not principal.access_key_id:
            return caller.identity
        key = self._read_key(transaction, principal.access_key_id)
        if key is None or not key.active:
            raise UnrecognizedClientException
        return self._of_key(transaction, key)
