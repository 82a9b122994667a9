"""Home Assistant's history: its recorder's database, and the CSV of its history page.

Recorder (home-assistant/core, `components/recorder/db_schema.py`): a row of `states` is one state of an entity. Since
schema 38 `metadata_id` names the entity in `states_meta`, before that `entity_id` in the row; since schema 31
`last_updated_ts` holds seconds since 1970, before that `last_updated` a date and time in universal time.
`last_changed_ts` is NULL where it equals `last_updated_ts`; otherwise attributes alone have changed. Attributes are
JSON in `state_attributes.shared_attrs`, in older schemas in `states.attributes`.

CSV (home-assistant/frontend, `panels/history/ha-panel-history.ts`): `entity_id,state,last_changed`, one entity after
the other, ISO 8601 in universal time; columns of attributes may follow.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from detach_core.foundation.errors import BadInputError, UserError, shown
from detach_core.importers.channels import Hint
from detach_core.importers.events import Event, Remarks, fits
from detach_core.importers.stamps import from_epoch, parse_stamp, refuse_stamp
from detach_core.importers.text_table import read_table

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Select, Table

# Entities of other domains (persons, the sun, automations) are no sensors; patterns of --sensor decide instead.
SENSOR_DOMAINS = ("binary_sensor.*", "sensor.*", "switch.*", "light.*", "input_boolean.*", "cover.*", "fan.*")
_SLICE = timedelta(days=1)
_BATCH = 5000
_FETCH_IDS = 500
_URL = re.compile(r"[a-z0-9]+(\+[a-z0-9]+)?://.*", re.ASCII)


class Recorder:
    """A recorder's database, read slice by slice of its time, so that neither it nor memory is held long.

    Args:
        address: the SQLite file, or an SQLAlchemy URL.
        sensors: patterns of the entities.
        start: only states from then on.
        end: only states before then.
        remarks: where left-out rows are counted.

    Raises:
        BadInputError: it is no recorder's database, or cannot be read.
        UserError: the URL's driver is not installed.
    """

    def __init__(
        self,
        address: str,
        sensors: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        remarks: Remarks,
    ) -> None:
        self.source = re.sub(r"://[^@/]*@", "://", address)  # no password in a message
        self._sensors, self._start, self._end, self._remarks = tuple(sensors) or SENSOR_DOMAINS, start, end, remarks
        self._engine = _open(address)
        self._latest_attributes: dict[str, Any] = {}
        self._tables = self._read(partial(_reflect, self.source))
        self._schema = _Schema(self._tables, self.source)
        self._read(partial(self._schema.choose, self._sensors))
        if self._read(self._schema.is_migrating):
            raise BadInputError(
                self.source,
                "table states",
                found="rows with the times of an older version",
                expected="one version's times in all rows",
                remedy="let Home Assistant finish the database's migration (its log tells), and run again",
            )

    def events(self) -> Iterator[Event]:
        """The states in order of time, their rows that repeat a state since an attribute changed left out."""
        last: dict[str, str] = {}
        since = self._start
        if since is not None:
            yield from self._before(since, last)
        while (first := self._read(partial(self._first_time, since))) is not None:
            until = first + _SLICE
            yield from self._slice(first, until if self._end is None else min(until, self._end), last)
            since = until
            if self._end is not None and since >= self._end:
                return

    def hints(self) -> dict[str, Hint]:
        """Device class and unit of each entity that `events` gave, from its last state that had attributes."""
        attributes = self._read(self._attributes)
        return {
            name: Hint(str(one.get("device_class") or ""), str(one.get("unit_of_measurement") or ""))
            for name, one in attributes.items()
        }

    def _before(self, start: datetime, last: dict[str, str]) -> Iterator[Event]:
        """What each entity told last before `start`, with the time at which it told it."""
        rows = self._read(partial(self._schema.latest_before, start))
        for number, name, state, time, _, attributes in sorted(rows, key=lambda row: (row[3], row[0])):
            if name is not None and fits(name, self._sensors) and state is not None:
                last[name] = str(state)
                if attributes is not None:
                    self._latest_attributes[name] = attributes
                yield Event(number, self._schema.moment(time), name, str(state))

    def _slice(self, start: datetime, end: datetime, last: dict[str, str]) -> Iterator[Event]:
        for row in self._rows(start, end):
            number, name, state, moment, changed, attributes = row
            if name is None or not fits(name, self._sensors):
                continue
            state = "" if state is None else str(state)
            if attributes is not None and state not in ("unavailable", "unknown", ""):
                self._latest_attributes[name] = attributes
            if changed is not None and changed < moment and last.get(name) == state:
                self._remarks.add(
                    "{n} rows that repeat a state, as attributes alone changed, are left out", f"state {number}"
                )
                continue
            last[name] = state
            yield Event(number, moment, name, state)

    def _rows(self, start: datetime, end: datetime) -> Iterator[tuple[Any, ...]]:
        """Rows (state_id, entity, state, updated, changed, attributes) with start <= updated < end, in batches."""
        schema, offset = self._schema, None
        while True:
            rows = self._read(partial(schema.page, start, end, offset))
            for row in rows:
                yield (*row[:3], schema.moment(row[3]), None if row[4] is None else schema.moment(row[4]), row[5])
            if len(rows) < _BATCH:
                return
            offset = (rows[-1][3], rows[-1][0])

    def _first_time(self, since: datetime | None, connection: Connection) -> datetime | None:
        first = self._schema.first_time(connection, since)
        return None if first is None else self._schema.moment(first)

    def _attributes(self, connection: Connection) -> dict[str, dict[str, Any]]:
        texts = self._latest_attributes
        if (shared := self._tables.get("state_attributes")) is not None and self._schema.has_attribute_ids:
            import sqlalchemy as sa

            ids, of_id = sorted({int(one) for one in texts.values()}), {}
            for begin in range(0, len(ids), _FETCH_IDS):
                some = ids[begin : begin + _FETCH_IDS]
                query = sa.select(shared.c.attributes_id, shared.c.shared_attrs).where(shared.c.attributes_id.in_(some))
                of_id.update({one: text for one, text in connection.execute(query)})
            texts = {name: of_id.get(one) for name, one in texts.items()}
        return {name: _json_object(text) for name, text in texts.items()}

    def _read(self, use: Callable[[Connection], Any]) -> Any:
        """What `use` reads in one short transaction, so that a recorder that is running is not kept from writing."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                return use(connection)
        except (SQLAlchemyError, ValueError) as error:  # the latter for a text that is no time
            cause = str(getattr(error, "orig", None) or error).splitlines()[0]
            remedy = "check the address, and that it is the recorder's database (home-assistant_v2.db)"
            if "locked" in cause or "busy" in cause:
                remedy = "run again in a moment, or copy the database with its -wal file and import the copy"
            raise BadInputError(
                self.source, "database", found=cause, expected="a recorder's database", remedy=remedy
            ) from None


class _Schema:
    """Columns of `states` in the database's version of the schema."""

    def __init__(self, tables: dict[str, Table], source: str) -> None:
        states, meta = tables["states"], tables.get("states_meta")
        columns = states.c
        self._states, self._meta = states, meta if "metadata_id" in columns else None
        self._source = source
        self._has_seconds = "last_updated_ts" in columns
        self._chosen: list[int] | None = None
        self.has_attribute_ids = "attributes_id" in columns
        needed = ["state_id", "state", *([] if self._has_seconds else ["last_updated"])]
        if self._meta is None:
            needed.append("entity_id")
        if absent := [name for name in needed if name not in columns]:
            raise BadInputError(
                source,
                "table states",
                found=f"no column {', '.join(absent)}",
                expected="a recorder's table of states",
                remedy="give the recorder's database (home-assistant_v2.db)",
            )
        self._time = columns.last_updated_ts if self._has_seconds else columns.last_updated

    def choose(self, sensors: Sequence[str], connection: Connection) -> None:
        """Let the database leave out the rows of other entities, where their ids are known and few are chosen."""
        import sqlalchemy as sa

        if self._meta is not None:
            entities = connection.execute(sa.select(self._meta.c.metadata_id, self._meta.c.entity_id))
            ids = [number for number, name in entities if fits(str(name), sensors)]
            self._chosen = ids if len(ids) <= _FETCH_IDS else None

    def is_migrating(self, connection: Connection) -> bool:
        """Whether some rows have only the times of the schema before seconds since 1970."""
        import sqlalchemy as sa

        if not self._has_seconds or "last_updated" not in self._states.c:
            return False
        old = sa.and_(self._time.is_(None), self._states.c.last_updated.is_not(None))
        return connection.execute(sa.select(self._states.c.state_id).where(old).limit(1)).first() is not None

    def page(self, start: datetime, end: datetime, after: tuple[Any, int] | None, connection: Connection) -> list[Any]:
        """At most `_BATCH` rows of [start, end) by time and id, behind the row (time, state_id) `after`."""
        import sqlalchemy as sa

        columns = self._states.c
        query = self._rows().where(self._time >= self._bound(start), self._time < self._bound(end))
        if self._chosen is not None:
            # While a migration runs, some rows have the name itself instead.
            query = query.where(sa.or_(columns.metadata_id.in_(self._chosen), columns.metadata_id.is_(None)))
        if after is not None:
            last_time, last_id = after
            behind = sa.and_(self._time == last_time, columns.state_id > last_id)
            query = query.where(self._time >= last_time, sa.or_(self._time > last_time, behind))
        query = query.order_by(self._time, columns.state_id).limit(_BATCH)
        return list(connection.execute(query))

    def latest_before(self, start: datetime, connection: Connection) -> list[Any]:
        """The last row of each entity before `start`, as `page` gives them."""
        import sqlalchemy as sa

        columns = self._states.c
        entity = columns.entity_id if self._meta is None else columns.metadata_id
        times = sa.select(entity.label("entity"), sa.func.max(self._time).label("time"))
        latest = times.where(self._time < self._bound(start)).group_by(entity).subquery()
        same = sa.and_(entity == latest.c.entity, self._time == latest.c.time)
        query = self._rows(lambda rows: sa.join(rows, latest, same))
        return list(connection.execute(query))

    def _rows(self, joined: Callable[[Any], Any] = lambda rows: rows) -> Select[Any]:
        """A query of (state_id, entity, state, updated, changed, attributes)."""
        import sqlalchemy as sa

        columns, states_meta = self._states.c, self._meta
        changed = columns.get("last_changed_ts" if self._has_seconds else "last_changed")
        attributes = columns.get("attributes_id", columns.get("attributes"))
        query = sa.select(
            columns.state_id,
            self._entity(),
            columns.state,
            self._time,
            sa.null() if changed is None else changed,
            sa.null() if attributes is None else attributes,
        )
        rows: Any = self._states
        if states_meta is not None:
            rows = sa.outerjoin(rows, states_meta, columns.metadata_id == states_meta.c.metadata_id)
        return query.select_from(joined(rows))

    def first_time(self, connection: Connection, since: datetime | None) -> Any:
        """The first time of a state from `since` on, as the database holds it; None if there is none."""
        import sqlalchemy as sa

        query = sa.select(sa.func.min(self._time))
        return connection.execute(query if since is None else query.where(self._time >= self._bound(since))).scalar()

    def moment(self, value: Any) -> datetime:
        """A time of the database, which is universal time."""
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        try:
            return from_epoch(float(value))
        except ValueError:
            raise BadInputError(
                self._source,
                "table states",
                found=f"the time {shown(value)}",
                expected="seconds since 1970",
                remedy="delete that row from a copy of the database, and import the copy",
            ) from None

    def _bound(self, moment: datetime) -> Any:
        return moment.timestamp() if self._has_seconds else moment.astimezone(UTC).replace(tzinfo=None)

    def _entity(self) -> ColumnElement[Any]:
        import sqlalchemy as sa

        if self._meta is None:
            return self._states.c.entity_id
        # While a migration runs, some rows still have the name itself.
        own = self._states.c.get("entity_id")
        return self._meta.c.entity_id if own is None else sa.func.coalesce(self._meta.c.entity_id, own)


def _open(address: str) -> Engine:
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    if not _URL.fullmatch(address):
        return sa.create_engine("sqlite://", creator=lambda: _read_only(Path(address)), poolclass=NullPool)
    try:
        return sa.create_engine(address)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError):
        example = "mysql+pymysql://user:password@host/homeassistant"
        raise UserError(
            f"{shown(re.sub(r'://[^@/]*@', '://', address))}: expected an SQLAlchemy URL such as {example}"
        ) from None
    except ModuleNotFoundError as error:
        raise UserError(
            f"the address needs the library {error.name}, which is not installed; install it (`./run pip install"
            f" {error.name}`), or name another driver in the URL, such as mysql+pymysql://"
        ) from None


def _read_only(path: Path) -> sqlite3.Connection:
    """The SQLite file, opened so that nothing is written; with its write-ahead log, if there is one."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        remedy = "give the path of home-assistant_v2.db in Home Assistant's config folder, or of a copy"
        raise BadInputError(path, "file", found=found, expected="a recorder's database", remedy=remedy)
    place = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(place, uri=True, timeout=30)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as error:
        # A write-ahead database needs a file beside it even to be read; in a folder that cannot be written it is read
        # as it is, which loses nothing as long as there is no log beside it.
        cause = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if cause not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or Path(f"{path}-wal").exists():
            raise
        connection.close()
        connection = sqlite3.connect(f"{place}&immutable=1", uri=True)
    return connection


def _reflect(source: str, connection: Connection) -> dict[str, Table]:
    import sqlalchemy as sa

    names = set(sa.inspect(connection).get_table_names())
    if "states" not in names:
        raise BadInputError(
            source,
            "tables",
            found=", ".join(sorted(names)[:8]) or "none",
            expected="the recorder's table `states`",
            remedy="give the recorder's database (home-assistant_v2.db)",
        )
    wanted = [name for name in ("states", "states_meta", "state_attributes") if name in names]
    metadata = sa.MetaData()
    metadata.reflect(connection, only=wanted, resolve_fks=False)
    return {name: metadata.tables[name] for name in wanted}


def _json_object(text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def history_events(path: Path) -> Iterator[Event]:
    """The states of a history page's CSV, in the file's order: one entity after the other.

    Raises:
        BadInputError: a column is missing, or a time cannot be read; names the line.
    """
    for number, row in read_table(path, ("entity_id", "state", "last_changed")):
        moment = parse_stamp(row["last_changed"])
        if moment is None:
            raise refuse_stamp(path, f"line {number}, column last_changed", row["last_changed"])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        yield Event(number, moment, row["entity_id"], row["state"])
