"""
Renew `requirements.lock` from `pyproject.toml`, with uv.

One universal file in three sections, so that `make run` need not install what only tests use:

- `run`: what sinkwatch runs and is built with;
- `node`: npm, for a machine that has none;
- `test`: everything else that `pyproject.toml` names, extras included.

Versions already locked stay where they can; `--upgrade` moves all to the newest.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path("requirements.lock")
PROJECT = "pyproject.toml"
PYTHON_OLDEST = "3.11"  # as `requires-python` has it
HEADER = """\
# Every package that `make run` and `make test` install, with the SHA-256 of each of its files.
# Made by `make lock` (.build/lock.py) from pyproject.toml; not to be edited by hand.
"""


def main() -> None:
    """Write the lock anew."""
    upgrade = [argument for argument in sys.argv[1:] if argument == "--upgrade"]
    with tempfile.TemporaryDirectory() as folder:
        whole, run, node = (Path(folder, name) for name in ("whole", "run", "node"))
        if LOCK.exists():
            whole.write_bytes(LOCK.read_bytes())  # uv keeps the versions it finds in its output
        groups = ["--group=build", "--group=node", "--group=dev"]
        _compile(whole, PROJECT, "--all-extras", *groups, *upgrade)
        _compile(run, PROJECT, "--group=build", f"--constraint={whole}")
        _compile(node, "--group=node", f"--constraint={whole}")
        entries = _entries(whole)
        sections = {"run": set(_entries(run)), "node": set(_entries(node))}
    LOCK.write_text(_render(entries, sections), encoding="utf-8", newline="\n")


def _compile(output: Path, *what: str) -> None:
    """Let uv resolve for every system and every Python from the oldest on."""
    how = ["--universal", f"--python-version={PYTHON_OLDEST}", "--generate-hashes"]
    bare = ["--quiet", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    uv = [sys.executable, "-m", "uv", "pip", "compile"]
    subprocess.run([*uv, *how, *bare, *what, f"--output-file={output}"], check=True)


def _entries(path: Path) -> dict[str, str]:
    """Split uv's output by package; one that differs between Pythons stays together."""
    entries: dict[str, str] = {}
    for entry in re.split(r"^(?=\S)", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if match := re.match(r"([a-z0-9-]+)==", entry):
            entries[match[1]] = entries.get(match[1], "") + entry
    return entries


def _render(entries: dict[str, str], sections: dict[str, set[str]]) -> str:
    """Put each package into the first section that names it, the rest into `test`."""
    taken: set[str] = set()
    text = HEADER
    for title, names in [*sections.items(), ("test", set(entries))]:
        here = sorted((names & set(entries)) - taken)
        text += f"\n# section: {title}\n" + "".join(entries[name] for name in here)
        taken.update(here)
    return text


if __name__ == "__main__":
    main()
