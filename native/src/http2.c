/*
 * Theory of operation
 * ===================
 * nghttp2 keeps the protocol's state and does no I/O.  This file moves bytes:
 *
 *   nghttp2 --frames--> out[] --send--> socket --recv--> in[] --> nghttp2 --callbacks--> reply
 *
 * `pck_conn_step` is the only entrance while a call runs: it moves what can be moved now and says
 * what to wait for.  Waiting, deadlines and other servers are the business of call.c.  A step is
 * bounded, so that a server that floods us with data holds up nobody else.
 *
 * out[] is refilled only when it is empty: TLS must be given the same bytes again after it could
 * not send them.
 *
 * A call that ends in any way but the regular one closes its connection.  The server learns of it
 * by that, and no late frame of a dead call can meet the next one.
 */
#include "http2.h"

#include <string.h>

/* A large reply is not held up by flow control: what it may fill is bounded by message_max. */
#define WINDOW_BYTES (16 * 1024 * 1024)
#define HEADER_LIST_BYTES_MAX (16 * 1024)

/* Of PCK_IO_BYTES each, in one step and one direction. */
#define TURNS_PER_STEP_MAX 16

void pck_conn_init(struct pck_conn *conn, const struct pck_address *address)
{
	memset(conn, 0, offsetof(struct pck_conn, out));
	conn->address = address;
	conn->socket = PCK_NO_SOCKET;
}

void pck_conn_close(struct pck_conn *conn)
{
	nghttp2_session_del(conn->h2);
	pck_tls_session_free(conn->tls);
	pck_net_close(conn->socket);
	pck_conn_init(conn, conn->address);
}

/* ---- what nghttp2 calls ---- */

static struct pck_exchange *exchange_of(void *user, int32_t stream_id)
{
	struct pck_exchange *exchange = ((struct pck_conn *)user)->exchange;

	return exchange != NULL && stream_id > 0 && exchange->stream_id == stream_id ? exchange : NULL;
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

/* Sends while there is something left and the socket takes it.  PCK_OK, PCK_LOST or PCK_E_MEMORY. */
static int32_t flush(struct pck_conn *conn)
{
	int turn;

	for (turn = 0; turn < TURNS_PER_STEP_MAX; turn++) {
		int32_t n;

		if (conn->out_sent == conn->out_len) {
			n = fill_out(conn);
			if (n != PCK_OK || conn->out_len == 0)
				return n;
		}
		n = conn_send(conn, conn->out + conn->out_sent, conn->out_len - conn->out_sent);
		if (n == PCK_NET_AGAIN)
			break;
		if (n <= 0)
			return PCK_LOST;
		conn->out_sent += (size_t)n;
	}
	conn->wanted |= PCK_WRITABLE;
	return PCK_OK;
}

/*
 * Reads while there is something and the call has not ended.  PCK_OK, PCK_LOST, PCK_E_BAD_REPLY (it
 * is no HTTP/2) or PCK_E_MEMORY.
 */
static int32_t drain(struct pck_conn *conn, int turns_max)
{
	int turn;

	for (turn = 0; turn < turns_max && !(conn->exchange != NULL && conn->exchange->ended); turn++) {
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
	}
	return PCK_OK;
}

/* Moves the bytes of an open connection on.  PCK_OK: the exchange has ended. */
static int32_t pump(struct pck_conn *conn, int seen)
{
	struct pck_exchange *exchange = conn->exchange;
	int32_t result = PCK_OK;

	conn->wanted = PCK_READABLE;
	if (seen & PCK_READABLE)
		result = drain(conn, TURNS_PER_STEP_MAX);
	if (result == PCK_OK && !exchange->ended)
		result = flush(conn);
	/* Lost in sending, an acknowledgement perhaps: the answer may have come all the same. */
	if (result == PCK_LOST && !exchange->ended)
		(void)drain(conn, TURNS_PER_STEP_MAX);
	if (exchange->ended)
		return PCK_OK;
	if (result == PCK_OK &&
	    (nghttp2_session_want_read(conn->h2) || nghttp2_session_want_write(conn->h2)))
		return PCK_AGAIN;
	if (result != PCK_OK && result != PCK_LOST)
		return result;
	/* Lost because nghttp2 gave up on what came?  It says so by a GOAWAY, perhaps still queued. */
	(void)flush(conn);
	return conn->broken ? PCK_E_BAD_REPLY : PCK_LOST;
}

/* ---- opening ---- */

static int32_t not_reached(struct pck_conn *conn, int number, struct pck_error *error)
{
	char reason[128];

	pck_error_set(error, "%s: %s", conn->address->text, pck_system_error(number, reason, sizeof reason));
	pck_conn_close(conn);
	return PCK_E_UNREACHABLE;
}

int32_t pck_conn_begin(struct pck_conn *conn, struct pck_tls_context *tls, const char *tls_name,
                       struct pck_error *error)
{
	int number = pck_net_connect(conn->address, &conn->socket);
	int32_t result;

	if (number != 0)
		return not_reached(conn, number, error);
	conn->state = PCK_CONN_CONNECTING;
	conn->wanted = PCK_WRITABLE;
	if (tls == NULL)
		return PCK_OK;
	result = pck_tls_session_open(&conn->tls, tls, tls_name, conn->socket, error);
	if (result != PCK_OK)
		pck_conn_close(conn);
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

static int32_t shake_hands(struct pck_conn *conn, struct pck_error *error)
{
	struct pck_error reason = {""};
	int32_t result = pck_tls_handshake(conn->tls, &reason);

	if (result == PCK_READABLE || result == PCK_WRITABLE) {
		conn->wanted = result;
		return PCK_AGAIN;
	}
	if (result != PCK_OK)
		pck_error_set(error, "%s: %.400s", conn->address->text, reason.text);
	return result;
}

/* Goes on with opening.  PCK_OK: it is open. */
static int32_t open_further(struct pck_conn *conn, int seen, struct pck_error *error)
{
	int32_t result;

	if (conn->state == PCK_CONN_CONNECTING) {
		int number;

		if (!(seen & PCK_WRITABLE))
			return PCK_AGAIN;
		number = pck_net_connect_result(conn->socket);
		if (number != 0)
			return not_reached(conn, number, error);
		conn->state = PCK_CONN_SHAKING_HANDS;
	}
	result = conn->tls != NULL ? shake_hands(conn, error) : PCK_OK;
	if (result == PCK_OK)
		result = start_http2(conn);
	if (result == PCK_OK)
		conn->state = PCK_CONN_OPEN;
	return result;
}

int pck_conn_usable(struct pck_conn *conn)
{
	if (conn->state != PCK_CONN_OPEN)
		return 0;
	/* One round of reading is enough: whatever comes later meets the call itself. */
	if (drain(conn, 1) == PCK_OK && nghttp2_session_check_request_allowed(conn->h2))
		return 1;
	pck_conn_close(conn);
	return 0;
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

static int32_t submit(struct pck_conn *conn, struct pck_exchange *exchange)
{
	nghttp2_data_provider2 provider = {.source = {.ptr = exchange}, .read_callback = read_body};
	int64_t left_us = exchange->limit_us - pck_clock_us();
	char timeout[PCK_DIGITS_MAX + 2];
	char *end;
	nghttp2_nv headers[8];
	size_t n = 0;

	/* gRPC allows eight digits: in milliseconds that is a day.  Zero is no time. */
	end = pck_put_number(timeout, left_us > 0 ? (uint64_t)(left_us + 999) / 1000 : 1, 10);
	*end++ = 'm';
	*end = '\0';
	headers[n++] = header(":method", "POST");
	headers[n++] = header(":scheme", conn->tls != NULL ? "https" : "http");
	headers[n++] = header(":path", exchange->path);
	headers[n++] = header(":authority", conn->address->text);
	headers[n++] = header("te", "trailers");
	headers[n++] = header("content-type", "application/grpc");
	headers[n++] = header("user-agent", "precheck-c");
	headers[n++] = header("grpc-timeout", timeout);
	pck_grpc_prefix(exchange->prefix, (uint32_t)pck_body_len(exchange->body));
	exchange->stream_id = nghttp2_submit_request2(conn->h2, NULL, headers, n, &provider, exchange);
	if (exchange->stream_id > 0)
		return PCK_OK;
	return exchange->stream_id == NGHTTP2_ERR_NOMEM ? PCK_E_MEMORY : PCK_NOT_SENT;
}

/* What the end of an exchange, or of its connection, means for the call. */
static int32_t outcome(const struct pck_conn *conn, int32_t pumped, struct pck_error *error)
{
	const struct pck_exchange *exchange = conn->exchange;

	if (pumped == PCK_OK && exchange->reset && exchange->reply->grpc_status < 0) {
		pck_error_set(error, "%s: the server reset the call (HTTP/2 error %lu)", conn->address->text,
		              (unsigned long)exchange->reset_code);
		return exchange->refused ? PCK_NOT_SENT : PCK_LOST;
	}
	if (pumped == PCK_LOST)
		pck_error_set(error, "%s: the connection was lost during the call", conn->address->text);
	else if (pumped == PCK_E_BAD_REPLY)
		pck_error_set(error, "%s: the server does not speak HTTP/2", conn->address->text);
	return pumped;
}

int32_t pck_conn_step(struct pck_conn *conn, int seen, struct pck_error *error)
{
	struct pck_exchange *exchange = conn->exchange;
	int32_t result = conn->state == PCK_CONN_OPEN ? PCK_OK : open_further(conn, seen, error);

	if (result == PCK_OK) {
		if (exchange->stream_id == 0)
			result = submit(conn, exchange);
		if (result == PCK_OK)
			result = pump(conn, seen);
		if (result == PCK_AGAIN)
			return PCK_AGAIN;
		result = outcome(conn, result, error);
	}
	if (result == PCK_AGAIN)
		return PCK_AGAIN;
	conn->exchange = NULL;
	/* An answer that came before the whole request was sent, or was cut off: the rest is not wanted. */
	if (result != PCK_OK || exchange->sent < sizeof exchange->prefix + pck_body_len(exchange->body) ||
	    exchange->reset || exchange->reply->broken != PCK_OK || flush(conn) != PCK_OK)
		pck_conn_close(conn);
	else
		conn->used_us = pck_clock_us();
	return result;
}

const char *pck_conn_lacks(const struct pck_conn *conn)
{
	static const char *const what[] = {
		[PCK_CONN_CLOSED] = "no connection",
		[PCK_CONN_CONNECTING] = "no connection",
		[PCK_CONN_SHAKING_HANDS] = "no TLS handshake",
		[PCK_CONN_OPEN] = "no answer",
	};

	return what[conn->state];
}
