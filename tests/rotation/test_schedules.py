"""Schedules against AWS's documented examples ("Schedule expressions in Secrets Manager rotation"), and over a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.rotation.schedules import DAY, HOUR, BadSchedule, Schedule, Window, moment_in, next_moment, parse_rules

START = int(datetime(2026, 11, 27, 10, 30, tzinfo=UTC).timestamp() * 1000)
"""A Friday."""


def schedule(expression: str = "", duration: str = "", days: int | None = None, anchor: int = START) -> Schedule:
    found = parse_rules(days, expression, duration, anchor)
    assert found is not None
    return found


def windows(rules: Schedule, count: int, now: int = START) -> str:
    found: list[str] = []
    for _ in range(count):
        window = rules.next_window(now)
        found.append(f"{text(window.start)} {(window.end - window.start) // HOUR}h")
        now = window.start
    return ", ".join(found)


def text(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("expression", "duration", "expected"),
    [
        ("rate(4 hours)", "", "Fri 2026-11-27 12:00 1h, Fri 2026-11-27 16:00 1h"),
        ("rate(12 hours)", "6h", "Fri 2026-11-27 12:00 6h, Sat 2026-11-28 00:00 6h"),
        ("rate(10 days)", "", "Mon 2026-12-07 00:00 24h, Thu 2026-12-17 00:00 24h"),
        # Every day at 8:00 AM
        ("cron(0 8 * * ? *)", "2h", "Sat 2026-11-28 08:00 2h, Sun 2026-11-29 08:00 2h"),
        # Every 8 hours
        ("cron(0 /8 * * ? *)", "", "Fri 2026-11-27 16:00 1h, Sat 2026-11-28 00:00 1h"),
        # Every 8 hours, beginning at 8:00 AM: increments begin anew each day
        ("cron(0 8/8 * * ? *)", "", "Fri 2026-11-27 16:00 1h, Sat 2026-11-28 08:00 1h"),
        # Every 10 hours, beginning at 2:00 AM: 2:00, 12:00, 22:00
        ("cron(0 2/10 * * ? *)", "", "Fri 2026-11-27 12:00 1h, Fri 2026-11-27 22:00 1h, Sat 2026-11-28 02:00 1h"),
        # Every day at 10:00 AM; every Saturday at 6:00 PM; the first day of every month at 8:00 AM
        ("cron(0 18 ? * SAT *)", "", "Sat 2026-11-28 18:00 6h, Sat 2026-12-05 18:00 6h"),
        ("cron(0 8 1 * ? *)", "", "Tue 2026-12-01 08:00 16h, Fri 2027-01-01 08:00 16h"),
        # Every three months on the first Sunday at 1:00 AM
        ("cron(0 1 ? 1/3 SUN#1 *)", "", "Sun 2027-01-03 01:00 23h, Sun 2027-04-04 01:00 23h"),
        # The last day of every month at 5:00 PM
        ("cron(0 17 L * ? *)", "", "Mon 2026-11-30 17:00 7h, Thu 2026-12-31 17:00 7h"),
        # Monday through Friday at 8:00 AM; first and 15th of every month at 4:00 PM; first Sunday of every month at midnight
        ("cron(0 8 ? * MON-FRI *)", "", "Mon 2026-11-30 08:00 16h, Tue 2026-12-01 08:00 16h"),
        ("cron(0 16 1,15 * ? *)", "", "Tue 2026-12-01 16:00 8h, Tue 2026-12-15 16:00 8h"),
        ("cron(0 0 ? * SUN#1 *)", "", "Sun 2026-12-06 00:00 24h, Sun 2027-01-03 00:00 24h"),
        ("cron(0 6 ? * 5L *)", "", "Thu 2026-12-31 06:00 18h, Thu 2027-01-28 06:00 18h"),
        ("cron(0 6 29 2 ? *)", "", "Tue 2028-02-29 06:00 18h, Sun 2032-02-29 06:00 18h"),
    ],
)  # fmt: skip
def test_documented_examples(expression: str, duration: str, expected: str) -> None:
    assert windows(schedule(expression, duration), expected.count(",") + 1) == expected


@pytest.mark.parametrize(
    ("expression", "duration"),
    [
        ("rate(1 hour)", ""), ("rate(3 hours)", ""), ("rate(0 days)", ""), ("rate(4 minutes)", ""),
        ("rate(1001 days)", ""), ("rate(-4 hours)", ""),
        ("rate(4 hours)", "5h"), ("rate(12 hours)", "13h"), ("rate(10 days)", "25h"), ("rate(10 days)", "0h"),
        ("rate(5 hours)", "2h"),
        ("cron(5 8 * * ? *)", ""), ("cron(0 8 * * ? 2027)", ""), ("cron(0 8 * * * *)", ""), ("cron(0 8 ? * ? *)", ""),
        ("cron(0 8 * * ?)", ""), ("cron(0 24 * * ? *)", ""), ("cron(0 8 32 * ? *)", ""), ("cron(0 8 31 2 ? *)", ""),
        ("cron(0 * * * ? *)", ""), ("cron(0 /3 * * ? *)", ""), ("cron(0 0,22 * * ? *)", ""), ("cron(0 22 * * ? *)", "3h"),
        ("cron(0 8,12 * * ? *)", "5h"),
        ("cron(0 8 ? * MON#6 *)", ""), ("cron(0 8 ? * FOO *)", ""), ("cron(0 8 ? 5-3 MON *)", ""), ("cron(0 8 W * ? *)", ""),
        ("junk", ""), ("cron()", ""),
        ("", "3h"), ("rate(4 hours) x", ""), ("cron(0 8/0 * * ? *)", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(expression: str, duration: str) -> None:
    with pytest.raises(BadSchedule):
        parse_rules(None, expression, duration, START)


def test_days_after_the_last_rotation() -> None:
    assert windows(schedule(days=10), 1) == "Mon 2026-12-07 00:00 24h"
    assert windows(schedule(days=10, duration="3h"), 1) == "Mon 2026-12-07 00:00 3h"
    assert parse_rules(None, "", "", START) is None


EXPRESSIONS = st.one_of(
    st.integers(4, 400).map(lambda n: f"rate({n} hours)"),
    st.integers(1, 60).map(lambda n: f"rate({n} days)"),
    st.builds(
        "cron(0 {} {} {} ? *)".format,
        st.one_of(st.integers(0, 23).map(str), st.integers(4, 12).map(lambda n: f"/{n}"), st.just("0,8,16")),
        st.sampled_from(("*", "L", "1", "1,15", "10-20", "/2", "31")),
        st.sampled_from(("*", "1/3", "JAN,JUL", "3-5")),
    ),
    st.builds(
        "cron(0 {} ? * {} *)".format,
        st.integers(0, 23),
        st.sampled_from(("*", "MON-FRI", "1", "SUN#2", "6L", "TUE,THU")),
    ),
)


@given(expression=EXPRESSIONS, anchor=st.integers(0, 3 * 10**12))
def test_a_simulated_year(expression: str, anchor: int) -> None:
    """Windows follow each other without touching, open on the hour, close with their day, and never come too often."""
    try:
        rules = schedule(expression, anchor=anchor)
    except BadSchedule:
        return
    now, seen = anchor, list[Window]()
    while now < anchor + 365 * DAY:
        window = rules.next_window(now)
        assert window.start > now
        moment = moment_in(window, "arn:x")
        assert window.start <= moment < window.end
        assert rules.next_window(moment) == rules.next_window(window.start)
        seen.append(window)
        now = moment
    for window in seen:
        assert window.start % HOUR == 0
        assert (window.end - 1) // DAY == window.start // DAY
    for earlier, later in pairwise(seen):
        assert earlier.end <= later.start
        assert later.start - earlier.start >= 4 * HOUR


@given(now=st.integers(0, 3 * 10**12), hours=st.sampled_from((4, 6, 8, 12)), name=st.text(max_size=5))
def test_a_month_of_hours_has_the_same_number_whenever_it_begins(now: int, hours: int, name: str) -> None:
    rules, moment, count = schedule(f"rate({hours} hours)", anchor=now), now, -1
    while moment <= now + 30 * DAY:
        moment, count = next_moment(rules, moment, name)[0], count + 1
    assert count == 30 * 24 // hours


@given(days=st.integers(1, 1000), now=st.integers(0, 3 * 10**12))
def test_after_days_is_that_day(days: int, now: int) -> None:
    window = schedule(days=days).next_window(now)
    first = datetime.fromtimestamp(now // 1000, UTC)
    assert datetime.fromtimestamp(window.start / 1000, UTC).date() == (first + timedelta(days)).date()
