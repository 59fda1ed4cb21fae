"""Whose call is this? From the signature to a principal, or AWS's refusal.

The access key's row is read in the call's own snapshot; only what is derived from it (the secret opened by the vault, the
signing keys of a day) is kept, under the row's version, so a key that was changed or made inactive is refused at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.access.principal import Principal, PrincipalKind, operator_of
from holdfast.services.holdfast.records import AccessKey, read_access_key
from holdfast.vault.registry import ACCESS_KEY_SECRET
from holdfast.wire import sigv4
from holdfast.wire.sigv4_canonical import SigningKeys
from holdfast.wire.sigv4_errors import MissingAuthenticationTokenException, UnrecognizedClientException

if TYPE_CHECKING:
    from holdfast.api.base import ServiceMetadata
    from holdfast.store.transaction import Transaction
    from holdfast.vault.vault import Vault
    from holdfast.wire.messages import Request

SIGNING_KEYS = 4096


class Authenticator:
    """Verifies signatures against the access keys in the store."""

    def __init__(
        self, vault: Vault, wall: Callable[[], float], home_account: Callable[[], str], home_region: Callable[[], str]
    ) -> None:
        self._vault = vault
        self._wall = wall
        self._home_account = home_account
        self._home_region = home_region
        self._keys = SigningKeys(SIGNING_KEYS)
        self._principals: dict[tuple[str, int], Principal] = {}

    def authenticate(
        self, request: Request, metadata: ServiceMetadata, transaction: Transaction
    ) -> tuple[Principal, str]:
        """The caller and the region the call is for; raises a `SignatureError`."""
        presented = sigv4.parse(request)
        if presented is None:
            if request.operator:
                return operator_of(self._home_account()), self._home_region()
            raise MissingAuthenticationTokenException(metadata.protocol)
        key = read_access_key(transaction, presented.access_key_id)
        usable = key is not None and key.active and presented.session_token is None
        sigv4.verify(
            presented,
            request,
            secret=(lambda: self._secret(key)) if key is not None and usable else None,
            now=self._wall(),
            service=metadata.signing_name,
            # Real STS lets a presigned GetCallerIdentity live for the clock window whatever its X-Amz-Expires says: EKS
            # tokens are signed for 60 seconds and used for up to 14 minutes.
            honour_expires=metadata.name != "sts",
            keys=self._keys,
            version=0 if key is None else key.row_version,
        )
        if key is None:
            raise UnrecognizedClientException
        return self._principal(key), presented.scope.region

    def _secret(self, key: AccessKey) -> bytes:
        return self._vault.open(ACCESS_KEY_SECRET, (key.access_key_id,), key.secret_sealed)

    def _principal(self, key: AccessKey) -> Principal:
        cached = self._principals.get((key.access_key_id, key.row_version))
        if cached is None:
            cached = Principal(
                PrincipalKind(key.kind), key.account, key.principal_arn, key.principal_id, key.access_key_id
            )
            if len(self._principals) >= SIGNING_KEYS:
                self._principals.clear()
            self._principals[key.access_key_id, key.row_version] = cached
        return cached

    def still_valid(self, principal: Principal, transaction: Transaction) -> None:
        """For a write that waited in the queue: its key must still be there and active in the write's own transaction."""
        if principal.access_key_id:
            key = read_access_key(transaction, principal.access_key_id)
            if key is None or not key.active:
                raise UnrecognizedClientException
