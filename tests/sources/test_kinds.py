"""The registry of kinds: complete, and quick to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sinkwatch import config, model
from sinkwatch.model import FRAME_OF_KIND, ONLINE_KINDS
from sinkwatch.sources import kinds


def test_every_kind_has_a_frame_and_every_frame_a_contract() -> None:
    assert set(kinds.KINDS) == set(FRAME_OF_KIND)
    assert set(kinds.SCHEMAS) == set(FRAME_OF_KIND.values())
    assert set(kinds.ONLINE) == ONLINE_KINDS
    assert set(kinds.OPTIONS) <= set(kinds.KINDS)
    assert set(kinds.AROUND) | kinds.REQUIRED | set(kinds.EMPTY) == set(kinds.SCHEMAS)


@pytest.mark.parametrize("kind", sorted(kinds.ONLINE))
def test_every_service_answers_at_a_server_on_the_internet_by_default(kind: str) -> None:
    area = config.switch_on(config.load_area("ripon"))
    options = {"base_url": "https://council.example/ogc"} if kind == "geology-features" else {}
    own = next((spec.options for spec in area.sources if spec.kind == kind), options)
    spec = model.SourceSpec(
        name=kind, kind=kind, title=kind, path=None, licence="", attribution="", options=own
    )
    rules = kinds.ONLINE[kind].host_rules(spec)
    assert bool(rules) is (kind != "price-paid")  # which is published over plain http only
    for host, rule in rules.items():
        assert "." in host
        assert not rule.is_a_peer_of_tests
        assert rule.spacing_s > 0


@pytest.mark.parametrize("kind", sorted(kinds.KINDS))
def test_every_kind_can_fetch_and_load(kind: str) -> None:
    source = kinds.KINDS[kind]
    found = source._source() if isinstance(source, kinds._InModule) else source  # noqa: SLF001 - the module behind it
    assert callable(found.fetch)
    assert callable(found.load)


def test_naming_the_kinds_imports_no_connector() -> None:
    words = "import sys; from sinkwatch.sources import kinds; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", words], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "sinkwatch.sources.tables" in loaded
    assert not [name for name in loaded if name.startswith("sinkwatch.sources.planning")]
