/*
 * The whole client on a network that is the input: what a hostile server, or a broken network, can
 * bring about.  The first three bytes choose the calls; the rest is what comes in (platform_fuzz.h).
 */
#include "platform_fuzz.h"

#include "precheck.h"

#include <string.h>

#define DEADLINE_MS 100
#define ANSWER_BYTES_MAX 4096
/* What one call may take beyond its deadline: each look at the clock takes a microsecond there. */
#define LATE_US 20000

static pck_client *client;

static void cancel(void)
{
	pck_cancel(client);
}

static void check_result(int32_t result, const char *out, size_t cap, uint32_t need)
{
	static const int32_t allowed[] = {
		PCK_PASS, PCK_WARN, PCK_BLOCK, PCK_E_BUFFER, PCK_E_ANSWER_LIMIT, PCK_E_REJECTED, PCK_E_DENIED,
		PCK_E_UNSUPPORTED, PCK_E_TIMEOUT, PCK_E_UNREACHABLE, PCK_E_UNAVAILABLE, PCK_E_BAD_REPLY, PCK_E_SERVER,
		PCK_E_CANCELLED, PCK_E_NOT_EVALUATED,
	};
	char why[PCK_ERROR_BYTES_MAX];
	size_t i;

	for (i = 0; i < sizeof allowed / sizeof allowed[0] && allowed[i] != result; i++)
		;
	CHECK(i < sizeof allowed / sizeof allowed[0]);
	CHECK(memchr(out, 0, cap) != NULL);
	CHECK(need <= ANSWER_BYTES_MAX + 2);
	CHECK(need > 0 || (result < 0 && result != PCK_E_BUFFER && result != PCK_E_NOT_EVALUATED));
	CHECK(pck_last_error(client, why, sizeof why, NULL) == PCK_OK);
	/* A failure has a reason. */
	CHECK((result < 0) == (why[0] != '\0'));
}

static void check(const pck_request *request)
{
	char out[64];
	uint32_t need = 77;
	int32_t completeness = 77;
	int64_t began_us = pck_clock_us();
	int32_t result = pck_check(client, request, out, sizeof out, &need, &completeness);

	CHECK(pck_clock_us() - began_us <= DEADLINE_MS * 1000 + LATE_US);
	check_result(result, out, sizeof out, need);
	/* A verdict comes only with what was judged. */
	CHECK((result >= 0) == ((completeness & 0xff) == PCK_COMPLETE || (completeness & 0xff) == PCK_PARTIAL));
	CHECK((result == PCK_E_NOT_EVALUATED) == ((completeness & 0xff) == PCK_NONE));
}

static void other_call(const pck_request *request, uint8_t which)
{
	pck_void_request voiding = {.struct_size = sizeof voiding, .patient_id = "p", .encounter_id = "e"};
	char out[64];
	uint32_t need = 1, first = 77, second = 77;
	uint64_t position = 77;
	int32_t result;

	switch (which % 3) {
	case 0:
		result = pck_commit(client, request, &first, &position);
		break;
	case 1:
		result = pck_void(client, &voiding, &first, &position);
		break;
	default:
		result = pck_feedback(client, request, out, sizeof out, &need, &first, &second);
		position = 0;
		CHECK(memchr(out, 0, sizeof out) != NULL);
	}
	CHECK(result <= 0);
	CHECK(result == PCK_OK || result == PCK_E_BUFFER || (first == 0 && position == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const servers[] = {"192.0.2.1:1", "192.0.2.1:1,[2001:db8::1]:2", "192.0.2.1:1,192.0.2.2:2,192.0.2.3:3"};
	struct fuzz_input input = {data, len};
	uint8_t choice = fuzz_byte(&input);
	uint8_t which = fuzz_byte(&input);
	uint8_t send_max = fuzz_byte(&input);
	pck_options options = {.struct_size = sizeof options, .deadline_ms = DEADLINE_MS, .max_answer_bytes = ANSWER_BYTES_MAX};
	pck_request request = {.struct_size = sizeof request, .format = 1};
	char document[2000];
	int calls = 1 + (choice >> 2) % 4;

	memset(document, 'd', sizeof document);
	fuzz_platform_start(&input, send_max == 0 ? 65536 : (size_t)send_max * 8, cancel);
	options.servers = servers[choice % 3];
	request.document = document;
	request.document_len = choice & 0x80 ? sizeof document : 10;
	CHECK(pck_open(&options, &client, NULL, 0) == PCK_OK);
	for (; calls > 0; calls--, which >>= 2) {
		if (which % 4 == 3)
			other_call(&request, (uint8_t)(which >> 2));
		else
			check(&request);
	}
	pck_free(client);
	CHECK(fuzz_platform_open() == 0);
	return 0;
}
