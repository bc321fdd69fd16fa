"""Requests: what is read, and what is refused in which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adrec.config import Serve
from serving.schemas import Request, longest, parse

UNKNOWN_FIELD = "unknown field 'limit'; a request may have user_id, items, k, exclude, exclude_seen"
BOUNDS = Serve(
    max_k=100,
    max_items=20,
    max_id_length=30,
    timeout_seconds=5,
    max_concurrency=64,
    workers=1,
    steps=0,
    min_overlap=1.0,
    sample=0.0,
)

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
id_lists = st.lists(ids, max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | ids.flatmap(lambda key: st.dictionaries(st.sampled_from([*Request.model_fields, key]), inner))
    ),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {"user_id": ids}, optional={"k": st.integers(1, 100), "exclude": id_lists, "exclude_seen": st.booleans()}
    )
)
def test_a_valid_request_is_read_as_it_was_sent(to_device: dict[str, Any]) -> None:
    request = parse(json.dumps(to_device).encode(), BOUNDS)
    assert request.model_dump(exclude_unset=True) == to_device
    assert request.items is None


@given(id_lists)
def test_a_history_in_the_request_keeps_its_order(items: list[str]) -> None:
    assert parse(json.dumps({"items": items}).encode(), BOUNDS).items == items


def test_the_longest_request_within_bounds_is_not_too_long() -> None:
    full = ["\U0001f600" * BOUNDS.max_id_length] * BOUNDS.max_items
    to_device = {"items": full, "exclude": full, "k": BOUNDS.max_k, "exclude_seen": False}
    body = json.dumps(to_device, indent=1).encode()
    assert parse(body, BOUNDS).model_dump(exclude_unset=True) == to_device
    assert longest(BOUNDS) / 2 < len(body) < longest(BOUNDS)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_either_a_request_within_bounds_or_one_sentence(body: Any) -> None:
    try:
        request = parse(body, BOUNDS)
    except ValueError as error:
        sentence = str(error)
        assert 0 < len(sentence) < 300
        assert sentence.isprintable()
    else:
        assert (request.user_id is None) != (request.items is None)
        assert 1 <= request.k <= BOUNDS.max_k
        assert all(1 <= len(item) <= BOUNDS.max_id_length for item in [*(request.items or []), *request.exclude])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"user_id": "1", "k": -1}', "k = -1: input should be greater than or equal to 1"),
        ('{"user_id": "1", "k": 101}', "k = 101 must be at most 100"),
        ('{"user_id": "1", "k": 2.5}', "k = 2.5: input should be a valid integer"),
        ('{"user_id": "1", "items": []}', "the request must have user_id or items, not both"),
        ('{"k": 3}', "the request must have user_id or items"),
        ('{"user_id": 196}', "user_id = 196: input should be a valid string"),
        (json.dumps({"user_id": "x" * 10_000}), "user_id: an id of 10000 characters; at most 30 are allowed"),
        (json.dumps({"items": ["a"] * 21}), "items has 21 ids; at most 20 are allowed"),
        (json.dumps({"items": [], "exclude": ["x" * 31]}), "exclude: an id of 31 characters; at most 30 are allowed"),
        ('{"items": [], "limit": 3}', UNKNOWN_FIELD),
        ("[]", "the request must be a JSON object"),
        ("{", "the request is not valid JSON: EOF while parsing an object at line 1 column 1"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_in_one_sentence(body: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011
        parse(body.encode(), BOUNDS)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("body", [b'{"user_id": "1"}', b'{"items": []}'])
def test_what_is_not_said_is_as_documented(body: bytes) -> None:
    request = parse(body, BOUNDS)
    assert (request.k, request.exclude, request.exclude_seen) == (10, [], True)
