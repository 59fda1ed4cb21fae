"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PrincipalKind(StrEnum):
    """The kinds that AWS distinguishes, by their CloudTrail names where those exist."""

    ROOT = "Root"
    USER = "IAMUser"
    ASSUMED_ROLE = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    WEB_IDENTITY = "WebIdentityUser"
    """Somebody with a token of an OIDC provider who has no session yet: only a role's trust policy speaks of them."""
    SERVICE = "AWSService"
    """With an account: a service-linked role, who acts for the account. Without: a service principal."""
    OPERATOR = "Operator"
    """Whoever can open the control socket of the data directory."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, or a service acting for an account."""

    kind: PrincipalKind
    account: str
    """Empty for service principals and web identities, which belong to no account."""
    arn: str
    """The ARN that AWS shows: `arn:aws:sts::A:assumed-role/Role/Session` for a role's session."""
    principal_id: str
    """`aws:userid`: the account id for the root user, `AROA…:session` for a role's session."""
    access_key_id: str = ""
    service: str = ""
    """For a service: its name, e.g. `secretsmanager.amazonaws.com`."""


def root_of(account: str, access_key_id: str = "", partition: str = "aws") -> Principal:
    """The root user of an account."""
    return Principal(PrincipalKind.ROOT, account, f"arn:{partition}:iam::{account}:root", account, access_key_id)


def service_role(account: str, service: str, role: str) -> Principal:
    """A service-linked role: who acts when a job runs without a caller."""
    arn = f"arn:aws:iam::{account}:role/aws-service-role/{service}/{role}"
    return Principal(PrincipalKind.SERVICE, account, arn, f"{account}:{role}", service=service)


def service_principal(service: str) -> Principal:
    """A service on its own behalf, e.g. `secretsmanager.amazonaws.com` invoking a function: only resource policies allow
    it anything."""
    return Principal(PrincipalKind.SERVICE, "", service, service, service=service)


def web_identity(provider_arn: str, subject: str) -> Principal:
    """The bearer of a verified token. `provider_arn` is the OIDC provider's, `subject` the token's `sub`."""
    return Principal(PrincipalKind.WEB_IDENTITY, "", provider_arn, subject)


def operator_of(account: str) -> Principal:
    """The operator of this server, acting in its home account."""
    return Principal(PrincipalKind.OPERATOR, account, f"arn:aws:holdfast::{account}:operator", f"{account}:operator")
