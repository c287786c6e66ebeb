/*
 * The twin of platform_posix.c for Windows 7 and later.
 *
 * A thread is woken by a flag that pck_net_wait() looks at every WAKE_LOOK_US: Windows can wait for
 * sockets or for events, and to wait for both at once it would need a socket to itself, which firewalls
 * and network drivers on stations like to break.
 */
#include "platform.h"
#include "text.h"

#include <winsock2.h>
#include <ws2tcpip.h>
/* After winsock2.h, which windows.h would bring an older one of. */
#include <windows.h>

#include <bcrypt.h>
#include <stdio.h>
#include <string.h>

/* What a cancel may wait; well below what a doctor notices. */
#define WAKE_LOOK_US 10000

#define CODE_PAGE_GBK 936
#define PATH_UNITS_MAX 32768 /* of a path, by Windows */

/* WSA_FLAG_NO_HANDLE_INHERIT, which older headers do not know. */
#define NO_HANDLE_INHERIT 0x80

_Static_assert(sizeof(SOCKET) == sizeof(pck_socket), "a socket fits");
_Static_assert(PCK_SERVERS_MAX <= FD_SETSIZE, "select() takes them all");

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

/* Not inherited from its first moment on; before Windows 7 SP1 from shortly after it. */
static SOCKET make_socket(int family)
{
	SOCKET s = WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED | NO_HANDLE_INHERIT);

	if (s == INVALID_SOCKET && WSAGetLastError() == WSAEINVAL)
		s = WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
	if (s != INVALID_SOCKET)
		(void)SetHandleInformation((HANDLE)s, HANDLE_FLAG_INHERIT, 0);
	return s;
}

int pck_net_connect(const struct pck_address *address, pck_socket *made)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	int to_len;
	u_long non_blocking = 1;
	BOOL on = TRUE;
	int error;
	SOCKET s;

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
	s = make_socket(to.any.sa_family);
	if (s == INVALID_SOCKET)
		return WSAGetLastError();
	/* Without it the system holds small segments back for the peer's acknowledgement. */
	(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
	if (ioctlsocket(s, (long)FIONBIO, &non_blocking) != 0 ||
	    (connect(s, &to.any, to_len) != 0 && WSAGetLastError() != WSAEWOULDBLOCK)) {
		error = WSAGetLastError();
		(void)closesocket(s);
		return error;
	}
	*made = (pck_socket)s;
	return 0;
}

int pck_net_connect_result(pck_socket s)
{
	int error = 0;
	int len = sizeof error;

	if (getsockopt((SOCKET)s, SOL_SOCKET, SO_ERROR, (char *)&error, &len) != 0)
		return WSAGetLastError();
	return error;
}

static int32_t moved(int n)
{
	if (n >= 0)
		return n;
	return WSAGetLastError() == WSAEWOULDBLOCK ? PCK_NET_AGAIN : PCK_NET_LOST;
}

static int at_most_int(size_t len)
{
	return len > INT_MAX ? INT_MAX : (int)len;
}

int32_t pck_net_send(pck_socket s, const void *data, size_t len)
{
	return moved(send((SOCKET)s, data, at_most_int(len), 0));
}

int32_t pck_net_recv(pck_socket s, void *data, size_t len)
{
	return moved(recv((SOCKET)s, data, at_most_int(len), 0));
}

void pck_net_close(pck_socket s)
{
	if (s != PCK_NO_SOCKET)
		(void)closesocket((SOCKET)s);
}

/* The flag, which only we write through the const. */
static volatile LONG *flag_of(const struct pck_wake *wake)
{
	return (volatile LONG *)&wake->receiver;
}

static int is_woken(const struct pck_wake *wake)
{
	return InterlockedCompareExchange(flag_of(wake), 0, 0) != 0;
}

static int is_socket(SOCKET s)
{
	int type;
	int len = sizeof type;

	return getsockopt(s, SOL_SOCKET, SO_TYPE, (char *)&type, &len) == 0;
}

/*
 * select() refuses all sockets where one is none any more: a host closed what is not its own.  That one is
 * ready, so that whoever reads or writes next meets the error; for the others time passes, so that an error
 * that stays makes nobody spin.
 */
static int look_for_broken(struct pck_wait *waits, size_t count, const struct timeval *timeout)
{
	int broken = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (is_socket((SOCKET)waits[i].socket))
			continue;
		waits[i].seen = waits[i].wanted;
		broken = 1;
	}
	if (!broken)
		Sleep((DWORD)(timeout->tv_usec + 999) / 1000);
	return broken;
}

/* One look at the sockets for at most WAKE_LOOK_US.  Returns 1 if one of them is ready. */
static int look(struct pck_wait *waits, size_t count, int64_t timeout_us)
{
	struct timeval timeout = {0, (long)(timeout_us < WAKE_LOOK_US ? timeout_us : WAKE_LOOK_US)};
	fd_set readable, writable, failed;
	int ready;
	size_t i;

	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_ZERO(&failed);
	for (i = 0; i < count; i++) {
		SOCKET s = (SOCKET)waits[i].socket;

		waits[i].seen = 0;
		if (waits[i].wanted & PCK_READABLE)
			FD_SET(s, &readable);
		if (waits[i].wanted & PCK_WRITABLE)
			FD_SET(s, &writable);
		/* Where select() shows that connecting failed. */
		FD_SET(s, &failed);
	}
	if (count == 0) {
		/* select() refuses to wait for nothing. */
		Sleep((DWORD)(timeout.tv_usec + 999) / 1000);
		return 0;
	}
	ready = select(0, &readable, &writable, &failed, &timeout);
	if (ready < 0)
		return look_for_broken(waits, count, &timeout);
	if (ready == 0)
		return 0;
	for (i = 0; i < count; i++) {
		SOCKET s = (SOCKET)waits[i].socket;

		/* An error shows itself to whoever reads or writes next. */
		if (FD_ISSET(s, &readable) || FD_ISSET(s, &failed))
			waits[i].seen |= waits[i].wanted & PCK_READABLE;
		if (FD_ISSET(s, &writable) || FD_ISSET(s, &failed))
			waits[i].seen |= waits[i].wanted & PCK_WRITABLE;
	}
	return 1;
}

int pck_net_wait(struct pck_wait *waits, size_t count, const struct pck_wake *wake, int64_t timeout_us)
{
	int64_t limit_us = pck_clock_us() + timeout_us;
	int64_t left_us = timeout_us;

	do {
		if (look(waits, count, left_us > 0 ? left_us : 0))
			break;
		left_us = limit_us - pck_clock_us();
	} while (left_us > 0 && !is_woken(wake));
	return is_woken(wake) ? PCK_WOKEN : 0;
}

/* Windows counts the openings, so that every client may have its own. */
int pck_wake_open(struct pck_wake *wake)
{
	WSADATA unused;

	memset(wake, 0, sizeof *wake);
	return WSAStartup(MAKEWORD(2, 2), &unused);
}

void pck_wake_send(const struct pck_wake *wake)
{
	(void)InterlockedExchange(flag_of(wake), 1);
}

void pck_wake_clear(const struct pck_wake *wake)
{
	(void)InterlockedExchange(flag_of(wake), 0);
}

void pck_wake_close(struct pck_wake *wake)
{
	(void)wake;
	(void)WSACleanup();
}

/* Integers only: a host in Delphi or VB6 may have floating-point exceptions unmasked. */
int64_t pck_clock_us(void)
{
	LARGE_INTEGER now, per_second;

	(void)QueryPerformanceFrequency(&per_second);
	(void)QueryPerformanceCounter(&now);
	return now.QuadPart / per_second.QuadPart * 1000000 +
	       now.QuadPart % per_second.QuadPart * 1000000 / per_second.QuadPart;
}

int pck_random(void *data, size_t len)
{
	if (len > ULONG_MAX)
		return -1;
	return BCryptGenRandom(NULL, data, (ULONG)len, BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0 ? 0 : -1;
}

static int32_t file_error(struct pck_error *error, const char *path, DWORD number)
{
	char reason[256];

	pck_error_set(error, "`%s`: %s", path, pck_system_error((int)number, reason, sizeof reason));
	return PCK_E_CERTIFICATE;
}

/* A disk's file and nothing else: a pipe or a device could be waited for without an end. */
static int32_t open_file(const char *path, HANDLE *file, struct pck_error *error)
{
	struct pck_bytes wide = {0};
	int32_t result;
	size_t at;

	*file = INVALID_HANDLE_VALUE;
	result = pck_text_to_utf16(&wide, path, strlen(path) + 1, &at);
	if (result == PCK_OK && wide.len > PATH_UNITS_MAX * sizeof(WCHAR))
		result = PCK_TEXT_BROKEN;
	if (result == PCK_OK)
		*file = CreateFileW((const WCHAR *)wide.data, GENERIC_READ,
		                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
		                    FILE_ATTRIBUTE_NORMAL, NULL);
	pck_bytes_free(&wide);
	if (result == PCK_TEXT_BROKEN)
		return file_error(error, path, ERROR_INVALID_NAME);
	if (result != PCK_OK)
		return result;
	if (*file == INVALID_HANDLE_VALUE)
		return file_error(error, path, GetLastError());
	if (GetFileType(*file) != FILE_TYPE_DISK) {
		(void)CloseHandle(*file);
		return file_error(error, path, ERROR_INVALID_NAME);
	}
	return PCK_OK;
}

int32_t pck_read_file(const char *path, size_t max, struct pck_bytes *bytes, struct pck_error *error)
{
	size_t before = bytes->len;
	DWORD n = 0;
	HANDLE file;
	int32_t result = open_file(path, &file, error);

	if (result != PCK_OK)
		return result;
	do {
		result = pck_bytes_reserve(bytes, 4096);
		if (result == PCK_OK && !ReadFile(file, bytes->data + bytes->len, 4096, &n, NULL))
			result = file_error(error, path, GetLastError());
		if (result != PCK_OK)
			break;
		bytes->len += n;
	} while (n > 0 && bytes->len - before <= max);
	if (result == PCK_OK && n > 0) {
		pck_error_set(error, "`%s`: longer than %lu bytes", path, (unsigned long)max);
		result = PCK_E_CERTIFICATE;
	}
	(void)CloseHandle(file);
	return result == PCK_OK ? pck_bytes_append(bytes, "", 1) : result;
}

const char pck_gbk_name[] = "GBK";

int32_t pck_gbk_to_utf16(struct pck_bytes *to, const char *text, size_t len)
{
	int units;

	if (len > INT_MAX)
		return PCK_TEXT_BROKEN;
	if (pck_bytes_reserve(to, len * sizeof(WCHAR)) != PCK_OK)
		return PCK_E_MEMORY;
	units = MultiByteToWideChar(CODE_PAGE_GBK, MB_ERR_INVALID_CHARS, text, (int)len,
	                            (WCHAR *)(to->data + to->len), (int)len);
	if (units == 0 && len > 0)
		return PCK_TEXT_BROKEN;
	to->len += (size_t)units * sizeof(WCHAR);
	return PCK_OK;
}

int32_t pck_utf16_to_gbk(struct pck_bytes *to, const uint8_t *data, size_t len)
{
	int units = (int)(len / sizeof(WCHAR));
	int bytes;

	if (units == 0)
		return PCK_OK;
	if (pck_bytes_reserve(to, 2 * (size_t)units) != PCK_OK)
		return PCK_E_MEMORY;
	bytes = WideCharToMultiByte(CODE_PAGE_GBK, WC_NO_BEST_FIT_CHARS, (const WCHAR *)data, units,
	                            (char *)to->data + to->len, 2 * units, "?", NULL);
	to->len += (size_t)bytes;
	/* A system without the table. */
	return bytes > 0 ? PCK_OK : pck_bytes_append(to, "?", 1);
}

const char *pck_system_error(int number, char *text, size_t cap)
{
	struct pck_bytes utf8 = {0};
	WCHAR wide[256];
	size_t at;
	DWORD units = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
	                             FORMAT_MESSAGE_MAX_WIDTH_MASK,
	                             NULL, (DWORD)number, 0, wide, sizeof wide / sizeof wide[0], NULL);

	while (units > 0 && wide[units - 1] == L' ')
		units--;
	if (units > 0 && pck_text_from_utf16(&utf8, wide, units * sizeof(WCHAR), cap - 1, &at) == PCK_OK &&
	    pck_bytes_append(&utf8, "", 1) == PCK_OK)
		(void)snprintf(text, cap, "%s", (const char *)utf8.data);
	else
		(void)snprintf(text, cap, "error %d", number);
	pck_bytes_free(&utf8);
	return text;
}
