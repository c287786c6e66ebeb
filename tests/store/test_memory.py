"""What a history takes in memory is reckoned from what it takes in the store: here it is measured."""

import contextlib
import json
import tracemalloc

from server.history import History
from server.profile import Profiles
from server.store import open_store
from tests.store.making import NOON, commit
from tests.web.messages import BED, CHILD_DRUG, COURSE_DRUG, SECONDARY_DRUG, message, order

DRUGS = (BED, CHILD_DRUG, COURSE_DRUG, SECONDARY_DRUG)
LINES = 200
PATIENTS = 10


def lines_of(patient):
    from server.entrance.national import read_message

    orders = [
        order(DRUGS[n % 4], rx_id=f"R{n}", rxno=f"CF{n // 5}", drord_begn_date=f"2026-0{1 + n % 6}-08 09:00:00")
        for n in range(LINES)
    ]
    document = json.loads(json.dumps(message(orders, patient={"patn_id": patient})))  # texts that nothing else holds
    return read_message(document, "3101", Profiles("", "default")).case.lines


def test_the_reckoned_bytes_are_about_the_real_ones(tmp_path):
    with contextlib.closing(open_store("", tmp_path, upkeep=False)) as store:
        for number in range(PATIENTS):
            commit(History(store, 1), lines_of(f"P{number}"), patient=f"P{number}", at=NOON)
        history = History(store, 10**9)
        history.of("warm up")
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(PATIENTS):
                assert len(history.of(f"P{number}").timeline) == LINES
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    real, reckoned = after - before, history.weight_bytes()
    print(f"real {real:,}, reckoned {reckoned:,}")
    assert 0.7 * real < reckoned < 2.0 * real, (real, reckoned)
