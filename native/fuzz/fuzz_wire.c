/*
 * The protobuf reader and writer (wire.c).  The first byte chooses what is expected of the fields;
 * the rest is a message.  What was read is written again and read once more: it must be the same.
 */
#include "fuzz.h"

#include "wire.h"

#include <string.h>

static char kind_of(const char *kinds, size_t field)
{
	return field <= strlen(kinds) ? kinds[field - 1] : '-';
}

static void check_fields(const struct pck_fields *fields, const char *kinds, const uint8_t *data, size_t len)
{
	uint32_t field;

	for (field = 1; field <= PCK_WIRE_FIELDS; field++) {
		const uint8_t *bytes = fields->bytes[field];

		if (bytes == NULL) {
			CHECK(fields->len[field] == 0);
			CHECK(kind_of(kinds, field) != '-' || fields->number[field] == 0);
			continue;
		}
		CHECK(kind_of(kinds, field) == 'b');
		CHECK(bytes >= data && fields->len[field] <= (size_t)(data + len - bytes));
	}
}

/* Numbers only: strings of the writer have no zero bytes inside. */
static void check_again(const struct pck_fields *fields, const char *kinds)
{
	struct pck_body body = {0};
	struct pck_fields again;
	uint32_t field;

	for (field = 1; field <= PCK_WIRE_FIELDS; field++) {
		if (kind_of(kinds, field) == 'n')
			CHECK(pck_wire_number(&body, field, fields->number[field]) == PCK_OK);
	}
	CHECK(pck_wire_read(body.tail.data, body.tail.len, kinds, &again) == PCK_OK);
	for (field = 1; field <= PCK_WIRE_FIELDS; field++)
		CHECK(kind_of(kinds, field) != 'n' || again.number[field] == fields->number[field]);
	pck_bytes_free(&body.tail);
}

/* A text with a zero byte at its end, as a caller's. */
static void check_string(const uint8_t *text, size_t len)
{
	struct pck_body body = {0};
	struct pck_fields fields;
	char *copy = fuzz_copy(text, len, 1);

	len = strlen(copy);
	pck_wire_document(&body, copy, (uint32_t)len);
	CHECK(body.head_len <= sizeof body.head && pck_body_len(&body) == body.head_len + len);
	CHECK(pck_wire_string(&body, 2, copy) == PCK_OK);
	CHECK(pck_wire_read(body.tail.data, body.tail.len, "-b-", &fields) == PCK_OK);
	CHECK(fields.len[2] == len && (len == 0 || memcmp(fields.bytes[2], copy, len) == 0));
	pck_bytes_free(&body.tail);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const all_kinds[] = {"bnn--n", "nn", "", "nbn-bb", "bbbbbb", "b"};
	struct fuzz_input input = {data, len};
	const char *kinds = all_kinds[fuzz_byte(&input) % (sizeof all_kinds / sizeof all_kinds[0])];
	uint8_t *copy = fuzz_copy(input.at, input.left, 0);
	struct pck_fields fields;
	int32_t result = pck_wire_read(copy, input.left, kinds, &fields);

	CHECK(result == PCK_OK || result == PCK_E_BAD_REPLY);
	check_fields(&fields, kinds, copy, input.left);
	if (result == PCK_OK)
		check_again(&fields, kinds);
	check_string(copy, input.left);
	free(copy);
	return 0;
}
