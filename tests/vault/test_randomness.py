"""Randomness: uniform, unique, not shared with a forked child; the seeded one repeats itself."""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.vault.randomness import Randomness, SystemRandomness, UnsafeSeededRandomness

SOURCES = [SystemRandomness(), UnsafeSeededRandomness("test")]


@pytest.mark.parametrize("source", SOURCES)
def test_uuid4_is_a_version_4_uuid(source: Randomness) -> None:
    for _ in range(300):
        text = source.uuid4()
        assert str(uuid.UUID(text)) == text
        assert (uuid.UUID(text).version, uuid.UUID(text).variant) == (4, uuid.RFC_4122)


@pytest.mark.parametrize("source", SOURCES)
def test_every_free_bit_of_a_uuid_varies(source: Randomness) -> None:
    drawn = [uuid.UUID(source.uuid4()).int for _ in range(300)]
    ones = zeros = 0
    for value in drawn:
        ones |= value
        zeros |= ~value
    free = ~((0xF << 76) | (0x3 << 62)) & ((1 << 128) - 1)
    assert ones & free == free
    assert zeros & free == free


@pytest.mark.parametrize("source", SOURCES)
def test_bytes(source: Randomness) -> None:
    assert [len(source.bytes(n)) for n in (0, 1, 32, 5000)] == [0, 1, 32, 5000]
    assert len({source.bytes(16) for _ in range(500)}) == 500


@pytest.mark.parametrize("source", SOURCES)
@given(n=st.integers(1, 2**80))
def test_below_stays_below(source: Randomness, n: int) -> None:
    assert 0 <= source.below(n) < n


@pytest.mark.parametrize("n", [0, -1])
def test_below_needs_a_positive_number(n: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        SystemRandomness().below(n)


def test_below_and_token_are_uniform() -> None:
    """Seeded, so the counts are always the same: 5 of 8 and 96 of 256 are where a modulo would show."""
    source = UnsafeSeededRandomness("uniform")
    counts = Counter(source.below(5) for _ in range(5000))
    assert sorted(counts) == list(range(5))
    assert all(900 < count < 1100 for count in counts.values())
    alphabet = "".join(map(chr, range(32, 128)))
    letters = Counter(source.token(alphabet, 48_000))
    assert sorted(letters) == list(alphabet)
    assert all(400 < count < 600 for count in letters.values())
    early = sum(letters[letter] for letter in alphabet[:64])  # the ones a modulo would favour: 3 of 8 against 2 of 8
    assert 31_000 < early < 33_000


@pytest.mark.parametrize("size", [1, 2, 62, 255, 256, 257, 1000])
@pytest.mark.parametrize("source", SOURCES)
def test_token_has_its_length_and_alphabet(source: Randomness, size: int) -> None:
    alphabet = "".join(map(chr, range(0x100, 0x100 + size)))
    for n in (0, 1, 40):
        token = source.token(alphabet, n)
        assert len(token) == n
        assert set(token) <= set(alphabet)


def test_token_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="alphabet is empty"):
        SystemRandomness().token("", 1)
    with pytest.raises(ValueError, match="negative"):
        SystemRandomness().token("ab", -1)


def test_a_forked_child_does_not_repeat_the_ids_of_its_parent() -> None:
    source = SystemRandomness()
    source.uuid4()  # fills the buffer that the child inherits
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, " ".join(source.uuid4() for _ in range(50)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        theirs = set(pipe.read().split())
    assert os.waitpid(child, 0)[1] == 0
    ours = {source.uuid4() for _ in range(300)}
    assert len(theirs) == 50
    assert not theirs & ours


def test_threads_never_get_the_same_id() -> None:
    source = SystemRandomness()
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append([source.uuid4() for _ in range(2000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({text for texts in found for text in texts}) == 8000


def test_the_seeded_sequence_depends_on_the_seed_alone() -> None:
    def draw(source: Randomness) -> tuple[bytes, str, int, str]:
        return source.bytes(16), source.uuid4(), source.below(10**9), source.token("abc", 20)

    assert draw(UnsafeSeededRandomness("a")) == draw(UnsafeSeededRandomness("a"))
    assert draw(UnsafeSeededRandomness("a")) != draw(UnsafeSeededRandomness("b"))
    assert UnsafeSeededRandomness("").bytes(4) != UnsafeSeededRandomness("\0").bytes(4)
