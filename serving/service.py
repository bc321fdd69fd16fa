"""The BentoML service: recommendations for a user of the feature store, or for a history in the request.

It runs from its Bento, whose folder holds `serving/`, `features/`, `adrec/` and `model/` side by side.
"""

# No `from __future__ import annotations` here: BentoML reads the annotations as types.
import asyncio
import gc
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

import bentoml
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from adrec.config import Serve, parse
from features import monitoring, store
from features.errors import UnavailableError
from serving import metrics, schemas
from serving.startup import MODEL

if TYPE_CHECKING:
    from adrec.inference import Recommender as Model

BOUNDS = parse(Serve, json.loads((MODEL / "serve.json").read_text()))

LONGEST = schemas.longest(BOUNDS)
STORE_UNAVAILABLE = "the feature store cannot be read now: ask again later, or ask with items"

logger = logging.getLogger(__name__)
T = TypeVar("T")


# BentoML answers a body that does not validate with pydantic's report, and a traceback in the log. We owe the caller
# one sentence, so BentoML only documents the body, and `recommend` parses it.
class Body(schemas.Request, bentoml.IODescriptor):
    """A question for the best k items: after a known user's history, or after the history in `items`."""

    __root_input__ = True  # `recommend` gets the whole body as its one argument

    @classmethod
    async def from_http_request(cls, request: HttpRequest, serde: Any) -> bytes:
        """The bytes of the body, or the first of them where they are more than `LONGEST`."""
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LONGEST:
                break
        return bytes(body)


@bentoml.service(
    workers=BOUNDS.workers,
    traffic={"timeout": BOUNDS.timeout_seconds, "max_concurrency": BOUNDS.max_concurrency},
    envs=[{"name": "BENTOML_DO_NOT_TRACK", "value": "True"}],
)
class Recommender:
    """Recommends the next items for a user."""

    @bentoml.on_deployment
    @staticmethod
    def check_before_start() -> None:
        """End the server, before any worker starts, where the model or the feature store is not the Bento's.

        BentoML restarts a worker that fails to start for ever; only here an error ends the server.
        """
        store.folder()  # the workers run elsewhere: from here on, its path is absolute
        program = [sys.executable, "-m", "serving.startup", json.dumps(bento().info.labels)]
        if subprocess.run(program, cwd=MODEL.parent).returncode:  # noqa: S603 (our own program)
            sys.exit(1)

    def __init__(self) -> None:
        import torch

        from adrec.inference import Recommender as Model
        from serving.fallback import Fallback

        torch.set_num_threads(1)  # a request is too small to share; more of `serve.workers` serve more requests
        self.store = store.open_store(bento().info.labels["feature_service"])
        self.fallback = Fallback(Model.load(MODEL, steps=BOUNDS.steps), self.store)
        self.tag = str(bento().tag)
        self.sample = monitoring.Sample(BOUNDS.sample, store.settings_of(self.store).max_length)
        self.readers = ThreadPoolExecutor(BOUNDS.max_concurrency, "store")

    @bentoml.on_startup
    def freeze_gc(self) -> None:
        """Keep what start-up made out of garbage collection: its pauses are the slowest requests."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 1000)

    def __is_ready__(self) -> bool:
        """Whether the store can be read; BentoML asks for it at `/readyz`, in a thread."""
        try:
            store.popular(self.store)
        except UnavailableError:
            return False
        return True

    @bentoml.api(input_spec=Body, output_spec=schemas.Answer)
    async def recommend(self, body: bytes) -> schemas.Answer:
        """The best k items after a history; popular items where the model knows none of it."""
        if len(body) > LONGEST:
            return refusal(
                413, f"the request has more than {LONGEST:,} bytes; none within the bounds of serve has so many"
            )
        try:
            request = schemas.parse(body, BOUNDS)
            history = await self.history(request)
        except ValueError as error:
            return refusal(400, str(error))
        except UnavailableError as error:
            metrics.unread.labels("history").inc()
            logger.warning("a request is refused: %s", error)
            return refusal(503, STORE_UNAVAILABLE)
        model = await self.in_thread(self.fallback.model) if self.fallback.due else self.fallback.model()
        answer = self.answer(model, request, history)  # in no thread: it would cost more than these few milliseconds
        metrics.answers.labels(answer.strategy).inc()
        return answer

    async def history(self, request: schemas.Request) -> list[str]:
        """That of the request, or of the user whom it names.

        Raises:
            UnavailableError: the store cannot be read.
        """
        if request.user_id is None:
            return request.items or []
        return await self.in_thread(store.history, self.store, request.user_id) or []

    async def in_thread(self, read: Callable[..., T], *arguments: Any) -> T:
        """What `read` returns, in a thread: while the store is slow, all that does not need it goes on."""
        return await asyncio.get_running_loop().run_in_executor(self.readers, read, *arguments)

    def answer(self, model: "Model", request: schemas.Request, history: list[str]) -> schemas.Answer:
        """Recommend after this history."""
        found = model.recommend(history, request.k, exclude=request.exclude, exclude_seen=request.exclude_seen)
        self.sample.offer(history, found.strategy)
        scored = zip(found.items, found.scores, strict=True)
        return schemas.Answer(
            items=[schemas.ScoredItem(item_id=item, score=score) for item, score in scored],
            strategy=found.strategy,
            unknown_items=found.unknown,
            model=self.tag,
        )


def refusal(status: int, sentence: str) -> Any:
    """An answer that is none; BentoML hands it on as it is."""
    return JSONResponse({"error": sentence}, status_code=status)


def bento() -> Any:
    """The Bento that this service runs from: its tag and its labels."""
    return cast(Any, Recommender).bento
