#include "text.h"

#include <string.h>

#define BYTE_ORDER_MARK 0xfeffu

static uint32_t unit_at(const uint8_t *data)
{
	uint16_t unit;

	memcpy(&unit, data, sizeof unit);
	return unit;
}

/* The character that `len` bytes begin with, and how many of them it takes; 0 if it is broken. */
static size_t get_utf16(const uint8_t *data, size_t len, uint32_t *point)
{
	uint32_t low;

	if (len < 2)
		return 0;
	*point = unit_at(data);
	if (*point < 0xd800 || *point > 0xdfff)
		return 2;
	if (*point > 0xdbff || len < 4)
		return 0;
	low = unit_at(data + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
	return 4;
}

static size_t put_utf8(uint8_t *to, uint32_t point)
{
	if (point < 0x80) {
		to[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = (uint8_t)(0xc0 | point >> 6);
		to[1] = (uint8_t)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		to[0] = (uint8_t)(0xe0 | point >> 12);
		to[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (point & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | point >> 18);
	to[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (point & 0x3f));
	return 4;
}

int32_t pck_text_from_utf16(struct pck_bytes *to, const void *data, size_t len, size_t max, size_t *at)
{
	const uint8_t *from = data;
	size_t before = to->len;
	size_t step;
	uint32_t point;

	/* Every unit becomes at most three bytes, so that one reservation is enough. */
	if (len / 2 > SIZE_MAX / 3 || pck_bytes_reserve(to, len / 2 * 3) != PCK_OK)
		return PCK_E_MEMORY;
	*at = 0;
	if (len >= 2 && unit_at(from) == BYTE_ORDER_MARK)
		*at = 2;
	for (; *at < len; *at += step) {
		step = get_utf16(from + *at, len - *at, &point);
		if (step == 0)
			return PCK_TEXT_BROKEN;
		to->len += put_utf8(to->data + to->len, point);
		if (to->len - before > max)
			return PCK_E_DOCUMENT_LIMIT;
	}
	return PCK_OK;
}

static size_t put_utf16(uint8_t *to, uint32_t point)
{
	uint16_t units[2];
	size_t count = 1;

	units[0] = (uint16_t)point;
	if (point >= 0x10000) {
		units[0] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
		units[1] = (uint16_t)(0xdc00 + ((point - 0x10000) & 0x3ff));
		count = 2;
	}
	memcpy(to, units, 2 * count);
	return 2 * count;
}

int32_t pck_text_to_utf16(struct pck_bytes *to, const void *data, size_t len, size_t *at)
{
	const uint8_t *from = data;
	size_t step;
	uint32_t point;

	if (len > SIZE_MAX / 2 || pck_bytes_reserve(to, 2 * len) != PCK_OK)
		return PCK_E_MEMORY;
	for (*at = 0; *at < len; *at += step) {
		step = pck_utf8_get(from + *at, len - *at, &point);
		if (step == 0)
			return PCK_TEXT_BROKEN;
		to->len += put_utf16(to->data + to->len, point);
	}
	return PCK_OK;
}
