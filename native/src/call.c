/*
 * Theory of operation
 * ===================
 * A call asks servers until one answers, the deadline passes, or nobody is left to be asked.  Asking
 * one server is an attempt.
 *
 * The order.  Each server has a circuit breaker (breaker.h), and each call makes its own order:
 *
 *  1. The servers whose breaker is closed, in the order of `servers`: the first one is the primary.
 *  2. Before them, as a probe, the first half-open server that stands before all of those in
 *     `servers`.  One probe a call; a call that cannot be repeated makes none.
 *  3. Behind them all the others, in the order of `servers`: as a last resort those too are asked
 *     that are marked down.
 *
 * So a primary that failed is left alone for a while, is tried by one call, and takes over again when
 * it answers.
 *
 * When the next one is asked.  At once where an attempt fails.  Beside the attempt where it is silent
 * for longer than its head start: then both go on, under the same request id, and whoever answers
 * first counts.  So a stall costs a head start, a server that is merely slow is still waited for, and
 * a probe costs PROBE_MS_MAX, never the deadline.
 *
 *     attempt                         head start
 *     at the last server left         nobody is after it: until the deadline
 *     a probe                         its share, at most PROBE_MS_MAX
 *     while it connects               its share, at most CONNECT_MS_MAX
 *     else                            its share: the time left, divided by the servers left
 *
 * A call that cannot be repeated (feedback) is never with two servers: an attempt that has sent
 * nothing yet is dropped for the next one, and one that may have sent is waited for.
 *
 * What the end of an attempt means is looked up in `consequences`.  What is not in there is an
 * answer: it closes the breaker and is the result.  Where nobody answers, the result is that of the
 * attempt that came farthest: "busy" says more than that the next server is down.  A kept connection may have gone stale without any
 * fault of the server, so what fails on one is tried once more at the same server, on a fresh
 * connection.  Each server gets a bounded number of attempts, so a call ends without its deadline too.
 *
 * A server has failed that is in `consequences`, or was silent beyond its head start or until the
 * deadline.  Connections whose attempt did not end are closed with the call: no late frame can meet
 * the next one.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>

#define US_PER_MS 1000

/* A LAN's server answers within a tenth of it, and a doctor does not notice it. */
#define PROBE_MS_MAX 50
/* Half of what the system waits before it repeats a lost first packet: whoever needs longer is not there. */
#define CONNECT_MS_MAX 500

struct attempt {
	struct pck_endpoint *endpoint;
	struct pck_exchange exchange;
	int active;
	int is_probe;
	int is_fresh;                /* the connection was made for this attempt       */
	uint32_t fresh_retries;
	int64_t begun_us;
	int64_t share_us;
};

struct consequence;

struct call {
	struct pck_client *client;
	const char *path;
	const struct pck_body *body;
	int repeatable;
	int64_t limit_us;
	const struct consequence *failure; /* of the attempt that failed and came farthest */
	struct pck_error why;        /* and in words                                   */
	int64_t next_us;             /* when the next is begun, beside what is active  */
	uint32_t begun;              /* of the attempts                                */
	uint32_t count;
	struct attempt attempts[PCK_SERVERS_MAX]; /* in their order                    */
};

/* ---- what the end of an attempt means ---- */

enum again { NEVER, REPEATABLE, ALWAYS };

/* The farther down, the farther the attempt came. */
static const struct consequence {
	int32_t result;
	enum again next;             /* may the next server be asked?                  */
	enum again same;             /* and the same one before, if the connection was a kept one? */
	uint32_t fresh_retries;      /* and if it was a fresh one, how often?          */
} consequences[] = {
	{PCK_E_UNREACHABLE, ALWAYS,     NEVER,      0},
	{PCK_E_TLS,         ALWAYS,     NEVER,      0},
	/* A graceful GOAWAY: twice in a row is bad luck, more often a broken server. */
	{PCK_NOT_SENT,      ALWAYS,     ALWAYS,     3},
	{PCK_LOST,          REPEATABLE, REPEATABLE, 0},
	{PCK_E_BAD_REPLY,   REPEATABLE, NEVER,      0},
	{PCK_E_CANCELLED,   REPEATABLE, NEVER,      0}, /* by the server, which ends         */
	{PCK_E_UNAVAILABLE, REPEATABLE, NEVER,      0},
	{PCK_E_TIMEOUT,     REPEATABLE, NEVER,      0}, /* by the server's clock, not by ours */
	/* A fault of that server, perhaps of it alone: a full disk, a broken pack, a bug that a message meets. */
	{PCK_E_SERVER,      REPEATABLE, NEVER,      0},
};

/* NULL: the server answered, or nothing helps. */
static const struct consequence *consequence_of(int32_t result)
{
	size_t i;

	for (i = 0; i < sizeof consequences / sizeof consequences[0]; i++) {
		if (consequences[i].result == result)
			return &consequences[i];
	}
	return NULL;
}

static void note_failure(struct call *call, const struct consequence *consequence)
{
	if (call->failure != NULL && call->failure > consequence)
		return;
	call->failure = consequence;
	call->why = call->client->error;
}

static int allowed(const struct call *call, enum again again)
{
	return again == ALWAYS || (again == REPEATABLE && call->repeatable);
}

/* The result for the caller. */
static int32_t settled(int32_t result)
{
	return result == PCK_LOST || result == PCK_NOT_SENT ? PCK_E_UNREACHABLE : result;
}

/* ---- the order ---- */

static void append(struct call *call, uint32_t server, int is_probe)
{
	struct attempt *attempt = &call->attempts[call->count++];

	*attempt = (struct attempt){.endpoint = &call->client->endpoints[server], .is_probe = is_probe};
}

static void make_order(struct call *call, int64_t now_us)
{
	uint32_t count = call->client->server_count;
	enum pck_breaker_state states[PCK_SERVERS_MAX];
	uint32_t closed = count; /* the first that is   */
	uint32_t probe = count;
	uint32_t i;

	for (i = count; i-- > 0;) {
		states[i] = pck_breaker_state(&call->client->endpoints[i].breaker, now_us);
		if (states[i] == PCK_BREAKER_CLOSED)
			closed = i;
	}
	/* Where none is closed there is nobody to take over: that is no probe but a last resort. */
	for (i = 0; closed < count && i < closed && call->repeatable && probe == count; i++) {
		if (states[i] == PCK_BREAKER_HALF_OPEN)
			probe = i;
	}
	if (probe < count)
		append(call, probe, 1);
	for (i = 0; i < count; i++) {
		if (states[i] == PCK_BREAKER_CLOSED)
			append(call, i, 0);
	}
	for (i = 0; i < count; i++) {
		if (states[i] != PCK_BREAKER_CLOSED && i != probe)
			append(call, i, 0);
	}
}

/* ---- attempts ---- */

static int is_last_begun(const struct call *call, const struct attempt *attempt)
{
	return attempt == &call->attempts[call->begun - 1];
}

static int64_t at_most(int64_t us, int64_t max_ms)
{
	return us < max_ms * US_PER_MS ? us : max_ms * US_PER_MS;
}

static int64_t head_start_us(const struct attempt *attempt)
{
	if (attempt->is_probe)
		return at_most(attempt->share_us, PROBE_MS_MAX);
	if (attempt->endpoint->conn.state != PCK_CONN_OPEN)
		return at_most(attempt->share_us, CONNECT_MS_MAX);
	return attempt->share_us;
}

/* Goes on with an attempt.  PCK_AGAIN, or how it ended. */
static int32_t go_on(struct call *call, struct attempt *attempt, int seen)
{
	struct pck_endpoint *endpoint = attempt->endpoint;
	int32_t result = pck_conn_step(&endpoint->conn, seen, &call->client->error);

	/* Once it is connected it has time to answer. */
	if (result == PCK_AGAIN && is_last_begun(call, attempt))
		call->next_us = attempt->begun_us + head_start_us(attempt);
	return result == PCK_OK ? pck_reply_result(&endpoint->reply, &call->client->error) : result;
}

/* Begins an attempt, or begins it anew.  PCK_AGAIN, or how it ended. */
static int32_t begin(struct call *call, struct attempt *attempt)
{
	struct pck_client *client = call->client;
	struct pck_endpoint *endpoint = attempt->endpoint;
	struct pck_conn *conn = &endpoint->conn;
	const char *name = client->tls_name[0] != '\0' ? client->tls_name : conn->address->ip_text;
	int32_t result = PCK_OK;

	attempt->exchange = (struct pck_exchange){
		.path = call->path, .body = call->body, .reply = &endpoint->reply, .limit_us = call->limit_us};
	attempt->is_fresh = !pck_conn_usable(conn);
	attempt->begun_us = pck_clock_us();
	attempt->share_us = (call->limit_us - attempt->begun_us) / (call->count - call->begun + 1);
	pck_reply_reset(&endpoint->reply, client->max_answer_bytes);
	if (attempt->is_fresh)
		result = pck_conn_begin(conn, client->tls, name, &client->error);
	if (result != PCK_OK)
		return result;
	conn->exchange = &attempt->exchange;
	attempt->active = 1;
	return go_on(call, attempt, 0);
}

static void give_reply(struct pck_client *client, struct pck_endpoint *endpoint)
{
	struct pck_reply given = client->reply;

	client->reply = endpoint->reply;
	endpoint->reply = given;
}

/*
 * Draws the consequence of an attempt that ended.  PCK_AGAIN: the call goes on, perhaps with the same
 * attempt begun anew.  Else the call's result.
 */
static int32_t conclude(struct call *call, struct attempt *attempt, int32_t result)
{
	const struct consequence *consequence = consequence_of(result);

	attempt->active = 0;
	while (consequence != NULL && allowed(call, consequence->same) &&
	       (!attempt->is_fresh || attempt->fresh_retries++ < consequence->fresh_retries)) {
		result = begin(call, attempt);
		if (result == PCK_AGAIN)
			return PCK_AGAIN;
		attempt->active = 0;
		consequence = consequence_of(result);
	}
	if (consequence == NULL) {
		if (result > PCK_E_MEMORY)
			pck_breaker_answered(&attempt->endpoint->breaker);
		give_reply(call->client, attempt->endpoint);
		return result;
	}
	pck_breaker_failed(&attempt->endpoint->breaker, pck_clock_us());
	note_failure(call, consequence);
	/* If another was begun after this one, that one has its head start still. */
	if (is_last_begun(call, attempt))
		call->next_us = pck_clock_us();
	return allowed(call, consequence->next) ? PCK_AGAIN : result;
}

static int any_active(const struct call *call)
{
	uint32_t i;

	for (i = 0; i < call->begun; i++) {
		if (call->attempts[i].active)
			return 1;
	}
	return 0;
}

static void fail_silent(struct call *call)
{
	uint32_t i;

	for (i = 0; i < call->begun; i++) {
		if (call->attempts[i].active)
			pck_breaker_failed(&call->attempts[i].endpoint->breaker, pck_clock_us());
	}
}

/* Of a call for one server only: drops what can be dropped.  Returns 0 where something cannot. */
static int drop_unsent(struct call *call)
{
	uint32_t i;

	for (i = 0; i < call->begun; i++) {
		struct attempt *attempt = &call->attempts[i];

		if (!attempt->active)
			continue;
		if (attempt->exchange.stream_id != 0)
			return 0;
		pck_error_set(&call->client->error, "%s: %s within the time", attempt->endpoint->conn.address->text,
		              pck_conn_lacks(&attempt->endpoint->conn));
		note_failure(call, consequence_of(PCK_E_UNREACHABLE));
		pck_conn_close(&attempt->endpoint->conn);
		attempt->active = 0;
	}
	return 1;
}

/* Begins attempts until one runs or none is left, if it is time.  As conclude(). */
static int32_t begin_more(struct call *call)
{
	while (call->begun < call->count && (!any_active(call) || pck_clock_us() >= call->next_us)) {
		struct attempt *attempt = &call->attempts[call->begun];
		int32_t result;

		fail_silent(call);
		if (!call->repeatable && !drop_unsent(call)) {
			call->next_us = call->limit_us;
			break;
		}
		call->begun++;
		result = begin(call, attempt);
		if (result != PCK_AGAIN)
			result = conclude(call, attempt, result);
		if (result != PCK_AGAIN)
			return result;
	}
	return PCK_AGAIN;
}

/* ---- the call ---- */

static void say_silent(struct call *call)
{
	char text[PCK_ERROR_BYTES_MAX] = "";
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < call->begun; i++) {
		const struct pck_conn *conn = &call->attempts[i].endpoint->conn;

		if (!call->attempts[i].active)
			continue;
		(void)snprintf(text + len, sizeof text - len, "%s%s: %s within the time", len > 0 ? "; " : "",
		               conn->address->text, pck_conn_lacks(conn));
		len = strlen(text);
	}
	pck_error_set(&call->client->error, "%s", text);
}

/* Waits until something can go on, and goes on with it.  As conclude(). */
static int32_t wait_and_go_on(struct call *call)
{
	struct pck_interrupt *interrupt = &call->client->interrupt;
	struct attempt *waiting[PCK_SERVERS_MAX];
	struct pck_wait waits[PCK_SERVERS_MAX];
	int64_t until_us = call->begun < call->count && call->next_us < call->limit_us ? call->next_us : call->limit_us;
	size_t count = 0;
	size_t i;

	for (i = 0; i < call->begun; i++) {
		const struct pck_conn *conn = &call->attempts[i].endpoint->conn;

		if (!call->attempts[i].active)
			continue;
		waits[count] = (struct pck_wait){.socket = conn->socket, .wanted = conn->wanted};
		waiting[count++] = &call->attempts[i];
	}
	if (pck_net_wait(waits, count, &interrupt->wake, until_us - pck_clock_us()) & PCK_WOKEN) {
		pck_wake_clear(&interrupt->wake);
		/* Woken without the flag: a cancel that came too late for the call before this one. */
		if (atomic_exchange(&interrupt->cancelled, 0)) {
			pck_error_set(&call->client->error, "cancelled by pck_cancel()");
			return PCK_E_CANCELLED;
		}
	}
	for (i = 0; i < count; i++) {
		int32_t result = waits[i].seen != 0 ? go_on(call, waiting[i], waits[i].seen) : PCK_AGAIN;

		if (result != PCK_AGAIN)
			result = conclude(call, waiting[i], result);
		if (result != PCK_AGAIN)
			return result;
	}
	return PCK_AGAIN;
}

static int32_t run(struct call *call)
{
	for (;;) {
		int32_t result = begin_more(call);

		if (result != PCK_AGAIN)
			return result;
		if (!any_active(call)) {
			call->client->error = call->why;
			return call->failure->result;
		}
		if (pck_clock_us() >= call->limit_us) {
			fail_silent(call);
			say_silent(call);
			return PCK_E_TIMEOUT;
		}
		result = wait_and_go_on(call);
		if (result != PCK_AGAIN)
			return result;
	}
}

/* Firewalls drop idle connections in silence, and servers need not be held by one that is not used. */
static void close_idle(struct pck_client *client, int64_t now_us)
{
	uint32_t i;

	for (i = 0; i < client->server_count; i++) {
		struct pck_conn *conn = &client->endpoints[i].conn;

		if (conn->state != PCK_CONN_CLOSED && now_us - conn->used_us > (int64_t)client->idle_ms * US_PER_MS)
			pck_conn_close(conn);
	}
}

int32_t pck_call(struct pck_client *client, const char *path, const struct pck_body *body, int repeatable,
                 uint32_t deadline_ms)
{
	int64_t now_us = pck_clock_us();
	struct call call = {
		.client = client,
		.path = path,
		.body = body,
		.repeatable = repeatable,
		.limit_us = client->begun_us + (int64_t)deadline_ms * US_PER_MS,
	};
	int32_t result;
	uint32_t i;

	close_idle(client, now_us);
	make_order(&call, now_us);
	result = run(&call);
	for (i = 0; i < call.begun; i++) {
		if (call.attempts[i].active)
			pck_conn_close(&call.attempts[i].endpoint->conn);
	}
	return settled(result);
}

void pck_endpoints_init(struct pck_client *client)
{
	uint32_t i;

	for (i = 0; i < PCK_SERVERS_MAX; i++)
		pck_conn_init(&client->endpoints[i].conn, &client->servers[i]);
}

void pck_endpoints_free(struct pck_client *client)
{
	uint32_t i;

	for (i = 0; i < PCK_SERVERS_MAX; i++) {
		pck_conn_close(&client->endpoints[i].conn);
		pck_bytes_free(&client->endpoints[i].reply.message);
	}
}
