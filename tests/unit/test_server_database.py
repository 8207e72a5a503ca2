# SPDX-License-Identifier: AGPL-3.0-or-later
"""The schema that migrations build is the schema that the code means, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from server import tables
from server.database import migrate, open_engine, reading, upsert, writing
from server.errors import HubError, SettingsError
from server.on_hand import refresh_books
from server.products import refresh_products


def test_migrated_schema_equals_the_tables(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_migrating_again_changes_nothing(engine: Engine, now: datetime) -> None:
    with writing(engine) as connection:
        connection.execute(insert(tables.product).values(sku="A", name="Tea", updated_at=now))
    migrate(engine)
    with reading(engine) as connection:
        assert connection.execute(select(tables.product.c.name)).scalar_one() == "Tea"


def test_a_hub_of_the_first_schema_keeps_its_cameras_and_corrections(database_url: str, now: datetime) -> None:
    engine = open_engine(database_url)
    migrate(engine, "0001")
    with writing(engine) as connection:
        look = {"node_id": "n1", "boot_id": "a" * 32, "monotonic_s": 1.0, "report_id": 1, "view": "seen"}
        instants = dict.fromkeys(("captured_at", "looked_at", "received_at"), now)
        connection.execute(insert(tables.camera_latest).values(camera_id="c1", **look, **instants))
        line = {"sku": "TEA", "units": -1, "recorded_at": now, "source": "books.csv"}
        for kind, occurred_at in (("adjustment", now - timedelta(days=1)), ("sale", now)):
            key = {"kind": kind, "occurred_at": occurred_at, "idempotency_key": kind}
            connection.execute(insert(tables.movement).values(**line, **key))
        book = "INSERT INTO book_latest (sku, units, as_of_at, source) VALUES ('TEA', -2, '2026-11-23 09:00:00', 'b')"
        connection.execute(text(book))
    migrate(engine)
    with reading(engine) as connection:
        camera = connection.execute(select(tables.camera_node)).one()
        adjusted_at = connection.execute(select(tables.book_latest.c.last_adjustment_at)).scalar_one()
    assert (camera.camera_id, camera.node_id, camera.since_at) == ("c1", "n1", now)
    assert adjusted_at == now - timedelta(days=1)
    engine.dispose()


def test_a_hub_of_the_second_schema_keeps_names_movements_and_gets_openings_right(
    database_url: str, now: datetime
) -> None:
    engine = open_engine(database_url)
    migrate(engine, "0002")
    with writing(engine) as connection:
        product = tables.product
        connection.execute(insert(product).values(sku="RICE", name="RICE", updated_at=now))
        connection.execute(insert(product).values(sku="TEA", name="Green tea", updated_at=now))
        # TEA sold 5 before its opening stock of 12 and 2 afterwards; RICE has no opening
        lines = (("TEA", "sale", -5, 3), ("TEA", "opening", 12, 2), ("TEA", "sale", -2, 1), ("RICE", "sale", -4, 1))
        for sku, kind, units, hours_ago in lines:
            at = now - timedelta(hours=hours_ago)
            line = {"sku": sku, "kind": kind, "units": units, "occurred_at": at, "recorded_at": now, "source": "b"}
            connection.execute(insert(tables.movement).values(**line, idempotency_key=f"{sku}{kind}{units}"))
        for sku, units in (("TEA", 5), ("RICE", -4)):
            connection.execute(insert(tables.book_latest).values(sku=sku, units=units, as_of_at=now, source="b"))
    migrate(engine)
    with reading(engine) as connection:
        books = {row.sku: row.units for row in connection.execute(select(tables.book_latest))}
        names = {row.sku: row.name for row in connection.execute(select(tables.product_statement))}
        kept_count = len(connection.execute(select(tables.movement)).all())
    assert (books, names, kept_count) == ({"TEA": 10, "RICE": -4}, {"TEA": "Green tea"}, 4)
    with writing(engine) as connection:
        refresh_books(connection, ["TEA", "RICE"])
        refresh_products(connection, ["TEA", "RICE"])
        again = {row.sku: row.units for row in connection.execute(select(tables.book_latest))}
        assert connection.execute(select(product.c.name).where(product.c.sku == "TEA")).scalar_one() == "Green tea"
    assert again == books
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused_in_words(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(HubError, match="newer version"):
        migrate(engine)


def test_instants_come_back_aware_and_equal(engine: Engine) -> None:
    local = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with writing(engine) as connection:
        connection.execute(insert(tables.product).values(sku="A", name="Tea", updated_at=local))
    with reading(engine) as connection:
        stored = connection.execute(select(tables.product.c.updated_at)).scalar_one()
    assert stored == local
    assert stored.tzinfo is UTC


def test_a_naive_instant_is_refused(engine: Engine) -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - the point of the test
    with pytest.raises(StatementError, match="naive"), writing(engine) as connection:
        connection.execute(insert(tables.product).values(sku="A", name="Tea", updated_at=naive))


def test_foreign_keys_are_enforced(engine: Engine) -> None:
    row = {"camera_id": "c1", "calibration_id": "cal-0000000000000000", "bay_id": "b", "bay_name": "B"}
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert(tables.camera).values(row))


def test_upsert_inserts_and_overwrites(engine: Engine, now: datetime) -> None:
    with writing(engine) as connection:
        upsert(connection, tables.product, [{"sku": "A", "name": "Tea", "updated_at": now}])
        upsert(
            connection,
            tables.product,
            [{"sku": "A", "name": "Green tea", "updated_at": now}, {"sku": "B", "name": "Rice", "updated_at": now}],
        )
        names = connection.execute(select(tables.product.c.name).order_by(tables.product.c.sku)).scalars().all()
    assert names == ["Green tea", "Rice"]


def test_sqlite_keeps_what_it_committed(tmp_path: object) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/hub.sqlite")
    with reading(engine) as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_a_hint(url: str) -> None:
    with pytest.raises(SettingsError, match="database_url"):
        open_engine(url)
