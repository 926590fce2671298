"""Join gypsum geology, recorded sinkholes and planning applications, and tell people."""

from __future__ import annotations

__version__ = "0.1.0"
