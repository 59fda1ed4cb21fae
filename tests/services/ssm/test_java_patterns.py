r"""AllowedPattern: what Java's `Pattern.matches` answers, or a refusal; never a hang.

The expectations were made with OpenJDK 17.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.ssm.java_characters import POSIX, complement
from holdfast.services.ssm.java_patterns import BadPattern, UnsupportedPattern, compile_pattern, repeat

MATCHES = [
    (r"\d{1,4}", "1234"),
    (r"^\d+$", "1"),
    (r"[a-zA-Z0-9_.-]*", ""),
    (r"^(?=.*\d)(?=.*[a-z])(?!.*x).{8,20}$", "abcdefg1"),
    (r"(?i)(?=.*A)abc", "ABC"),
    (r"a|b|c", "c"),
    (r"^abc$|^def$", "def"),
    (r"ami-[0-9a-f]{8,17}", "ami-0123456789"),
    (r".{1,4096}", "a" * 4096),
    (r"[a-z]{0,1001}", "a" * 1001),
    (r"(ab){1500,}", "ab" * 1500),
    (r"\s\S[\s-]\h\R\v", "\x0b! \u00a0\r\n\u2028"),
    (r"\Qa.b\E+", "a.bbb"),
    (r"\x41\u00e9\t\0101\cA\e\x{1F600}", "Aé\tA\x01\x1b😀"),
    (r"\uD83D\uDE00", "😀"),
    (r"\p{Lu}\p{L}+\P{Lu}[\p{Alpha}_]\pN", "Éa1_9"),
    (r"\p{IsLatin}+\p{script=Greek}", "aβ"),
    (r"[]a]+[^]a]", "]ab"),
    (r"[\w.-]+[a-]", "a-b.c-"),
    (r"((?i)a)b", "Ab"),
    (r"(?s).*", "a\nb"),
    (r"(?<first>a)(?:b)(c)", "abc"),
    (r"a{2}?b*?c+?", "aabc"),
    (r"a{0}b", "b"),
    (r"[a&b]-]", "&-]"),
    (r"\.\/\-\_\]", "./-_]"),
    ("", ""),
]
NO_MATCHES = [
    (r"\d{1,4}", "12345"),
    (r"\d", "٣"),
    (r"abc", "ABC"),
    (r"abc", "xabcx"),
    (r"^(?=.*\d)(?!.*x).{8,20}$", "abcdefgx1"),
    (r"(?!a).*", "ab"),
    (r".*", "a\rb"),
    (r".", "\u2028"),
    (r"\S", "\x0b"),
    (r"((?i)a)b", "AB"),
    (r".{1,4095}", "a" * 4096),
    (r"\p{Alpha}", "é"),
    (r"", "a"),
    (r"\Qa.b\E", "axb"),
]
BAD = ["*a", "a{2", "(a", "a)", "[a-", "[z-a]", r"[a-\d]", "\\", r"\y", "a**", "a{3}{2}", "a{3,1}", "(?q)a", r"\p{",
       "(?<1>a)", "(?<n>a)(?<n>b)", r"\x{110000}", "[]"]  # fmt: skip
UNSUPPORTED = [r"(a)\1", r"(?<n>a)\k<n>", "(?<=a)b", "(?<!a)b", "(?>a)b", "a++", "a(?=b)b", "(?=a)a|b", "[a-z&&[^b]]",
               "[a[b]]", "(?x)a b", "(?m)^a$", "(?d).", r"(?U)\w", r"\X", r"\p{javaLowerCase}", r"\p{IsAlphabetic}",
               "(" * 60 + ")" * 60, "(a{1000}){1000}", "a{5000}", r"\ud83d", r"\p{L}{1000}"]  # fmt: skip


@pytest.mark.parametrize(("pattern", "value"), MATCHES)
def test_matches(pattern: str, value: str) -> None:
    assert compile_pattern(pattern).matches(value)


@pytest.mark.parametrize(("pattern", "value"), NO_MATCHES)
def test_does_not_match(pattern: str, value: str) -> None:
    assert not compile_pattern(pattern).matches(value)


@pytest.mark.parametrize("pattern", BAD)
def test_what_java_refuses(pattern: str) -> None:
    with pytest.raises(BadPattern) as caught:
        compile_pattern(pattern)
    assert not isinstance(caught.value, UnsupportedPattern)


@pytest.mark.parametrize("pattern", UNSUPPORTED)
def test_what_is_refused_rather_than_guessed(pattern: str) -> None:
    with pytest.raises(UnsupportedPattern):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+$", r"(a|aa)+$", r"(a|a?)+b", r"(.*a){20}", r"(\w+\s?)*$", r"([a-zA-Z0-9])*x", r"(?=(a+)+$)(a+)+$b",
     r".*.*.*.*.*.*.*=.*", r"((a?){30}){30}", r".*a.{900}b"],
)  # fmt: skip
def test_patterns_that_stop_a_backtracking_engine(pattern: str) -> None:
    """Finished at all: a backtracking engine would need longer than the universe has lasted."""
    assert not compile_pattern(pattern).matches("a" * 4095 + "!")


def test_many_look_aheads_share_the_memory_of_one() -> None:
    assert compile_pattern("(?=.*a)" * 16 + ".*").matches("ba")
    with pytest.raises(UnsupportedPattern):
        compile_pattern("(?=.*a)" * 17 + ".*")
    with pytest.raises(UnsupportedPattern):
        compile_pattern("(?=.{1000}a)" * 16 + ".*")


@pytest.mark.parametrize("depth", [3, 10, 40])
def test_nested_repetitions_do_not_grow_what_is_written(depth: int) -> None:
    with pytest.raises(UnsupportedPattern):
        compile_pattern("(" * depth + "a" + "){4001,4002}" * depth)


@given(st.text(alphabet="ab01(){}[]|*+?.^$\\-,:=!<>dswQEpL &", max_size=30), st.text(alphabet="ab01 -", max_size=8))
def test_any_text_is_matched_or_refused(pattern: str, value: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except BadPattern:
        return
    assert compiled.matches(value) in {True, False}


plain = st.sampled_from(["a", "b", "0", r"\d", "[ab]", "[^a]", r"\.", r"\w", "."])
quantified = st.builds("".join, st.tuples(plain, st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "{0,}"])))
grouped = st.lists(quantified, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})")


@given(
    st.lists(st.one_of(quantified, grouped), max_size=4).map("".join),
    st.text(alphabet="ab0.x", max_size=6),
)
def test_what_all_engines_agree_on(pattern: str, value: str) -> None:
    assert compile_pattern(pattern).matches(value) == (re.fullmatch(pattern, value, re.ASCII) is not None)


@given(st.integers(0, 2500), st.one_of(st.none(), st.integers(0, 2500)), st.integers(0, 3000))
def test_long_repetitions_are_the_same_repetitions(low: int, more: int | None, length: int) -> None:
    high = None if more is None else low + more
    text = repeat("a", low, high)
    counts = [int(n) for n in re.findall(r"\d+", text)]
    assert max(counts, default=0) <= 1000
    if length in {low, low - 1, high, (high or 0) + 1} or length % 50 == 0:
        expected = length >= low and (high is None or length <= high)
        assert compile_pattern(f"a{{{low},{'' if high is None else high}}}").matches("a" * length) == expected


@pytest.mark.parametrize("name", sorted(POSIX))
def test_classes_and_their_complements(name: str) -> None:
    ranges = POSIX[name]
    members = {code for low, high in ranges for code in range(low, high + 1)}
    others = {code for low, high in complement(ranges) for code in range(low, min(high, 300) + 1)}
    assert members | others == set(range(301))
    assert not members & others
    assert compile_pattern(f"\\p{{{name}}}").matches(chr(min(members)))
    assert not compile_pattern(f"\\P{{{name}}}").matches(chr(min(members)))
