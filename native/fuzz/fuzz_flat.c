/*
 * The flat entry (flat.c): options as text, documents, ids and errors in both forms.  The first two bytes
 * choose the calls and the size of the caller's buffer; the rest is a text that stands for all of them.
 * There is no server: nothing ever comes in.
 */
#include "platform_fuzz.h"

#include "precheck_flat.h"

#include <string.h>

/* What the caller owns behind the `cap` units that it names: nothing. */
static void *buffer(int wide, int32_t cap)
{
	size_t bytes = (size_t)cap * (wide ? 2 : 1);

	return memset(malloc(bytes > 0 ? bytes : 1), 0x55, bytes > 0 ? bytes : 1);
}

/* Zero-terminated, within its units. */
static void check_text(int wide, const void *text, int32_t cap)
{
	const uint8_t *at = text;
	int32_t i;

	for (i = 0; i < cap; i++) {
		if (wide ? at[2 * i] == 0 && at[2 * i + 1] == 0 : at[i] == 0)
			return;
	}
	CHECK(cap == 0);
}

static void calls(int32_t handle, int wide, const void *text, int32_t cap)
{
	void *out = buffer(wide, cap);
	int32_t need = 77, count = 77, state = 77;
	int32_t result;

	if (wide)
		result = pck_flat_check_w(handle, 1, text, text, 20, out, cap, &need, &state);
	else
		result = pck_flat_check_a(handle, 1, text, text, 20, out, cap, &need, &state);
	CHECK(result < 0 && result != PCK_E_INTERNAL && result != PCK_E_MEMORY);
	CHECK(need == 0 && state == PCK_COMPLETENESS_UNKNOWN);
	check_text(wide, out, cap);
	if (wide)
		result = pck_flat_void_w(handle, text, text, text, text, text, 20, &count);
	else
		result = pck_flat_void_a(handle, text, text, text, text, text, 20, &count);
	CHECK(result < 0 && count == 0);
	if (wide)
		result = pck_flat_last_error_w(handle, out, cap);
	else
		result = pck_flat_last_error_a(handle, out, cap);
	CHECK(result == PCK_OK);
	check_text(wide, out, cap);
	free(out);
}

static void no_cancel(void)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char good_a[] = "servers=192.0.2.1:1";
	static const uint16_t good_w[] = {'s', 'e', 'r', 'v', 'e', 'r', 's', '=', '1', '.', '1', '.', '1', '.', '1', ':', '1', 0};
	struct fuzz_input input = {data, len};
	struct fuzz_input nothing = {NULL, 0};
	uint8_t choice = fuzz_byte(&input);
	int32_t cap = fuzz_byte(&input) % 128;
	int wide = choice & 1;
	int given = choice & 2; /* is the text the options, or what is sent? */
	size_t bytes = wide ? input.left / 2 * 2 : input.left;
	uint8_t *text = malloc(bytes + 2);
	void *error = buffer(wide, cap);
	int32_t handle = 77;
	int32_t result;

	CHECK(text != NULL);
	if (bytes > 0)
		memcpy(text, input.at, bytes);
	memset(text + bytes, 0, 2);
	fuzz_platform_start(&nothing, 65536, no_cancel);
	if (wide)
		result = pck_flat_open_w(given ? (const uint16_t *)(const void *)text : good_w, &handle, error, cap);
	else
		result = pck_flat_open_a(given ? (const char *)text : good_a, &handle, error, cap);
	CHECK((result == PCK_OK) == (handle != 0) && handle >= 0 && handle <= 32767);
	check_text(wide, error, cap);
	if (result == PCK_OK) {
		calls(handle, wide, text, cap);
		CHECK(pck_flat_close(handle) == PCK_OK);
		CHECK(pck_flat_close(handle) == PCK_E_ARGUMENT);
	}
	CHECK(fuzz_platform_open() == 0);
	free(error);
	free(text);
	return 0;
}
