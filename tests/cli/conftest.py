"""The command line as a person meets it: words in; exit code, output and complaint out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sinkwatch import cli


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        return json.loads(self.out)


Sinkwatch = Callable[..., Answer]


@pytest.fixture
def sinkwatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Sinkwatch]:
    """Run a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SINKWATCH_EVIDENCE_PACKS", "false")  # they take longest
    monkeypatch.setenv("SINKWATCH_PICTURES", "false")

    def run(*words: str) -> Answer:
        monkeypatch.setattr("sys.argv", ["sinkwatch", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return Answer(code=int(ended.value.code or 0), out=printed.out, err=printed.err)

    yield run
    logger = logging.getLogger("sinkwatch")
    logger.handlers.clear()  # they write to this test's own streams
    logger.setLevel(logging.NOTSET)  # and what it heeds is not for the tests after it
