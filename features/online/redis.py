"""The online store in Redis, under the rules that hold for every online store here (`features/online/contract.py`).

Feast's own Redis store gives out rows past their time to live, reports unknown keys as present, refuses a row of the
same time, and looks for a newer row before it writes, so that two writers can pass each other. The hashes are Feast's,
with one field more: the row's time in microseconds, which a script on the server compares.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread
from typing import Any

from feast import FeatureView, RepoConfig
from feast.infra.online_stores.online_store import OnlineStore
from feast.infra.online_stores.redis import (
    RedisOnlineStore,
    RedisOnlineStoreConfig,
    _mmh3,
    _redis_key,
    _versioned_fv_name,
)
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from google.protobuf.timestamp_pb2 import Timestamp
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.lock import Lock
from redis.retry import Retry

from features.online import contract

AT_ONCE = 2000  # rows in one round trip
# Of a connection, unless ADREC_REDIS has others, in seconds: who waits for an answer is told soon that there is none.
TIMEOUTS = {"socket_connect_timeout": 0.5, "socket_timeout": 1.0}
RETRIES = 1  # at once: a connection that was cut is made anew
LEASE = 30.0  # seconds after which a writer that did not renew its hold on the lock is taken for dead
# KEYS[1]: the hash. ARGV: the field of the time, the time in microseconds, then the fields and their values.
WRITE = """
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and tonumber(stored) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
"""


class SteadyRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """Where the server is."""

    type: str = "features.online.redis.SteadyRedisOnlineStore"


class SteadyRedisOnlineStore(RedisOnlineStore):
    """Redis under the rules of `features/online/contract.py`."""

    # Feast's store reads several views in one round trip, past `online_read`; one view is read here.
    _read_features_per_fv = OnlineStore._read_features_per_fv
    _read_features_per_fv_async = OnlineStore._read_features_per_fv_async

    def client(self, config: RepoConfig) -> Any:
        """The connection to the server, redis-py's."""
        return self._get_client(config.online_store)

    def _get_client(self, online_store_config: RedisOnlineStoreConfig) -> Any:
        if not self._client:
            super()._get_client(online_store_config).set_retry(Retry(NoBackoff(), RETRIES))
        return self._client

    @staticmethod
    def _parse_connection_string(connection_string: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
        nodes, given = RedisOnlineStore._parse_connection_string(connection_string)
        return nodes, TIMEOUTS | given

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: list[contract.Row], progress: Callable[[int], Any] | None
    ) -> None:
        """Write each row at once and whole; one that is older than the row in its place is left out."""
        script = self.client(config).register_script(WRITE)

        def write(pipe: Any, key: bytes, fields: list[Any]) -> None:
            script(keys=[key], args=fields, client=pipe)

        self._write(config, table, data, write)
        if progress:
            progress(len(data))

    def replace(self, config: RepoConfig, table: FeatureView, data: list[contract.Row]) -> None:
        """Write each row at once and whole, whatever is in its place."""
        self._write(config, table, data, lambda pipe, key, fields: pipe.hset(key, items=fields))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[contract.Found]:
        """The row of each key; (None, None) for one that is unknown or past its time to live."""
        rows = super().online_read(config, table, entity_keys, requested_features)
        return [contract.visible_row(table, *row) for row in rows]

    async def online_read_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[contract.Found]:
        """As `online_read`."""
        rows = await super().online_read_async(config, table, entity_keys, requested_features)
        return [contract.visible_row(table, *row) for row in rows]

    def forget(self, config: RepoConfig, table: FeatureView, entity_keys: list[EntityKey]) -> None:
        """Make the keys unknown."""
        view = _versioned_fv_name(table, config)
        fields = [_clock(view), f"_ts:{view}", *(_mmh3(f"{view}:{field.name}") for field in table.features)]
        with self.client(config).pipeline(transaction=False) as pipe:
            for key in entity_keys:
                pipe.hdel(_key(config, key), *fields)
            pipe.execute()

    @contextmanager
    def lock(self, config: RepoConfig) -> Iterator[None]:
        """What a writer must hold from reading to writing: a key on the server, which only a dead one loses.

        Raises:
            LockError: it was lost all the same, as where the machine slept; another may have written in between.
        """
        key = f"{config.project}:writing"
        with self.client(config).lock(key, timeout=LEASE, sleep=0.005, thread_local=False) as lock, _renewed(lock):
            yield

    def _write(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[contract.Row],
        write: Callable[[Any, bytes, list[Any]], Any],
    ) -> None:
        view = _versioned_fv_name(table, config)
        for start in range(0, len(data), AT_ONCE):
            with self.client(config).pipeline(transaction=False) as pipe:
                for key, values, time, _ in data[start : start + AT_ONCE]:
                    write(pipe, _key(config, key), list(_fields(view, values, time)))
                pipe.execute()


@contextmanager
def _renewed(lock: Lock) -> Iterator[None]:
    """Renew the lease of the lock in time: its holder may have to wait longer than that for the log of events."""
    ended = Event()

    def renew() -> None:
        while not ended.wait(LEASE / 3):
            with suppress(RedisError):  # that it is lost is told when it is released
                lock.reacquire()

    renewing = Thread(target=renew, daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()


def _fields(view: str, values: dict[str, Any], time: datetime) -> Iterator[str | bytes | int]:
    """Fields and values in turn, the time first."""
    yield from (_clock(view), contract.microseconds(time))
    stamp = Timestamp()
    stamp.FromDatetime(time)
    yield from (f"_ts:{view}", stamp.SerializeToString())
    for feature, value in values.items():
        yield from (_mmh3(f"{view}:{feature}"), value.SerializeToString())


def _clock(view: str) -> str:
    return f"_us:{view}"


def _key(config: RepoConfig, key: EntityKey) -> bytes:
    version = config.entity_key_serialization_version
    serialized: bytes = _redis_key(config.project, key, entity_key_serialization_version=version)
    return serialized
