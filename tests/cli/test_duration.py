"""Durations: what people type is what is meant, and nothing else is taken."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.duration import LONGEST, UNITS, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 2_592_000),
        ("4h", 14_400),
        ("15m", 900),
        ("90s", 90),
        ("1d12h", 129_600),
        ("0s", 0),
        ("1d1h1m1s", 90_061),
    ],
)
def test_known_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@given(
    st.tuples(*(st.none() | st.integers(0, 400) for _ in UNITS)).filter(lambda parts: any(p is not None for p in parts))
)
def test_a_duration_is_the_sum_of_its_parts(parts: tuple[int | None, ...]) -> None:
    named = [(part, unit) for part, unit in zip(parts, UNITS, strict=True) if part is not None]
    text = "".join(f"{part}{unit}" for part, unit in named)
    assert parse_duration(text) == sum(part * UNITS[unit] for part, unit in named)


@given(st.text("0123456789dhms .-+e", max_size=8) | st.text(max_size=6))
def test_everything_else_is_refused(text: str) -> None:
    if re.fullmatch(r"(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+s)?", text, re.ASCII):
        try:
            assert 0 <= parse_duration(text) <= LONGEST
        except ValueError as error:
            assert f"at most {LONGEST // UNITS['d']}d" in str(error)  # noqa: PT017 - either outcome is right
    else:
        with pytest.raises(ValueError, match="give a duration like 30d"):
            parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999999d"])
def test_further_than_the_server_goes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 36500d"):
        parse_duration(text)
