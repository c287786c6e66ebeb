#include "wire.h"

#include <string.h>

#define WIRE_VARINT  0
#define WIRE_FIXED64 1
#define WIRE_BYTES   2
#define WIRE_FIXED32 5

#define VARINT_BYTES_MAX 10

static size_t put_varint(uint8_t *to, uint64_t value)
{
	size_t n = 0;

	while (value >= 0x80) {
		to[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	to[n++] = (uint8_t)value;
	return n;
}

size_t pck_body_len(const struct pck_body *body)
{
	return body->head_len + body->document_len + body->tail.len;
}

void pck_wire_document(struct pck_body *body, const void *document, uint32_t len)
{
	body->head_len = put_varint(body->head, 1 << 3 | WIRE_BYTES);
	body->head_len += put_varint(body->head + body->head_len, len);
	body->document = document;
	body->document_len = len;
}

int32_t pck_wire_number(struct pck_body *body, uint32_t field, uint64_t value)
{
	uint8_t encoded[2 * VARINT_BYTES_MAX];
	size_t n = put_varint(encoded, (uint64_t)field << 3 | WIRE_VARINT);

	n += put_varint(encoded + n, value);
	return pck_bytes_append(&body->tail, encoded, n);
}

int32_t pck_wire_string(struct pck_body *body, uint32_t field, const char *text)
{
	uint8_t encoded[2 * VARINT_BYTES_MAX];
	size_t len = text != NULL ? strlen(text) : 0;
	size_t n;
	int32_t result;

	if (len == 0)
		return PCK_OK;
	n = put_varint(encoded, (uint64_t)field << 3 | WIRE_BYTES);
	n += put_varint(encoded + n, len);
	result = pck_bytes_append(&body->tail, encoded, n);
	return result == PCK_OK ? pck_bytes_append(&body->tail, text, len) : result;
}

/* What is left to read. */
struct reader {
	const uint8_t *at;
	size_t left;
};

static int get_varint(struct reader *reader, uint64_t *value)
{
	uint32_t shift;

	*value = 0;
	for (shift = 0; shift < 7 * VARINT_BYTES_MAX && reader->left > 0; shift += 7) {
		uint8_t byte = *reader->at++;

		reader->left--;
		if (shift == 63 && byte > 1)
			return -1;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return 0;
	}
	return -1;
}

static int skip(struct reader *reader, uint64_t len)
{
	if (len > reader->left)
		return -1;
	reader->at += len;
	reader->left -= (size_t)len;
	return 0;
}

/* Reads the value of one field.  Leaves `*bytes` NULL unless it is of the kind "bytes". */
static int get_value(struct reader *reader, uint32_t wire_type, uint64_t *number, const uint8_t **bytes)
{
	*bytes = NULL;
	switch (wire_type) {
	case WIRE_VARINT:
		return get_varint(reader, number);
	case WIRE_FIXED64:
		return skip(reader, 8);
	case WIRE_FIXED32:
		return skip(reader, 4);
	case WIRE_BYTES:
		if (get_varint(reader, number) != 0)
			return -1;
		*bytes = reader->at;
		return skip(reader, *number);
	default: /* groups, which proto3 does not have */
		return -1;
	}
}

int32_t pck_wire_read(const uint8_t *data, size_t len, const char *kinds, struct pck_fields *fields)
{
	struct reader reader = {data, len};
	size_t kinds_len = strlen(kinds);

	memset(fields, 0, sizeof *fields);
	while (reader.left > 0) {
		uint64_t tag, number = 0;
		uint64_t field;
		uint32_t wire_type;
		const uint8_t *bytes;

		if (get_varint(&reader, &tag) != 0 || tag > UINT32_MAX)
			return PCK_E_BAD_REPLY;
		field = tag >> 3;
		wire_type = (uint32_t)tag & 7;
		if (field == 0 || get_value(&reader, wire_type, &number, &bytes) != 0)
			return PCK_E_BAD_REPLY;
		if (field > kinds_len || kinds[field - 1] == '-')
			continue;
		if (wire_type != (kinds[field - 1] == 'b' ? WIRE_BYTES : WIRE_VARINT))
			return PCK_E_BAD_REPLY;
		fields->bytes[field] = bytes;
		fields->len[field] = bytes != NULL ? (size_t)number : 0;
		fields->number[field] = number;
	}
	return PCK_OK;
}
