"""What is raised where the databases behind the store do not answer: one error, whichever of them it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class UnavailableError(OSError):
    """The store cannot be read or written now; nothing is wrong with what was asked of it."""


@contextmanager
def raises_unavailable() -> Iterator[None]:
    """Raise `UnavailableError`, in one sentence, for all that SQLite, Redis and the registry raise inside."""
    from redis.exceptions import RedisError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (sqlite3.Error, RedisError, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UnavailableError(
            f"the feature store does not answer: {reason}; try again when it does, or publish again where it was lost"
        ) from error
