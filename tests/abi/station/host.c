/* What hosts do to a library. */
#include "station.h"

#include "../odd_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHINESE_CA "\xe8\xaf\x81\xe4\xb9\xa6 \xc3\xa9.pem" /* "证书 é.pem"; an argument would not be UTF-8 */

/* The words that say which exceptions are masked. */
struct float_state {
	unsigned short word;
	unsigned state;
};

static struct float_state float_state(void)
{
	struct float_state now = {0, 0};

#if defined(__i386__) || defined(__x86_64__)
	__asm__ volatile("fnstcw %0" : "=m"(now.word));
	__asm__ volatile("stmxcsr %0" : "=m"(now.state));
	now.state &= ~0x3fu; /* what happened, not what is masked */
#endif
	return now;
}

#ifdef ODD_CALL_STEP
#define NOBODY "127.0.0.1:1"

#define ODD(function, ...)                                                                                             \
	do {                                                                                                           \
		const intptr_t given[ODD_CALL_ARGUMENTS_MAX] = {__VA_ARGS__};                                          \
		const intptr_t each[] = {__VA_ARGS__};                                                                 \
		returned = (int32_t)odd_call((void *)(intptr_t)(function), given, sizeof each / sizeof each[0], offset); \
	} while (0)

/* A whole conversation at every alignment that a host may have. */
static void odd_stack(const char *servers, struct tls_files tls)
{
	intptr_t offset;
	int32_t returned, state, handle;
	uint32_t need;
	char out[64], flat_options[256];

	snprintf(flat_options, sizeof flat_options, "servers=%s;deadline_ms=%d%s%s%s%s", servers, PATIENT_MS,
	         tls.ca != NULL ? ";tls_ca_file=" : "", tls.ca != NULL ? tls.ca : "",
	         tls.ca != NULL ? ";tls_server_name=" : "", tls.ca != NULL ? tls.name : "");
	for (offset = 0; offset < 16; offset += ODD_CALL_STEP) {
		pck_options options = {.struct_size = sizeof options, .servers = servers, .deadline_ms = PATIENT_MS};
		pck_request request = {.struct_size = sizeof request, .format = 1};
		pck_client *client = NULL;

		options.tls_ca_file = tls.ca;
		options.tls_server_name = tls.name;
		request.document = "{\"verdict\": 1, \"answer\": \"abc\"}";
		request.document_len = (uint32_t)strlen(request.document);
		ODD(pck_open, (intptr_t)&options, (intptr_t)&client, 0, 0);
		CHECK(returned == PCK_OK && client != NULL);
		ODD(pck_check, (intptr_t)client, (intptr_t)&request, (intptr_t)out, sizeof out, (intptr_t)&need,
		    (intptr_t)&state);
		CHECK(returned == PCK_WARN && need == 4 && state == PCK_COMPLETE && strcmp(out, "abc") == 0);
		ODD(pck_last_answer, (intptr_t)client, (intptr_t)out, sizeof out, (intptr_t)&need, (intptr_t)&state);
		CHECK(returned == PCK_WARN);
		ODD(pck_commit, (intptr_t)client, (intptr_t)&request, 0, 0);
		CHECK(returned == PCK_OK);
		ODD(pck_last_error, (intptr_t)client, (intptr_t)out, sizeof out, 0);
		CHECK(returned == PCK_OK);
		ODD(pck_free, (intptr_t)client);
		/* Where a call fails, Windows is asked for a text: its own functions count on an aligned stack too. */
		options.servers = NOBODY;
		ODD(pck_open, (intptr_t)&options, (intptr_t)&client, 0, 0);
		CHECK(returned == PCK_OK);
		ODD(pck_check, (intptr_t)client, (intptr_t)&request, (intptr_t)out, sizeof out, 0, 0);
		CHECK(returned == PCK_E_UNREACHABLE);
		ODD(pck_free, (intptr_t)client);
		/* A Chinese file name is no ASCII; as UTF-8 it is not what _a takes. */
		if (tls.ca == NULL) {
			ODD(pck_flat_open_a, (intptr_t)flat_options, (intptr_t)&handle, 0, 0);
			CHECK(returned == PCK_OK);
			ODD(pck_flat_commit_a, handle, 1, (intptr_t) "{\"lines\": 3}", 0, (intptr_t)&state);
			CHECK(returned == PCK_OK && state == 3);
			ODD(pck_flat_close, handle);
			CHECK(returned == PCK_OK);
		}
	}
	printf("odd stack\n");
}
#endif

/* Nothing divides by zero or loses a bit here, and what the host has set is as it was. */
static void unmasked(const char *servers, struct tls_files tls)
{
	struct float_state before, after;
	pck_client *client;
	char out[64];
	int32_t first, second;

	unmask_float_exceptions();
	before = float_state();
	client = open_client(servers, tls, PATIENT_MS, 0);
	first = check_text(client, "{\"verdict\": 2}", 0, out, sizeof out);
	second = check_text(client, "{\"status\": \"INTERNAL\"}", 0, out, sizeof out);
	pck_free(client);
	after = float_state();
	mask_float_exceptions();
	CHECK(first == PCK_BLOCK && second == PCK_E_SERVER);
	CHECK(before.word == after.word && before.state == after.state);
	printf("floating-point exceptions unmasked\n");
}

static void opening_and_closing(const char *servers, struct tls_files tls)
{
	int before = 0;
	int i;

	for (i = 0; i < 60; i++) {
		pck_client *client = open_client(servers, tls, PATIENT_MS, 0);
		char out[64];

		CHECK(check_text(client, "{}", 0, out, sizeof out) == PCK_PASS);
		pck_free(client);
		if (i == 10) /* what is loaded at first use stays */
			before = open_handles();
	}
	CHECK(open_handles() <= before);
	printf("no handle is left of 50 clients\n");
}

static THREAD_RESULT check_slowly(void *client)
{
	CHECK(check_text(client, "{\"sleep_s\": 25}", 0, NULL, 0) == PCK_E_CANCELLED);
	return 0;
}

static void cancelling(const char *servers, struct tls_files tls)
{
	pck_client *client = open_client(servers, tls, PATIENT_MS, 0);
	thread_id thread = start_thread(check_slowly, client);
	char out[64];
	int i;

	/* Until it has entered, a cancel is for nobody. */
	for (i = 0; pck_last_error(client, out, sizeof out, NULL) != PCK_E_BUSY; i++) {
		CHECK(i < 10000);
		sleep_ms(1);
	}
	sleep_ms(100);
	pck_cancel(client);
	join_thread(thread);
	CHECK(check_text(client, "{}", 0, out, sizeof out) == PCK_PASS);
	pck_free(client);
	printf("cancelled\n");
}

#ifdef _WIN32
/* The texts of a Chinese Windows: 医生撤销 in GBK goes to the server as UTF-8, and its words come back as GBK. */
static void chinese_texts(const char *servers)
{
	static const char reason[] = "{\"reason\": \"\xd2\xbd\xc9\xfa\xb3\xb7\xcf\xfa\"}";
	static const char refused[] = "{\"status\": \"INTERNAL\", \"message\": \"\\u533b\\u751f \\ud842\\udfb7\"}";
	static const uint16_t wide_wanted[] = {0x533b, 0x751f, ' ', 0xd842, 0xdfb7};
	char options[256], text[PCK_ERROR_BYTES_MAX];
	uint16_t wide[PCK_ERROR_BYTES_MAX];
	int32_t handle, lines;
	size_t i;

	snprintf(options, sizeof options, "servers=%s;deadline_ms=%d;station_id=\xb2\xa1\xc7\xf8", servers, PATIENT_MS);
	CHECK(pck_flat_open_a(options, &handle, text, sizeof text) == PCK_OK);
	CHECK(pck_flat_void_a(handle, "p", "e", "a,b", "", reason, 0, &lines) == PCK_OK && lines == 2);
	CHECK(pck_flat_void_a(handle, "p", "e", "a,b", "", "\xff\xff", 0, &lines) == PCK_E_ARGUMENT);
	CHECK(pck_flat_last_error_a(handle, text, sizeof text) == PCK_OK && strcmp(text, "reason is not GBK") == 0);
	CHECK(pck_flat_check_a(handle, 1, refused, "", 0, NULL, 0, NULL, NULL) == PCK_E_SERVER);
	CHECK(pck_flat_last_error_a(handle, text, sizeof text) == PCK_OK);
	CHECK(strstr(text, "\xd2\xbd\xc9\xfa ?") != NULL);
	CHECK(pck_flat_last_error_w(handle, wide, PCK_ERROR_BYTES_MAX) == PCK_OK);
	for (i = 0; wide[i] != 0 && memcmp(wide + i, wide_wanted, sizeof wide_wanted) != 0; i++)
		;
	CHECK(wide[i] != 0);
	/* Cut to whole characters. */
	for (i = 1; i < 40; i++) {
		size_t at;

		CHECK(pck_flat_last_error_a(handle, text, (int32_t)i) == PCK_OK && strlen(text) < i);
		for (at = 0; text[at] != '\0'; at += (uint8_t)text[at] >= 0x81 ? 2 : 1)
			CHECK((uint8_t)text[at] < 0x81 || text[at + 1] != '\0');
	}
	CHECK(pck_flat_close(handle) == PCK_OK);
	printf("Chinese texts\n");
}
#endif

#ifdef _WIN32
static THREAD_RESULT check_until_lost(void *client)
{
	CHECK(check_text(client, "{\"sleep_s\": 25}", 0, NULL, 0) == PCK_E_UNREACHABLE);
	return 0;
}

/* A host that closes a handle twice may close one that is not its own: the call ends, and the next one is good. */
static void closing_foreign_sockets(const char *servers, struct tls_files tls)
{
	pck_client *client = open_client(servers, tls, PATIENT_MS, 0);
	thread_id thread;
	char out[64];
	SOCKET s;

	/* On its first connection: one that was kept would be replaced, and the call made again. */
	thread = start_thread(check_until_lost, client);
	sleep_ms(300);
	for (s = 4; s < 4096; s += 4) {
		int type = 0;
		int len = sizeof type;

		if (getsockopt(s, SOL_SOCKET, SO_TYPE, (char *)&type, &len) == 0 && type == SOCK_STREAM)
			closesocket(s);
	}
	join_thread(thread);
	CHECK(check_text(client, "{}", 0, out, sizeof out) == PCK_PASS);
	pck_free(client);
	printf("its socket closed by the host\n");
}
#endif

/* The server must see the connection end, although a child lives that would have inherited it. */
static void child(const char *program, const char *servers, struct tls_files tls, int ms)
{
	pck_client *client = open_client(servers, tls, PATIENT_MS, 0);
	char out[64];

	CHECK(check_text(client, "{\"answer\": \"child\"}", 0, out, sizeof out) == PCK_PASS);
	start_child(program, ms);
	pck_free(client);
	printf("child started\n");
	fflush(stdout);
}
void run_host(int count, char **arguments, const char *program)
{
	const char *servers = arguments[0];
	struct tls_files tls = {NULL, NULL, NULL, NULL};

	CHECK(count >= 2);
	if (count > 2)
		tls = (struct tls_files){.ca = CHINESE_CA, .name = arguments[2]};
#ifdef ODD_CALL_STEP
	odd_stack(servers, tls);
#endif
	unmasked(servers, tls);
	opening_and_closing(servers, tls);
	cancelling(servers, tls);
#ifdef _WIN32
	closing_foreign_sockets(servers, tls);
	if (tls.ca == NULL)
		chinese_texts(servers);
#endif
	child(program, servers, tls, atoi(arguments[1]));
}
