"""Delivery policies: how an HTTP endpoint is tried again (developer guide, "Creating an HTTP/S delivery policy"); pure.

    topic          {"http": {"defaultHealthyRetryPolicy": …, "disableSubscriptionOverrides": …, "defaultThrottlePolicy": …,
                    "defaultRequestPolicy": …}}
    subscription   {"healthyRetryPolicy": …, "throttlePolicy": …, "requestPolicy": …}

A subscription's policy counts before its topic's unless that says no, and the topic's before the default. When the next
attempt is due says services/outbox/rules.py.

INVARIANT: the delays of a policy that was taken add up to an hour at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from holdfast.services.outbox.rules import HTTP
from holdfast.services.outbox.rules import DeliveryPolicy as Retries

MOST_RETRIES: Final = 100
LONGEST: Final = 3600
"""Seconds, of one delay and of all together."""
DEFAULT_CONTENT_TYPE: Final = "text/plain; charset=UTF-8"
BACKOFF_FUNCTIONS: Final = ("arithmetic", "exponential", "geometric", "linear")
CONTENT_TYPES: Final = (
    "application/atom+xml", "application/json", "application/octet-stream", "application/soap+xml",
    "application/x-www-form-urlencoded", "application/xhtml+xml", "application/xml", "text/css", "text/csv",
    "text/html", "text/plain", "text/xml",
)  # fmt: skip
"""What `headerContentType` may be (developer guide), each with a charset or without."""


class BadPolicy(ValueError):
    """The reason why a delivery policy is not valid."""


def _shown(retries: Retries) -> dict[str, Any]:
    return {
        "minDelayTarget": retries.min_delay_target,
        "maxDelayTarget": retries.max_delay_target,
        "numRetries": retries.num_retries,
        "numMaxDelayRetries": retries.num_max_delay_retries,
        "numNoDelayRetries": retries.num_no_delay_retries,
        "numMinDelayRetries": retries.num_min_delay_retries,
        "backoffFunction": retries.backoff_function,
    }


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """What counts for one subscription."""

    retries: Retries = HTTP
    per_second: int = 0
    """`maxReceivesPerSecond`; 0 for no limit."""
    content_type: str = DEFAULT_CONTENT_TYPE


def check_topic_policy(text: str) -> None:
    """Raise BadPolicy for a text that is no delivery policy of a topic."""
    _of_topic(_object(text))


def check_subscription_policy(text: str) -> None:
    """Raise BadPolicy for a text that is no delivery policy of a subscription."""
    _of_subscription(_object(text), DeliveryPolicy())


def effective(topic: str, subscription: str = "") -> DeliveryPolicy:
    """What counts, of valid policies."""
    policy, overrides = _of_topic(_object(topic)) if topic else (DeliveryPolicy(), True)
    if subscription and overrides:
        policy = _of_subscription(_object(subscription), policy)
    return policy


def effective_topic_text(topic: str) -> str:
    """`EffectiveDeliveryPolicy` of a topic."""
    policy, overrides = _of_topic(_object(topic)) if topic else (DeliveryPolicy(), True)
    shown: dict[str, Any] = {
        "defaultHealthyRetryPolicy": _shown(policy.retries),
        "disableSubscriptionOverrides": not overrides,
        "defaultRequestPolicy": {"headerContentType": policy.content_type},
    }
    if policy.per_second:
        shown["defaultThrottlePolicy"] = {"maxReceivesPerSecond": policy.per_second}
    return _text({"http": shown})


def effective_subscription_text(topic: str, subscription: str) -> str:
    """`EffectiveDeliveryPolicy` of a subscription."""
    policy = effective(topic, subscription)
    throttle = {"maxReceivesPerSecond": policy.per_second} if policy.per_second else None
    return _text(
        {
            "healthyRetryPolicy": _shown(policy.retries),
            "sicklyRetryPolicy": None,
            "throttlePolicy": throttle,
            "requestPolicy": {"headerContentType": policy.content_type},
            "guaranteed": False,
        }
    )


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _object(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise BadPolicy("failed to parse JSON")
    return cast("dict[str, Any]", given)


def _part(given: Mapping[str, Any], name: str, known: tuple[str, ...]) -> dict[str, Any]:
    """An object inside; empty when it is not there or null."""
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadPolicy(f"{name} must be an object")
    part = cast("dict[str, Any]", value)
    _only(part, known)
    return part


def _only(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise BadPolicy(f"Unexpected JSON member: {name}")


_TOPIC = ("defaultHealthyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy", "disableSubscriptionOverrides")
_SUBSCRIPTION = ("healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed")


def _of_topic(given: Mapping[str, Any]) -> tuple[DeliveryPolicy, bool]:
    _only(given, ("http",))
    http = _part(given, "http", _TOPIC)
    closed = http.get("disableSubscriptionOverrides", False)
    if not isinstance(closed, bool):
        raise BadPolicy("disableSubscriptionOverrides must be true or false")
    default = DeliveryPolicy()
    return _policy(
        http, default, "defaultHealthyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy"
    ), not closed


def _of_subscription(given: Mapping[str, Any], default: DeliveryPolicy) -> DeliveryPolicy:
    _only(given, _SUBSCRIPTION)
    if given.get("sicklyRetryPolicy") is not None or given.get("guaranteed") not in (None, False):
        raise BadPolicy("sicklyRetryPolicy and guaranteed are not supported")
    return _policy(given, default, "healthyRetryPolicy", "throttlePolicy", "requestPolicy")


def _policy(
    given: Mapping[str, Any], default: DeliveryPolicy, retry: str, throttle: str, request: str
) -> DeliveryPolicy:
    retries = _part(given, retry, tuple(_shown(HTTP)))
    limits = _part(given, throttle, ("maxReceivesPerSecond",))
    requests = _part(given, request, ("headerContentType",))
    per_second = limits.get("maxReceivesPerSecond")
    content_type = requests.get("headerContentType")
    return DeliveryPolicy(
        _retries(retries) if retries else default.retries,
        default.per_second if per_second is None else _whole("maxReceivesPerSecond", per_second, 1, 1_000_000),
        default.content_type if content_type is None else _content_type(content_type),
    )


def _retries(given: Mapping[str, Any]) -> Retries:
    function = given.get("backoffFunction", HTTP.backoff_function)
    if function not in BACKOFF_FUNCTIONS:
        raise BadPolicy(f"backoffFunction must be one of {', '.join(BACKOFF_FUNCTIONS)}")
    greatest = _whole("maxDelayTarget", given.get("maxDelayTarget", HTTP.max_delay_target), 1, LONGEST)
    retries = Retries(
        _whole("minDelayTarget", given.get("minDelayTarget", min(HTTP.min_delay_target, greatest)), 1, greatest),
        greatest,
        _whole("numRetries", given.get("numRetries", HTTP.num_retries), 0, MOST_RETRIES),
        _whole("numNoDelayRetries", given.get("numNoDelayRetries", 0), 0, MOST_RETRIES),
        _whole("numMinDelayRetries", given.get("numMinDelayRetries", 0), 0, MOST_RETRIES),
        _whole("numMaxDelayRetries", given.get("numMaxDelayRetries", 0), 0, MOST_RETRIES),
        function,
    )
    phases = retries.num_no_delay_retries + retries.num_min_delay_retries + retries.num_max_delay_retries
    if phases > retries.num_retries:
        raise BadPolicy("numRetries must be at least numNoDelayRetries + numMinDelayRetries + numMaxDelayRetries")
    if retries.total() > LONGEST:
        raise BadPolicy(f"the delays of all retries together exceed {LONGEST} seconds")
    return retries


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadPolicy(f"{name} must be a whole number from {least} to {most}")
    return value


def _content_type(value: Any) -> str:
    kind, _, parameter = value.partition(";") if isinstance(value, str) else ("", "", "")
    charset = parameter.strip().lower()
    if kind.strip().lower() not in CONTENT_TYPES or (charset and not charset.startswith("charset=")):
        raise BadPolicy("headerContentType is not supported")
    if not value.isascii() or not value.isprintable():
        raise BadPolicy("headerContentType is not supported")
    return cast("str", value)
