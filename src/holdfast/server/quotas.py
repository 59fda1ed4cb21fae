"""AWS's service quotas, for those who want to meet them before AWS does: the setting `quotas`.

    --quotas aws   each operation of Secrets Manager, Parameter Store and KMS that a client calls is admitted at AWS's rate,
                   for each account and region; what is beyond it is answered ThrottlingException before anything ran
    (not set)      nothing is counted, and the step costs nothing

A rate is a token bucket in monotonic time: full at first, of one second's calls, refilled evenly. Operations that AWS
counts together share one. Parameter Store's rates rise for an account that turned high throughput on. A call that a
service makes on the caller's behalf is not counted: it was, where the client called.

Rates: Secrets Manager user guide, "Quotas"; Systems Manager, "Parameter Store quotas"; KMS developer guide, "Request
quotas", as for regions without raised ones. Where AWS publishes none, the figure is ours and marked so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from holdfast.store.transaction import Transaction

PARAMETERS_PER_REGION: Mapping[str, int] = {"Standard": 10_000, "Advanced": 100_000}
"""How many parameters of each tier an account may have in a region at AWS."""
NO_LIMIT = 1 << 62
BUCKETS = 65_536
"""Kept at once. When there are more, the full ones go: an absent bucket is a full one."""

Rate = tuple[str, float]
"""The bucket's name, and calls a second."""


def parameters_per_region(quotas: bool, standard: int | None, advanced: int | None) -> dict[str, int]:
    """How many parameters of each tier there may be: what was set, else AWS's figures where its quotas hold."""
    return {
        tier: given if given is not None else aws if quotas else NO_LIMIT
        for (tier, aws), given in zip(PARAMETERS_PER_REGION.items(), (standard, advanced), strict=True)
    }


def _each(rates: Mapping[str, float]) -> dict[str, Rate]:
    return {operation: (operation, rate) for operation, rate in rates.items()}


def _together(rate: float, operations: Iterable[str]) -> dict[str, Rate]:
    names = tuple(operations)
    return dict.fromkeys(names, (names[0], rate))


SECRETS_MANAGER = {
    **_each({"GetSecretValue": 10_000, "DescribeSecret": 40_000, "ListSecrets": 100, "BatchGetSecretValue": 100}),
    **_each({"CreateSecret": 50, "DeleteSecret": 50, "ListSecretVersionIds": 50, "GetRandomPassword": 50}),
    **_each({"RestoreSecret": 50}),
    **_together(
        50,
        ("PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "ReplicateSecretToRegions",
         "RemoveRegionsFromReplication", "StopReplicationToReplica"),
    ),
    **_together(50, ("RotateSecret", "CancelRotateSecret")),
    **_together(50, ("TagResource", "UntagResource")),
    **_together(50, ("GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy", "ValidateResourcePolicy")),
}  # fmt: skip
_PARAMETER_STORE_OURS = {
    **_each({"DescribeParameters": 20, "GetParameterHistory": 20, "ListTagsForResource": 20, "GetServiceSetting": 20}),
    **_each({"GetResourcePolicies": 20, "DeleteParameter": 5, "DeleteParameters": 5}),
    **_together(5, ("LabelParameterVersion", "UnlabelParameterVersion")),
    **_together(5, ("AddTagsToResource", "RemoveTagsFromResource")),
    **_together(5, ("UpdateServiceSetting", "ResetServiceSetting", "PutResourcePolicy", "DeleteResourcePolicy")),
}
"""AWS publishes no rates for these."""
PARAMETER_STORE = {
    **_together(40, ("GetParameter", "GetParameters", "GetParametersByPath")),
    **_each({"PutParameter": 3}),
    **_PARAMETER_STORE_OURS,
}
PARAMETER_STORE_HIGH = {
    **_each({"GetParameter": 10_000, "GetParameters": 1_000, "GetParametersByPath": 100, "PutParameter": 10}),
    **_PARAMETER_STORE_OURS,
}
KMS = {
    **_together(
        10_000,
        ("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateMac", "GenerateRandom",
         "ReEncrypt", "VerifyMac"),
    ),
    **_together(1_000, ("Sign", "Verify")),
    **_each({"GenerateDataKeyPair": 100, "GenerateDataKeyPairWithoutPlaintext": 100, "DeriveSharedSecret": 1_000}),
    **_each({"CancelKeyDeletion": 5, "CreateAlias": 5, "CreateGrant": 50, "CreateKey": 5, "DeleteAlias": 15}),
    **_each({"DescribeKey": 2_000, "DisableKey": 5, "DisableKeyRotation": 5, "EnableKey": 5, "EnableKeyRotation": 15}),
    **_each({"GetKeyPolicy": 1_000, "GetKeyRotationStatus": 1_000, "GetPublicKey": 2_000, "ListAliases": 500}),
    **_each({"ListGrants": 100, "ListKeyPolicies": 100, "ListKeyRotations": 100, "ListKeys": 500}),
    **_each({"ListResourceTags": 2_000, "ListRetirableGrants": 100, "PutKeyPolicy": 15, "ReplicateKey": 5}),
    **_each({"RetireGrant": 30, "RevokeGrant": 30, "RotateKeyOnDemand": 5, "ScheduleKeyDeletion": 15}),
    **_each({"TagResource": 10, "UntagResource": 5, "UpdateAlias": 5, "UpdateKeyDescription": 5}),
    **_each({"UpdatePrimaryRegion": 5}),
}  # fmt: skip
PROFILE: Mapping[str, Mapping[str, Rate]] = {"secretsmanager": SECRETS_MANAGER, "ssm": PARAMETER_STORE, "kms": KMS}


class Bucket:
    """Tokens, one for a call."""

    __slots__ = ("_rate", "_tokens", "_when")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._when = now

    def take(self, now: float) -> bool:
        """Whether there was a token, which is then gone."""
        self._tokens = self._filled(now)
        self._when = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def full(self, now: float) -> bool:
        return self._filled(now) >= self._rate

    def _filled(self, now: float) -> float:
        return min(self._rate, self._tokens + (now - self._when) * self._rate)


class Quotas:
    """The rates of all accounts on one server."""

    def __init__(
        self, monotonic: Callable[[], float], high_throughput: Callable[[Transaction, str, str], bool]
    ) -> None:
        self._monotonic = monotonic
        self._high_throughput = high_throughput
        self._buckets: dict[tuple[str, str, str, Rate], Bucket] = {}

    def admit(self, service: str, operation: str, account: str, region: str, transaction: Transaction) -> bool:
        """Whether a call may go on now. It counts if it may."""
        rates = PROFILE.get(service)
        if rates is None:
            return True
        if rates is PARAMETER_STORE and self._high_throughput(transaction, account, region):
            rates = PARAMETER_STORE_HIGH
        rate = rates.get(operation)
        if rate is None:
            return True
        now = self._monotonic()
        key = (account, region, service, rate)
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= BUCKETS:
                self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.full(now)}
            bucket = self._buckets[key] = Bucket(rate[1], now)
        return bucket.take(now)
