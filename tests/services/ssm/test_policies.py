"""Parameter policies: their JSON, when they act, and that they act by themselves, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api.base import ServiceError
from holdfast.services.ssm import events, policies
from holdfast.services.ssm.policies import FINISHED, PENDING, Policy
from holdfast.services.ssm.rules import Settings
from holdfast.testing.server import Server
from tests.default_bus import Event, Listener, told

from .refusals import NOT_FOUND, refused

NOW = 1_800_000_000_000
HOUR = 3_600_000


def expiration(at: str) -> dict[str, Any]:
    return {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": at}}


def before(count: object, unit: str = "Hours") -> dict[str, Any]:
    return {"Type": "ExpirationNotification", "Version": "1.0", "Attributes": {"Before": count, "Unit": unit}}


def after(count: object, unit: str = "Hours") -> dict[str, Any]:
    return {"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": count, "Unit": unit}}


LATER = "2030-01-01T00:00:00.000Z"


def parsed(*sent: dict[str, Any], previous: list[Policy] | None = None) -> list[Policy]:
    return policies.parse(json.dumps(sent), NOW, previous or [])


# -- what is sent -------------------------------------------------------------------------------------------------


@given(
    st.datetimes(datetime(2028, 1, 1), datetime(2200, 1, 1)),
    st.integers(-18 * 60, 18 * 60),
)
def test_every_iso_timestamp_is_understood(moment: datetime, minutes: int) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    assert parsed(expiration(moment.isoformat()))[0].due == expected
    instant = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert parsed(expiration(instant))[0].due == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2028-12-02T21:34:33.000Z", "2028-12-02T21:34:33+00:00"),
        ("2029-11-01T22:13:48.87+10:30", "2029-11-01T11:43:48.870+00:00"),
        ("2029-11-01T22:13Z", "2029-11-01T22:13:00+00:00"),
        ("2029-11-01t22:13:00z", "2029-11-01T22:13:00+00:00"),
        ("2029-11-01T22:13:00-18:00", "2029-11-02T16:13:00+00:00"),
        ("2029-11-01T22:13:48.123456789Z", "2029-11-01T22:13:48.123+00:00"),
    ],
)
def test_awss_examples(text: str, expected: str) -> None:
    assert parsed(expiration(text))[0].due == int(datetime.fromisoformat(expected).timestamp() * 1000)


def test_when_each_is_due() -> None:
    found = parsed(expiration(LATER), before("15", "Days"), after(20, "Days"))
    at = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert [(p.type, p.due, p.status) for p in found] == [
        ("Expiration", at, PENDING),
        ("ExpirationNotification", at - 15 * 24 * HOUR, PENDING),
        ("NoChangeNotification", NOW + 20 * 24 * HOUR, PENDING),
    ]
    assert json.loads(found[1].text) == before("15", "Days")
    assert policies.decode(policies.encode(found)) == found


@pytest.mark.parametrize("document", ["[]", "[{}]"])
def test_an_empty_policy_takes_all_away(document: str) -> None:
    assert policies.parse(document, NOW) == []


BAD = {
    "ValidationException": ["{", "{}", "null", "[1]", '"x"', "[" * 4000],
    "InvalidPolicyTypeException": ['[{"Type":"Delete"}]', "[{},{}]", '[{"Type":1}]', '[{"Type":["Expiration"]}]'],
    "InvalidPolicyAttributeException": [
        *(json.dumps([expiration(text)]) for text in (
            "tomorrow", "2030-01-01", "2030-13-01T00:00:00Z", "2030-01-01T00:00:00", "2030-01-01T00:00:00+19:00",
            "2030-01-01T00:00:00+18:01", "2030-01-01T00:00:00-18:00:01",
            "2020-01-01T00:00:00Z", "2030-01-01T25:00:00Z", " 2030-01-01T00:00:00Z",
        )),
        *(json.dumps([after(count)]) for count in ("0", "-1", "1.5", "", "x", 1.5, None, True, "9" * 10, "٣")),
        json.dumps([after("1", "Minutes")]),
        json.dumps([{**after("1"), "Version": "2.0"}]),
        json.dumps([{**after("1"), "More": 1}]),
        '[{"Type":"NoChangeNotification","Version":"1.0"}]',
        '[{"Type":"NoChangeNotification","Version":"1.0","Attributes":[]}]',
        '[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"1"}}]',
        '[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z","Unit":"Days"}}]',
    ],
    "IncompatiblePolicyException": [json.dumps([expiration(LATER)] * 2), json.dumps([before("1")])],
    "PoliciesLimitExceededException": [json.dumps([after(str(n)) for n in range(1, 12)])],
}  # fmt: skip


@pytest.mark.parametrize(("code", "document"), [(code, text) for code, texts in BAD.items() for text in texts])
def test_what_is_refused(code: str, document: str) -> None:
    with pytest.raises(ServiceError) as caught:
        policies.parse(document, NOW)
    assert caught.value.code == code


# -- acting -------------------------------------------------------------------------------------------------------

several = st.lists(
    st.tuples(st.sampled_from(["Expiration", "NoChangeNotification"]), st.integers(0, 50), st.booleans()), max_size=8
).map(lambda rows: [Policy(kind, "{}", FINISHED if done else PENDING, due) for kind, due, done in rows])


@given(several, st.lists(st.integers(0, 60), max_size=6).map(sorted))
def test_each_acts_once_when_it_is_due(found: list[Policy], moments: list[int]) -> None:
    pending = sum(p.status == PENDING for p in found)
    acted: list[Policy] = []
    for moment in moments:
        found, now = policies.act(found, moment)
        assert [p.due for p in now] == sorted(p.due for p in now)
        acted += now
        due = policies.next_due(found)
        assert due is None or due > moment
    last = moments[-1] if moments else -1
    assert all(p.due <= last and p.status == PENDING for p in acted)
    assert len(acted) + sum(p.status == PENDING for p in found) == pending


def test_what_a_new_version_does_to_policies() -> None:
    kept = [p._replace(status=FINISHED) for p in parsed(expiration(LATER), before("1"), after("5"))]
    again = policies.preserved(kept, NOW + HOUR)
    assert [(p.status, p.due) for p in again] == [
        (FINISHED, kept[0].due),
        (FINISHED, kept[1].due),
        (PENDING, NOW + 6 * HOUR),
    ]
    sent = parsed(expiration(LATER), before("1"), before("2"), previous=kept)
    assert [p.status for p in sent] == [PENDING, FINISHED, PENDING], "the same due moment does not come twice"
    moved = parsed(expiration("2031-01-01T00:00:00Z"), before("1"), previous=kept)
    assert [p.status for p in moved] == [PENDING, PENDING]


def test_event_details() -> None:
    """The example of AWS's schema registry, field by field."""
    content = '{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2025-01-01T00:00:00Z"}}'
    assert events.policy_action_detail("Expiration", content, "/MyParameter", "String", events.EXPIRED) == {
        "policy-type": "Expiration",
        "parameter-name": "/MyParameter",
        "parameter-type": "String",
        "action-status": "SUCCESS",
        "policy-content": content,
        "action-reason": "Parameter expired and was deleted",
    }
    plain = Settings("String", "", "", "", "Standard", "text")
    assert events.change_detail("Create", "n", plain) == {"operation": "Create", "name": "n", "type": "String"}


# -- by themselves ------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def put(client: Any, name: str, *sent: dict[str, Any], **more: Any) -> None:
    client.put_parameter(Name=name, Value="v", Type="String", Tier="Advanced", Policies=json.dumps(sent), **more)


def in_hours(server: Server, hours: float) -> str:
    return (server.now() + timedelta(hours=hours)).isoformat()


def statuses(client: Any, name: str) -> list[tuple[str, str]]:
    found = client.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]
    return [(p["PolicyType"], p["PolicyStatus"]) for p in found["Policies"]]


def actions(heard: list[Event]) -> list[tuple[str, str]]:
    """What policies did."""
    details = [event["detail"] for event in heard if event["detail-type"] == events.POLICY_ACTION]
    return [(detail["parameter-name"], detail["policy-type"]) for detail in details]


def test_they_act_at_their_moment_across_restarts(server: Server) -> None:
    """The five hours of idleness, an expiry with its warning, and a killed server in between."""
    ssm = server.client("ssm")
    listener = Listener(server.home)
    put(ssm, "/idle", after("5"))
    put(ssm, "/expires", expiration(in_hours(server, 10)), before("3"), after("2"))
    expected = [("NoChangeNotification", "Pending")]
    assert statuses(ssm, "/idle") == expected
    server.advance(hours=1)
    ssm.put_parameter(Name="/idle", Value="changed", Overwrite=True)
    server.advance(hours=4.5)
    assert statuses(ssm, "/idle") == expected, "every PutParameter begins anew"
    assert actions(listener.take()) == [("/expires", "NoChangeNotification")]
    server.kill()
    server.start()
    listener.account, ssm = server.home, server.client("ssm")
    server.advance(hours=1)
    assert statuses(ssm, "/idle") == [("NoChangeNotification", "Finished")]
    server.advance(hours=1)
    assert actions(listener.take()) == [("/idle", "NoChangeNotification"), ("/expires", "ExpirationNotification")]
    assert statuses(ssm, "/expires") == [
        ("Expiration", "Pending"), ("ExpirationNotification", "Finished"), ("NoChangeNotification", "Finished")
    ]  # fmt: skip
    history = ssm.get_parameter_history(Name="/idle")["Parameters"]
    assert [[p["PolicyStatus"] for p in v["Policies"]] for v in history] == [["Pending"], ["Finished"]]
    assert json.loads(history[0]["Policies"][0]["PolicyText"]) == after("5")
    ssm.put_parameter(Name="/expires", Value="new", Overwrite=True)
    server.advance(hours=20)
    assert refused(ssm.get_parameter, Name="/expires") == NOT_FOUND
    heard = listener.take()
    assert actions(heard) == [("/expires", "NoChangeNotification"), ("/expires", "Expiration")]
    assert ("Parameter Store Change", "Delete") in told(heard)
    assert ssm.get_parameter(Name="/idle")["Parameter"]["Value"] == "changed"
    server.advance(days=60)
    assert actions(listener.take()) == [], "once for each due moment"
    ssm.put_parameter(Name="/expires", Value="again", Type="String")
    assert statuses(ssm, "/expires") == []


def test_what_replaces_and_what_takes_away(server: Server) -> None:
    ssm = server.client("ssm")
    listener = Listener(server.home)
    put(ssm, "/n", expiration(in_hours(server, 1)))
    ssm.put_parameter(Name="/n", Value="v2", Overwrite=True, Policies="[{}]")
    assert statuses(ssm, "/n") == []
    put(ssm, "/m", expiration(in_hours(server, 1)))
    put(ssm, "/m", after("1"), Overwrite=True)
    put(ssm, "/gone", expiration(in_hours(server, 1)))
    ssm.delete_parameter(Name="/gone")
    ssm.put_parameter(Name="/gone", Value="a new one", Type="String")
    server.advance(hours=3)
    names = [p["Name"] for p in ssm.describe_parameters()["Parameters"]]
    assert names == ["/gone", "/m", "/n"]
    assert actions(listener.take()) == [("/m", "NoChangeNotification")]


def test_a_warning_whose_moment_has_passed_comes_at_once(server: Server) -> None:
    ssm = server.client("ssm")
    listener = Listener(server.home)
    put(ssm, "/n", expiration(in_hours(server, 2)), before("5"))
    server.advance(minutes=1)
    assert actions(listener.take()) == [("/n", "ExpirationNotification")]
    put(ssm, "/n", *(json.loads(p["PolicyText"]) for p in ssm.get_parameter_history(Name="/n")["Parameters"][0]["Policies"]),
        Overwrite=True)  # fmt: skip
    server.advance(minutes=1)
    assert actions(listener.take()) == [], "sent again is not due again"


def test_policies_of_a_refused_version_change_nothing(server: Server) -> None:
    ssm = server.client("ssm")
    put(ssm, "/n", expiration(in_hours(server, 1)))
    bad = {"Name": "/n", "Value": "v", "Overwrite": True}
    assert refused(ssm.put_parameter, **bad, Policies='[{"Type":"x"}]')[0] == "InvalidPolicyTypeException"
    assert refused(ssm.put_parameter, **bad, Policies="[{}]", AllowedPattern="[a]+")[0].startswith("ParameterPattern")
    assert statuses(ssm, "/n") == [("Expiration", "Pending")]
    server.advance(hours=2)
    assert refused(ssm.get_parameter, Name="/n") == NOT_FOUND
