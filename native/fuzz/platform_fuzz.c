#include "platform_fuzz.h"

#include "text.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#define REFUSED 111

static struct {
	struct fuzz_input *input;
	struct fuzz_input piece; /* what came in and was not read yet */
	size_t send_max;
	void (*cancel)(void);
	int64_t now_us;
	int open;
	intptr_t made;
	FILE *log;
} world;

/* What stays from run to run. */
static struct {
	const uint8_t *file;
	size_t file_len;
	int64_t date;
} fixed;

void fuzz_platform_file(const uint8_t *data, size_t len)
{
	fixed.file = data;
	fixed.file_len = len;
}

void fuzz_platform_date(int64_t seconds)
{
	fixed.date = seconds;
}

void fuzz_platform_log(FILE *file)
{
	world.log = file;
}

/* mbedTLS's clock, by the linker's --wrap: the time is in what it sends, and in whether a certificate is valid. */
time_t __wrap_time(time_t *to);
time_t __wrap_time(time_t *to)
{
	if (to != NULL)
		*to = (time_t)fixed.date;
	return (time_t)fixed.date;
}

void fuzz_platform_start(struct fuzz_input *input, size_t send_max, void (*cancel)(void))
{
	memset(&world, 0, sizeof world);
	world.input = input;
	world.send_max = send_max;
	world.cancel = cancel;
	world.now_us = 1000000;
}

int fuzz_platform_open(void)
{
	return world.open;
}

/* Is this the next operation?  Then it is taken. */
static int next_is(uint8_t operation)
{
	if (world.piece.left > 0 || world.input->left == 0 || *world.input->at != operation)
		return 0;
	(void)fuzz_byte(world.input);
	return 1;
}

int pck_net_parse_ip(const char *text, struct pck_address *address)
{
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, address->ip) == 1)
		address->ip_len = 4;
	else if (inet_pton(AF_INET6, text, address->ip) == 1)
		address->ip_len = 16;
	else
		return -1;
	(void)inet_ntop(address->ip_len == 4 ? AF_INET : AF_INET6, address->ip, address->ip_text,
	                sizeof address->ip_text);
	return 0;
}

int pck_net_connect(const struct pck_address *address, pck_socket *made)
{
	CHECK(address->port != 0);
	*made = PCK_NO_SOCKET;
	if (next_is(FUZZ_LOST))
		return REFUSED;
	world.open++;
	*made = ++world.made;
	return 0;
}

int pck_net_connect_result(pck_socket s)
{
	CHECK(s != PCK_NO_SOCKET);
	return next_is(FUZZ_LOST) ? REFUSED : 0;
}

int32_t pck_net_send(pck_socket s, const void *data, size_t len)
{
	size_t taken = len < world.send_max ? len : world.send_max;
	void *copy;

	CHECK(s != PCK_NO_SOCKET && len > 0);
	if (next_is(FUZZ_FULL))
		return PCK_NET_AGAIN;
	/* Reads every byte, as a kernel would. */
	copy = fuzz_copy(data, len, 0);
	if (world.log != NULL)
		(void)fwrite(copy, 1, taken, world.log);
	free(copy);
	return (int32_t)taken;
}

int32_t pck_net_recv(pck_socket s, void *data, size_t len)
{
	const uint8_t *bytes;

	CHECK(s != PCK_NO_SOCKET && len > 0);
	if (next_is(FUZZ_NOTHING))
		return PCK_NET_AGAIN;
	if (next_is(FUZZ_CLOSED))
		return PCK_NET_CLOSED;
	if (next_is(FUZZ_LOST))
		return PCK_NET_LOST;
	if (world.piece.left == 0) {
		if (world.input->left == 0 || *world.input->at < FUZZ_DATA)
			return PCK_NET_AGAIN;
		world.piece.left = (size_t)(fuzz_byte(world.input) - FUZZ_DATA) * 2 + 1;
		world.piece.left = fuzz_bytes(world.input, world.piece.left, &world.piece.at);
	}
	len = fuzz_bytes(&world.piece, len, &bytes);
	if (len == 0)
		return PCK_NET_AGAIN;
	memcpy(data, bytes, len);
	return (int32_t)len;
}

void pck_net_close(pck_socket s)
{
	if (s != PCK_NO_SOCKET)
		world.open--;
}

int pck_net_wait(struct pck_wait *waits, size_t count, const struct pck_wake *wake, int64_t timeout_us)
{
	int more = world.piece.left > 0 || world.input->left > 0;
	int seen = 0;
	size_t i;

	CHECK(count > 0 && count <= PCK_SERVERS_MAX && wake->receiver != 0);
	for (i = 0; i < count; i++) {
		CHECK(waits[i].socket != PCK_NO_SOCKET && waits[i].wanted != 0);
		waits[i].seen = 0;
	}
	if (next_is(FUZZ_CANCEL)) {
		world.cancel();
		return PCK_WOKEN;
	}
	if (next_is(FUZZ_TIME)) {
		world.now_us += timeout_us < FUZZ_TIME_US ? timeout_us : FUZZ_TIME_US;
		return 0;
	}
	/* Nobody is sending: else it would have been taken there.  The others are no operations. */
	while (next_is(FUZZ_FULL) || next_is(FUZZ_FULL + 1) || next_is(FUZZ_FULL + 2))
		;
	for (i = 0; i < count; i++) {
		waits[i].seen = waits[i].wanted & (PCK_WRITABLE | (more ? PCK_READABLE : 0));
		seen |= waits[i].seen;
	}
	if (!seen && timeout_us > 0)
		world.now_us += timeout_us;
	return 0;
}

int pck_wake_open(struct pck_wake *wake)
{
	wake->receiver = wake->sender = 1;
	world.open++;
	return 0;
}

void pck_wake_send(const struct pck_wake *wake)
{
	CHECK(wake->sender == 1);
}

void pck_wake_clear(const struct pck_wake *wake)
{
	CHECK(wake->receiver == 1);
}

void pck_wake_close(struct pck_wake *wake)
{
	CHECK(wake->receiver == 1);
	world.open--;
}

/* Doing something takes time too: so whoever does it for ever meets the deadline. */
int64_t pck_clock_us(void)
{
	return world.now_us += 1;
}

int pck_random(void *data, size_t len)
{
	memset(data, 7, len);
	return 0;
}

int32_t pck_read_file(const char *path, size_t max, struct pck_bytes *bytes, struct pck_error *error)
{
	int32_t result;

	if (fixed.file == NULL || fixed.file_len > max) {
		pck_error_set(error, "`%s`: there are no files here", path);
		return PCK_E_CERTIFICATE;
	}
	result = pck_bytes_append(bytes, fixed.file, fixed.file_len);
	return result == PCK_OK ? pck_bytes_append(bytes, "", 1) : result;
}

const char pck_gbk_name[] = "ASCII";

/* A system without tables, as platform_posix.c has it; here every byte from 0x80 on is one that it lacks. */
int32_t pck_gbk_to_utf16(struct pck_bytes *to, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		uint16_t unit = (uint8_t)text[i];

		if (unit >= 0x80)
			return PCK_TEXT_BROKEN;
		if (pck_bytes_append(to, &unit, sizeof unit) != PCK_OK)
			return PCK_E_MEMORY;
	}
	return PCK_OK;
}

int32_t pck_utf16_to_gbk(struct pck_bytes *to, const uint8_t *data, size_t len)
{
	size_t i;

	CHECK(len % 2 == 0);
	for (i = 0; i < len; i += 2) {
		uint16_t unit;
		char c;

		memcpy(&unit, data + i, sizeof unit);
		c = unit < 0x80 ? (char)unit : '?';
		if (pck_bytes_append(to, &c, 1) != PCK_OK)
			return PCK_E_MEMORY;
	}
	return PCK_OK;
}

const char *pck_system_error(int number, char *text, size_t cap)
{
	(void)snprintf(text, cap, "error %d", number);
	return text;
}
