"""AWS's rates: token buckets, who shares one, and clients that live with them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from holdfast.server import quotas
from holdfast.server.directory import Directory
from holdfast.server.quotas import NO_LIMIT, Bucket, Quotas, parameters_per_region
from holdfast.store.transaction import Transaction
from holdfast.testing.server import Account, Server

ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    with Server(arguments=("--quotas", "aws")) as server:
        yield server


@pytest.fixture
def account(limited: Server) -> Iterator[Account]:
    account = limited.create_account()
    yield account
    account.close()


# -- buckets ------------------------------------------------------------------------------------------------------


@given(
    st.floats(1, 1000),
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_a_bucket_never_gives_more_than_its_rate(rate: float, waits: list[float]) -> None:
    bucket = Bucket(rate, 0)
    now, taken = 0.0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now)
        assert taken <= rate * (now + 1) + 1e-6


def test_a_bucket_refills() -> None:
    bucket = Bucket(3, 10)
    assert [bucket.take(10) for _ in range(4)] == [True] * 3 + [False]
    assert [bucket.take(10.5) for _ in range(2)] == [True, False]
    assert [bucket.take(100) for _ in range(4)] == [True] * 3 + [False]


def test_who_shares_a_bucket() -> None:
    fast = {("1", "r")}
    now = 0.0
    limits = Quotas(lambda: now, lambda _, account, region: (account, region) in fast)
    nothing: Any = None

    def admitted(operation: str, account: str = "0", region: str = "r", service: str = "ssm") -> int:
        count = 0
        while count < 20_000 and limits.admit(service, operation, account, region, nothing):
            count += 1
        return count

    assert (admitted("GetParameter"), admitted("GetParameters"), admitted("GetParametersByPath")) == (40, 0, 0)
    assert admitted("GetParameter", region="s") == 40
    assert admitted("PutParameter") == 3
    high = ("GetParameter", "GetParameters", "GetParametersByPath", "PutParameter")
    assert [admitted(operation, "1") for operation in high] == [10_000, 1_000, 100, 10]
    assert (
        admitted("PutSecretValue", service="secretsmanager"),
        admitted("UpdateSecret", service="secretsmanager"),
    ) == (50, 0)
    assert (admitted("Decrypt", service="kms"), admitted("Encrypt", service="kms")) == (10_000, 0)
    assert admitted("GetCallerIdentity", service="sts") == 20_000, "no rate"


@pytest.mark.parametrize("service", ["secretsmanager", "ssm", "kms"])
def test_every_operation_that_is_served_has_a_rate(service: str) -> None:
    assert set(Directory().service(service).operations) <= set(quotas.PROFILE[service])


def never(_: Transaction, account: str, region: str) -> bool:
    return False


def test_what_is_full_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "BUCKETS", 2)
    now = 0.0
    limits = Quotas(lambda: now, never)
    nothing: Any = None
    for account in range(10):
        assert limits.admit("ssm", "PutParameter", str(account), "r", nothing)
    assert not all(limits.admit("ssm", "PutParameter", "9", "r", nothing) for _ in range(3))


# -- through boto3 ------------------------------------------------------------------------------------------------


def burst(call: Any, count: int, **arguments: Any) -> int:
    """How many calls went through."""
    through = 0
    for _ in range(count):
        try:
            call(**arguments)
        except ClientError as error:
            response: Any = error.response
            assert (response["Error"]["Code"], response["Error"]["Message"]) == ("ThrottlingException", "Rate exceeded")
            assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
        else:
            through += 1
    return through


def test_reads_of_parameters_share_a_rate(account: Account) -> None:
    client = account.client("ssm", config=ONCE)
    client.put_parameter(Name="/p/n", Value="v", Type="String")

    def many(_: int) -> int:
        return burst(client.get_parameter, 25, Name="/p/n")

    with ThreadPoolExecutor(8) as pool:
        counts = pool.map(many, range(8))
        assert 40 <= sum(counts) < 200
    assert burst(client.get_parameters_by_path, 1, Path="/p") <= 1


def test_high_throughput_lifts_the_rate(account: Account) -> None:
    client = account.client("ssm", config=ONCE)
    assert burst(client.put_parameter, 9, Name="n", Value="v", Type="String", Overwrite=True) < 9
    client.update_service_setting(SettingId="/ssm/parameter-store/high-throughput-enabled", SettingValue="true")
    assert burst(client.put_parameter, 9, Name="n", Value="v", Type="String", Overwrite=True) == 9
    assert burst(client.get_parameter, 150, Name="n") == 150


def test_retries_of_the_sdk_lose_no_write(account: Account) -> None:
    patient = account.client("ssm", config=Config(retries={"total_max_attempts": 20, "mode": "standard"}))
    names = [f"/retried/{number}" for number in range(8)]

    def put(name: str) -> Any:
        return patient.put_parameter(Name=name, Value=name, Type="String")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(put, names))
    assert any(answer["ResponseMetadata"]["RetryAttempts"] for answer in answers), "some were throttled"
    found = patient.get_parameters_by_path(Path="/retried")["Parameters"]
    assert [(p["Name"], p["Value"], p["Version"]) for p in found] == [(name, name, 1) for name in names]


def test_secrets_and_keys_have_rates_too(account: Account) -> None:
    secrets = account.client("secretsmanager", config=ONCE)
    assert 50 <= burst(secrets.get_random_password, 150) < 150
    keys = account.client("kms", config=ONCE)
    assert 5 <= burst(keys.create_key, 12) < 12


def test_a_throttled_call_is_on_record(account: Account) -> None:
    client = account.client("ssm", config=ONCE)
    burst(client.put_parameter, 8, Name="n", Value="v", Type="String", Overwrite=True)
    events = account.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutParameter"}]
    )["Events"]
    assert any('"errorCode":"ThrottlingException"' in event["CloudTrailEvent"] for event in events)


def test_without_the_setting_nothing_is_counted(holdfast: Account) -> None:
    client = holdfast.client("ssm", config=ONCE)
    client.put_parameter(Name="n", Value="v", Type="String")
    assert burst(client.get_parameter, 100, Name="n") == 100


@pytest.mark.parametrize(
    ("held", "set_to", "counts"),
    [
        (True, (None, None), (10_000, 100_000)),
        (True, (5, None), (5, 100_000)),
        (False, (None, 7), (NO_LIMIT, 7)),
        (False, (0, None), (0, NO_LIMIT)),
    ],
)
def test_counts_of_parameters(held: bool, set_to: tuple[int | None, int | None], counts: tuple[int, int]) -> None:
    assert parameters_per_region(held, *set_to) == {"Standard": counts[0], "Advanced": counts[1]}
