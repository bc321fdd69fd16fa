"""What may be asked of the service, and what it answers."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adrec.config import Serve

SHOWN = 60  # characters of a refused value that an error repeats
CHARACTER = 12  # bytes at most: JSON may write one as two escapes, \ud83d\ude00
BESIDE = 1024  # bytes for all that is no id

Id = Annotated[str, Field(min_length=1)]


class Request(BaseModel):
    """A question for the best `k` items: after a known user's history, or after the history in `items`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    user_id: Id | None = Field(default=None, description="Whose history to continue.")
    items: list[Id] | None = Field(default=None, description="A history instead, oldest first.")
    k: int = Field(default=10, ge=1, description="How many items to recommend.")
    exclude: list[Id] = Field(default=[], description="Items never to recommend.")
    exclude_seen: bool = Field(default=True, description="Never recommend items of the history.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.user_id is None and self.items is None:
            raise ValueError("the request must have user_id or items")
        if self.user_id is not None and self.items is not None:
            raise ValueError("the request must have user_id or items, not both")
        return self


class ScoredItem(BaseModel):
    """A recommended item; scores are comparable only within one answer."""

    item_id: str
    score: float


class Answer(BaseModel):
    """The recommended items, best first, and how they were found.

    `strategy` is `sequence` where the model read a history, and `popular` where it knows none.
    """

    items: list[ScoredItem]
    strategy: Literal["sequence", "popular"]
    unknown_items: list[str] = Field(description="Items of the history that the model does not know.")
    model: str = Field(description="The tag of the Bento that answers.")


def longest(bounds: Serve) -> int:
    """The bytes of the longest body that can be a request within `bounds`: both lists full of the longest ids."""
    ids = 2 * bounds.max_items + 1
    return ids * (CHARACTER * bounds.max_id_length + len('"", ')) + BESIDE


def parse(body: bytes, bounds: Serve) -> Request:
    """Read a request from JSON.

    Raises:
        ValueError: it is no valid request or exceeds `bounds`; one sentence.
    """
    try:
        request = Request.model_validate_json(body)
    except ValidationError as error:
        raise ValueError(_sentence(error.errors(include_url=False)[0])) from None
    _check(request, bounds)
    return request


def _check(request: Request, bounds: Serve) -> None:
    """Raise ValueError where `request` exceeds `bounds`."""
    if request.k > bounds.max_k:
        raise ValueError(f"k = {_shown(request.k)} must be at most {bounds.max_k}")
    for name, ids in (("items", request.items or []), ("exclude", request.exclude)):
        if len(ids) > bounds.max_items:
            raise ValueError(f"{name} has {len(ids)} ids; at most {bounds.max_items} are allowed")
    for name, ids in (
        ("user_id", [request.user_id or ""]),
        ("items", request.items or []),
        ("exclude", request.exclude),
    ):
        longest = max(map(len, ids), default=0)
        if longest > bounds.max_id_length:
            raise ValueError(f"{name}: an id of {longest} characters; at most {bounds.max_id_length} are allowed")


def _sentence(detail: Any) -> str:
    """One pydantic error as a sentence that names the field, the value and the bound."""
    where = ".".join(str(part) for part in detail["loc"])
    reason = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "json_invalid":
        return f"the request is not valid JSON: {detail['ctx']['error']}"
    if detail["type"] == "extra_forbidden":
        return f"unknown field {_shown(where)}; a request may have {', '.join(Request.model_fields)}"
    if detail["type"] == "value_error":
        return reason
    if not where:
        return "the request must be a JSON object"
    return f"{where} = {_shown(detail['input'])}: {reason[0].lower()}{reason[1:]}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
