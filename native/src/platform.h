/*
 * Everything the library asks of the operating system.  One file implements it for each system;
 * no other file includes a system's headers.
 *
 * Sockets are non-blocking, are not inherited by child processes, and never raise a signal.
 */
#ifndef PCK_PLATFORM_H
#define PCK_PLATFORM_H

#include "base.h"

typedef intptr_t pck_socket; /* wide enough for Windows' SOCKET */
#define PCK_NO_SOCKET ((pck_socket)-1)

struct pck_address {
	uint8_t ip[16];
	uint32_t ip_len; /* 4 or 16 */
	uint16_t port;
	char ip_text[48];
	char text[64]; /* "1.2.3.4:50051", "[::1]:50051" */
};

/* Wakes a thread out of pck_net_wait(). */
struct pck_wake {
	intptr_t receiver;
	intptr_t sender;
};

/* Of pck_net_send() and pck_net_recv(), where no byte was moved. */
#define PCK_NET_CLOSED 0
#define PCK_NET_AGAIN  (-1)
#define PCK_NET_LOST   (-2)

/* What pck_net_wait() waits for, saw, and returns. */
#define PCK_READABLE 1
#define PCK_WRITABLE 2
#define PCK_WOKEN    4

/* Reads "1.2.3.4" or "::1".  Returns 0 if it is an IP address and fills ip, ip_len and ip_text. */
int pck_net_parse_ip(const char *text, struct pck_address *address);

/* Begins to connect.  Returns 0 when connected or on its way, else the system's error number. */
int pck_net_connect(const struct pck_address *address, pck_socket *made);
/* After the socket became writable: 0 when connected, else the system's error number. */
int pck_net_connect_result(pck_socket s);
int32_t pck_net_send(pck_socket s, const void *data, size_t len);
int32_t pck_net_recv(pck_socket s, void *data, size_t len);
void pck_net_close(pck_socket s);

/* One socket to wait for. */
struct pck_wait {
	pck_socket socket;
	int wanted; /* PCK_READABLE, PCK_WRITABLE */
	int seen;   /* set by pck_net_wait()      */
};

/*
 * Returns when one of the sockets (at most PCK_SERVERS_MAX) is ready, when woken, or after
 * `timeout_us`: PCK_WOKEN or 0.  It may return early without any of them.
 */
int pck_net_wait(struct pck_wait *waits, size_t count, const struct pck_wake *wake, int64_t timeout_us);

int pck_wake_open(struct pck_wake *wake); /* 0, or the system's error number */
void pck_wake_send(const struct pck_wake *wake);
void pck_wake_clear(const struct pck_wake *wake);
void pck_wake_close(struct pck_wake *wake);

/* Never goes back; its zero means nothing. */
int64_t pck_clock_us(void);

/* Bytes that nobody can guess.  Returns 0, or -1 if the system has none. */
int pck_random(void *data, size_t len);

/*
 * Appends a file and a zero byte.  Returns PCK_OK, PCK_E_MEMORY, or PCK_E_CERTIFICATE if the file
 * cannot be read or is longer than `max`.
 */
int32_t pck_read_file(const char *path, size_t max, struct pck_bytes *bytes, struct pck_error *error);

/*
 * Text between GBK and UTF-16, appended, by the system's own tables; where it has none, text that is not
 * ASCII cannot be read.  Returns PCK_OK, PCK_E_MEMORY or PCK_TEXT_BROKEN.
 */
int32_t pck_gbk_to_utf16(struct pck_bytes *to, const char *text, size_t len);
/* What GBK (or ASCII) has not becomes `?`. */
int32_t pck_utf16_to_gbk(struct pck_bytes *to, const uint8_t *data, size_t len);
/* What pck_gbk_to_utf16() reads, for error texts. */
extern const char pck_gbk_name[];

/* The system's words for an error number. */
const char *pck_system_error(int number, char *text, size_t cap);

#endif
