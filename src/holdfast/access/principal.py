"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PrincipalKind(StrEnum):
    """The kinds that AWS distinguishes, by their CloudTrail names where those exist."""

    ROOT = "Root"
    USER = "IAMUser"
    ASSUMED_ROLE = "AssumedRole"
    SERVICE = "AWSService"
    OPERATOR = "Operator"
    """Whoever can open the control socket of the data directory."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, or a service acting for an account."""

    kind: PrincipalKind
    account: str
    arn: str
    principal_id: str
    """`aws:userid`: the account id for the root user."""
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


def operator_of(account: str) -> Principal:
    """The operator of this server, acting in its home account."""
    return Principal(PrincipalKind.OPERATOR, account, f"arn:aws:holdfast::{account}:operator", f"{account}:operator")
