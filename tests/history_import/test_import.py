"""`precheck history import`: files and a database view into the store, once, whole, and again without harm."""

import csv
import json
import random
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from pyarrow import parquet

from server.cli.main import main
from server.history import History
from server.store import open_store
from tests.web.messages import BED, PER_PERIOD, message, order, rules
from tests.web.product import PATIENCE_S, ROOT, Server, environment, until

COLUMNS = (
    *("psn_no", "gend", "brdy", "mdtrt_id", "fixmedins_code", "adm_date", "med_type", "adm_dept_codg"),
    *("rx_id", "hilist_type", "hilist_code", "hilist_name", "cnt", "pric", "sumamt", "drord_begn_date", "days"),
    *("vali_flag", "changed_at"),
)
START = datetime(2026, 6, 1, 8)


def row(number, **fields):
    begin = START + timedelta(hours=number)
    return {
        "psn_no": f"P{number % 7}",
        "gend": "1",
        "brdy": "1980-05-01",
        "mdtrt_id": f"E{number % 7}-{number // 70}",
        "fixmedins_code": "H00000000009",
        "adm_date": f"{begin:%Y-%m-%d} 07:00:00",
        "med_type": "11",
        "adm_dept_codg": "A03",
        "rx_id": f"RX{number}",
        "hilist_type": "201",
        "hilist_code": BED[0],
        "hilist_name": BED[1],
        "cnt": "1",
        "pric": "40.00",
        "sumamt": "40.00",
        "drord_begn_date": f"{begin:%Y-%m-%d %H:%M:%S}",
        "days": "",
        "vali_flag": "1",
        "changed_at": f"{begin + timedelta(minutes=5):%Y-%m-%d %H:%M:%S}",
        **fields,
    }


def write_csv(path, rows, encoding="utf-8"):
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path, rows):
    times = ("changed_at", "drord_begn_date")
    typed = [
        {name: datetime.fromisoformat(cell) if name in times else cell or None for name, cell in one.items()}
        for one in rows
    ]
    parquet.write_table(pa.Table.from_pylist(typed), path)
    return path


def write_view(path, rows):
    with sqlite3.connect(path) as database:
        names = list(rows[0])
        database.execute(f"CREATE TABLE IF NOT EXISTS charge ({', '.join(f'{name} TEXT' for name in names)})")
        database.execute("CREATE VIEW IF NOT EXISTS precheck_history AS SELECT * FROM charge")
        database.executemany(
            f"INSERT INTO charge VALUES ({', '.join('?' * len(names))})", [tuple(one.values()) for one in rows]
        )
    database.close()
    return f"sqlite:///{path}"


def imported(data, *arguments, capsys=None):
    code = main(
        ["history", "import", "--data", str(data), "--rejects", str(data / "rejects.csv"), *map(str, arguments)]
    )
    return code, capsys.readouterr() if capsys else None


def lines_of(data, patient):
    store = open_store("", data, upkeep=False)
    try:
        timeline = History(store, 10**9).of(patient).timeline
        return sorted(
            (line.order_id, line.item_code, str(line.quantity), str(line.begin), line.days)
            for line in timeline.by_identity.values()
        ), sorted(timeline.visits)
    finally:
        store.close()


def everything(data):
    return {patient: lines_of(data, patient) for patient in (f"P{number}" for number in range(7))}


ROWS = [row(number) for number in range(150)]


def test_every_source_gives_the_same_history(tmp_path, capsys):
    stores = []
    for name, write in (
        ("a.csv", write_csv),
        ("b.parquet", write_parquet),
        ("c.db", write_view),
        ("d.csv", lambda path, rows: write_csv(path, rows, "gb18030")),
    ):
        data = tmp_path / f"data-{name}"
        source = write(tmp_path / name, ROWS)
        view = ("--view", "precheck_history") if name == "c.db" else ()
        code, told = imported(data, source, *view, capsys=capsys)
        assert code == 0, told
        assert f"{len(ROWS)} rows read: {len(ROWS)} lines committed, 0 voided, 0 unchanged, 0 set aside" in told.out
        stores.append(everything(data))
    assert stores.count(stores[0]) == len(stores)
    assert sum(len(lines) for lines, _ in stores[0].values()) == len(ROWS)
    assert stores[0]["P3"][1] == ["E3-0", "E3-1", "E3-2"]


def test_again_from_the_start_changes_nothing(tmp_path, capsys):
    source = write_csv(tmp_path / "rows.csv", ROWS)
    imported(tmp_path / "data", source)
    before = everything(tmp_path / "data")
    capsys.readouterr()
    code, told = imported(tmp_path / "data", source, "--from-start", capsys=capsys)
    assert code == 0
    assert f"0 lines committed, 0 voided, {len(ROWS)} unchanged" in told.out
    assert everything(tmp_path / "data") == before


def test_a_file_that_has_grown_is_read_from_where_it_was(tmp_path, capsys):
    source = write_csv(tmp_path / "rows.csv", ROWS[:100])
    imported(tmp_path / "data", source)
    write_csv(source, ROWS)
    capsys.readouterr()
    _, told = imported(tmp_path / "data", source, capsys=capsys)
    assert "50 rows read: 50 lines committed" in told.out
    assert sum(len(lines) for lines, _ in everything(tmp_path / "data").values()) == len(ROWS)


def test_a_view_is_read_from_its_watermark(tmp_path, capsys):
    url = write_view(tmp_path / "his.db", ROWS[:100])
    imported(tmp_path / "data", url, "--view", "precheck_history")
    later = row(3, cnt="2", changed_at="2026-07-30 10:00:00")
    gone = row(4, vali_flag="0", changed_at="2026-07-30 11:00:00")
    write_view(tmp_path / "his.db", [*ROWS[100:], later, gone])
    capsys.readouterr()
    code, told = imported(tmp_path / "data", url, "--view", "precheck_history", capsys=capsys)
    assert code == 0, told
    assert "53 rows read: 51 lines committed, 1 voided, 1 unchanged, 0 set aside" in told.out
    assert ("RX3", BED[0], "2", "2026-06-01 11:00:00", None) in lines_of(tmp_path / "data", "P3")[0]
    assert not [line for line in lines_of(tmp_path / "data", "P4")[0] if line[0] == "RX4"]


def test_order_and_pieces_do_not_matter(tmp_path):
    """The same statements in another order, some of them twice, cut into files elsewhere: the same history."""
    extra = [row(n, cnt="3", changed_at="2026-07-01 10:00:00") for n in range(0, 60, 5)]
    extra += [row(n, vali_flag="0", changed_at="2026-07-02 10:00:00") for n in range(0, 60, 10)]
    imported(tmp_path / "straight", write_csv(tmp_path / "all.csv", [*ROWS, *extra]))
    expected = everything(tmp_path / "straight")
    for seed in range(3):
        shuffled = [*ROWS, *extra, *extra]
        random.Random(seed).shuffle(shuffled)
        pieces = [
            write_csv(tmp_path / f"{seed}-{at}.csv", shuffled[at : at + 40]) for at in range(0, len(shuffled), 40)
        ]
        imported(tmp_path / f"shuffled{seed}", *pieces)
        assert everything(tmp_path / f"shuffled{seed}") == expected


def test_a_bad_row_is_set_aside_and_the_others_are_taken(tmp_path, capsys):
    bad = {
        5: row(5, cnt="viel"),
        12: row(12, psn_no=" "),
        19: row(19, vali_flag="vielleicht"),
        26: row(26, drord_begn_date="2026-13-01 08:00:00"),
        33: row(33, changed_at="gestern"),
    }
    rows = [bad.get(number, one) for number, one in enumerate(ROWS)]
    code, told = imported(tmp_path / "data", write_csv(tmp_path / "rows.csv", rows), capsys=capsys)
    assert code == 1
    assert f"{len(ROWS) - len(bad)} lines committed, 0 voided, 0 unchanged, {len(bad)} set aside" in told.out
    with (tmp_path / "data" / "rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = {int(one["row"]): one["reason"] for one in csv.DictReader(file)}
    assert sorted(listed) == [number + 1 for number in bad]
    assert "cnt" in listed[6]
    assert "viel" in listed[6]
    assert "patn_id" in listed[13]
    assert "vali_flag" in listed[20]
    assert "drord_begn_date" in listed[27]
    assert "changed_at" in listed[34]
    assert "row 6:" in told.err


@pytest.mark.parametrize(
    ("rows", "arguments", "text"),
    [
        ([{"psn_no": "P", "mdtrt_id": "E"}], (), "columns are missing: rx_id, hilist_code or hosplist_code"),
        (ROWS, ("--columns", "names.toml"), "column `patient_no` for `psn_no` is not in the source"),
        (ROWS, ("--profile", "nobody"), "nobody"),
        (ROWS, ("--encoding", "ascii"), "ordinal not in range"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, capsys, monkeypatch, rows, arguments, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.toml").write_text('psn_no = "patient_no"\n', encoding="utf-8")
    code, told = imported(tmp_path / "data", write_csv(tmp_path / "rows.csv", rows), *arguments, capsys=capsys)
    assert code == 1
    assert text in told.err


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("nowhere.csv", "No such file"),
        ("rows.docx", "expected .csv"),
        ("sqlite:///nowhere.db", "say which --view"),
    ],
)
def test_a_source_that_is_none_is_said(tmp_path, capsys, monkeypatch, source, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.docx").write_bytes(b"")
    code, told = imported(tmp_path / "data", source, capsys=capsys)
    assert code == 1
    assert text in told.err


def test_other_names_of_columns(tmp_path, capsys):
    names = {"psn_no": "patient", "rx_id": "charge_no", "changed_at": "last_modified"}
    rows = [{names.get(name, name): cell for name, cell in one.items()} | {"operator": "x"} for one in ROWS]
    (tmp_path / "names.toml").write_text("".join(f'{name} = "{column}"\n' for name, column in names.items()))
    source = write_csv(tmp_path / "rows.csv", rows)
    code, told = imported(tmp_path / "data", source, "--columns", tmp_path / "names.toml", capsys=capsys)
    assert code == 0, told
    assert "last_modified: changed_at" in told.out
    assert "not read: operator" in told.out
    imported(tmp_path / "plain", write_csv(tmp_path / "plain.csv", ROWS))
    assert everything(tmp_path / "data") == everything(tmp_path / "plain")


def test_the_password_of_a_database_is_not_printed(tmp_path, capsys):
    code, told = imported(
        tmp_path / "data", "postgresql+psycopg://his:geheim@127.0.0.1:1/his", "--view", "v", capsys=capsys
    )
    assert code == 1
    assert "geheim" not in told.out + told.err


def test_a_killed_import_goes_on_and_loses_nothing(tmp_path):
    rows = [row(number) for number in range(6_000)]
    source = write_csv(tmp_path / "rows.csv", rows)
    data = tmp_path / "data"
    command = [sys.executable, "-m", "server", "history", "import", "--data", str(data), str(source)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        until((data / "imports.json").exists, "the first batch")
        run.kill()
    (place,) = json.loads((data / "imports.json").read_text()).values()
    assert 0 < place["rows"] < len(rows)
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(rows) - place['rows']} rows read" in done.stdout.decode()
    assert sum(len(lines) for lines, _ in everything(data).values()) == len(rows)


def test_a_running_server_knows_at_once_what_is_imported(tmp_path):
    """Beside a running server; its next check counts with the imported lines, though it had this patient in memory."""
    code, name = "002503020030000", "糖化血红蛋白测定"
    with Server(tmp_path / "data") as server:
        now = message([order((code, name))], patient={"patn_id": "P0"})
        assert PER_PERIOD not in rules(server.check(now))
        earlier = row(
            0,
            hilist_code=code,
            hilist_name=name,
            drord_begn_date="2026-07-01 08:00:00",
            changed_at="2026-07-01 08:00:00",
        )
        source = write_csv(tmp_path / "rows.csv", [earlier])
        assert imported(tmp_path / "data", source)[0] == 0
        assert PER_PERIOD in rules(server.check(now))
