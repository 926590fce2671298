from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

from sinkwatch.errors import StoreError
from sinkwatch.store import Store
from sinkwatch.store.migrations import MIGRATIONS

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)


@pytest.mark.postgres
def test_commits_are_durable_whatever_the_server_prefers(postgres_store: Store) -> None:
    with postgres_store.begin() as connection:
        answer = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
    assert answer == "on"
    assert postgres_store.describe()["engine"] == "PostgreSQL"


@pytest.mark.postgres
def test_an_address_without_a_driver_gets_ours(postgres_url: str) -> None:
    store = Store.open(postgres_url.replace("+psycopg", ""), now=NOW)
    assert store.describe()["schema_version"] == str(len(MIGRATIONS))
    store.close()


@pytest.mark.postgres
def test_a_schema_with_other_tables_is_refused(postgres_url: str) -> None:
    other = Store.open(postgres_url, now=NOW)
    with other.begin() as connection:
        connection.exec_driver_sql("DROP TABLE schema_version")
    other.close()
    with pytest.raises(StoreError, match="not sinkwatch's, such as alerts"):
        Store.open(postgres_url, now=NOW)


def test_a_server_out_of_reach_is_named_without_its_password() -> None:
    with pytest.raises(StoreError) as told:
        Store.open("postgresql+psycopg://ann:hunter2@127.0.0.1:1/sinkwatch", now=NOW)
    assert "127.0.0.1:1/sinkwatch" in str(told.value)
    assert "hunter2" not in str(told.value)
    assert "Check that it runs" in str(told.value)


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"Install sinkwatch\[postgres\]"):
        Store.open("postgresql+psycopg://host/sinkwatch", now=NOW)
