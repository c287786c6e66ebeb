/*
 * Theory of operation
 * ===================
 * A call starts with the server that worked last, over the open connection if there is one.  What
 * goes wrong decides what is tried next:
 *
 *   failed on a connection that was already open  -> the same server again, on a fresh connection
 *                                                    (the old one may just have gone stale)
 *   failed on a fresh connection                  -> the next server
 *   answered UNAVAILABLE                          -> the next server
 *   any other answer, deadline, cancel            -> that is the result
 *
 * Each server gets one fresh connection, so the loop ends.  A call that is not repeatable is sent
 * again only if no server can have acted on it.
 *
 * While other servers are left, connecting to one may take only its share of the time that is
 * left; the last one may take all of it.
 */
#include "client.h"

/* Two graceful GOAWAYs in a row are bad luck; more than this many retries are a broken server. */
#define FRESH_RETRIES_MAX 3

struct attempt {
	const char *path;
	const struct pck_body *body;
	int64_t limit_us;
	uint32_t servers_left; /* including the one that is tried */
	int fresh;             /* the connection was made for this attempt */
	int connected;         /* the request may have been sent           */
};

static int32_t connect_if_needed(struct pck_client *client, struct attempt *attempt)
{
	const struct pck_address *address = &client->servers[client->server];
	int64_t now_us = pck_clock_us();
	int64_t share_us = (attempt->limit_us - now_us) / attempt->servers_left;

	if (client->conn.socket != PCK_NO_SOCKET &&
	    now_us - client->conn.used_us > (int64_t)client->idle_ms * 1000)
		pck_conn_close(&client->conn);
	attempt->fresh = !pck_conn_usable(&client->conn);
	if (!attempt->fresh)
		return PCK_OK;
	return pck_conn_open(&client->conn, address, client->tls,
	                     client->tls_name[0] != '\0' ? client->tls_name : address->ip_text, now_us + share_us,
	                     &client->error);
}

/* One attempt at one server.  Moreover returns PCK_LOST, PCK_NOT_SENT. */
static int32_t try_once(struct pck_client *client, struct attempt *attempt)
{
	int32_t result = connect_if_needed(client, attempt);

	attempt->connected = result == PCK_OK;
	if (result != PCK_OK)
		return result;
	pck_reply_reset(&client->reply, client->max_answer_bytes);
	result = pck_conn_exchange(&client->conn, &client->servers[client->server], attempt->path, attempt->body,
	                           &client->reply, attempt->limit_us, &client->error);
	return result == PCK_OK ? pck_reply_result(&client->reply, &client->error) : result;
}

/* May the call be sent again after this result? */
static int may_retry(const struct attempt *attempt, int32_t result, int repeatable)
{
	switch (result) {
	case PCK_NOT_SENT:
	case PCK_E_UNREACHABLE:
	case PCK_E_TLS:
		return 1;
	case PCK_E_TIMEOUT: /* of connecting, within its share */
		return !attempt->connected && pck_clock_us() < attempt->limit_us;
	case PCK_LOST:
	case PCK_E_UNAVAILABLE:
		return repeatable;
	default:
		return 0;
	}
}

/* The result for the caller of a call that is not tried again. */
static int32_t settled(int32_t result)
{
	return result == PCK_LOST || result == PCK_NOT_SENT ? PCK_E_UNREACHABLE : result;
}

int32_t pck_call(struct pck_client *client, const char *path, const struct pck_body *body, int repeatable,
                 uint32_t deadline_ms)
{
	struct attempt attempt = {
		.path = path,
		.body = body,
		.limit_us = pck_clock_us() + (int64_t)deadline_ms * 1000,
		.servers_left = client->server_count,
	};
	uint32_t refused = 0;
	int32_t result;

	for (;;) {
		result = try_once(client, &attempt);
		if (result == PCK_OK || !may_retry(&attempt, result, repeatable))
			break;
		/* Stale or graceful: the server itself has not failed. */
		if (result != PCK_E_UNAVAILABLE && (!attempt.fresh || result == PCK_NOT_SENT) &&
		    refused++ < FRESH_RETRIES_MAX)
			continue;
		if (--attempt.servers_left == 0)
			break;
		pck_conn_close(&client->conn);
		client->server = (client->server + 1) % client->server_count;
	}
	/* A server that stalled is not the first choice of the next call. */
	if (result == PCK_E_TIMEOUT && client->conn.socket == PCK_NO_SOCKET)
		client->server = (client->server + 1) % client->server_count;
	return settled(result);
}
