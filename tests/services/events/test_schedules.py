"""ScheduleExpression: AWS's examples, what is none, and the laws of moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.rotation.schedules import BadSchedule
from holdfast.services.events.schedules import MINUTE, Cron, Moments, parse_schedule

START = datetime(2022, 2, 10, 7, 3, 20, tzinfo=UTC)
"""A Thursday."""


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def several(moments: Moments, count: int, now: datetime = START) -> list[str]:
    found: list[str] = []
    after: int | None = milliseconds(now)
    for _ in range(count):
        assert after is not None
        after = moments.after(after)
        found.append("never" if after is None else f"{datetime.fromtimestamp(after / 1000, UTC):%a %Y-%m-%d %H:%M:%S}")
        if after is None:
            break
    return found


DOCUMENTED = {
    "cron(0 10 * * ? *)": ["Thu 2022-02-10 10:00:00", "Fri 2022-02-11 10:00:00"],
    "cron(15 12 * * ? *)": ["Thu 2022-02-10 12:15:00", "Fri 2022-02-11 12:15:00"],
    "cron(0 18 ? * MON-FRI *)": ["Thu 2022-02-10 18:00:00", "Fri 2022-02-11 18:00:00", "Mon 2022-02-14 18:00:00"],
    "cron(0 8 1 * ? *)": ["Tue 2022-03-01 08:00:00", "Fri 2022-04-01 08:00:00"],
    "cron(0/15 * * * ? *)": ["Thu 2022-02-10 07:15:00", "Thu 2022-02-10 07:30:00"],
    "cron(0/10 * ? * MON-FRI *)": ["Thu 2022-02-10 07:10:00", "Thu 2022-02-10 07:20:00"],
    "cron(0/5 8-17 ? * MON-FRI *)": ["Thu 2022-02-10 08:00:00", "Thu 2022-02-10 08:05:00"],
    "cron(0/30 20-2 ? * MON-FRI *)": ["Thu 2022-02-10 20:00:00", "Thu 2022-02-10 20:30:00"],
    "cron(0 12 * * ? *)": ["Thu 2022-02-10 12:00:00"],
    "cron(5,35 14 * * ? *)": ["Thu 2022-02-10 14:05:00", "Thu 2022-02-10 14:35:00", "Fri 2022-02-11 14:05:00"],
    "cron(15 10 ? * 6L 2019-2022)": ["Fri 2022-02-25 10:15:00", "Fri 2022-03-25 10:15:00"],
    "cron(1/10 7 * * ? *)": ["Thu 2022-02-10 07:11:00", "Thu 2022-02-10 07:21:00"],
    "cron(0 0 3W * ? *)": ["Thu 2022-03-03 00:00:00", "Mon 2022-04-04 00:00:00", "Tue 2022-05-03 00:00:00"],
    "cron(0 0 1W 5 ? *)": ["Mon 2022-05-02 00:00:00"],
    "cron(0 0 31W 7 ? *)": ["Fri 2022-07-29 00:00:00"],
    "cron(0 0 L * ? *)": ["Mon 2022-02-28 00:00:00", "Thu 2022-03-31 00:00:00"],
    "cron(0 0 ? * 3#2 *)": ["Tue 2022-03-08 00:00:00", "Tue 2022-04-12 00:00:00"],
    "cron(0 0 ? JAN,FEB,MAR L *)": ["Sat 2022-02-12 00:00:00"],
    "cron(0 0 29 2 ? *)": ["Thu 2024-02-29 00:00:00", "Tue 2028-02-29 00:00:00"],
    "cron(0 0 1 1 ? 2050)": ["Sat 2050-01-01 00:00:00", "never"],
    "cron(0 0 1 1 ? 2020)": ["never"],
    "cron(0 0 30 2 ? *)": ["never"],
    "rate(1 minute)": ["Thu 2022-02-10 07:04:20", "Thu 2022-02-10 07:05:20"],
    "rate(5 minutes)": ["Thu 2022-02-10 07:08:20"],
    "rate(1 hour)": ["Thu 2022-02-10 08:03:20"],
    "rate(1 day)": ["Fri 2022-02-11 07:03:20"],
}


@pytest.mark.parametrize("expression", DOCUMENTED)
def test_documented(expression: str) -> None:
    expected = DOCUMENTED[expression]
    assert several(parse_schedule(expression, milliseconds(START)), len(expected)) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "", "rate(1 hours)", "rate(5 hour)", "rate(0 minutes)", "rate(-1 minute)", "rate(1 second)", "rate(1.5 hours)",
        "cron(0 0 * * * *)", "cron(0 0 1 * MON *)", "cron(0 0 ? * ? *)", "cron(0 0 * * ?)", "cron(60 0 * * ? *)",
        "cron(0 24 * * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 32W * ? *)", "cron(0 0 * 13 ? *)", "cron(0 0 ? * 8 *)",
        "cron(0 0 * * ? 2200)", "cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 ? * 3#6 *)", "cron(*/0 * * * ? *)",
        "0 0 * * ? *", "at(2022-02-10T00:00:00)",
    ],
)  # fmt: skip
def test_not_a_schedule(expression: str) -> None:
    with pytest.raises(BadSchedule):
        parse_schedule(expression, 0)


@settings(deadline=None)
@given(
    minutes=st.sampled_from(["*", "0", "0/7", "5,35", "50-10"]),
    hours=st.sampled_from(["*", "3", "20-2", "0/6"]),
    days=st.sampled_from(["* * ?", "1,31 * ?", "L 2 ?", "15W * ?", "? * MON-FRI", "? 6-8 2#5", "? * 6L", "29 2 ?"]),
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
)
def test_moments_rise_and_none_is_left_out(minutes: str, hours: str, days: str, now: datetime) -> None:
    cron = parse_schedule(f"cron({minutes} {hours} {days} *)", 0)
    assert isinstance(cron, Cron)
    begin = milliseconds(now.replace(tzinfo=UTC))
    found = [begin]
    for _ in range(3):
        following = cron.after(found[-1])
        assert following is not None
        found.append(following)
    for earlier, later in pairwise(found):
        assert later > earlier
        assert later % MINUTE == 0
        moment = datetime.fromtimestamp(later / 1000, UTC)
        assert moment.minute in cron.minutes
        assert moment.hour in cron.hours
        assert moment.month in cron.months
        assert cron.days.holds(moment.date())
        # The two hours before hold no moment that was left out.
        for minute in range(1, min(120, (later - earlier) // MINUTE)):
            skipped = moment - timedelta(minutes=minute)
            if milliseconds(skipped) > earlier:
                fits = skipped.minute in cron.minutes and skipped.hour in cron.hours and skipped.month in cron.months
                assert not (fits and cron.days.holds(skipped.date()))
