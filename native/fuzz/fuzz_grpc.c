/*
 * The assembly of a gRPC reply (grpc.c).  The input is a list of headers and pieces of data: a byte below
 * 0x40 is a header whose name it chooses, 0x40 a header with a name of the input's, any other one data.
 */
#include "fuzz.h"

#include "grpc.h"

#include <string.h>

#define MESSAGE_BYTES_MAX 1000

static void take_header(struct pck_reply *reply, struct fuzz_input *input, uint8_t kind)
{
	static const char *const names[] = {":status", "content-type", "grpc-status", "grpc-message", "other", ""};
	const char *chosen = names[kind % (sizeof names / sizeof names[0])];
	const uint8_t *name = (const uint8_t *)chosen;
	const uint8_t *value;
	size_t name_len = strlen(chosen);
	size_t value_len;
	void *name_copy, *value_copy;

	if (kind == 0x40)
		name_len = fuzz_bytes(input, fuzz_byte(input), &name);
	value_len = fuzz_bytes(input, fuzz_byte(input), &value);
	name_copy = fuzz_copy(name, name_len, 0);
	value_copy = fuzz_copy(value, value_len, 0);
	pck_reply_header(reply, name_copy, name_len, value_copy, value_len);
	free(name_copy);
	free(value_copy);
}

static void take_data(struct pck_reply *reply, struct fuzz_input *input, size_t len)
{
	const uint8_t *bytes;
	void *copy;

	len = fuzz_bytes(input, len, &bytes);
	copy = fuzz_copy(bytes, len, 0);
	if (reply->broken == PCK_OK) /* as http2.c does */
		pck_reply_data(reply, copy, len);
	free(copy);
	CHECK(reply->message.len <= MESSAGE_BYTES_MAX);
	CHECK(reply->message.capacity <= 4 * MESSAGE_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	struct pck_reply reply;
	struct pck_error error = {""};
	int32_t result;

	memset(&reply, 0, sizeof reply);
	pck_reply_reset(&reply, MESSAGE_BYTES_MAX);
	while (input.left > 0) {
		uint8_t kind = fuzz_byte(&input);

		if (kind <= 0x40)
			take_header(&reply, &input, kind);
		else
			take_data(&reply, &input, kind - 0x40);
	}
	CHECK(memchr(reply.text, 0, sizeof reply.text) != NULL);
	result = pck_reply_result(&reply, &error);
	CHECK(memchr(error.text, 0, sizeof error.text) != NULL);
	/* A failure has a reason, and nothing but a whole message is a success. */
	CHECK((result == PCK_OK) == (error.text[0] == '\0'));
	if (result == PCK_OK)
		CHECK(reply.http_status == 200 && reply.grpc_status == 0 && reply.content_type_ok &&
		      reply.message.len == reply.message_len);
	else
		CHECK(result < 0 && result > PCK_E_MEMORY);
	pck_bytes_free(&reply.message);
	return 0;
}
