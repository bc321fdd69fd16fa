"""The version before: the newest one of other bytes."""

from typing import Any

import pytest

from components.validate.previous import previous


@pytest.mark.parametrize(
    ("content", "tag", "bytes_before"),
    [(b"three", "interactions-v2", b"two"), (b"two", "interactions-v1", b"one")],
)
def test_the_newest_version_of_other_bytes_is_found(room: Any, content: bytes, tag: str, bytes_before: bytes) -> None:
    for earlier in (b"one", b"two"):
        room.add(earlier)
    (room.folder / "data").write_bytes(content)
    with previous(room.folder / "data", room.section) as found:
        assert found is not None
        assert (found.tag, found.path.read_bytes()) == (tag, bytes_before)
