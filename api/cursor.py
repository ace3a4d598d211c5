"""Where a list goes on: the last one of the page before. Callers take it as it is, so that it can change one day."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

MAX_PAGE = 200
Cursor = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="`next_cursor` of the page before, as it is.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")]
