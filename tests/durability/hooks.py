"""A web hook as a rule's target, set up through EventBridge's own API, and many events for it."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

from holdfast.testing import Account
from tests.receiver import Received

SOURCE = "durability.test"
ADMITTED = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
MAY_CALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": "*"}],
}


def rule_for(account: Account, url: str, name: str = "hook", source: str = SOURCE) -> None:
    """Every event of a source goes to `url`."""
    events, iam = account.client("events"), account.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ADMITTED))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="call", PolicyDocument=json.dumps(MAY_CALL))
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "key"}}
    connection = events.create_connection(Name=name, AuthorizationType="API_KEY", AuthParameters=key)["ConnectionArn"]
    destination = events.create_api_destination(
        Name=name, ConnectionArn=connection, InvocationEndpoint=url, HttpMethod="POST", InvocationRateLimitPerSecond=300
    )["ApiDestinationArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=name, Targets=[{"Id": "hook", "Arn": destination, "RoleArn": role}])


def entries(numbers: range) -> list[dict[str, str]]:
    """PutEvents' entries, one for each number."""
    return [{"Source": SOURCE, "DetailType": "number", "Detail": json.dumps({"number": each})} for each in numbers]


def put_events(client: Any, numbers: range) -> None:
    """Put an event for each number, ten a call; raises unless all were taken."""
    for first in range(numbers.start, numbers.stop, 10):
        answer = client.put_events(Entries=entries(range(first, min(first + 10, numbers.stop))))
        assert answer["FailedEntryCount"] == 0, answer


def number_of(received: Received) -> int:
    """The number that an event holds."""
    return int(json.loads(received.body)["detail"]["number"])


class FailsHalfTheTime:
    """Refuses an attempt or takes it, by chance; the same for the same seed. Knows what it took."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._attempts: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        """Number -> how often it was taken."""
        self.refused = 0

    def __call__(self, received: Received) -> int:
        number = number_of(received)
        with self._lock:
            attempt = self._attempts[number] = self._attempts.get(number, 0) + 1
            if hashlib.sha256(f"{self._seed} {number} {attempt}".encode()).digest()[0] % 2:
                self.refused += 1
                return 503
            self.taken[number] = self.taken.get(number, 0) + 1
            return 200
