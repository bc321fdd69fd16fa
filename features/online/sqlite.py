"""The online store in SQLite, under the rules that hold for every online store here (`features/online/contract.py`).

Feast's own SQLite store lets an older row overwrite a newer one, gives out rows past their time to live, keeps times to
the second, and sends a statement for each value. The tables are Feast's; `event_ts` holds microseconds.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from feast import FeatureView, RepoConfig
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig, _table_id
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from filelock import FileLock

from features.online import contract

AT_ONCE = 500  # keys in one query: SQLite bounds the number of its parameters


class SteadySqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """Where the database is."""

    type: str = "features.online.sqlite.SteadySqliteOnlineStore"


class SteadySqliteOnlineStore(SqliteOnlineStore):
    """SQLite under the rules of `features/online/contract.py`."""

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: list[contract.Row], progress: Callable[[int], Any] | None
    ) -> None:
        """Write all rows in one transaction; one that is older than the row in its place is left out."""
        self._write(config, table, data, f"WHERE excluded.event_ts >= {self._table(config, table)}.event_ts")
        if progress:
            progress(len(data))

    def replace(self, config: RepoConfig, table: FeatureView, data: list[contract.Row]) -> None:
        """Write all rows in one transaction, whatever is in their place."""
        self._write(config, table, data)

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[contract.Found]:
        """The row of each key; (None, None) for one that is unknown or past its time to live."""
        keys = [_serialized(config, key) for key in entity_keys]
        found = self._rows(config, table, keys)
        return [contract.visible_row(table, *found.get(key, (None, None))) for key in keys]

    def forget(self, config: RepoConfig, table: FeatureView, entity_keys: list[EntityKey]) -> None:
        """Make the keys unknown."""
        statement = f"DELETE FROM {self._table(config, table)} WHERE entity_key = ?"  # noqa: S608
        connection = self._get_conn(config)
        connection.execute("PRAGMA secure_delete = ON")  # on the disk too
        with connection:
            connection.executemany(statement, [(_serialized(config, key),) for key in entity_keys])

    def lock(self, config: RepoConfig) -> FileLock:
        """What a writer must hold from reading to writing: a lock on a file beside the database."""
        return FileLock(f"{self._get_db_path(config)}.lock")

    def _write(self, config: RepoConfig, table: FeatureView, data: list[contract.Row], condition: str = "") -> None:
        statement = (
            f"INSERT INTO {self._table(config, table)} "  # noqa: S608
            "(entity_key, feature_name, value, event_ts) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (entity_key, feature_name) DO UPDATE SET value = excluded.value, event_ts = excluded.event_ts "
        )
        connection = self._get_conn(config)
        with connection:
            connection.executemany(statement + condition, _cells(config, data))

    def _rows(self, config: RepoConfig, table: FeatureView, keys: list[bytes]) -> dict[bytes, tuple[datetime, Any]]:
        rows: dict[bytes, tuple[datetime, dict[str, Value]]] = {}
        connection = self._get_conn(config)
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            # `+ 0` takes the column's declared type away, which Feast reads as seconds
            query = (
                f"SELECT entity_key, feature_name, value, event_ts + 0 FROM {self._table(config, table)} "  # noqa: S608
                f"WHERE entity_key IN ({','.join('?' * len(some))})"
            )
            for key, feature, value, microseconds in connection.execute(query, some):
                _, values = rows.setdefault(key, (contract.time(microseconds), {}))
                values[feature] = Value.FromString(value)
        return rows

    @staticmethod
    def _table(config: RepoConfig, table: FeatureView) -> str:
        name: str = _table_id(config.project, table, config.registry.enable_online_feature_view_versioning)
        return f'"{name}"'


def _cells(config: RepoConfig, data: list[contract.Row]) -> Iterator[tuple[bytes, str, bytes, int]]:
    """One row of the table for each value."""
    for key, values, time, _ in data:
        serialized, microseconds = _serialized(config, key), contract.microseconds(time)
        for feature, value in values.items():
            yield serialized, feature, value.SerializeToString(), microseconds


def _serialized(config: RepoConfig, key: EntityKey) -> bytes:
    version = config.entity_key_serialization_version
    serialized: bytes = serialize_entity_key(key, entity_key_serialization_version=version)
    return serialized
