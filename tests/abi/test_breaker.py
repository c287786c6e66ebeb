"""The circuit breaker's theory of operation (native/src/breaker.h), sentence by sentence, with a clock of our own."""

import re
import subprocess

import pytest
from cffi import FFI

from client_shim.build import NATIVE

SOURCE = NATIVE / "src" / "breaker.c"
HEADER = SOURCE.with_suffix(".h")
CLOSED, HALF_OPEN, OPEN = range(3)


def constant(name):
    return int(re.search(rf"#define {name} +(\d+)", HEADER.read_text())[1])


FIRST_US = constant("PCK_BREAKER_OPEN_MS_FIRST") * 1000
MAX_US = constant("PCK_BREAKER_OPEN_MS_MAX") * 1000


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The file by itself: it needs nothing of the system, not even a clock."""
    built = tmp_path_factory.mktemp("breaker") / "breaker.so"
    subprocess.run(["cc", "-std=c11", "-shared", "-fPIC", "-nostdlib", str(SOURCE), "-o", str(built)], check=True)
    ffi = FFI()
    ffi.cdef("""
        struct pck_breaker { int64_t open_us; int64_t until_us; };
        int pck_breaker_state(const struct pck_breaker *breaker, int64_t now_us);
        void pck_breaker_failed(struct pck_breaker *breaker, int64_t now_us);
        void pck_breaker_answered(struct pck_breaker *breaker);
    """)
    return ffi, ffi.dlopen(str(built))


class Breaker:
    def __init__(self, library):
        ffi, self._lib = library
        self._breaker = ffi.new("struct pck_breaker *")
        self.now = 5_000_000

    @property
    def state(self):
        return self._lib.pck_breaker_state(self._breaker, self.now)

    def failed(self):
        self._lib.pck_breaker_failed(self._breaker, self.now)

    def answered(self):
        self._lib.pck_breaker_answered(self._breaker)

    def opened_for(self):
        """Go to the end of its opening; return how long that was."""
        assert self.state == OPEN
        low, high = 0, 2 * MAX_US
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (middle, high)
                if self._lib.pck_breaker_state(self._breaker, self.now + middle) == OPEN
                else (low, middle)
            )
        self.now += high
        assert self.state == HALF_OPEN
        return high


@pytest.fixture
def breaker(library):
    return Breaker(library)


def test_a_new_breaker_is_closed(breaker):
    assert breaker.state == CLOSED


def test_one_failure_opens_it_for_the_first_time(breaker):
    breaker.failed()
    assert breaker.opened_for() == FIRST_US


def test_time_alone_never_closes_it(breaker):
    breaker.failed()
    for _ in range(10):
        breaker.now += MAX_US
        assert breaker.state == HALF_OPEN


def test_failures_while_half_open_double_the_time_up_to_the_limit(breaker):
    times = []
    for _ in range(10):
        breaker.failed()
        times.append(breaker.opened_for())
    assert times == [min(FIRST_US << n, MAX_US) for n in range(10)]
    assert times[-1] == MAX_US


def test_a_failure_while_it_is_open_changes_nothing(breaker):
    breaker.failed()
    breaker.now += FIRST_US // 2
    for _ in range(5):
        breaker.failed()
    assert breaker.opened_for() == FIRST_US - FIRST_US // 2
    breaker.failed()
    assert breaker.opened_for() == 2 * FIRST_US


@pytest.mark.parametrize("late", [0, FIRST_US // 2, FIRST_US, 10 * MAX_US])
def test_an_answer_closes_it_from_whatever_state_and_it_begins_anew(breaker, late):
    for _ in range(3):
        breaker.failed()
        breaker.opened_for()
    breaker.failed()
    breaker.now += late
    breaker.answered()
    assert breaker.state == CLOSED
    breaker.failed()
    assert breaker.opened_for() == FIRST_US


def test_an_answer_of_a_closed_one_leaves_it_closed(breaker):
    breaker.answered()
    assert breaker.state == CLOSED
