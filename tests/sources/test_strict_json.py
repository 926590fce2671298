"""What of outside JSON is read, and the named reason for everything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.errors import SchemaError
from sinkwatch.sources import strict_json as module
from sinkwatch.sources.strict_json import strict_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def fault(content: bytes) -> str:
    with pytest.raises(SchemaError) as refused:
        strict_json(content, name="planit (page 1)")
    assert refused.value.value == "planit (page 1)"
    (only,) = refused.value.faults
    return only


@given(st.lists(PLAIN) | st.dictionaries(st.text(), PLAIN))
def test_whatever_is_plain_comes_back_as_it_was(value: object) -> None:
    assert strict_json(json.dumps(value).encode(), name="x") == value


def test_space_before_and_after_is_no_harm() -> None:
    assert strict_json(b'\r\n {"a": [1, "\xc2\xa3"]}\n', name="x") == {"a": [1, "£"]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", 'begins with "" and not'),
        (b"<!DOCTYPE html><title>Error</title>", 'begins with "<!DOCTYPE html>'),
        (b'"text"', "so it is no JSON"),
        (b"\xef\xbb\xbf{}", "so it is no JSON"),
        (b'callback({"a": 1})', "so it is no JSON"),
        (b'{"a": "\xa3"}', "byte 7 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "it is not whole JSON"),
        (b'{"a": [1, 2', "it is not whole JSON"),
        (b"{} {}", "it is not whole JSON"),
        (b'{"a": 1,}', "it is not whole JSON"),
        (b'{"a": NaN}', "NaN is not a finite number"),
        (b'{"a": [-Infinity]}', "-Infinity is not a finite number"),
        (b'{"a": 1e999}', "1e999 is not a finite number"),
        (b"[-1e999]", "-1e999 is not a finite number"),
        (b"[1" + b"0" * 400 + b"]", "is not a finite number"),
        (b'{"a": 1, "b": 2, "a": 3}', 'key "a" is there twice'),
        (b'[{"a": {"b": 1, "b": 1}}]', 'key "b" is there twice'),
        (b"[" * 65 + b"]" * 65, "nested deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested deeper than 64"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 64"),
        (b"[" * 100_000, "nested deeper than 64"),
        (b'["' + b"x" * 10_001 + b'"]', "a text of 10,001 characters is longer than 10,000"),
        (b'{"' + b"x" * 10_001 + b'": 1}', "a text of 10,001 characters is longer than 10,000"),
        (b'["\\ud800"]', "half of a character"),
        (b'{"\\udfff": 1}', "half of a character"),
    ],
    ids=range(25),
)
def test_anything_else_is_refused_by_name(content: bytes, reason: str) -> None:
    assert reason in fault(content)


def test_the_deepest_longest_and_largest_that_is_allowed_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_ITEMS", 3)
    strict_json(b"[" * 64 + b"]" * 64, name="x")
    strict_json(b'["' + b"x" * 10_000 + b'"]', name="x")
    strict_json(b"[1, 2, 3]", name="x")
    assert "a list of 4 items is longer than 3" in fault(b'{"records": [1, 2, 3, 4]}')


def test_two_hundred_thousand_records_are_the_most() -> None:
    assert module.MOST_ITEMS == 200_000
    assert "200,001 items" in fault(json.dumps([0] * 200_001).encode())


def test_a_message_shows_no_more_than_the_beginning() -> None:
    assert len(fault(b"x" * 1_000_000)) < 150
