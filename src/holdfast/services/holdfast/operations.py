"""Our own operations, in the model's order.

`GetEnvironment` and `CreateAccount` hand out secret access keys, so only the operator may call them: whoever can open the
0600 control socket owns the data directory anyway. The others are actions like any (`holdfast:GetStatus`, …).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from holdfast.access.principal import PrincipalKind
from holdfast.api import holdfast as api
from holdfast.api.base import AccessDeniedException
from holdfast.services.holdfast import records, rules
from holdfast.vault.registry import ACCESS_KEY_SECRET

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.holdfast.audit_operations import Trail
    from holdfast.store.transaction import Transaction
    from holdfast.vault.randomness import Randomness
    from holdfast.vault.vault import Vault


MOST_ACCOUNTS = 1000


class Control(Protocol):
    """What the server lets these operations see and do of itself."""

    @property
    def audit_trail(self) -> Trail: ...

    @property
    def parameters_per_region(self) -> Mapping[str, int]:
        """How many parameters of each tier an account may have in a region."""
        ...

    def status(self, tx: Transaction) -> api.GetStatusResponse: ...

    def clock_offset(self) -> int: ...

    def clock_movable(self) -> bool: ...

    def home(self, tx: Transaction) -> tuple[str, str, str]:
        """(endpoint, region, account) that `holdfast env` prints."""
        ...

    async def advance(self, milliseconds: int) -> api.AdvanceClockResponse: ...


def operator_only(call: Call, action: str) -> None:
    """Raise AccessDeniedException unless the call came over the control socket."""
    decision = call.check(action, "*")
    if call.principal.kind is not PrincipalKind.OPERATOR or not decision.allowed:
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: {action} because only the operator may, "
            "over the control socket in the data directory"
        )


def create_account_rows(
    tx: Transaction,
    vault: Vault,
    randomness: Randomness,
    now: int,
    account: str,
    credential: tuple[str, str] | None = None,
) -> tuple[str, str] | None:
    """Create an account with a root access key; (access key id, secret), or None when the account exists."""
    if tx.run(records.INSERT_ACCOUNT, account, now) == 0:
        return None
    key_id, secret = credential or (rules.new_access_key_id(randomness), rules.new_secret_access_key(randomness))
    tx.run(
        records.INSERT_ACCESS_KEY,
        key_id,
        account,
        str(PrincipalKind.ROOT),
        account,
        f"arn:aws:iam::{account}:root",
        1,
        vault.seal(ACCESS_KEY_SECRET, (key_id,), secret.encode()),
        1,
        now,
    )
    return key_id, secret


def advance_clock(call: Call, value: api.AdvanceClockRequest) -> Callable[[], Awaitable[api.AdvanceClockResponse]]:
    """Move service time forward, from due moment to due moment; answers when what became due was done. On a store without a
    server it jumps, and nothing becomes due before the next server.

    Raises ClockNotMovableException on a server without a movable clock.
    """
    call.authorize("holdfast:AdvanceClock", "*")
    control = call.surroundings.control
    if not control.clock_movable():
        raise api.ClockNotMovableException(
            "This server's clock cannot be moved. Start it with --movable-clock, or use `holdfast dev`."
        )
    seconds = value.Seconds or 0.0
    return lambda: control.advance(int(seconds * 1000))


def create_account(call: Call, value: api.CreateAccountRequest) -> api.CreateAccountResponse:
    """A new account and its root access key."""
    operator_only(call, "holdfast:CreateAccount")
    account = value.Account or rules.new_account_id(call.randomness)
    made = create_account_rows(call.tx, call.vault, call.randomness, call.now, account)
    if made is None:
        raise api.AccountAlreadyExistsException(f"Account {account} already exists.")
    endpoint, region, _ = call.surroundings.control.home(call.tx)
    return api.CreateAccountResponse(
        Account=account, AccessKeyId=made[0], SecretAccessKey=made[1], Endpoint=endpoint, Region=region
    )


def get_clock(call: Call, value: api.GetClockRequest) -> api.GetClockResponse:
    """Service time, and whether it can be moved."""
    call.authorize("holdfast:GetClock", "*")
    control = call.surroundings.control
    return api.GetClockResponse(
        Now=call.now / 1000, Movable=control.clock_movable(), OffsetSeconds=control.clock_offset() / 1000
    )


def get_environment(call: Call, value: api.GetEnvironmentRequest) -> api.GetEnvironmentResponse:
    """What a client needs to reach this server as the root user of the home account."""
    operator_only(call, "holdfast:GetEnvironment")
    endpoint, region, account = call.surroundings.control.home(call.tx)
    row = call.tx.one(records.ROOT_ACCESS_KEY, account)
    if row is None:
        return api.GetEnvironmentResponse(Endpoint=endpoint, Region=region, Account=account)
    secret = call.vault.open(ACCESS_KEY_SECRET, (row[0],), row[1]).decode()
    return api.GetEnvironmentResponse(
        Endpoint=endpoint, Region=region, Account=account, AccessKeyId=row[0], SecretAccessKey=secret
    )


def get_status(call: Call, value: api.GetStatusRequest) -> api.GetStatusResponse:
    """Version, store, clock and due work."""
    call.authorize("holdfast:GetStatus", "*")
    return call.surroundings.control.status(call.tx)


def list_accounts(call: Call, value: api.ListAccountsRequest) -> api.ListAccountsResponse:
    """Every account of this server, by number; `After` goes on behind one."""
    operator_only(call, "holdfast:ListAccounts")
    limit = value.MaxResults or MOST_ACCOUNTS
    rows = call.tx.all(records.DESCRIBE_ACCOUNTS, value.After or "", limit + 1)
    home = call.surroundings.control.home(call.tx)[2]
    return api.ListAccountsResponse(
        Accounts=[
            api.AccountDescription(Account=account, CreatedDate=created / 1000, Home=account == home)
            for account, created in rows[:limit]
        ],
        After=rows[limit - 1][0] if len(rows) > limit else None,
    )
