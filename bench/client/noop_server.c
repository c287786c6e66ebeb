/*
 * A gRPC server that does nothing: every request is answered PASS with ANSWER_BYTES, one connection after
 * the other.  It prints its port and ends with its standard input.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW_BYTES (16 * 1024 * 1024)
#define PREFIX_BYTES 5

/* CheckDocumentResponse: the answer, completeness COMPLETE; the verdict PASS is 0 and so not there. */
static uint8_t message[PREFIX_BYTES + 3 + ANSWER_BYTES + 2];
static size_t sent;

static nghttp2_nv header(const char *name, const char *value)
{
	nghttp2_nv nv = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0};

	return nv;
}

static nghttp2_ssize read_message(nghttp2_session *h2, int32_t stream_id, uint8_t *to, size_t room, uint32_t *flags,
                                  nghttp2_data_source *source, void *user)
{
	size_t left = sizeof message - sent;
	size_t n = left < room ? left : room;
	nghttp2_nv trailer = header("grpc-status", "0");

	(void)source;
	(void)user;
	memcpy(to, message + sent, n);
	sent += n;
	if (sent == sizeof message) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		require(nghttp2_submit_trailer(h2, stream_id, &trailer, 1) == 0, "cannot submit");
	}
	return (nghttp2_ssize)n;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	const nghttp2_nv headers[] = {header(":status", "200"), header("content-type", "application/grpc")};
	nghttp2_data_provider2 provider = {.read_callback = read_message};

	(void)user;
	if (frame->hd.type != NGHTTP2_DATA || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	sent = 0;
	require(nghttp2_submit_response2(h2, frame->hd.stream_id, headers, 2, &provider) == 0, "cannot submit");
	return 0;
}

static nghttp2_session *new_session(void)
{
	static const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES}};
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *h2;

	require(nghttp2_session_callbacks_new(&callbacks) == 0, "out of memory");
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	require(nghttp2_session_server_new(&h2, callbacks, NULL) == 0, "out of memory");
	nghttp2_session_callbacks_del(callbacks);
	require(nghttp2_submit_settings(h2, 0, settings, 1) == 0, "cannot submit");
	require(nghttp2_session_set_local_window_size(h2, 0, 0, WINDOW_BYTES) == 0, "cannot submit");
	return h2;
}

static int flush(nghttp2_session *h2, int s)
{
	static uint8_t out[65536];
	const uint8_t *frame;
	nghttp2_ssize len;
	size_t n = 0;

	while ((len = nghttp2_session_mem_send2(h2, &frame)) > 0) {
		require((size_t)len <= sizeof out - n, "more than it ever answers");
		memcpy(out + n, frame, (size_t)len);
		n += (size_t)len;
	}
	return len < 0 || (n > 0 && send(s, out, n, MSG_NOSIGNAL) != (ssize_t)n) ? -1 : 0;
}

static void serve(int s)
{
	static uint8_t in[65536];
	nghttp2_session *h2 = new_session();
	int on = 1;
	ssize_t n;

	(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	do {
		n = flush(h2, s) == 0 ? recv(s, in, sizeof in, 0) : 0;
	} while (n > 0 && nghttp2_session_mem_recv2(h2, in, (size_t)n) == n);
	nghttp2_session_del(h2);
	(void)close(s);
}

static void make_message(void)
{
	const size_t len = sizeof message - PREFIX_BYTES;
	uint8_t *at = message + PREFIX_BYTES;

	message[3] = (uint8_t)(len >> 8);
	message[4] = (uint8_t)len;
	*at++ = 0x0a;
	*at++ = (ANSWER_BYTES & 0x7f) | 0x80;
	*at++ = ANSWER_BYTES >> 7;
	memset(at, 'a', ANSWER_BYTES);
	at += ANSWER_BYTES;
	*at++ = 0x18;
	*at = 0x01;
}

int main(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd wanted[] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};

	make_message();
	require(bind(listener, (struct sockaddr *)&here, sizeof here) == 0 && listen(listener, 16) == 0, "cannot listen");
	require(getsockname(listener, (struct sockaddr *)&here, &len) == 0, "cannot listen");
	(void)printf("noop serving grpc=127.0.0.1:%d\n", ntohs(here.sin_port));
	(void)fflush(stdout);
	while (poll(wanted, 2, -1) > 0 && wanted[1].revents == 0) {
		int s = accept(listener, NULL, NULL);

		if (s >= 0)
			serve(s);
	}
	return 0;
}
