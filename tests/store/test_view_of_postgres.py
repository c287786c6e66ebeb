"""`precheck history import` from a view of PostgreSQL, where a time of change is one, into a store of either kind."""

import contextlib
import sys

import pytest

from server.cli.main import main
from tests.store.clusters import PostgresPlace
from tests.store.making import stored

NAMES = "psn_no, mdtrt_id, rx_id, hilist_type, hilist_code, hilist_name, cnt, drord_begn_date, vali_flag, changed_at"
ROW = "'P1', 'E1', 'RX' || {0}, '201', 'X01', '床位费', {1}, '2026-06-01 08:00:00', 1, {2}"
TIME = "timestamptz '2026-06-02 08:00:00+08' + interval '1 hour' * {0}"


@pytest.fixture
def his(cluster):
    """The HIS: its address for SQLAlchemy, and what runs a statement in it."""
    with contextlib.closing(PostgresPlace(cluster)) as made:
        url = made.address.replace("postgresql://", "postgresql+psycopg://")
        yield url, lambda sql: cluster.execute(sql.replace("charge", f"{made.name}.charge"))


def charge(numbers, changed_at, cnt="'1'"):
    rows = ", ".join(f"({ROW.format(n, cnt, changed_at.format(n))})" for n in numbers)
    return f"INSERT INTO charge ({NAMES}) VALUES {rows}"


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "numeric", "date"])
def test_a_view_of_postgres_is_read_to_its_end_and_again_from_there(place, his, tmp_path, monkeypatch, capsys, kind):
    url, execute = his
    time = {"numeric": "{0}", "date": "date '2026-06-02' + {0}"}.get(kind, TIME)
    execute(
        "CREATE TABLE charge (psn_no text, mdtrt_id text, rx_id text, hilist_type text, hilist_code text, hilist_name text, "
        f"cnt text, drord_begn_date text, vali_flag int, changed_at {kind})"
    )
    execute(charge(range(1, 30), time))
    execute(charge([30], time, "'viel'"))
    execute(charge(range(31, 40), time))
    if place.kind == "postgres":
        monkeypatch.setenv("PRECHECK_STORE", place.address)
    command = ["history", "import", "--data", str(tmp_path), "--view", "charge", url]
    command += ["--create", "--rejects", str(tmp_path / "rejects.csv")]

    def run(expected):
        code = main(command)
        told = capsys.readouterr()
        sys.stdout.write(told.out + told.err)
        assert code == expected
        return told

    assert "39 rows read: 38 lines committed, 0 voided, 0 unchanged, 1 set aside" in run(1).out
    assert ": 0 lines committed" in run(1).out
    execute("UPDATE charge SET cnt = '2' WHERE rx_id = 'RX30'")
    execute(charge([40], time))
    execute(charge([41], "NULL"))
    execute(charge([42], {"numeric": "39"}.get(kind, "'9999-12-31 10:00:00'")))
    assert ": 3 lines committed" in run(1).out
    execute(charge([43], time))
    assert ": 1 lines committed" in run(1).out
    execute("DELETE FROM charge WHERE changed_at IS NULL")
    assert ": 0 lines committed" in run(0).out
    with contextlib.closing(place.open(upkeep=False)) as store:
        lines = stored(store, "P1").by_identity.values()
    assert {line.order_id for line in lines} == {f"RX{number}" for number in range(1, 44) if number != 41}
    assert [str(line.quantity) for line in lines if line.order_id == "RX30"] == ["2"]
