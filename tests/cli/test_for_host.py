"""`publish --for-host`: what another host needs is printed, and nothing else is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.publish.hosting import Host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Sinkwatch = Callable[..., Any]


@pytest.mark.parametrize("host", Host)
def test_it_is_printed_for_this_installation_and_nothing_is_written(
    sinkwatch: Sinkwatch, tmp_path: Path, host: Host
) -> None:
    settings = 'public_url = "https://maps.town.org"\nmaps_folder = "site"\n'
    (tmp_path / "own.toml").write_text(settings, encoding="utf-8")
    answer = sinkwatch("publish", "--config", "own.toml", "--for-host", host.value)
    assert (answer.code, answer.err) == (0, "")
    first = f"for https://maps.town.org, printed by `sinkwatch publish --for-host {host}`."
    assert answer.out.splitlines()[0].endswith(first)
    assert f'"{tmp_path}/site/current' in answer.out
    assert [path.name for path in tmp_path.iterdir()] == ["own.toml"]


def test_an_address_that_is_nobody_s_own_is_pointed_out_beside_it(sinkwatch: Sinkwatch) -> None:
    answer = sinkwatch("publish", "--for-host", "nginx")
    assert answer.code == 0
    assert "server_name sinkwatch.example;" in answer.out
    assert answer.err.splitlines() == [
        "public_url is nobody's own yet: set it, and print this anew"
    ]


def test_a_host_that_nobody_knows_is_answered_with_those_there_are(sinkwatch: Sinkwatch) -> None:
    answer = sinkwatch("publish", "--for-host", "apache")
    assert (answer.code, answer.out) == (2, "")
    for host in Host:
        assert f"'{host}'" in answer.err


def test_a_folder_that_would_mean_something_else_there_is_refused_in_a_line(
    sinkwatch: Sinkwatch, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text('maps_folder = "$uri"\n', encoding="utf-8")
    answer = sinkwatch("publish", "--config", "own.toml", "--for-host", "nginx")
    assert (answer.code, answer.out) == (2, "")
    assert "$uri/current must be a path without quotes" in answer.err.splitlines()[-1]
