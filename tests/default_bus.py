"""What comes to an account's default bus, read where it is certain to be: in the deliveries of a rule.

A delivery is in the store with what caused it, so nothing has to be waited for and no receiver is needed. Its body is
opened with the keys of the data directory, as a server would.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from holdfast.server.opening import DATABASE
from holdfast.testing import Account
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.registry import DELIVERY_BODY
from holdfast.vault.root_key_sources import from_file
from holdfast.vault.vault import Vault

Event = dict[str, Any]
EVERYTHING = {"source": [{"prefix": ""}]}
ALL = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


class Listener:
    """A rule on the default bus of an account and Region, and what it let through."""

    def __init__(
        self,
        account: Account,
        pattern: dict[str, Any] | None = None,
        *,
        name: str = "listener",
        region: str | None = None,
        state: str = "ENABLED",
    ) -> None:
        self.account = account
        events = account.client("events", region)
        put = events.put_rule(Name=name, EventPattern=json.dumps(pattern or EVERYTHING), State=state)
        # A queue that the server cannot reach: what could not be delivered stays, and is tried once.
        queue = f"arn:aws:sqs:{region or account.region}:{account.account}:{name}"
        target = {"Id": "queue", "Arn": queue, "RetryPolicy": {"MaximumRetryAttempts": 0}}
        events.put_targets(Rule=name, Targets=[target])
        self._destination = f"{put['RuleArn']}|queue"
        directory = account.server.directory
        randomness = SystemRandomness()
        self._vault = Vault(from_file(directory / "root.key", randomness, create=False), randomness)
        self._store = directory / DATABASE
        self._after = ""
        self.take()

    def take(self) -> list[Event]:
        """The events since the last time, by the millisecond in which they came to be. Those of one call have no order."""
        self.account.client("cloudtrail").lookup_events()  # what reads left is written first
        with sqlite3.connect(f"file:{self._store}?mode=ro", uri=True) as store:
            rows: list[tuple[str, bytes]] = store.execute(
                "SELECT delivery_id, body_sealed FROM delivery WHERE destination = ? AND delivery_id > ?"
                " ORDER BY delivery_id",
                (self._destination, self._after),
            ).fetchall()
        store.close()
        if rows:
            self._after = rows[-1][0]
        return [json.loads(self._vault.open(DELIVERY_BODY, (row[0],), row[1]))["event"] for row in rows]


def told(events: list[Event]) -> list[tuple[str, str]]:
    """What services told of by themselves: (detail type, the word in it that says what happened)."""
    words = ("operation", "policy-type", "labelUpdated", "rotation-type", "key-id")
    return [
        (event["detail-type"], next(event["detail"][word] for word in words if word in event["detail"]))
        for event in events
        if not event["detail-type"].endswith("via CloudTrail")
    ]


def recorded(events: list[Event]) -> list[tuple[str, str]]:
    """What CloudTrail told of: (source, name of the call or service event)."""
    return [
        (event["source"], event["detail"]["eventName"])
        for event in events
        if event["detail-type"].endswith("via CloudTrail")
    ]
