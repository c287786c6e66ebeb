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
from server.store import Store, StoreError, open_store
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
        [
            "history",
            "import",
            "--create",
            "--data",
            str(data),
            "--rejects",
            str(data / "rejects.csv"),
            *map(str, arguments),
        ]
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


def places_of(data):
    """How far sources were read, as the store says it; beside an import that is under way too."""
    if not (data / "precheck.db").is_file():
        return []
    store = open_store("", data, upkeep=False)
    try:
        return [json.loads(place) for place in store.import_places().values()]
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
    code, told = imported(tmp_path / "data", url, "--view", "precheck_history", capsys=capsys)
    assert "1 rows read: 0 lines committed, 0 voided, 1 unchanged, 0 set aside" in told.out
    assert code == 0
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
    assert "rows.csv row 6 (E5-0 RX5): " in told.err


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


def test_a_killed_import_had_told_of_no_row_that_it_set_aside(tmp_path):
    """Regression: the place was behind the row, and the list of rows still in the memory of the process."""
    source = write_csv(tmp_path / "rows.csv", [row(0, cnt="viel"), *(row(number) for number in range(1, 6_000))])
    data, rejects = tmp_path / "data", tmp_path / "rejects.csv"
    command = [sys.executable, "-m", "server", "history", "import", "--create", "--data", str(data)]
    with subprocess.Popen(
        [*command, "--rejects", str(rejects), str(source)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        until(lambda: places_of(data), "the first batch")
        run.kill()
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [one["rx_id"] for one in csv.DictReader(file)] == ["RX0"]


def test_a_killed_import_goes_on_and_loses_nothing(tmp_path):
    rows = [row(number) for number in range(6_000)]
    source = write_csv(tmp_path / "rows.csv", rows)
    data = tmp_path / "data"
    command = [sys.executable, "-m", "server", "history", "import", "--create", "--data", str(data), str(source)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        until(lambda: places_of(data), "the first batch")
        run.kill()
    (place,) = places_of(data)
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


def test_a_replaced_extract_lost_a_void_and_a_line(tmp_path, capsys):
    """Regression: the position in a file was a number of rows, and nothing saw that the rows before it were others."""
    rows = [row(number) for number in range(300)]
    source = write_csv(tmp_path / "v.csv", rows)
    imported(tmp_path / "data", source)
    taken_back = row(250, vali_flag="0", changed_at="2026-07-30 11:00:00")
    replaced = [*rows[:200], row(1000, psn_no="P4"), *rows[200:250], taken_back, *rows[251:]]
    capsys.readouterr()
    code, told = imported(tmp_path / "data", write_csv(source, replaced), capsys=capsys)
    assert code == 0
    assert "its first 300 rows are not those that were read: all are read again" in told.out
    assert "301 rows read: 1 lines committed, 1 voided, 299 unchanged, 0 set aside" in told.out
    of_patient = {line[0] for line in lines_of(tmp_path / "data", "P4")[0]}
    assert "RX1000" in of_patient
    assert "RX249" in of_patient
    assert "RX250" not in {line[0] for line in lines_of(tmp_path / "data", "P5")[0]}


def test_a_cumulative_extract_of_another_name_lost_what_had_changed_in_it(tmp_path, capsys):
    """Regression: as above, by a new file that begins as the old one did."""
    imported(tmp_path / "data", write_csv(tmp_path / "june.csv", ROWS))
    changed = [*ROWS[:120], row(120, cnt="4", changed_at="2026-07-30 11:00:00"), *ROWS[121:], row(150)]
    capsys.readouterr()
    _, told = imported(tmp_path / "data", write_csv(tmp_path / "july.csv", changed), capsys=capsys)
    assert "151 rows read: 2 lines committed" in told.out
    _, told = imported(tmp_path / "data", tmp_path / "june.csv", tmp_path / "july.csv", capsys=capsys)
    assert told.out.count(" rows read: 0 lines committed, 0 voided") == 2
    assert ("RX120", BED[0], "4") in {line[:3] for line in lines_of(tmp_path / "data", "P1")[0]}


def test_a_row_that_was_mended_in_its_file_never_arrived(tmp_path, capsys):
    """Regression: the second run read nothing, and ended as if all were there."""
    rows = [row(number) for number in range(2_100)]
    source = write_csv(tmp_path / "big.csv", [*rows[:2_050], row(2_050, cnt="viel"), *rows[2_051:]])
    assert imported(tmp_path / "data", source)[0] == 1
    capsys.readouterr()
    code, told = imported(tmp_path / "data", source, capsys=capsys)
    assert code == 1, "what was set aside is not there by being asked for twice"
    assert "0 rows read" in told.out
    assert "1 rows before these were set aside by an earlier run and are not in the store" in told.err
    code, told = imported(tmp_path / "data", write_csv(source, rows), capsys=capsys)
    assert code == 0, told
    assert "2100 rows read: 1 lines committed, 0 voided, 2099 unchanged, 0 set aside" in told.out
    code, told = imported(tmp_path / "data", source, capsys=capsys)
    assert code == 0, told
    assert "0 rows read" in told.out


def test_a_file_that_has_grown_tells_of_what_was_set_aside_before(tmp_path, capsys):
    rows = [*ROWS[:50], row(50, vali_flag="vielleicht"), *ROWS[51:100]]
    source = write_csv(tmp_path / "rows.csv", rows)
    imported(tmp_path / "data", source)
    capsys.readouterr()
    code, told = imported(tmp_path / "data", write_csv(source, [*rows, *ROWS[100:]]), capsys=capsys)
    assert code == 1
    assert "50 rows read: 50 lines committed" in told.out
    assert "1 rows before these were set aside" in told.err


def test_a_file_without_an_end_of_its_last_line_may_grow(tmp_path, capsys):
    source = write_csv(tmp_path / "rows.csv", ROWS[:100])
    source.write_bytes(source.read_bytes().rstrip())
    imported(tmp_path / "data", source)
    capsys.readouterr()
    _, told = imported(tmp_path / "data", write_csv(source, ROWS), capsys=capsys)
    assert "50 rows read: 50 lines committed" in told.out


def test_a_row_that_was_read_half_written_is_read_again(tmp_path, capsys):
    """The HIS was writing the file: of 14 days there was the 1."""
    rows = [{name: one[name] for name in sorted(one, key=lambda name: name == "days")} for one in ROWS[:80]]
    rows[-1]["days"] = "14"
    source = write_csv(tmp_path / "rows.csv", rows)
    whole = source.read_bytes()
    source.write_bytes(whole.rstrip()[:-1])
    imported(tmp_path / "data", source)
    capsys.readouterr()
    source.write_bytes(whole)
    _, told = imported(tmp_path / "data", source, capsys=capsys)
    assert "80 rows read: 1 lines committed" in told.out
    assert [line[4] for line in lines_of(tmp_path / "data", "P2")[0] if line[0] == "RX79"] == [14]


def test_a_file_that_has_shrunk_is_read_again(tmp_path, capsys):
    source = write_csv(tmp_path / "rows.csv", ROWS)
    imported(tmp_path / "data", source)
    capsys.readouterr()
    changed = row(60, cnt="5", changed_at="2026-07-30 11:00:00")
    _, told = imported(tmp_path / "data", write_csv(source, [*ROWS[:60], changed]), capsys=capsys)
    assert "61 rows read: 1 lines committed" in told.out
    assert sum(len(lines) for lines, _ in everything(tmp_path / "data").values()) == len(ROWS)


def test_a_row_of_a_view_that_was_set_aside_is_read_again_until_it_is_mended(tmp_path, capsys):
    """Regression: the watermark passed it, and what was mended under its old time never arrived."""
    bad = row(40, cnt="viel")
    url = write_view(tmp_path / "his.db", [*ROWS[:40], bad, *ROWS[41:100]])
    arguments = (tmp_path / "data", url, "--view", "precheck_history")
    assert imported(*arguments)[0] == 1
    capsys.readouterr()
    code, told = imported(*arguments, capsys=capsys)
    assert code == 1
    assert "60 rows read: 0 lines committed, 0 voided, 59 unchanged, 1 set aside" in told.out
    assert "(E5-0 RX40): " in told.err
    with sqlite3.connect(tmp_path / "his.db") as database:
        database.execute("UPDATE charge SET cnt = '1' WHERE rx_id = 'RX40'")
    database.close()
    code, told = imported(*arguments, capsys=capsys)
    assert code == 0, told
    assert "60 rows read: 1 lines committed, 0 voided, 59 unchanged, 0 set aside" in told.out
    _, told = imported(*arguments, capsys=capsys)
    assert "1 rows read" in told.out


def test_what_a_killed_import_of_a_view_had_set_aside_is_read_by_the_next_run_but_one(tmp_path, capsys, monkeypatch):
    """The one that goes on says so, and does not begin again from there: it would never be through."""
    monkeypatch.setattr("server.history_import.run.ROWS_AT_ONCE", 20)
    url = write_view(tmp_path / "his.db", [*ROWS[:5], row(5, cnt="viel"), *ROWS[6:100]])
    arguments = (tmp_path / "data", url, "--view", "precheck_history")
    keep = Store.keep_import_place
    kept = []

    def keep_twice(*given, **more):
        if len(kept) == 2:
            raise StoreError("store: gone")
        keep(*given, **more)
        kept.append(given)

    monkeypatch.setattr(Store, "keep_import_place", keep_twice)
    assert imported(*arguments)[0] == 1
    assert [place["set_aside"] for place in places_of(tmp_path / "data")] == [1]
    monkeypatch.setattr(Store, "keep_import_place", keep)
    capsys.readouterr()
    code, told = imported(*arguments, capsys=capsys)
    assert code == 1
    assert "61 rows read: 40 lines committed, 0 voided, 21 unchanged" in told.out
    assert "1 rows before these were set aside by an earlier run" in told.err
    code, told = imported(*arguments, capsys=capsys)
    assert code == 1
    assert "95 rows read: 0 lines committed, 0 voided, 94 unchanged, 1 set aside" in told.out


def test_what_was_set_aside_is_read_again_though_nothing_came_after_a_kill(tmp_path, capsys):
    url = write_view(tmp_path / "his.db", ROWS[:10])
    arguments = (tmp_path / "data", url, "--view", "precheck_history")
    imported(*arguments)
    store = open_store("", tmp_path / "data", upkeep=False)
    (key,) = store.import_places()
    place = {"watermark": ROWS[90]["changed_at"], "set_aside": 1, "set_aside_from": ROWS[5]["changed_at"]}
    store.keep_import_place(key, json.dumps(place))  # as a killed run leaves it, whose rows are gone from the view
    store.close()
    capsys.readouterr()
    code, told = imported(*arguments, capsys=capsys)
    assert code == 1
    assert "0 rows read" in told.out
    code, told = imported(*arguments, capsys=capsys)
    assert code == 0
    assert "5 rows read" in told.out


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_row_of_a_view_without_a_time_of_change_is_set_aside_each_time(tmp_path, capsys, nothing):
    """Regression: after the first run no watermark was before it, and nobody heard of it."""
    url = write_view(tmp_path / "his.db", ROWS[:50])
    arguments = (tmp_path / "data", url, "--view", "precheck_history")
    imported(*arguments)
    write_view(tmp_path / "his.db", [row(50, changed_at=nothing), row(51)])
    for new in (1, 0):
        capsys.readouterr()
        code, told = imported(*arguments, capsys=capsys)
        assert code == 1
        assert f": {new} lines committed" in told.out
        assert "`changed_at` is empty" in told.err


@pytest.mark.parametrize(("never", "code"), [("9999-12-31 00:00:00", 0), ("2099-01-01 08:00:00", 0), ("unbekannt", 1)])
def test_a_time_that_is_to_come_or_none_kept_a_view_from_being_read_further(tmp_path, capsys, never, code):
    """Regression: it became the watermark, and nothing that changed after was behind it."""
    url = write_view(tmp_path / "his.db", [*ROWS[:50], row(50, changed_at=never)])
    arguments = (tmp_path / "data", url, "--view", "precheck_history")
    assert imported(*arguments)[0] == code
    for number in (51, 52):
        write_view(tmp_path / "his.db", [row(number)])
        capsys.readouterr()
        assert imported(*arguments, capsys=capsys)[0] == code
    taken = {line[0] for lines, _ in everything(tmp_path / "data").values() for line in lines}
    assert {"RX49", "RX51", "RX52"} <= taken
    assert ("RX50" in taken) == (code == 0)


def test_empty_lines_are_no_rows(tmp_path, capsys):
    source = write_csv(tmp_path / "rows.csv", ROWS[:20])
    source.write_bytes(source.read_bytes() + b"\r\n\r\n")
    code, told = imported(tmp_path / "data", source, capsys=capsys)
    assert code == 0
    assert "20 rows read: 20 lines committed" in told.out
    with source.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, list(ROWS[20])).writerow(ROWS[20])
    code, told = imported(tmp_path / "data", source, capsys=capsys)
    assert "1 rows read: 1 lines committed" in told.out


def test_a_mistyped_data_directory_is_not_made(tmp_path, capsys):
    """Regression: the rows went into a new store there, and the hospital's had none of them."""
    source = write_csv(tmp_path / "rows.csv", ROWS[:3])
    command = ["history", "import", "--data", str(tmp_path / "dta"), str(source)]
    assert main(command) == 1
    assert f"no store at {tmp_path / 'dta' / 'precheck.db'}" in capsys.readouterr().err
    assert not (tmp_path / "dta").exists()
    assert main([*command, "--create"]) == 0
    assert main(command) == 0


def test_another_store_in_the_same_place_is_filled_from_the_start(tmp_path, capsys):
    """Regression: the place stood beside the store, and an empty or older one was taken for full."""
    source = write_csv(tmp_path / "rows.csv", ROWS)
    imported(tmp_path / "data", source)
    for file in (tmp_path / "data").glob("precheck.db*"):
        file.unlink()
    capsys.readouterr()
    _, told = imported(tmp_path / "data", source, capsys=capsys)
    assert f"{len(ROWS)} rows read: {len(ROWS)} lines committed" in told.out


def test_a_place_of_a_former_form_is_none(tmp_path, capsys):
    source = write_csv(tmp_path / "rows.csv", ROWS)
    imported(tmp_path / "data", source)
    store = open_store("", tmp_path / "data", upkeep=False)
    (key,) = store.import_places()
    store.keep_import_place(key, '{"row": 150}')
    store.close()
    capsys.readouterr()
    code, told = imported(tmp_path / "data", source, capsys=capsys)
    assert code == 0
    assert f"{len(ROWS)} rows read: 0 lines committed" in told.out


def test_a_column_that_is_understood_later_is_read_from_the_start(tmp_path, capsys):
    rows = [{"anzahl" if name == "cnt" else name: cell for name, cell in one.items()} for one in ROWS]
    source = write_csv(tmp_path / "rows.csv", rows)
    imported(tmp_path / "data", source)
    (tmp_path / "names.toml").write_text('cnt = "anzahl"\n', encoding="utf-8")
    capsys.readouterr()
    _, told = imported(tmp_path / "data", source, "--columns", tmp_path / "names.toml", capsys=capsys)
    assert f"{len(ROWS)} rows read: {len(ROWS)} lines committed" in told.out


def test_two_imports_at_once_keep_both_places(tmp_path, capsys):
    """Regression: each wrote its own copy of all places, and the last to write took the other's back."""
    data = tmp_path / "data"
    one = write_csv(tmp_path / "one.csv", [row(number) for number in range(2_500)])
    imported(data, write_csv(tmp_path / "first.csv", [row(9_000)]))
    command = [sys.executable, "-m", "server", "history", "import", "--data", str(data), str(one)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        other = write_csv(tmp_path / "other.csv", [row(number) for number in range(5_000, 5_300)])
        assert imported(data, other)[0] == 0
        assert run.wait(PATIENCE_S) == 0
    capsys.readouterr()
    _, told = imported(data, one, other, capsys=capsys)
    assert told.out.count(": 0 rows read: 0 lines committed") == 2
    assert sum(len(lines) for lines, _ in everything(data).values()) == 2_801


def test_a_day_of_an_order_that_was_taken_back_took_its_other_days_along(tmp_path):
    """Regression: a void of the import spoke of an order's item, whatever the begin; and of every item without a code."""
    days = [
        row(0, rx_id="LONG", drord_begn_date=f"2026-06-0{day} 08:00:00", changed_at="2026-06-03 09:00:00")
        for day in (1, 2, 3)
    ]
    local = [
        row(7, rx_id="LOCAL", hilist_code="", hilist_name=name, changed_at="2026-06-03 09:00:00")
        for name in ("院内甲", "院内乙")
    ]
    later = {"vali_flag": "0", "changed_at": "2026-06-04 10:00:00"}
    source = write_csv(
        tmp_path / "rows.csv",
        [{**one, "hosplist_code": ""} for one in [*days, *local, days[1] | later, local[0] | later]],
    )
    assert imported(tmp_path / "data", source)[0] == 0
    lines = lines_of(tmp_path / "data", "P0")[0]
    assert [line[3] for line in lines if line[0] == "LONG"] == ["2026-06-01 08:00:00", "2026-06-03 08:00:00"]
    assert [line[0] for line in lines].count("LOCAL") == 1


@pytest.mark.parametrize(("stated", "taken_back"), [("", "2026-06-01 08:00:00"), ("2026-06-01 08:00:00", "")])
def test_a_begin_that_only_one_of_both_states_does_not_keep_a_void_from_its_line(tmp_path, stated, taken_back):
    void = row(0, vali_flag="0", drord_begn_date=taken_back, changed_at="2026-06-04 10:00:00")
    imported(tmp_path / "data", write_csv(tmp_path / "rows.csv", [row(0, drord_begn_date=stated), void]))
    assert lines_of(tmp_path / "data", "P0")[0] == []


def test_a_void_that_comes_again_is_not_stored_again(tmp_path):
    rows = [row(0), row(0, vali_flag="0", changed_at="2026-07-30 11:00:00")]
    source = write_csv(tmp_path / "rows.csv", rows)
    for _ in range(3):
        imported(tmp_path / "data", source, "--from-start")
    store = open_store("", tmp_path / "data", upkeep=False)
    assert [event.kind for event in store.events("P0")] == ["commit", "void"]
    store.close()


@pytest.mark.parametrize("changed_at", ["", "2026-07-01", None])
def test_without_a_time_of_change_rows_count_in_their_order(tmp_path, changed_at):
    """Regression: of two states in one batch the first counted, and a void of a date came before what it took back."""
    states = [
        *(row(0, cnt="1"), row(0, cnt="2")),  # corrected
        *(row(7), row(7, vali_flag="0")),  # taken back
        *(row(14), row(14, vali_flag="0"), row(14, cnt="3")),  # taken back, and ordered again
    ]
    for one in states:
        del one["changed_at"]
        if changed_at is not None:
            one["changed_at"] = changed_at
    imported(tmp_path / "data", write_csv(tmp_path / "rows.csv", states))
    lines, _ = lines_of(tmp_path / "data", "P0")
    assert [(line[0], line[2]) for line in lines] == [("RX0", "2"), ("RX14", "3")]


def test_a_change_at_midnight_is_one_of_its_time(tmp_path):
    """Regression: it counted as said now, and put what was said since out of force."""
    rows = [row(0, cnt="2", changed_at="2026-06-02 10:00:00"), row(0, cnt="1", changed_at="2026-06-02 00:00:00")]
    imported(tmp_path / "data", write_csv(tmp_path / "rows.csv", rows))
    assert [line[2] for line in lines_of(tmp_path / "data", "P0")[0]] == ["2"]


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
