"""ScheduleExpression of a rule: rate(…) and cron(…), when it fires next; pure.

    rate(1 minute)   rate(5 minutes)   rate(1 hour)   rate(7 days)      the unit is singular for 1 only
    cron(minutes hours day-of-month month day-of-week year)             one of the two day fields is `?`

All of it is in UTC ("Setting a schedule pattern for scheduled rules", user guide). The fields are read as those of a
rotation schedule are; a rule may have minutes, years and `W`, and fires as often as every minute.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Protocol

from holdfast.rotation.schedules import (
    CRON,
    DAY,
    DAY_NAMES,
    EPOCH,
    HOUR,
    MONTHS,
    BadSchedule,
    DayOfMonth,
    DayOfWeek,
    days_of_month,
    days_of_week,
    field_numbers,
)

MINUTE = 60_000
FIRST_YEAR, LAST_YEAR = 1970, 2199
CANDIDATES = 9
"""Years of an expression within which it must fire: 29 February comes every eight years at worst."""
_RATE = re.compile(r"rate\(\s*([0-9]{1,9})\s+(minute|hour|day)(s?)\s*\)")
_UNITS = {"minute": MINUTE, "hour": HOUR, "day": DAY}
_RANGE = re.compile(r"([0-9A-Z]{1,4})-([0-9A-Z]{1,4})")
NO_NAMES: Mapping[str, int] = MappingProxyType({})
_NEAREST_WEEKDAY = re.compile(r"([0-9]{1,2})W")


class Moments(Protocol):
    """When a rule fires."""

    def after(self, now: int) -> int | None:
        """The first moment after `now`, service time in milliseconds; None when there is none any more."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """At equal distances from when the schedule was set."""

    anchor: int
    period: int

    def after(self, now: int) -> int:
        return self.anchor + (max(0, now - self.anchor) // self.period + 1) * self.period


@dataclass(frozen=True, slots=True)
class NearestWeekday:
    """`15W`: the weekday that is nearest to a day, within the same month."""

    number: int

    def holds(self, day: date) -> bool:
        last = calendar.monthrange(day.year, day.month)[1]
        if self.number > last:
            return False
        weekday = date(day.year, day.month, self.number).isoweekday()
        moved = self.number
        if weekday == 6:
            moved += -1 if self.number > 1 else 2
        elif weekday == 7:
            moved += 1 if self.number < last else -2
        return day.day == moved


@dataclass(frozen=True, slots=True)
class Cron:
    """At the minutes of the hours of the days that an expression names."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DayOfMonth | DayOfWeek | NearestWeekday
    months: tuple[int, ...]
    years: tuple[int, ...]

    def after(self, now: int) -> int | None:
        for day in self._dates(now):
            midnight = (day.toordinal() - EPOCH) * DAY
            if midnight + DAY <= now:
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    moment = midnight + hour * HOUR + minute * MINUTE
                    if moment > now:
                        return moment
        return None

    def _dates(self, now: int) -> Iterator[date]:
        """Days of the expression, from the day of a moment on."""
        first = datetime.fromtimestamp(now // 1000, UTC).date()
        for year in [year for year in self.years if year >= first.year][:CANDIDATES]:
            for month in self.months:
                if (year, month) < (first.year, first.month):
                    continue
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= first and self.days.holds(day):
                        yield day


def parse_schedule(expression: str, anchor: int) -> Moments:
    """When a rule with this expression fires; `anchor` is when it was set. Raises BadSchedule."""
    if found := _RATE.fullmatch(expression):
        number = int(found[1])
        if not number or (number == 1) == bool(found[3]):
            raise BadSchedule("The unit of a rate is singular for 1 and plural for more.")
        return Rate(anchor, number * _UNITS[found[2]])
    if found := CRON.fullmatch(expression):
        return _cron(found[1].split())
    raise BadSchedule("It is neither rate(N minutes|hours|days) nor cron(M H D M W Y).")


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise BadSchedule("A cron expression has six fields: minutes, hours, day of month, month, day of week, year.")
    minutes, hours, month_day, month, week_day, year = (field.upper() for field in fields)
    # "If you specify a value or a * in one of the fields, you must use a ? in the other."
    if (month_day == "?") == (week_day == "?"):
        raise BadSchedule("Exactly one of day of month and day of week must be ? in a cron expression.")
    if "#" in week_day and "," in week_day:
        # "If you use a '#' character, you can define only one expression in the day-of-week field."
        raise BadSchedule("A day of week with # stands alone in a cron expression.")
    return Cron(
        _sorted(minutes, 0, 59, "minutes"),
        _sorted(hours, 0, 23, "hours"),
        _days(month_day) if week_day == "?" else days_of_week(_forwards(week_day, 1, 7, DAY_NAMES)),
        _sorted(month, 1, 12, "month", MONTHS),
        _sorted(year, FIRST_YEAR, LAST_YEAR, "year"),
    )


def _sorted(text: str, least: int, most: int, field: str, names: Mapping[str, int] = NO_NAMES) -> tuple[int, ...]:
    return tuple(sorted(field_numbers(_forwards(text, least, most, names), least, most, names, field)))


def _forwards(text: str, least: int, most: int, names: Mapping[str, int]) -> str:
    """A field whose ranges over the end, as hours 20-2, are two ranges each."""

    def split(part: str) -> str:
        found = _RANGE.fullmatch(part)
        if found is None or not names.get(found[1], _number(found[1])) > names.get(found[2], _number(found[2])):
            return part
        return f"{found[1]}-{most},{least}-{found[2]}"

    return ",".join(split(part) for part in text.split(","))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _days(text: str) -> DayOfMonth | NearestWeekday:
    if found := _NEAREST_WEEKDAY.fullmatch(text):
        number = int(found[1])
        if not 1 <= number <= 31:
            raise BadSchedule(f"{text!r} is not allowed for the day of month of a cron expression.")
        return NearestWeekday(number)
    return days_of_month(text)
