"""The BentoML service: recommendations for a user of the feature store, or for a history in the request.

It runs from its Bento, whose folder holds `serving/`, `features/`, `adrec/` and `model/` side by side.
"""

# No `from __future__ import annotations` here: BentoML reads the annotations as types.
import gc
import json
import subprocess
import sys
from typing import Any, cast

import bentoml
from prometheus_client import Counter
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from adrec.config import Serve, parse
from features import profile, store
from serving import schemas
from serving.startup import MODEL

BOUNDS = parse(Serve, json.loads((MODEL / "serve.json").read_text()))

answers = Counter("recommender_answers", "Answers of the recommender by strategy.", ["strategy"])


# BentoML answers a body that does not validate with pydantic's report, and a traceback in the log. We owe the caller
# one sentence, so BentoML only documents the body, and `recommend` parses it.
class Body(schemas.Request, bentoml.IODescriptor):
    """A question for the best k items: after a known user's history, or after the history in `items`."""

    __root_input__ = True  # `recommend` gets the whole body as its one argument

    @classmethod
    async def from_http_request(cls, request: HttpRequest, serde: Any) -> bytes:
        """The bytes of the body."""
        return await request.body()


@bentoml.service(
    traffic={"timeout": BOUNDS.timeout_seconds, "max_concurrency": BOUNDS.max_concurrency},
    envs=[{"name": "BENTOML_DO_NOT_TRACK", "value": "True"}],
)
class Recommender:
    """Recommends the next items for a user."""

    @bentoml.on_deployment
    @staticmethod
    def refuse_a_wrong_place() -> None:
        """End the server, before any worker starts, where the model or the feature store is not the Bento's.

        BentoML restarts a worker that fails to start for ever; only here an error ends the server.
        """
        store.folder()  # the workers run elsewhere: from here on, its path is absolute
        program = [sys.executable, "-m", "serving.startup", json.dumps(bento().info.labels)]
        if subprocess.run(program, cwd=MODEL.parent).returncode:  # noqa: S603 (our own program)
            sys.exit(1)

    def __init__(self) -> None:
        import torch

        from adrec.recommend import Recommender as Model
        from serving.fallback import Fallback

        torch.set_num_threads(1)  # a request is too small to share; more workers serve more requests
        self.store = store.open_store(bento().info.labels["feature_service"])
        self.fallback = Fallback(Model.load(MODEL, steps=BOUNDS.steps), self.store)
        self.tag = str(bento().tag)
        self.sample = profile.Sample(BOUNDS.sample, store.settings_of(self.store).max_length)

    @bentoml.on_startup
    def tame_the_collector(self) -> None:
        """Keep what start-up made out of garbage collection: its pauses are the slowest requests."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 1000)

    @bentoml.api(input_spec=Body, output_spec=schemas.Answer)
    async def recommend(self, body: bytes) -> schemas.Answer:
        """The best k items after a history; popular items where the model knows none of it."""
        # Async without awaiting: a thread for each request costs more than the few milliseconds of the answer.
        try:
            request = schemas.parse(body, BOUNDS)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)  # type: ignore[return-value]
        answer = self.answer(request)
        answers.labels(answer.strategy).inc()
        return answer

    def answer(self, request: schemas.Request) -> schemas.Answer:
        """Read the history where a user is named, and recommend."""
        history = request.items if request.user_id is None else store.history(self.store, request.user_id)
        found = self.fallback.model().recommend(
            history or [], request.k, exclude=request.exclude, exclude_seen=request.exclude_seen
        )
        self.sample.offer(history or [], found.strategy)
        scored = zip(found.items, found.scores, strict=True)
        return schemas.Answer(
            items=[schemas.ScoredItem(item_id=item, score=score) for item, score in scored],
            strategy=found.strategy,
            unknown_items=found.unknown,
            model=self.tag,
        )


def bento() -> Any:
    """The Bento that this service runs from: its tag and its labels."""
    return cast(Any, Recommender).bento
