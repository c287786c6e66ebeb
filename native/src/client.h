/* The client behind the handle, and how a call runs on it. */
#ifndef PCK_CLIENT_H
#define PCK_CLIENT_H

#include "breaker.h"
#include "http2.h"

#include <stdatomic.h>

#define PCK_SEED_BYTES 16

/* How a waiting call ends early. */
struct pck_interrupt {
	struct pck_wake wake;
	atomic_int cancelled;
};

/* One of the servers, as long as the client lives. */
struct pck_endpoint {
	struct pck_breaker breaker;
	struct pck_reply reply;            /* of the attempt that runs                    */
	struct pck_conn conn;
};

struct pck_client {
	atomic_flag busy;
	struct pck_interrupt interrupt;
	struct pck_address servers[PCK_SERVERS_MAX];
	struct pck_endpoint endpoints[PCK_SERVERS_MAX]; /* of the servers                 */
	uint32_t server_count;
	struct pck_tls_context *tls;       /* NULL: plaintext                             */
	uint32_t deadline_ms;
	uint32_t max_answer_bytes;
	uint32_t idle_ms;
	char station_id[PCK_ID_BYTES_MAX + 1];
	char profile[PCK_ID_BYTES_MAX + 1];
	char tls_name[PCK_ID_BYTES_MAX + 1]; /* empty: the server's address               */
	uint8_t seed[PCK_SEED_BYTES];      /* with `calls`, makes request ids             */
	uint64_t calls;
	int64_t begun_us;                  /* when the caller came in                     */
	int32_t dead;                      /* PCK_OK, or the result of every later call   */
	struct pck_error error;
	struct pck_reply reply;
	int wide;                          /* the call's encoding is UTF-16               */
	struct pck_bytes sent;             /* its document as UTF-8, if it is wide        */
	struct pck_bytes converted;        /* its answer as UTF-16, if it is wide         */
	const uint8_t *answer;             /* in `reply` or `converted`; NULL: the last call brought none */
	uint32_t answer_len;
	int32_t answer_result;
	int32_t answer_state;
};

/* Makes the endpoints of a zeroed client, whose servers may be filled in later.  Frees what they hold. */
void pck_endpoints_init(struct pck_client *client);
void pck_endpoints_free(struct pck_client *client);

/*
 * The start of a function that asks a server, and its end, which returns the result given to it.  Between
 * them the client is this thread's.  Unless pck_begin() returns PCK_OK there is nothing to end.
 */
int32_t pck_begin(struct pck_client *client);
int32_t pck_end(struct pck_client *client, int32_t result);

/* Leaves the caller an empty text.  PCK_E_ARGUMENT: `out` is NULL and `cap` is not 0. */
int32_t pck_give_nothing(char *out, uint32_t cap, uint32_t *need);

/* Gives out client->answer, and returns its result or PCK_E_BUFFER; `state` may be NULL. */
int32_t pck_give_answer(struct pck_client *client, char *out, uint32_t cap, uint32_t *need, int32_t *state);

/*
 * Runs one unary call: connects where needed, sends, and asks another server where one fails or
 * stays silent and that is safe.  The deadline counts from pck_begin().  PCK_OK: client->reply holds
 * the response's message.
 */
int32_t pck_call(struct pck_client *client, const char *path, const struct pck_body *body, int repeatable,
                 uint32_t deadline_ms);

#endif
