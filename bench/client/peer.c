/*
 * The peer: the shortest unary gRPC loop that nghttp2 allows, over the same headers and bytes.  No
 * deadline, no cancelling, no second server, no TLS; the request is encoded once.
 *
 *   peer IP:PORT CALLS blocking|poll
 *
 * `blocking` waits in recv(), `poll` in poll() as everything with a deadline must.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW_BYTES (16 * 1024 * 1024)

struct loop {
	int socket;
	int polls;
	nghttp2_session *h2;
	const char *authority;
	uint8_t request[DOCUMENT_BYTES + 128];
	size_t request_len;
	size_t sent;
	uint8_t reply[2 * ANSWER_BYTES];
	size_t reply_len;
	int status_ok;
	int ended;
	uint8_t out[16384];
	uint8_t in[16384];
};

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct loop *loop = user;

	(void)h2;
	(void)frame;
	(void)flags;
	if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
		loop->status_ok = value_len == 1 && value[0] == '0';
	return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len, void *user)
{
	struct loop *loop = user;

	(void)h2;
	(void)flags;
	(void)stream_id;
	if (len > sizeof loop->reply - loop->reply_len)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(loop->reply + loop->reply_len, data, len);
	loop->reply_len += len;
	return 0;
}

static int on_close(nghttp2_session *h2, int32_t stream_id, uint32_t code, void *user)
{
	(void)h2;
	(void)stream_id;
	((struct loop *)user)->ended = code == 0 ? 1 : -1;
	return 0;
}

static nghttp2_ssize read_body(nghttp2_session *h2, int32_t stream_id, uint8_t *to, size_t room, uint32_t *flags,
                               nghttp2_data_source *source, void *user)
{
	struct loop *loop = source->ptr;
	size_t left = loop->request_len - loop->sent;
	size_t n = left < room ? left : room;

	(void)h2;
	(void)stream_id;
	(void)user;
	memcpy(to, loop->request + loop->sent, n);
	loop->sent += n;
	if (loop->sent == loop->request_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (nghttp2_ssize)n;
}

/* Frames that fit leave in one segment. */
static void flush(struct loop *loop)
{
	const uint8_t *frame;
	nghttp2_ssize len;
	size_t n = 0;

	while ((len = nghttp2_session_mem_send2(loop->h2, &frame)) > 0) {
		if ((size_t)len > sizeof loop->out - n) {
			require(send(loop->socket, loop->out, n, MSG_NOSIGNAL) == (ssize_t)n, "cannot send");
			n = 0;
		}
		memcpy(loop->out + n, frame, (size_t)len);
		n += (size_t)len;
	}
	if (n > 0)
		require(send(loop->socket, loop->out, n, MSG_NOSIGNAL) == (ssize_t)n, "cannot send");
}

static void take(struct loop *loop)
{
	struct pollfd wanted = {.fd = loop->socket, .events = POLLIN};
	ssize_t n;

	if (loop->polls)
		(void)poll(&wanted, 1, 5000);
	n = recv(loop->socket, loop->in, sizeof loop->in, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	require(n > 0, "the server closed");
	require(nghttp2_session_mem_recv2(loop->h2, loop->in, (size_t)n) == n, "no HTTP/2");
}

static nghttp2_nv header(const char *name, const char *value)
{
	nghttp2_nv nv = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0};

	return nv;
}

static void call(struct loop *loop)
{
	nghttp2_data_provider2 provider = {.source = {.ptr = loop}, .read_callback = read_body};
	const nghttp2_nv headers[] = {
		header(":method", "POST"),
		header(":scheme", "http"),
		header(":path", "/precheck.v1.Precheck/CheckDocument"),
		header(":authority", loop->authority),
		header("te", "trailers"),
		header("content-type", "application/grpc"),
		header("user-agent", "precheck-c"),
		header("grpc-timeout", "5000m"),
	};

	loop->sent = loop->reply_len = 0;
	loop->ended = loop->status_ok = 0;
	require(nghttp2_submit_request2(loop->h2, NULL, headers, sizeof headers / sizeof headers[0], &provider, NULL) > 0,
	        "cannot submit");
	flush(loop);
	while (loop->ended == 0)
		take(loop);
	flush(loop);
	require(loop->ended == 1 && loop->status_ok && loop->reply_len > ANSWER_BYTES && loop->reply[20] == 'a',
	        "a wrong answer");
}

/* The same message as the library's: document, format, encoding, station, request id. */
static void encode(struct loop *loop)
{
	static const uint8_t tail[] = "\x10\x02\x18\x01\x2a\x05" "bench\x32\x24" "0123456789abcdef0123456789abcdef-123";
	uint8_t *at = loop->request + 5;
	size_t len;

	*at++ = 0x0a;
	*at++ = (DOCUMENT_BYTES & 0x7f) | 0x80;
	*at++ = DOCUMENT_BYTES >> 7;
	memset(at, 'd', DOCUMENT_BYTES);
	at += DOCUMENT_BYTES;
	memcpy(at, tail, sizeof tail - 1);
	at += sizeof tail - 1;
	loop->request_len = (size_t)(at - loop->request);
	len = loop->request_len - 5;
	loop->request[0] = loop->request[1] = loop->request[2] = 0;
	loop->request[3] = (uint8_t)(len >> 8);
	loop->request[4] = (uint8_t)len;
}

static void open_session(struct loop *loop)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
	};
	nghttp2_session_callbacks *callbacks;

	require(nghttp2_session_callbacks_new(&callbacks) == 0, "out of memory");
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	require(nghttp2_session_client_new(&loop->h2, callbacks, loop) == 0, "out of memory");
	nghttp2_session_callbacks_del(callbacks);
	require(nghttp2_submit_settings(loop->h2, 0, settings, 2) == 0, "cannot submit");
	require(nghttp2_session_set_local_window_size(loop->h2, 0, 0, WINDOW_BYTES) == 0, "cannot submit");
}

static void connect_to(struct loop *loop, char *address)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	char *colon = strrchr(address, ':');
	int on = 1;

	require(colon != NULL, "no IP:PORT");
	to.sin_port = htons((uint16_t)atoi(colon + 1));
	*colon = '\0';
	require(inet_pton(AF_INET, address, &to.sin_addr) == 1, "no IP:PORT");
	*colon = ':';
	loop->authority = address;
	loop->socket = socket(AF_INET, SOCK_STREAM, 0);
	(void)setsockopt(loop->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	require(connect(loop->socket, (struct sockaddr *)&to, sizeof to) == 0, "cannot connect");
	if (loop->polls)
		require(fcntl(loop->socket, F_SETFL, O_NONBLOCK) == 0, "cannot be non-blocking");
}

int main(int argc, char **argv)
{
	static struct loop loop;
	int64_t *samples;
	int64_t began_cpu_us = 0;
	int calls, i;

	require(argc == 4, "usage: peer IP:PORT CALLS blocking|poll");
	calls = atoi(argv[2]);
	samples = malloc((size_t)calls * sizeof *samples);
	require(calls > 0 && samples != NULL, "how many calls?");
	loop.polls = strcmp(argv[3], "poll") == 0;
	connect_to(&loop, argv[1]);
	open_session(&loop);
	encode(&loop);
	for (i = -WARM_UP_CALLS; i < calls; i++) {
		int64_t began_ns = now_ns();

		if (i == 0)
			began_cpu_us = cpu_us();
		call(&loop);
		if (i >= 0)
			samples[i] = now_ns() - began_ns;
	}
	report(samples, calls, cpu_us() - began_cpu_us, resident_kib());
	nghttp2_session_del(loop.h2);
	(void)close(loop.socket);
	free(samples);
	return 0;
}
