"""The header's sentences about threads."""

import threading
import time

from client_shim.client import Client, ffi, lib

PATIENT_MS = 30_000


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_four_threads_with_a_client_each(server):
    _, address = server
    wrong = []

    def work(number):
        with Client(address, deadline_ms=PATIENT_MS) as client:
            for turn in range(100):
                text = f"{number}-{turn}"
                answer = client.check(b'{"verdict": %d, "answer": "%s"}' % (turn % 3, text.encode()))
                if (answer.result, answer.answer.decode()) != (turn % 3, text):
                    wrong.append(answer)

    threads = [in_thread(lambda number=number: work(number)) for number in range(4)]
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(server[0].requests) == 400


def test_a_client_goes_from_thread_to_thread(server):
    results = []
    with Client(server[1], deadline_ms=PATIENT_MS) as client:
        for _ in range(3):
            in_thread(lambda: results.append(client.check(b"{}").result)).join()
    assert results == [0, 0, 0]
    assert len(set(server[0].peers)) == 1


def test_cancel_from_another_thread(server):
    servicer, address = server
    answers = []
    with Client(address, deadline_ms=PATIENT_MS) as client:
        start = time.monotonic()
        thread = in_thread(lambda: answers.append(client.check(b'{"sleep_s": 25}')))
        assert servicer.seen.wait(20)
        client.cancel()
        thread.join()
        assert answers[0].result == lib.PCK_E_CANCELLED
        assert "pck_cancel" in answers[0].error
        assert time.monotonic() - start < 20
        assert client.check(b"{}").result == lib.PCK_PASS, "the next call is not cancelled"


def test_cancel_when_no_call_is_running_does_nothing(client):
    for _ in range(3):
        client.cancel()
        client.cancel()
        assert client.check(b'{"sleep_s": 0.05}').result == lib.PCK_PASS


def test_a_second_thread_inside_one_client_is_told_so(server):
    servicer, address = server
    answers = []
    with Client(address, deadline_ms=PATIENT_MS) as client:
        thread = in_thread(lambda: answers.append(client.check(b'{"sleep_s": 25}')))
        assert servicer.seen.wait(20)
        handle, nothing = client._handle, ffi.NULL
        need = ffi.new("uint32_t *", 7)
        request = ffi.new("pck_request *", {"struct_size": ffi.sizeof("pck_request")})
        assert lib.pck_check(handle, request, nothing, 0, need, nothing) == lib.PCK_E_BUSY
        assert need[0] == 0
        assert lib.pck_commit(handle, request, nothing, nothing) == lib.PCK_E_BUSY
        assert lib.pck_void(handle, nothing, nothing, nothing) == lib.PCK_E_BUSY
        assert lib.pck_feedback(handle, request, nothing, 0, nothing, nothing, nothing) == lib.PCK_E_BUSY
        assert lib.pck_recent_history(handle, nothing, nothing, 0, nothing) == lib.PCK_E_BUSY
        assert lib.pck_review_status(handle, nothing, nothing, 0, nothing, nothing) == lib.PCK_E_BUSY
        assert lib.pck_last_answer(handle, nothing, 0, nothing, nothing) == lib.PCK_E_BUSY
        assert lib.pck_last_error(handle, nothing, 0, nothing) == lib.PCK_E_BUSY
        client.cancel()
        thread.join()
        assert answers[0].result == lib.PCK_E_CANCELLED
        assert client.check(b"{}").result == lib.PCK_PASS
