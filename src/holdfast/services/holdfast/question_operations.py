"""Can: would a principal be let through? Policies as they are now, the chain of checks, and the gap if there is one.

Who may ask (holdfast:Can) asks about principals and resources of the own account; the operator about all. What policies
say is shown as in an explanation (readers.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from holdfast.access.principal import PrincipalKind
from holdfast.api import holdfast as api
from holdfast.api.base import AccessDeniedException
from holdfast.services.arn import parse_arn
from holdfast.services.holdfast.explanations import show
from holdfast.services.holdfast.questions import Question, given_context
from holdfast.services.holdfast.readers import Reader

if TYPE_CHECKING:
    from holdfast.access.grounds import Identity
    from holdfast.services.call import Call

_ACCOUNT = re.compile(r"[0-9]{12}")
_PAGE = 1000


def can(call: Call, value: api.CanRequest) -> api.CanResponse:
    """Whether a user, role, role session, service or root user may do something. Raises NoSuchPrincipalException."""
    call.authorize("holdfast:Can", "*")
    identity = _principal(call, value.Principal or "")
    account = identity.principal.account or call.account
    question = Question(call, value.Action or "", value.Resource or "", account, given_context(value.Context))
    refuse_other_account(call, question.guard.owner)
    subject = identity.role_arn or identity.principal.arn
    own = subject == (call.identity.role_arn or call.principal.arn)
    reader = Reader(call, account, subject, own=own)
    shown = show(reader, question.put_to(identity))
    return api.CanResponse(
        Outcome=str(shown.outcome), Chain=shown.chain, Gap=shown.gap, Redacted=reader.redacted or None
    )


def refuse_other_account(call: Call, account: str) -> None:
    """AccessDeniedException unless an account is the caller's own, or the operator asks."""
    if call.principal.kind is not PrincipalKind.OPERATOR and account not in ("", call.account):
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to ask about account {account}; only the operator may"
        )


def _principal(call: Call, text: str) -> Identity:
    """Who is meant by an ARN, an account's number, `root`, `user/NAME`, `role/NAME` or a service's name."""
    arn = _arn_of(call, text)
    parts = parse_arn(arn)
    refuse_other_account(call, parts.account if parts is not None else "")
    found = call.surroundings.principals.identity(call.tx, arn)
    if found is None:
        raise api.NoSuchPrincipalException(
            f"There is no principal {text}. Give the ARN of a user, role, role session or root user, user/NAME, "
            "role/NAME, root, an account's number or a service's name."
        )
    return found


def _arn_of(call: Call, text: str) -> str:
    prefix = f"arn:{call.partition}:iam::"
    if _ACCOUNT.fullmatch(text):
        return f"{prefix}{text}:root"
    if text == "root":
        return f"{prefix}{call.account}:root"
    kind, slash, name = text.partition("/")
    if not slash or kind not in ("user", "role"):
        return text
    if "/" not in name:
        # By its name, whatever its path is.
        for arn in all_names(call, call.account, kind):
            if arn.rpartition("/")[2].lower() == name.lower():
                return arn
    return f"{prefix}{call.account}:{text}"


def all_names(call: Call, account: str, kind: str) -> list[str]:
    """The ARNs of every user or role of an account."""
    found: list[str] = []
    after = ""
    while page := call.surroundings.principals.names(call.tx, account, kind, after, _PAGE):
        found += [arn for _, arn in page]
        after = page[-1][0]
    return found
