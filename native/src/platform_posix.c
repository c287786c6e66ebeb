#define _GNU_SOURCE /* pipe2, SOCK_CLOEXEC */

#include "platform.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int pck_net_parse_ip(const char *text, struct pck_address *address)
{
	int family;

	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, address->ip) == 1) {
		family = AF_INET;
		address->ip_len = 4;
	} else if (inet_pton(AF_INET6, text, address->ip) == 1) {
		family = AF_INET6;
		address->ip_len = 16;
	} else {
		return -1;
	}
	return inet_ntop(family, address->ip, address->ip_text, sizeof address->ip_text) != NULL ? 0 : -1;
}

int pck_net_connect(const struct pck_address *address, pck_socket *made)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	socklen_t to_len;
	int on = 1;
	int error;
	int s;

	memset(&to, 0, sizeof to);
	if (address->ip_len == 4) {
		to.v4.sin_family = AF_INET;
		to.v4.sin_port = htons(address->port);
		memcpy(&to.v4.sin_addr, address->ip, 4);
		to_len = sizeof to.v4;
	} else {
		to.v6.sin6_family = AF_INET6;
		to.v6.sin6_port = htons(address->port);
		memcpy(&to.v6.sin6_addr, address->ip, 16);
		to_len = sizeof to.v6;
	}
	*made = PCK_NO_SOCKET;
	s = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return errno;
	/* Without it the kernel holds small segments back for the peer's acknowledgement. */
	(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(s, &to.any, to_len) != 0 && errno != EINPROGRESS && errno != EINTR) {
		error = errno;
		(void)close(s);
		return error;
	}
	*made = s;
	return 0;
}

int pck_net_connect_result(pck_socket s)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt((int)s, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

static int32_t moved(ssize_t n)
{
	if (n >= 0)
		return (int32_t)n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? PCK_NET_AGAIN : PCK_NET_LOST;
}

int32_t pck_net_send(pck_socket s, const void *data, size_t len)
{
	ssize_t n;

	do
		n = send((int)s, data, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return moved(n);
}

int32_t pck_net_recv(pck_socket s, void *data, size_t len)
{
	ssize_t n;

	do
		n = recv((int)s, data, len, 0);
	while (n < 0 && errno == EINTR);
	return moved(n);
}

void pck_net_close(pck_socket s)
{
	if (s != PCK_NO_SOCKET)
		(void)close((int)s);
}

int pck_net_wait(struct pck_wait *waits, size_t count, const struct pck_wake *wake, int64_t timeout_us)
{
	struct pollfd fds[PCK_SERVERS_MAX + 1];
	int64_t timeout_ms = timeout_us <= 0 ? 0 : (timeout_us + 999) / 1000;
	size_t i;

	for (i = 0; i < count; i++) {
		fds[i].fd = (int)waits[i].socket;
		fds[i].events = (short)((waits[i].wanted & PCK_READABLE ? POLLIN : 0) |
		                        (waits[i].wanted & PCK_WRITABLE ? POLLOUT : 0));
		waits[i].seen = 0;
	}
	fds[count].fd = (int)wake->receiver;
	fds[count].events = POLLIN;
	if (timeout_ms > INT_MAX)
		timeout_ms = INT_MAX;
	/* Interrupted or not: the caller looks at the clock and comes back. */
	if (poll(fds, (nfds_t)count + 1, (int)timeout_ms) <= 0)
		return 0;
	for (i = 0; i < count; i++) {
		/* An error, a hang-up or a socket that a host closed shows itself to whoever reads or writes next. */
		if (fds[i].revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL))
			waits[i].seen |= waits[i].wanted & PCK_READABLE;
		if (fds[i].revents & (POLLOUT | POLLERR | POLLHUP | POLLNVAL))
			waits[i].seen |= waits[i].wanted & PCK_WRITABLE;
	}
	return fds[count].revents != 0 ? PCK_WOKEN : 0;
}

int pck_wake_open(struct pck_wake *wake)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0)
		return errno;
	wake->receiver = fds[0];
	wake->sender = fds[1];
	return 0;
}

void pck_wake_send(const struct pck_wake *wake)
{
	ssize_t n;

	/* A full pipe is as good: the receiver will wake. */
	do
		n = write((int)wake->sender, "", 1);
	while (n < 0 && errno == EINTR);
}

void pck_wake_clear(const struct pck_wake *wake)
{
	char scratch[64];
	ssize_t n;

	do
		n = read((int)wake->receiver, scratch, sizeof scratch);
	while (n == (ssize_t)sizeof scratch || (n < 0 && errno == EINTR));
}

void pck_wake_close(struct pck_wake *wake)
{
	(void)close((int)wake->receiver);
	(void)close((int)wake->sender);
}

int64_t pck_clock_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* /dev/urandom rather than getrandom(): it is there with every C library we may be linked to. */
int pck_random(void *data, size_t len)
{
	uint8_t *at = data;
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	while (len > 0) {
		n = read(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += n;
		len -= (size_t)n;
	}
	(void)close(fd);
	return len == 0 ? 0 : -1;
}

int32_t pck_read_file(const char *path, size_t max, struct pck_bytes *bytes, struct pck_error *error)
{
	char reason[128];
	size_t before = bytes->len;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int32_t result = PCK_OK;
	ssize_t n = 0;

	if (fd < 0) {
		pck_error_set(error, "`%s`: %s", path, pck_system_error(errno, reason, sizeof reason));
		return PCK_E_CERTIFICATE;
	}
	do {
		result = pck_bytes_reserve(bytes, 4096);
		if (result != PCK_OK)
			break;
		n = read(fd, bytes->data + bytes->len, 4096);
		if (n > 0)
			bytes->len += (size_t)n;
	} while ((n > 0 && bytes->len - before <= max) || (n < 0 && errno == EINTR));
	if (result == PCK_OK && n < 0) {
		pck_error_set(error, "`%s`: %s", path, pck_system_error(errno, reason, sizeof reason));
		result = PCK_E_CERTIFICATE;
	} else if (result == PCK_OK && n > 0) {
		pck_error_set(error, "`%s`: longer than %zu bytes", path, max);
		result = PCK_E_CERTIFICATE;
	}
	(void)close(fd);
	return result == PCK_OK ? pck_bytes_append(bytes, "", 1) : result;
}

/* Hosts whose text is GBK run on Windows; a table of 24,000 characters is not worth it for others. */
const char pck_gbk_name[] = "ASCII, and other text than documents must be that here";

int32_t pck_gbk_to_utf16(struct pck_bytes *to, const char *text, size_t len)
{
	size_t i;

	if (pck_bytes_reserve(to, 2 * len) != PCK_OK)
		return PCK_E_MEMORY;
	for (i = 0; i < len; i++) {
		uint16_t unit = (uint8_t)text[i];

		if (unit >= 0x80)
			return PCK_TEXT_BROKEN;
		(void)pck_bytes_append(to, &unit, sizeof unit);
	}
	return PCK_OK;
}

int32_t pck_utf16_to_gbk(struct pck_bytes *to, const uint8_t *data, size_t len)
{
	int32_t result = PCK_OK;
	uint16_t unit;

	for (; result == PCK_OK && len >= sizeof unit; data += sizeof unit, len -= sizeof unit) {
		memcpy(&unit, data, sizeof unit);
		/* One `?` for both halves of a pair. */
		if (unit < 0xdc00 || unit > 0xdfff)
			result = pck_bytes_append(to, unit < 0x80 ? (const char[]){(char)unit} : "?", 1);
	}
	return result;
}

const char *pck_system_error(int number, char *text, size_t cap)
{
	return strerror_r(number, text, cap);
}
