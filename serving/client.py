"""A small typed client of the service."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

from serving.schemas import Answer, Request

REFUSALS = (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE)


class Client:
    """Asks one service; a context manager that keeps its connection.

    Attributes:
        url: address of the service, such as `http://127.0.0.1:3000`.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def for_user(self, user_id: str, k: int = 10, *, exclude: Sequence[str] = (), exclude_seen: bool = True) -> Answer:
        """The best `k` items for a user of the feature store.

        Raises:
            ValueError: the service refuses the request; its sentence.
            httpx.HTTPError: the service cannot be reached, or fails.
        """
        return self._ask(Request(user_id=user_id, k=k, exclude=list(exclude), exclude_seen=exclude_seen))

    def for_items(
        self, items: Sequence[str], k: int = 10, *, exclude: Sequence[str] = (), exclude_seen: bool = True
    ) -> Answer:
        """The best `k` items after a history, oldest first; raises what `for_user` raises."""
        return self._ask(Request(items=list(items), k=k, exclude=list(exclude), exclude_seen=exclude_seen))

    def _ask(self, request: Request) -> Answer:
        response = self._http.post("/recommend", json=request.model_dump(exclude_none=True))
        if response.status_code in REFUSALS:
            raise ValueError(response.json()["error"])
        response.raise_for_status()
        return Answer.model_validate_json(response.content)
