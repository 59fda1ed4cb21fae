"""Policy documents that clients send: checked whole before they are kept, so that nothing is kept that cannot be evaluated."""

from __future__ import annotations

from holdfast.access.policy import PolicyError, PolicyKind, compile_policy, demand_current_version, read_policy
from holdfast.api import iam
from holdfast.services.iam import rules


def check_inline(document: str, name: str) -> None:
    """An inline policy; MalformedPolicyDocument. How large it may be depends on the others of its owner."""
    try:
        compile_policy(document, name=name, kind=PolicyKind.IDENTITY)
    except PolicyError as error:
        raise iam.MalformedPolicyDocumentException(error.message) from None


def check_managed(document: str, name: str) -> None:
    """A managed policy, which IAM takes in the current version of the language only; MalformedPolicyDocument,
    LimitExceeded."""
    check_inline(document, name)
    try:
        demand_current_version(read_policy(document, PolicyKind.IDENTITY))
    except PolicyError as error:
        raise iam.MalformedPolicyDocumentException(error.message) from None
    rules.check_size(document, "PolicySize")
