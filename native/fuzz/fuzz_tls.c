/*
 * The client behind TLS, on a network that is the input: what a server, or whoever stands before it, can send during
 * the handshake and after it, in records and in pieces of them.  The first two bytes choose the calls; the rest is
 * what comes in (platform_fuzz.h).
 *
 * The client's random numbers and its clock are always the same, so what a real server once said to it can be said
 * again: with such an input a handshake succeeds, and an answer is deciphered.  Nobody without the server's key can
 * make up another one; so the only verdict there may be is the one that the real server gave.
 *
 * Beside the program lie the authority's certificate and the time, which seeds.py writes.  With PRECHECK_FUZZ_SENT in
 * the environment, what the client sends is written into that file, and the result is printed: seeds.py is the
 * server that answers it.
 */
#include "platform_fuzz.h"

#include "precheck.h"

#include <string.h>

#define DEADLINE_MS 100
#define LATE_US 20000
#define PATH_BYTES_MAX 4096
#define CA_BYTES_MAX 4096
/* What the server of seeds.py says to the document "0". */
#define DOCUMENT "0"
#define ANSWER "{\"verdict\":\"PASS\"}"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static pck_client *client;
static const char *sent_path;

static void cancel(void)
{
	pck_cancel(client);
}

static size_t read_beside(const char *program, const char *name, void *data, size_t max)
{
	char path[PATH_BYTES_MAX];
	const char *slash = strrchr(program, '/');
	FILE *file;
	size_t len;

	CHECK(slash != NULL);
	CHECK(snprintf(path, sizeof path, "%.*s/tls/%s", (int)(slash - program), program, name) < (int)sizeof path);
	file = fopen(path, "rb");
	if (file == NULL) {
		(void)fprintf(stderr, "%s is missing: native/fuzz/seeds.py makes it\n", path);
		exit(1);
	}
	len = fread(data, 1, max, file);
	(void)fclose(file);
	return len;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uint8_t ca[CA_BYTES_MAX];
	char now[32] = "";
	size_t len = read_beside((*argv)[0], "ca.pem", ca, sizeof ca);

	(void)argc;
	(void)read_beside((*argv)[0], "now", now, sizeof now - 1);
	fuzz_platform_file(ca, len);
	fuzz_platform_date(strtoll(now, NULL, 10));
	sent_path = getenv("PRECHECK_FUZZ_SENT");
	return 0;
}

static void check(void)
{
	static const int32_t allowed[] = {
		PCK_PASS, PCK_E_TIMEOUT, PCK_E_UNREACHABLE, PCK_E_TLS, PCK_E_BAD_REPLY, PCK_E_CANCELLED,
	};
	pck_request request = {.struct_size = sizeof request, .format = 1, .document = DOCUMENT, .document_len = 1};
	char out[64], why[PCK_ERROR_BYTES_MAX];
	int64_t began_us = pck_clock_us();
	int32_t result = pck_check(client, &request, out, sizeof out, NULL, NULL);
	size_t i;

	CHECK(pck_clock_us() - began_us <= DEADLINE_MS * 1000 + LATE_US);
	for (i = 0; i < sizeof allowed / sizeof allowed[0] && allowed[i] != result; i++)
		;
	CHECK(i < sizeof allowed / sizeof allowed[0]);
	CHECK(strcmp(out, result == PCK_PASS ? ANSWER : "") == 0);
	CHECK(pck_last_error(client, why, sizeof why, NULL) == PCK_OK);
	CHECK((result < 0) == (why[0] != '\0'));
	if (sent_path != NULL)
		(void)fprintf(stderr, "%s %s\n", pck_result_name(result), why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	uint8_t choice = fuzz_byte(&input);
	uint8_t send_max = fuzz_byte(&input);
	pck_options options = {.struct_size = sizeof options, .deadline_ms = DEADLINE_MS, .tls_ca_file = "ca.pem"};
	FILE *sent = sent_path != NULL ? fopen(sent_path, "wb") : NULL;
	int calls = 1 + (choice >> 1) % 2;

	fuzz_platform_start(&input, send_max == 0 ? 65536 : (size_t)send_max * 8, cancel);
	fuzz_platform_log(sent);
	options.servers = choice & 1 ? "192.0.2.1:1,192.0.2.2:2" : "192.0.2.1:1";
	options.tls_server_name = "precheck.test";
	CHECK(pck_open(&options, &client, NULL, 0) == PCK_OK);
	for (; calls > 0; calls--)
		check();
	pck_free(client);
	CHECK(fuzz_platform_open() == 0);
	if (sent != NULL)
		(void)fclose(sent);
	return 0;
}
