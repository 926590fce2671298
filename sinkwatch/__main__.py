"""Let ``python -m sinkwatch`` do what ``sinkwatch`` does."""

from __future__ import annotations

from sinkwatch.cli import main

main()
