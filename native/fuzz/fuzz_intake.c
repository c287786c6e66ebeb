/*
 * What a caller hands over (intake.c): lists of servers, texts, structures of any size.  The first byte
 * chooses which.
 */
#include "platform_fuzz.h"

#include "intake.h"

#include <string.h>

static void check_error(int32_t result, const struct pck_error *error)
{
	const char *c;

	CHECK(memchr(error->text, 0, sizeof error->text) != NULL);
	CHECK((result == PCK_OK) == (error->text[0] == '\0'));
	/* One line of UTF-8. */
	for (c = error->text; *c != '\0'; c += pck_utf8_step(c))
		CHECK(pck_utf8_step(c) > 0 && (uint8_t)*c >= 0x20 && *c != 0x7f);
}

static void servers(const char *text)
{
	struct pck_address made[PCK_SERVERS_MAX];
	struct pck_error error = {""};
	uint32_t count = 77;
	uint32_t i;
	int32_t result = pck_take_servers(made, &count, text, &error);

	CHECK(result == PCK_OK || result == PCK_E_SERVERS);
	check_error(result, &error);
	if (result != PCK_OK)
		return;
	CHECK(count >= 1 && count <= PCK_SERVERS_MAX);
	for (i = 0; i < count; i++) {
		struct pck_address again;
		uint32_t one;

		CHECK(made[i].port != 0 && (made[i].ip_len == 4 || made[i].ip_len == 16));
		/* What it is called is the same server again. */
		CHECK(pck_take_servers(&again, &one, made[i].text, &error) == PCK_OK && one == 1);
		CHECK(again.port == made[i].port && memcmp(again.ip, made[i].ip, sizeof again.ip) == 0);
	}
}

static void texts(const char *text)
{
	pck_options options = {.struct_size = sizeof options, .servers = "192.0.2.1:1", .station_id = text};
	pck_void_request voiding = {.struct_size = sizeof voiding, .patient_id = text, .encounter_id = text, .reason = text};
	const char *const order_ids[] = {"1", text};
	pck_options own_options;
	pck_void_request own_voiding;
	struct pck_error error = {""};
	int32_t result = pck_take_options(&own_options, &options, &error);

	check_error(result, &error);
	CHECK(result == PCK_E_ARGUMENT || (result == PCK_OK && strlen(text) <= PCK_ID_BYTES_MAX));
	voiding.order_ids = order_ids;
	voiding.order_id_count = 2;
	error.text[0] = '\0';
	result = pck_take_void(&own_voiding, &voiding, 1, &error);
	check_error(result, &error);
	CHECK(result == PCK_E_ARGUMENT || (result == PCK_OK && strlen(text) <= PCK_TEXT_BYTES_MAX && text[0] != '\0'));
	pck_error_set(&error, "`%s`", text);
	check_error(PCK_E_ARGUMENT, &error);
}

/* A structure of the size that it says, on the heap: nothing beyond may be read. */
static void structure(const uint8_t *bytes, size_t len)
{
	uint32_t size = (uint32_t)len;
	uint8_t *copy;
	pck_request own;
	struct pck_error error = {""};
	int32_t result;

	if (len < sizeof size)
		return;
	copy = fuzz_copy(bytes, len, 0);
	memcpy(copy, &size, sizeof size);
	if (len >= sizeof own) {
		/* Pointers that can be followed, or none. */
		pck_request *request = (pck_request *)(void *)copy;

		request->document = request->document != NULL ? copy : NULL;
		request->request_id = request->request_id != NULL ? "id" : NULL;
	}
	result = pck_take_request(&own, (const pck_request *)(const void *)copy, 1, 1, &error);
	check_error(result, &error);
	CHECK(result == PCK_OK || result == PCK_E_STRUCT || result == PCK_E_ARGUMENT || result == PCK_E_DOCUMENT_LIMIT);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	uint8_t choice = fuzz_byte(&input);
	char *text = fuzz_copy(input.at, input.left, 1);

	switch (choice % 3) {
	case 0:
		servers(text);
		break;
	case 1:
		texts(text);
		break;
	default:
		structure(input.at, input.left);
	}
	free(text);
	return 0;
}
