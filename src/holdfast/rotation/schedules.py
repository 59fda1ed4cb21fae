"""When a secret is rotated: AutomaticallyAfterDays, rate(…), cron(…) and the window that follows each moment; pure.

All of it is in UTC and whole milliseconds. A schedule is a sequence of windows; a rotation happens once in each, at a
moment that is fixed for a secret (`moment_in`), so that many secrets with one schedule are spread over the window and one
secret always has the same number of rotations in a month.

What may be written is Secrets Manager's subset ("Schedule expressions in Secrets Manager rotation", user guide): at least
four hours between rotations, minutes always 0, the year always *, one of the two day fields `?`, and a window that ends
before the next one begins and before the day ends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import gcd
from typing import NamedTuple, Protocol

HOUR = 3_600_000
DAY = 24 * HOUR
LEAST_HOURS = 4
MOST_DAYS = 1000
MARGIN = 60_000
"""A rotation begins this long before its window ends, at the latest."""
FAR = 366 * 8
"""Days within which a cron expression must have a window: 29 February comes every eight years at worst."""

EPOCH = date(1970, 1, 1).toordinal()
MONTHS = {
    m: n for n, m in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
DAY_NAMES = {d: n for n, d in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_RATE = re.compile(r"rate\(\s*([0-9]{1,6})\s+(hours?|days?)\s*\)")
CRON = re.compile(r"cron\(\s*([^()]*?)\s*\)")
_DURATION = re.compile(r"([0-9]{1,2})h")


class BadSchedule(ValueError):
    """Rules that cannot be followed; the text says which part and what would do."""


class Window(NamedTuple):
    """When one rotation may happen: from `start` to just before `end`."""

    start: int
    end: int


class Schedule(Protocol):
    """Windows, one after another."""

    def next_window(self, now: int) -> Window:
        """The window in which a secret is rotated next that was rotated now."""
        ...

    def retry_window(self, now: int) -> Window:
        """The window in which a rotation that could not be finished is tried again."""
        ...


def moment_in(window: Window, name: str) -> int:
    """The moment of a window at which the secret with this ARN is rotated."""
    length = max(1, window.end - window.start - MARGIN)
    return window.start + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % length // 1000 * 1000


def next_moment(schedule: Schedule, now: int, name: str) -> tuple[int, Window]:
    """When the secret with this ARN is rotated next, and in which window.

    Among windows that come several times a day, one that is open counts while its moment lies ahead: then a month holds
    the same number of rotations whatever the minute at which the schedule began.
    """
    if isinstance(schedule, Rate) and schedule.period < DAY:
        window = schedule.next_window(now - schedule.period)
        if (moment := moment_in(window, name)) > now:
            return moment, window
    window = schedule.next_window(now)
    return moment_in(window, name), window


def parse_rules(days: int | None, expression: str, duration: str, anchor: int) -> Schedule | None:
    """The schedule of RotationRules, None for none; `anchor` is when they were set. Raises BadSchedule."""
    hours = _hours(duration)
    if days is not None:
        if expression:
            raise BadSchedule("You cannot specify both rotation frequency and schedule expression together.")
        return AfterDays(days, (hours or 24) * HOUR)
    if not expression:
        if duration:
            raise BadSchedule("Duration is the length of a rotation window: give AutomaticallyAfterDays or "
                              "ScheduleExpression with it.")  # fmt: skip
        return None
    if found := _RATE.fullmatch(expression):
        return _rate(int(found[1]), found[2].startswith("hour"), hours, anchor)
    if found := CRON.fullmatch(expression):
        return _cron(found[1].split(), hours)
    raise BadSchedule(
        f"ScheduleExpression {expression!r} is neither rate(N hours), rate(N days) nor cron(0 H D M W *)."
    )


def rate_in_days(expression: str) -> int | None:
    """N of rate(N days), which RotationRules shows as AutomaticallyAfterDays too."""
    found = _RATE.fullmatch(expression)
    return int(found[1]) if found and found[2].startswith("day") else None


def _hours(duration: str) -> int:
    if not duration:
        return 0
    found = _DURATION.fullmatch(duration)
    hours = int(found[1]) if found else 0
    if not 1 <= hours <= 24:
        raise BadSchedule(f"Duration {duration!r} is not a number of hours from 1h to 24h.")
    return hours


def _start_of_day(moment: int) -> int:
    return moment - moment % DAY


# -- days after the last rotation ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AfterDays:
    """AutomaticallyAfterDays: the day that comes so many days after the last rotation or change."""

    days: int
    length: int

    def next_window(self, now: int) -> Window:
        start = _start_of_day(now + self.days * DAY)
        return Window(start, start + self.length)

    def retry_window(self, now: int) -> Window:
        start = _start_of_day(now) + DAY
        return Window(start, start + self.length)


# -- rate ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rate:
    """Windows at equal distances, from the midnight before the rules were set."""

    anchor: int
    period: int
    length: int

    def next_window(self, now: int) -> Window:
        start = self.anchor + ((now - self.anchor) // self.period + 1) * self.period
        return Window(start, start + self.length)

    retry_window = next_window


def _rate(number: int, in_hours: bool, hours: int, anchor: int) -> Rate:
    if in_hours and number < LEAST_HOURS:
        raise BadSchedule(
            f"rate({number} hours) is too often: at least {LEAST_HOURS} hours must lie between rotations."
        )
    period = number * (HOUR if in_hours else DAY)
    if not number or period > MOST_DAYS * DAY:
        raise BadSchedule(f"The period of a rate must be from {LEAST_HOURS} hours to {MOST_DAYS} days.")
    length = (hours or (1 if in_hours else 24)) * HOUR
    # Windows open at multiples of what the period and a day have in common; the last of a day must end with it.
    latest = DAY - gcd(period, DAY)
    if length > period or latest + length > DAY:
        raise BadSchedule(f"A window of {length // HOUR} hours reaches into the next window or the next day (UTC).")
    return Rate(_start_of_day(anchor), period, length)


# -- cron ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayOfMonth:
    """Days by their number; 0 stands for the last one."""

    numbers: frozenset[int]

    def holds(self, day: date) -> bool:
        return day.day in self.numbers or (0 in self.numbers and (day + timedelta(1)).day == 1)


@dataclass(frozen=True, slots=True)
class DayOfWeek:
    """Days by their weekday, 1 for Sunday; `last` and `nth` count within the month."""

    numbers: frozenset[int]
    last: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    def holds(self, day: date) -> bool:
        weekday = day.isoweekday() % 7 + 1
        return (
            weekday in self.numbers
            or (weekday in self.last and (day + timedelta(7)).month != day.month)
            or (weekday, (day.day + 6) // 7) in self.nth
        )


@dataclass(frozen=True, slots=True)
class Cron:
    """Windows at the hours of the days that an expression names."""

    hours: tuple[int, ...]
    days: DayOfMonth | DayOfWeek
    months: frozenset[int]
    length: int
    """0: until the day ends."""

    def next_window(self, now: int) -> Window:
        for day in self.dates(now):
            for hour in self.hours:
                start = (day.toordinal() - EPOCH) * DAY + hour * HOUR
                if start > now:
                    return Window(start, start + (self.length or (24 - hour) * HOUR))
        raise BadSchedule("The cron expression names no day that ever comes.")

    retry_window = next_window

    def dates(self, now: int) -> Iterator[date]:
        """Days with windows, from the day of a moment on."""
        first = datetime.fromtimestamp(now // 1000, UTC).date()
        for number in range(FAR):
            day = first + timedelta(number)
            if day.month in self.months and self.days.holds(day):
                yield day


def _cron(fields: list[str], hours: int) -> Cron:
    if len(fields) != 6:
        raise BadSchedule("A cron expression has six fields: minutes, hours, day of month, month, day of week, year.")
    minutes, hour, month_day, month, week_day, year = (field.upper() for field in fields)
    if minutes != "0":
        raise BadSchedule("The minutes of a cron expression must be 0: a rotation window opens on the hour.")
    if year != "*":
        raise BadSchedule("The year of a cron expression must be *.")
    if (month_day == "?") == (week_day == "?"):
        raise BadSchedule("Exactly one of day of month and day of week must be ? in a cron expression.")
    at = tuple(sorted(field_numbers(hour, 0, 23, {}, "hours")))
    days = days_of_month(month_day) if week_day == "?" else days_of_week(week_day)
    several = len(at) > 1
    cron = Cron(at, days, field_numbers(month, 1, 12, MONTHS, "month"), (hours or (1 if several else 0)) * HOUR)
    _check(cron)
    return cron


def _check(cron: Cron) -> None:
    gaps = [later - earlier for earlier, later in pairwise(cron.hours)]
    dates = list(cron.dates(0))
    if not dates:
        raise BadSchedule("The cron expression names no day that ever comes.")
    one = timedelta(1)
    if any(later - earlier == one for earlier, later in pairwise(dates)):
        gaps.append(24 + cron.hours[0] - cron.hours[-1])
    if gaps and min(gaps) < LEAST_HOURS:
        raise BadSchedule(f"The cron expression is too often: at least {LEAST_HOURS} hours must lie between rotations.")
    length = cron.length // HOUR
    if (gaps and length > min(gaps)) or cron.hours[-1] + length > 24:
        raise BadSchedule(f"A window of {length} hours reaches into the next window or the next day (UTC).")


def field_numbers(text: str, least: int, most: int, names: Mapping[str, int], field: str) -> frozenset[int]:
    """The numbers of a field: `*`, `a`, `a-b`, each with `/step`, and lists of them; `/step` begins at the least."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        low_text, dash, high_text = span.partition("-")
        if span in ("*", "") and (slash or span):
            low, high = least, most
        else:
            low = _number(low_text, least, most, names, field)
            high = _number(high_text, least, most, names, field) if dash else most if slash else low
        step = _number(step_text, 1, most, {}, field) if slash else 1
        if low > high:
            raise BadSchedule(f"The range {span} of the {field} in the cron expression runs backwards.")
        found.update(range(low, high + 1, step))
    return frozenset(found)


def _number(text: str, least: int, most: int, names: Mapping[str, int], field: str) -> int:
    number = names.get(text, -1)
    if re.fullmatch("[0-9]{1,4}", text):
        number = int(text)
    if not least <= number <= most:
        raise BadSchedule(f"{text!r} is not allowed for the {field} of a cron expression: {least} to {most}.")
    return number


def days_of_month(text: str) -> DayOfMonth:
    parts = text.split(",")
    last = {0} if "L" in parts else set[int]()
    numbers = [part for part in parts if part != "L"]
    return DayOfMonth(
        frozenset(last | (field_numbers(",".join(numbers), 1, 31, {}, "day of month") if numbers else set()))
    )


def days_of_week(text: str) -> DayOfWeek:
    numbers: set[int] = set()
    last: set[int] = set()
    nth: set[tuple[int, int]] = set()
    for part in text.split(","):
        day, hash_sign, count = part.partition("#")
        if hash_sign:
            nth.add((_number(day, 1, 7, DAY_NAMES, "day of week"), _number(count, 1, 5, {}, "day of week")))
        elif part == "L":
            numbers.add(7)
        elif part.endswith("L"):
            last.add(_number(part[:-1], 1, 7, DAY_NAMES, "day of week"))
        else:
            numbers |= field_numbers(part, 1, 7, DAY_NAMES, "day of week")
    return DayOfWeek(frozenset(numbers), frozenset(last), frozenset(nth))
