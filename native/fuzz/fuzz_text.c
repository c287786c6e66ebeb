/*
 * Text of hosts (text.c, base.c): UTF-16 to UTF-8 and back must be the same text, and what is refused is
 * refused both ways.  The first byte chooses the direction.
 */
#include "fuzz.h"

#include "text.h"

#include <string.h>

#define UTF8_BYTES_MAX 3000

static void from_utf16(const uint8_t *data, size_t len)
{
	struct pck_bytes utf8 = {0};
	struct pck_bytes again = {0};
	size_t mark = len >= 2 && data[0] == 0xff && data[1] == 0xfe ? 2 : 0;
	size_t at = 0;
	int32_t result = pck_text_from_utf16(&utf8, data, len, UTF8_BYTES_MAX, &at);

	CHECK(result == PCK_OK || result == PCK_TEXT_BROKEN || result == PCK_E_DOCUMENT_LIMIT);
	CHECK(at <= len);
	if (result == PCK_OK) {
		CHECK(len % 2 == 0 && utf8.len <= UTF8_BYTES_MAX);
		CHECK(pck_text_to_utf16(&again, utf8.data, utf8.len, &at) == PCK_OK);
		CHECK(again.len == len - mark && (again.len == 0 || memcmp(again.data, data + mark, again.len) == 0));
	}
	pck_bytes_free(&utf8);
	pck_bytes_free(&again);
}

static void from_utf8(const uint8_t *data, size_t len)
{
	struct pck_bytes utf16 = {0};
	struct pck_bytes again = {0};
	size_t at = 0;
	int32_t result = pck_text_to_utf16(&utf16, data, len, &at);
	int marked = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0; /* a mark is taken for one, going back */

	CHECK(result == PCK_OK || result == PCK_TEXT_BROKEN);
	if (result == PCK_OK && !marked) {
		CHECK(pck_text_from_utf16(&again, utf16.data, utf16.len, SIZE_MAX, &at) == PCK_OK);
		CHECK(again.len == len && (len == 0 || memcmp(again.data, data, len) == 0));
	}
	pck_bytes_free(&utf16);
	pck_bytes_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	uint8_t choice = fuzz_byte(&input);
	uint8_t *copy = fuzz_copy(input.at, input.left, 0);

	if (choice % 2 == 0)
		from_utf16(copy, input.left);
	else
		from_utf8(copy, input.left);
	free(copy);
	return 0;
}
