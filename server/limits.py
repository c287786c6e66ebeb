"""Every limit of the service, by name and with its unit. What exceeds one is refused with a message that names it."""

MEBIBYTE = 1024 * 1024

DOCUMENT_MAX_BYTES = 24 * MEBIBYTE
"""The whole document, in its own encoding."""

MESSAGE_MAX_BYTES = DOCUMENT_MAX_BYTES + MEBIBYTE
"""A gRPC message: a document and what travels around it."""

ANSWER_MAX_BYTES = 24 * MEBIBYTE
"""An answer, which grows with the pairs of lines that it names. A larger one is refused before anything is recorded."""

CURRENT_LINES_MAX = 500
HISTORY_LINES_MAX = 20_000
DIAGNOSES_MAX = 1_000
OPERATIONS_MAX = 1_000
ENCOUNTERS_MAX = 2_000
"""Encounters of one message, current and past."""
OBSERVATIONS_MAX = 5_000
LIST_ENTRIES_MAX = 1_000
"""Any other list of a document: allergies, approvals, attestations, privileges, classes, marks."""

TEXT_MAX_CHARACTERS = 500
"""One text of a document that becomes a fact: a code, a name, an id."""

STATION_ID_MAX_CHARACTERS = 64
REQUEST_ID_MAX_CHARACTERS = 64
REASON_MAX_CHARACTERS = 500
"""What a doctor writes (national dspo_way_rea)."""

FEEDBACK_ENTRIES_MAX = 1_000
VOID_ORDERS_MAX = 1_000

RECENT_LINES_MAX = 1_000
"""Lines, and visits, that one RecentHistory returns, the newest ones; it says how many there are."""

TIME_LEFT_MIN_S = 0.005
"""A call with less time left than this is refused at once: an early "not checked" beats a late one."""

STORE_WAIT_MAX_S = 5.0
"""How long a call waits for a store that does not answer: until its own deadline, and never longer than this."""

JUDGEMENTS_MAX = 2
"""How often one check is judged: the second time on the history as the store had it after the check began, which stands."""

STORE_START_MAX_S = 60.0
"""How long a server that starts waits for a PostgreSQL that does not answer; then it ends with what is wrong."""

GATEWAY_DEADLINE_S = 10.0
"""What the HTTP gateway gives a call, whose client states no deadline."""

DRAIN_MAX_S = 10.0
"""How long SIGTERM waits for calls in flight; with start and end of the drain one worker is gone within 15 s, several within 20."""
