"""Lines of source code, as they are in their files now. Knows files only."""

from __future__ import annotations

import linecache


def source_line(file: str, line: int) -> str:
    """The text of a line, without the space around it; empty if there is none. The file is read again when it has
    changed, as between two builds in one session."""
    linecache.checkcache(file)
    return linecache.getline(file, line).strip()
