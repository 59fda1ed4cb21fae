"""Pages: together they are the whole, whatever their size and however little a call may read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.ssm.filters import ALL, Range, Source
from holdfast.services.ssm.listing import Place, first_place, ranges_reader, scan


def pages(rows: list[int], wanted: set[int], limit: int, allowance: int) -> tuple[list[list[int]], int]:
    """All pages of the wanted rows, and the most rows that one call read."""
    most = 0
    found: list[list[int]] = []
    position: int | None = 0

    def read(start: int, count: int) -> list[tuple[int, int]]:
        nonlocal spent
        part = [(n + 1, rows[n]) for n in range(start, min(start + count, len(rows)))]
        spent += len(part)
        return part

    while position is not None:
        spent = 0
        page, position = scan(read, position, wanted.__contains__, limit, allowance)
        most = max(most, spent)
        found.append(page)
        assert len(found) <= len(rows) + 2
    return found, most


@given(
    st.lists(st.integers(0, 50), unique=True, max_size=60),
    st.sets(st.integers(0, 50)),
    st.integers(1, 12),
    st.integers(1, 30),
)
def test_pages_are_the_whole(rows: list[int], wanted: set[int], limit: int, allowance: int) -> None:
    found, most = pages(rows, wanted, limit, allowance)
    assert [row for page in found for row in page] == [row for row in rows if row in wanted]
    assert all(len(page) <= limit for page in found)
    assert most <= allowance


def test_a_full_page_is_followed_only_if_there_is_more() -> None:
    assert pages([1, 2, 3], {1, 2, 3}, 3, 100)[0] == [[1, 2, 3]]
    assert pages([1, 2, 3, 4], {1, 2, 3}, 3, 100)[0] == [[1, 2, 3]]
    assert pages([1, 2, 3, 4], {1, 2, 3, 4}, 3, 100)[0] == [[1, 2, 3], [4]]


def test_an_unfiltered_page_reads_one_row_more_than_it_has() -> None:
    assert pages(list(range(1000)), set(range(1000)), 10, 250)[1] == 11


def test_a_page_may_be_short_or_empty() -> None:
    found, most = pages(list(range(20)), {19}, 5, 8)
    assert found == [[], [], [19]]
    assert most == 8


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), unique=True).map(sorted), min_size=1, max_size=4), st.integers(1, 5)
)
def test_ranges_are_read_one_after_the_other(parts: list[list[str]], count: int) -> None:
    ranges = [Range(Source.CHILDREN, (str(n),), *ALL) for n in range(len(parts))]

    def read(part: Range, low: str, limit: int) -> list[str]:
        return [path for path in (f"/{p}" for p in parts[int(part.key[0])]) if path >= low][:limit]

    reader = ranges_reader(ranges, read, lambda path: path)
    place: Place = first_place(ranges)
    found: list[str] = []
    while True:
        rows = reader(place, count)
        found += [row for _, row in rows]
        if len(rows) < count:
            break
        place = rows[-1][0]
    assert found == [f"/{path}" for part in parts for path in part]
