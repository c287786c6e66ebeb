/*
 * Theory of operation
 * ===================
 * nghttp2 keeps the protocol's state and does no I/O.  This file moves bytes:
 *
 *   nghttp2 --frames--> out[] --send--> socket --recv--> in[] --> nghttp2 --callbacks--> reply
 *
 * `pump` is the only loop.  Each round sends what there is, waits on the socket and on the
 * cancelling pipe for no longer than the limit, and reads what came, until a condition holds.
 *
 * out[] is refilled only when it is empty: TLS must be given the same bytes again after it could
 * not send them.
 *
 * A call that ends in any way but the regular one closes its connection.  The server learns of it
 * by that, and no late frame of a dead call can meet the next one.
 */
#include "http2.h"

#include <stdio.h>
#include <string.h>

/* A large reply is not held up by flow control: what it may fill is bounded by message_max. */
#define WINDOW_BYTES (16 * 1024 * 1024)
#define HEADER_LIST_BYTES_MAX (16 * 1024)

void pck_conn_init(struct pck_conn *conn, struct pck_interrupt *interrupt)
{
	memset(conn, 0, sizeof *conn);
	conn->socket = PCK_NO_SOCKET;
	conn->interrupt = interrupt;
}

void pck_conn_close(struct pck_conn *conn)
{
	nghttp2_session_del(conn->h2);
	pck_tls_session_free(conn->tls);
	pck_net_close(conn->socket);
	pck_conn_init(conn, conn->interrupt);
}

/* ---- what nghttp2 calls ---- */

static struct pck_exchange *exchange_of(void *user, int32_t stream_id)
{
	struct pck_exchange *exchange = ((struct pck_conn *)user)->exchange;

	return exchange != NULL && exchange->stream_id == stream_id ? exchange : NULL;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct pck_exchange *exchange = exchange_of(user, frame->hd.stream_id);

	(void)h2;
	(void)flags;
	if (exchange != NULL)
		pck_reply_header(exchange->reply, name, name_len, value, value_len);
	return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len, void *user)
{
	struct pck_exchange *exchange = exchange_of(user, stream_id);

	(void)h2;
	(void)flags;
	if (exchange != NULL) {
		pck_reply_data(exchange->reply, data, len);
		if (exchange->reply->broken != PCK_OK)
			exchange->ended = 1;
	}
	return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct pck_exchange *exchange = exchange_of(user, frame->hd.stream_id);

	(void)h2;
	if (exchange != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		exchange->ended = 1;
	return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t code, void *user)
{
	struct pck_exchange *exchange = exchange_of(user, stream_id);

	(void)h2;
	if (exchange == NULL || exchange->ended)
		return 0;
	exchange->ended = 1;
	exchange->reset = 1;
	exchange->reset_code = code;
	/* Also what nghttp2 says of a stream that a GOAWAY left behind. */
	exchange->refused = code == NGHTTP2_REFUSED_STREAM;
	return 0;
}

/* A request that nghttp2 could not put on the wire, as after a GOAWAY. */
static int on_not_sent(nghttp2_session *h2, const nghttp2_frame *frame, int reason, void *user)
{
	struct pck_exchange *exchange = exchange_of(user, frame->hd.stream_id);

	(void)h2;
	(void)reason;
	if (exchange != NULL && frame->hd.type == NGHTTP2_HEADERS) {
		exchange->ended = 1;
		exchange->reset = 1;
		exchange->refused = 1;
	}
	return 0;
}

/* We never say GOAWAY of our own will: nghttp2 does when the peer broke the protocol. */
static int before_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	(void)h2;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		((struct pck_conn *)user)->broken = 1;
	return 0;
}

/* Copies from `part` what lies beyond `skip` bytes; moves on in the output. */
static void copy_part(const uint8_t *part, size_t part_len, size_t *skip, uint8_t **to, size_t *room)
{
	size_t n;

	if (*skip >= part_len) {
		*skip -= part_len;
		return;
	}
	n = part_len - *skip < *room ? part_len - *skip : *room;
	if (n > 0)
		memcpy(*to, part + *skip, n);
	*skip = 0;
	*to += n;
	*room -= n;
}

static nghttp2_ssize read_body(nghttp2_session *h2, int32_t stream_id, uint8_t *to, size_t room, uint32_t *flags,
                               nghttp2_data_source *source, void *user)
{
	struct pck_exchange *exchange = source->ptr;
	const struct pck_body *body = exchange->body;
	size_t total = sizeof exchange->prefix + pck_body_len(body);
	size_t skip = exchange->sent;
	size_t before = room;

	(void)h2;
	(void)stream_id;
	(void)user;
	copy_part(exchange->prefix, sizeof exchange->prefix, &skip, &to, &room);
	copy_part(body->head, body->head_len, &skip, &to, &room);
	copy_part(body->document, body->document_len, &skip, &to, &room);
	copy_part(body->tail.data, body->tail.len, &skip, &to, &room);
	exchange->sent += before - room;
	if (exchange->sent == total)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (nghttp2_ssize)(before - room);
}

/* ---- moving bytes ---- */

static int32_t conn_send(struct pck_conn *conn, const void *data, size_t len)
{
	return conn->tls != NULL ? pck_tls_send(conn->tls, data, len) : pck_net_send(conn->socket, data, len);
}

static int32_t conn_recv(struct pck_conn *conn, void *data, size_t len)
{
	return conn->tls != NULL ? pck_tls_recv(conn->tls, data, len) : pck_net_recv(conn->socket, data, len);
}

/* Frames of one call leave in one segment where they fit. */
static int32_t fill_out(struct pck_conn *conn)
{
	conn->out_len = conn->out_sent = 0;
	while (conn->out_len < sizeof conn->out) {
		size_t room = sizeof conn->out - conn->out_len;
		size_t n;

		if (conn->frame_len == 0) {
			nghttp2_ssize len = nghttp2_session_mem_send2(conn->h2, &conn->frame);

			if (len < 0)
				return len == NGHTTP2_ERR_NOMEM ? PCK_E_MEMORY : PCK_LOST;
			if (len == 0)
				break;
			conn->frame_len = (size_t)len;
		}
		n = conn->frame_len < room ? conn->frame_len : room;
		memcpy(conn->out + conn->out_len, conn->frame, n);
		conn->out_len += n;
		conn->frame += n;
		conn->frame_len -= n;
	}
	return PCK_OK;
}

/* Sends until there is nothing left or the socket is full.  PCK_OK, PCK_LOST or PCK_E_MEMORY. */
static int32_t flush(struct pck_conn *conn)
{
	for (;;) {
		int32_t n;

		if (conn->out_sent == conn->out_len) {
			n = fill_out(conn);
			if (n != PCK_OK || conn->out_len == 0)
				return n;
		}
		n = conn_send(conn, conn->out + conn->out_sent, conn->out_len - conn->out_sent);
		if (n == PCK_NET_AGAIN)
			return PCK_OK;
		if (n <= 0)
			return PCK_LOST;
		conn->out_sent += (size_t)n;
	}
}

/*
 * Reads until nothing is left, the call ended, or the limit passed (a flood must not outlast the
 * deadline).  PCK_OK, PCK_LOST, PCK_E_BAD_REPLY (it is no HTTP/2) or PCK_E_MEMORY.
 */
static int32_t drain(struct pck_conn *conn, int64_t limit_us)
{
	do {
		int32_t n = conn_recv(conn, conn->in, sizeof conn->in);
		nghttp2_ssize taken;

		if (n == PCK_NET_AGAIN)
			return PCK_OK;
		if (n <= 0)
			return PCK_LOST;
		taken = nghttp2_session_mem_recv2(conn->h2, conn->in, (size_t)n);
		if (taken == NGHTTP2_ERR_NOMEM)
			return PCK_E_MEMORY;
		if (taken < 0)
			return PCK_E_BAD_REPLY;
	} while (!(conn->exchange != NULL && conn->exchange->ended) && pck_clock_us() < limit_us);
	return PCK_OK;
}

/* Waits for the socket.  PCK_OK (look again), PCK_E_TIMEOUT or PCK_E_CANCELLED. */
static int32_t wait(struct pck_conn *conn, int wanted, int64_t limit_us)
{
	int64_t left_us = limit_us - pck_clock_us();

	if (left_us <= 0)
		return PCK_E_TIMEOUT;
	if (pck_net_wait(conn->socket, wanted, &conn->interrupt->wake, left_us) & PCK_WOKEN) {
		pck_wake_clear(&conn->interrupt->wake);
		/* Woken without the flag: a cancel that came too late for the call before this one. */
		if (atomic_exchange(&conn->interrupt->cancelled, 0))
			return PCK_E_CANCELLED;
	}
	return PCK_OK;
}

/* One round.  PCK_OK: look whether the exchange has ended. */
static int32_t pump_once(struct pck_conn *conn, int64_t limit_us)
{
	int32_t result = flush(conn);

	if (result != PCK_OK || conn->exchange->ended) /* ended: nghttp2 could not send it */
		return result;
	if (!nghttp2_session_want_read(conn->h2) && !nghttp2_session_want_write(conn->h2))
		return PCK_LOST;
	result = wait(conn, conn->out_sent < conn->out_len ? PCK_READABLE | PCK_WRITABLE : PCK_READABLE, limit_us);
	return result == PCK_OK ? drain(conn, limit_us) : result;
}

/* Runs until the exchange has ended. */
static int32_t pump(struct pck_conn *conn, int64_t limit_us)
{
	int32_t result = PCK_OK;

	while (result == PCK_OK && !conn->exchange->ended)
		result = pump_once(conn, limit_us);
	/* Lost in sending, an acknowledgement perhaps: the answer may have come all the same. */
	if (result == PCK_LOST && !conn->exchange->ended)
		(void)drain(conn, limit_us);
	if (conn->exchange->ended)
		return PCK_OK;
	/* Lost because nghttp2 gave up on what came?  It says so by a GOAWAY, perhaps still queued. */
	if (result == PCK_LOST) {
		(void)flush(conn);
		if (conn->broken)
			return PCK_E_BAD_REPLY;
	}
	return result;
}

/* ---- opening ---- */

static int32_t connect_socket(struct pck_conn *conn, const struct pck_address *address, int64_t limit_us,
                              struct pck_error *error)
{
	char reason[128];
	int number = pck_net_connect(address, &conn->socket);
	int ready = 0;
	int32_t result;

	while (number == 0 && !ready) {
		result = wait(conn, PCK_WRITABLE, limit_us);
		if (result != PCK_OK) {
			pck_error_set(error, "%s: no connection within the time", address->text);
			return result;
		}
		ready = pck_net_wait(conn->socket, PCK_WRITABLE, &conn->interrupt->wake, 0) & PCK_WRITABLE;
		if (ready)
			number = pck_net_connect_result(conn->socket);
	}
	if (number == 0)
		return PCK_OK;
	pck_error_set(error, "%s: %s", address->text, pck_system_error(number, reason, sizeof reason));
	return PCK_E_UNREACHABLE;
}

static int32_t shake_hands(struct pck_conn *conn, const struct pck_address *address, int64_t limit_us,
                           struct pck_error *error)
{
	struct pck_error reason = {""};
	int32_t result;

	for (;;) {
		result = pck_tls_handshake(conn->tls, &reason);
		if (result != PCK_READABLE && result != PCK_WRITABLE)
			break;
		result = wait(conn, result, limit_us);
		if (result != PCK_OK) {
			pck_error_set(&reason, "no TLS handshake within the time");
			break;
		}
	}
	if (result != PCK_OK)
		pck_error_set(error, "%s: %.400s", address->text, reason.text);
	return result;
}

static int make_session(nghttp2_session **made, struct pck_conn *conn)
{
	nghttp2_session_callbacks *callbacks;
	int failed = nghttp2_session_callbacks_new(&callbacks);

	if (failed)
		return failed;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
	nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, before_send);
	failed = nghttp2_session_client_new(made, callbacks, conn);
	nghttp2_session_callbacks_del(callbacks);
	return failed;
}

static int32_t start_http2(struct pck_conn *conn)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_BYTES_MAX},
	};

	if (make_session(&conn->h2, conn) != 0)
		return PCK_E_MEMORY;
	if (nghttp2_submit_settings(conn->h2, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof settings[0]) != 0)
		return PCK_E_MEMORY;
	if (nghttp2_session_set_local_window_size(conn->h2, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES) != 0)
		return PCK_E_MEMORY;
	return PCK_OK;
}

int32_t pck_conn_open(struct pck_conn *conn, const struct pck_address *address, struct pck_tls_context *tls,
                      const char *tls_name, int64_t limit_us, struct pck_error *error)
{
	int32_t result = connect_socket(conn, address, limit_us, error);

	if (result == PCK_OK && tls != NULL) {
		result = pck_tls_session_open(&conn->tls, tls, tls_name, conn->socket, error);
		if (result == PCK_OK)
			result = shake_hands(conn, address, limit_us, error);
	}
	if (result == PCK_OK)
		result = start_http2(conn);
	if (result != PCK_OK)
		pck_conn_close(conn);
	return result;
}

int pck_conn_usable(struct pck_conn *conn)
{
	if (conn->socket == PCK_NO_SOCKET)
		return 0;
	/* One round of reading is enough: whatever comes later meets the call itself. */
	if (drain(conn, 0) != PCK_OK || !nghttp2_session_check_request_allowed(conn->h2)) {
		pck_conn_close(conn);
		return 0;
	}
	return 1;
}

/* ---- one call ---- */

static nghttp2_nv header(const char *name, const char *value)
{
	nghttp2_nv nv = {
		.name = (uint8_t *)(uintptr_t)name,
		.value = (uint8_t *)(uintptr_t)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
	};

	return nv;
}

static int32_t submit(struct pck_conn *conn, const struct pck_address *address, struct pck_exchange *exchange,
                      int64_t left_us)
{
	nghttp2_data_provider2 provider = {.source = {.ptr = exchange}, .read_callback = read_body};
	char timeout[24];
	nghttp2_nv headers[8];
	size_t n = 0;

	/* gRPC allows eight digits: in milliseconds that is a day. */
	(void)snprintf(timeout, sizeof timeout, "%ldm", (long)((left_us + 999) / 1000));
	headers[n++] = header(":method", "POST");
	headers[n++] = header(":scheme", conn->tls != NULL ? "https" : "http");
	headers[n++] = header(":path", exchange->path);
	headers[n++] = header(":authority", address->text);
	headers[n++] = header("te", "trailers");
	headers[n++] = header("content-type", "application/grpc");
	headers[n++] = header("user-agent", "precheck-c");
	headers[n++] = header("grpc-timeout", timeout);
	pck_grpc_prefix(exchange->prefix, (uint32_t)pck_body_len(exchange->body));
	exchange->stream_id = nghttp2_submit_request2(conn->h2, NULL, headers, n, &provider, exchange);
	if (exchange->stream_id < 0)
		return exchange->stream_id == NGHTTP2_ERR_NOMEM ? PCK_E_MEMORY : PCK_NOT_SENT;
	return PCK_OK;
}

/* What a finished pump means for the call. */
static int32_t outcome(const struct pck_exchange *exchange, int32_t pumped, struct pck_error *error)
{
	if (pumped == PCK_OK && exchange->reset && exchange->reply->grpc_status < 0) {
		pck_error_set(error, "the server reset the call (HTTP/2 error %lu)", (unsigned long)exchange->reset_code);
		return exchange->refused ? PCK_NOT_SENT : PCK_LOST;
	}
	switch (pumped) {
	case PCK_LOST:
		pck_error_set(error, "the connection was lost during the call");
		break;
	case PCK_E_BAD_REPLY:
		pck_error_set(error, "the server does not speak HTTP/2");
		break;
	case PCK_E_TIMEOUT:
		pck_error_set(error, "no answer within the time");
		break;
	default:
		break;
	}
	return pumped;
}

int32_t pck_conn_exchange(struct pck_conn *conn, const struct pck_address *address, const char *path,
                          const struct pck_body *body, struct pck_reply *reply, int64_t limit_us,
                          struct pck_error *error)
{
	struct pck_exchange exchange = {.path = path, .body = body, .reply = reply};
	struct pck_error reason = {""};
	int64_t left_us = limit_us - pck_clock_us();
	int32_t result = left_us > 0 ? submit(conn, address, &exchange, left_us) : PCK_E_TIMEOUT;

	if (result == PCK_OK) {
		conn->exchange = &exchange;
		result = pump(conn, limit_us);
		conn->exchange = NULL;
	}
	result = outcome(&exchange, result, &reason);
	if (result != PCK_OK && reason.text[0] != '\0')
		pck_error_set(error, "%s: %.400s", address->text, reason.text);
	/* An answer that came before the whole request was sent, or was cut off: the rest is not wanted. */
	if (result != PCK_OK || exchange.sent < sizeof exchange.prefix + pck_body_len(body) || exchange.reset ||
	    reply->broken != PCK_OK || flush(conn) != PCK_OK)
		pck_conn_close(conn);
	else
		conn->used_us = pck_clock_us();
	return result;
}
