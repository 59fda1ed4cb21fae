"""Delivery policies as rules: what counts of a topic's and a subscription's, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.sns.delivery_policies import (
    BadPolicy,
    DeliveryPolicy,
    check_subscription_policy,
    check_topic_policy,
    effective,
    effective_subscription_text,
    effective_topic_text,
)

RETRIES = {"minDelayTarget": 1, "maxDelayTarget": 60, "numRetries": 50, "backoffFunction": "exponential"}


def test_nothing_said_is_the_default() -> None:
    assert effective("") == DeliveryPolicy()
    assert json.loads(effective_subscription_text("", "")) == {
        "healthyRetryPolicy": {
            "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
        },
        "sicklyRetryPolicy": None,
        "throttlePolicy": None,
        "requestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        "guaranteed": False,
    }  # fmt: skip


def test_a_subscription_counts_before_its_topic_unless_that_says_no() -> None:
    http: dict[str, Any] = {
        "defaultHealthyRetryPolicy": {"numRetries": 5},
        "defaultThrottlePolicy": {"maxReceivesPerSecond": 7},
    }
    own = json.dumps({"healthyRetryPolicy": RETRIES})
    open_topic, closed_topic = (
        json.dumps({"http": {**http, "disableSubscriptionOverrides": no}}) for no in (False, True)
    )
    assert effective(open_topic, own).retries.num_retries == 50
    assert effective(open_topic, own).per_second == 7
    assert effective(closed_topic, own).retries.num_retries == 5
    shown = json.loads(effective_topic_text(closed_topic))["http"]
    assert shown["disableSubscriptionOverrides"] is True
    assert shown["defaultThrottlePolicy"] == {"maxReceivesPerSecond": 7}


@pytest.mark.parametrize(
    "policy",
    [
        {"numRetries": 101},
        {"numRetries": -1},
        {"numRetries": True},
        {"minDelayTarget": 30, "maxDelayTarget": 20},
        {"minDelayTarget": 0},
        {"maxDelayTarget": 3601},
        {"backoffFunction": "random"},
        {"numRetries": 3, "numNoDelayRetries": 2, "numMaxDelayRetries": 2},
        {"numRetries": 100, "minDelayTarget": 60, "maxDelayTarget": 60},
        {"colour": "blue"},
    ],
)
def test_retry_policies_that_are_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(BadPolicy):
        check_subscription_policy(json.dumps({"healthyRetryPolicy": policy}))
    with pytest.raises(BadPolicy):
        check_topic_policy(json.dumps({"http": {"defaultHealthyRetryPolicy": policy}}))


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"http": {}}',
        '{"healthyRetryPolicy": 3}',
        '{"throttlePolicy": {"maxReceivesPerSecond": 0}}',
        '{"requestPolicy": {"headerContentType": "text/x; charset=UTF-8"}}',
        '{"requestPolicy": {"headerContentType": "text/plain; charset=UTF-8\\r\\nX: y"}}',
        '{"guaranteed": true}',
    ],
)
def test_policies_that_are_refused(text: str) -> None:
    with pytest.raises(BadPolicy):
        check_subscription_policy(text)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "minDelayTarget": st.integers(0, 100),
            "maxDelayTarget": st.integers(0, 100),
            "numRetries": st.integers(0, 110),
            "numNoDelayRetries": st.integers(0, 5),
            "numMinDelayRetries": st.integers(0, 5),
            "numMaxDelayRetries": st.integers(0, 5),
            "backoffFunction": st.sampled_from(["arithmetic", "exponential", "geometric", "linear"]),
        },
    )
)
def test_what_is_taken_ends_within_the_hour(policy: dict[str, Any]) -> None:
    text = json.dumps({"healthyRetryPolicy": policy})
    try:
        check_subscription_policy(text)
    except BadPolicy:
        return
    retries = effective("", text).retries
    delays = [retries.delay(retry) for retry in range(1, retries.num_retries + 1)]
    assert sum(delays) <= 3600
    assert all(0 <= delay <= retries.max_delay_target for delay in delays)
