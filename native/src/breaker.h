/*
 * The circuit breaker of one server.
 *
 * Theory of operation
 * ===================
 * A breaker remembers whether its server failed, so that the next call need not find out again.  It
 * has three states:
 *
 *     CLOSED ---- failed -----> OPEN
 *     OPEN   ---- time -------> HALF OPEN
 *     OPEN   ---- answered ---> CLOSED
 *     HALF   ---- answered ---> CLOSED
 *     HALF   ---- failed -----> OPEN, for twice as long as before
 *
 *  1. A new breaker is closed.
 *  2. One failure opens a closed breaker: a station makes a call every few minutes, and a second
 *     failure to be sure would be paid by a second doctor.
 *  3. It opens for PCK_BREAKER_OPEN_MS_FIRST, and is half open after that.
 *  4. Time alone never closes it: only an answer does.
 *  5. A failure while it is half open opens it for twice as long as before, up to
 *     PCK_BREAKER_OPEN_MS_MAX.
 *  6. A failure while it is open changes nothing: such a call is a last resort, no probe, and however
 *     many of them fail, the next probe is not put off.
 *  7. An answer closes it from whatever state, and the next failure opens it for the first time again.
 *
 * It has no thread, no timer and no clock: the time is an argument, and "half open" is what an open
 * breaker is called once its time is over.  What the states mean for the order of servers is the
 * business of call.c.
 */
#ifndef PCK_BREAKER_H
#define PCK_BREAKER_H

#include <stdint.h>

/* Long enough that a server's restart or a switch's hiccup costs one call, not several. */
#define PCK_BREAKER_OPEN_MS_FIRST  1000
/* A server that is down for the night is asked once a minute; one that is back is in use within it. */
#define PCK_BREAKER_OPEN_MS_MAX   60000

enum pck_breaker_state {
	PCK_BREAKER_CLOSED = 0,    /* the server is used                                  */
	PCK_BREAKER_HALF_OPEN = 1, /* it failed a while ago: one call may try whether it is back */
	PCK_BREAKER_OPEN = 2       /* it failed just now: used only if there is no other  */
};

/* All zero: closed. */
struct pck_breaker {
	int64_t open_us;           /* how long it opened the last time; 0: closed        */
	int64_t until_us;          /* when that is over, by the caller's clock           */
};

enum pck_breaker_state pck_breaker_state(const struct pck_breaker *breaker, int64_t now_us);
void pck_breaker_failed(struct pck_breaker *breaker, int64_t now_us);
void pck_breaker_answered(struct pck_breaker *breaker);

#endif
