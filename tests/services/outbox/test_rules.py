"""When something that did not arrive is sent again."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.outbox.deliveries import Again, GivenUp
from holdfast.services.outbox.rules import (
    AWS_MANAGED,
    CUSTOMER_MANAGED,
    HTTP,
    LONGEST_DELAY,
    BackoffFunction,
    DeliveryPolicy,
    exponential_delay,
    retry_event,
    retry_message,
)
from holdfast.vault.randomness import UnsafeSeededRandomness

SEEDS = st.integers(0, 10**6).map(lambda number: UnsafeSeededRandomness(str(number)))


@given(st.integers(1, 400), SEEDS)
def test_a_delay_is_between_half_of_its_bound_and_all(attempts: int, randomness: UnsafeSeededRandomness) -> None:
    bound = min(LONGEST_DELAY, 1000 * 2 ** (attempts - 1))
    assert bound // 2 <= exponential_delay(attempts, randomness) <= bound


@given(st.integers(1, 400), st.integers(0, 2 * 86_400_000), st.integers(0, 185), st.integers(60, 86_400), SEEDS)
def test_an_event_has_its_attempts_and_its_age_and_no_more(
    attempts: int, age: int, most: int, oldest: int, randomness: UnsafeSeededRandomness
) -> None:
    verdict = retry_event(attempts, age, randomness, maximum_attempts=most, maximum_age=oldest)
    if attempts > most:
        assert verdict == GivenUp("MaximumRetryAttempts")
    elif age >= oldest * 1000:
        assert verdict == GivenUp("MaximumEventAgeInSeconds")
    else:
        assert isinstance(verdict, Again)
        assert verdict.delay > 0
        assert age + verdict.delay <= oldest * 1000


def test_an_event_that_never_arrives_is_tried_for_about_a_day() -> None:
    for seed in range(20):
        randomness = UnsafeSeededRandomness(str(seed))
        age, attempts = 0, 1
        while isinstance(verdict := retry_event(attempts, age, randomness), Again):
            age += verdict.delay
            attempts += 1
        assert 20 * 3_600_000 < age <= 86_400_000
        assert 150 < attempts <= 186


def test_a_receiver_that_asks_for_a_longer_pause_gets_it_while_there_is_time() -> None:
    randomness = UnsafeSeededRandomness("")
    assert retry_event(1, 0, randomness, retry_after=90_000) == Again(90_000)
    assert retry_event(1, 0, randomness, maximum_age=60, retry_after=90_000) == GivenUp("MaximumEventAgeInSeconds")


def test_the_phases_of_a_policy() -> None:
    policy = DeliveryPolicy(2, 10, 10, 2, 2, 1, "linear")
    assert policy.backoff_retries == 5
    assert [policy.delay(retry) for retry in range(1, 11)] == [0, 0, 2, 2, 2, 4, 6, 8, 10, 10]
    assert policy.total() == 44


@pytest.mark.parametrize(
    ("policy", "delays"),
    [(HTTP, [20, 20, 20]), (AWS_MANAGED, [0, 0, 0, 1, 1, 1]), (CUSTOMER_MANAGED, [10, 10, 10])],
)
def test_the_policies_that_aws_gives(policy: DeliveryPolicy, delays: list[float]) -> None:
    assert [policy.delay(retry) for retry in range(1, len(delays) + 1)] == delays
    assert policy.delay(policy.num_retries) == policy.max_delay_target
    assert HTTP.total() == 60
    assert 6 * 3600 < CUSTOMER_MANAGED.total() < 7.5 * 3600
    assert 23 * 86_400 < AWS_MANAGED.total() < 24 * 86_400


def policy_of(least: int, more: int, numbers: tuple[int, int, int, int], function: BackoffFunction) -> DeliveryPolicy:
    return DeliveryPolicy(least, least + more, sum(numbers), numbers[0], numbers[1], numbers[2], function)


policies = st.builds(
    policy_of,
    st.integers(1, 3600),
    st.integers(0, 3600),
    st.tuples(*[st.integers(0, 30)] * 4),
    st.sampled_from(get_args(BackoffFunction)),
)


@given(policies, SEEDS)
def test_delays_rise_from_the_least_to_the_greatest_and_end(
    policy: DeliveryPolicy, randomness: UnsafeSeededRandomness
) -> None:
    delays = [policy.delay(retry) for retry in range(1, policy.num_retries + 1)]
    assert delays == sorted(delays)
    waiting = delays[policy.num_no_delay_retries :]
    assert all(policy.min_delay_target <= delay <= policy.max_delay_target for delay in waiting)
    if policy.backoff_retries > 1:
        last = delays[policy.num_retries - policy.num_max_delay_retries - 1]
        assert last == pytest.approx(policy.max_delay_target)
    for attempts, delay in enumerate(delays, 1):
        verdict = retry_message(attempts, policy, randomness)
        assert isinstance(verdict, Again)
        assert int(delay * 1000) <= verdict.delay <= delay * 1100
    assert retry_message(policy.num_retries + 1, policy, randomness) == GivenUp("MaximumRetryAttempts")


@given(st.floats(0.01, 0.99))
def test_the_curves_do_not_cross(share: float) -> None:
    policy = {name: DeliveryPolicy(10, 600, 1000, backoff_function=name) for name in get_args(BackoffFunction)}
    retry = 1 + round(share * 999)
    at = {name: each.delay(retry) for name, each in policy.items()}
    assert at["exponential"] <= at["linear"]
    assert at["geometric"] <= at["linear"]
    assert at["arithmetic"] <= at["linear"]
