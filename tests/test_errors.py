from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import errors


def test_the_message_names_value_rule_and_way_out() -> None:
    error = errors.PlaceError("HG4 9ZZ", "is not in the list held", "Check the spelling")
    assert str(error) == "HG4 9ZZ: is not in the list held. Check the spelling."
    assert (error.value, error.rule, error.way_out) == (
        "HG4 9ZZ",
        "is not in the list held",
        "Check the spelling",
    )


def test_a_value_with_line_breaks_still_makes_one_line() -> None:
    error = errors.ConfigError("two\r\nlines\u2028and a third", "broke\ta rule", "Mend it")
    assert str(error) == "two lines and a third: broke a rule. Mend it."


def test_a_value_with_control_codes_cannot_command_a_terminal() -> None:
    error = errors.ConfigError("\x1b[2Jgone\u202eback", "is odd", "Mend it")
    assert str(error) == "[2Jgone back: is odd. Mend it."


@given(st.text(), st.text(), st.text())
def test_whatever_is_in_it_a_message_is_one_printable_line(
    value: str, rule: str, way_out: str
) -> None:
    assert str(errors.SinkwatchError(value, rule, way_out)).isprintable()


def test_a_schema_error_keeps_every_fault_apart() -> None:
    error = errors.SchemaError("zones", ["no CRS", "two keys"], "Mend the source")
    assert error.faults == ("no CRS", "two keys")
    assert str(error) == "zones: no CRS; two keys. Mend the source."


def test_a_source_error_says_where_and_whether_to_try_again() -> None:
    error = errors.SourceError(
        "geology", "timed out", "Wait", url="https://x.example", retryable=True
    )
    assert (error.source, error.url, error.retryable) == ("geology", "https://x.example", True)
    assert errors.SourceError("geology", "gone", "Wait").retryable is False


def test_a_delivery_error_says_whether_trying_again_is_pointless() -> None:
    assert errors.DeliveryError("m1", "550", "Stopped", permanent=True).permanent is True
    assert errors.DeliveryError("m1", "451", "Later", permanent=False).permanent is False


@pytest.mark.parametrize(
    ("error", "parent"),
    [
        (errors.ConfigError, errors.SinkwatchError),
        (errors.PlaceError, errors.SinkwatchError),
        (errors.DataError, errors.SinkwatchError),
        (errors.SchemaError, errors.DataError),
        (errors.CoverageError, errors.DataError),
        (errors.WordingError, errors.DataError),
        (errors.SourceError, errors.SinkwatchError),
        (errors.StoreError, errors.SinkwatchError),
        (errors.BusyError, errors.SinkwatchError),
        (errors.DeliveryError, errors.SinkwatchError),
        (errors.TokenError, errors.SinkwatchError),
    ],
)
def test_the_tree_is_the_one_on_the_page(error: type[Exception], parent: type[Exception]) -> None:
    assert error.__bases__ == (parent,)
    assert error.__name__ in (errors.__doc__ or "")
