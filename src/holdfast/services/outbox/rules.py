"""When something that did not arrive is sent again. Pure: time and randomness are arguments.

Two policies, as AWS documents them: EventBridge's, bounded by attempts and by age ("How EventBridge retries delivering
events", user guide), and SNS's, four phases one after another ("Amazon SNS message delivery retries", developer guide):

    at once · numNoDelayRetries  ->  minDelayTarget apart · numMinDelayRetries  ->  from min to max by backoffFunction
    ->  maxDelayTarget apart · numMaxDelayRetries

Every delay is spread at random: what failed together must not come back together. AWS shows the four curves of the third
phase in a picture without formulas; the ones here begin and end where it says and rise in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from holdfast.services.outbox.deliveries import Again, GivenUp

if TYPE_CHECKING:
    from holdfast.vault.randomness import Randomness

MAXIMUM_RETRY_ATTEMPTS = 185
MAXIMUM_EVENT_AGE = 86_400
"""Seconds."""
FIRST_DELAY = 1_000
LONGEST_DELAY = 600_000
"""So that 185 retries take about a day."""
JITTER = 10
"""A tenth of a delay of SNS at most, on top: its least delay is a promise."""

BackoffFunction = Literal["linear", "arithmetic", "geometric", "exponential"]


def exponential_delay(
    attempts: int, randomness: Randomness, first: int = FIRST_DELAY, most: int = LONGEST_DELAY
) -> int:
    """Milliseconds after `attempts` failures: `first`, doubled each time, `most` at most; between half of it and all."""
    delay = min(most, first << min(attempts - 1, 30))
    return delay - randomness.below(delay // 2 + 1)


def retry_event(
    attempts: int,
    age: int,
    randomness: Randomness,
    *,
    maximum_attempts: int = MAXIMUM_RETRY_ATTEMPTS,
    maximum_age: int = MAXIMUM_EVENT_AGE,
    retry_after: int = 0,
) -> Again | GivenUp:
    """EventBridge: after `attempts` failures (the last one included) of an event that is `age` milliseconds old.

    `maximum_attempts` counts retries, `maximum_age` is in seconds; the last retry is at that age. A receiver that asks for
    a longer pause (`retry_after`, milliseconds) than is left ends it.
    """
    if attempts > maximum_attempts:
        return GivenUp("MaximumRetryAttempts")
    left = maximum_age * 1000 - age
    if left <= 0 or retry_after > left:
        return GivenUp("MaximumEventAgeInSeconds")
    return Again(min(left, max(retry_after, exponential_delay(attempts, randomness))))


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """SNS's healthyRetryPolicy; times in seconds."""

    min_delay_target: int = 20
    max_delay_target: int = 20
    num_retries: int = 3
    num_no_delay_retries: int = 0
    num_min_delay_retries: int = 0
    num_max_delay_retries: int = 0
    backoff_function: BackoffFunction = "linear"

    @property
    def backoff_retries(self) -> int:
        """How many retries the third phase has: those of no other."""
        others = self.num_no_delay_retries + self.num_min_delay_retries + self.num_max_delay_retries
        return max(0, self.num_retries - others)

    def delay(self, retry: int) -> float:
        """Seconds before retry number `retry`, from 1, before they are spread."""
        position = retry - self.num_no_delay_retries
        if position <= 0:
            return 0.0
        position -= self.num_min_delay_retries
        if position <= 0:
            return float(self.min_delay_target)
        if position > self.backoff_retries:
            return float(self.max_delay_target)
        share = (position - 1) / (self.backoff_retries - 1) if self.backoff_retries > 1 else 0.0
        return _between(self.min_delay_target, self.max_delay_target, share, self.backoff_function)

    def total(self) -> float:
        """Seconds from the first attempt to the last retry; AWS admits 3,600 for HTTP."""
        return sum(self.delay(retry) for retry in range(1, self.num_retries + 1))


HTTP = DeliveryPolicy()
"""What SNS does for a subscription of http or https that says nothing."""
AWS_MANAGED = DeliveryPolicy(1, 20, 100_015, 3, 2, 100_000, "exponential")
"""Queues and functions."""
CUSTOMER_MANAGED = DeliveryPolicy(10, 600, 50, 0, 2, 38, "exponential")
"""Mails."""


def retry_message(
    attempts: int, policy: DeliveryPolicy, randomness: Randomness, *, retry_after: int = 0
) -> Again | GivenUp:
    """SNS: after `attempts` failures, the last one included."""
    if attempts > policy.num_retries:
        return GivenUp("MaximumRetryAttempts")
    delay = int(policy.delay(attempts) * 1000)
    return Again(max(retry_after, delay + randomness.below(delay // JITTER + 1)))


def _between(least: float, most: float, share: float, function: BackoffFunction) -> float:
    """A value from `least` (share 0) to `most` (share 1)."""
    match function:
        case "linear":
            rise = share
        case "arithmetic":  # each step longer than the one before by the same amount
            rise = share * share
        case "geometric":  # each delay the one before by the same factor
            return min(most, float(least * (most / least) ** share)) if least > 0 else most * share
        case "exponential":
            rise = (2 ** (10 * share) - 1) / 1023
    return least + (most - least) * rise
