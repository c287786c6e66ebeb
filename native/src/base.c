#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t pck_utf8_get(const uint8_t *data, size_t len, uint32_t *point)
{
	size_t wanted, i;

	*point = data[0];
	if (data[0] < 0x80)
		return 1;
	if (data[0] < 0xc2 || data[0] > 0xf4)
		return 0;
	wanted = data[0] >= 0xf0 ? 4 : data[0] >= 0xe0 ? 3 : 2;
	*point = data[0] & (0x7fu >> wanted);
	for (i = 1; i < wanted; i++) {
		if (i == len || (data[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (data[i] & 0x3f);
	}
	/* Overlong forms, surrogates, beyond Unicode. */
	if ((wanted == 3 && *point < 0x800) || (wanted == 4 && (*point < 0x10000 || *point > 0x10ffff)) ||
	    (*point >= 0xd800 && *point <= 0xdfff))
		return 0;
	return wanted;
}

size_t pck_utf8_step(const char *text)
{
	uint32_t point;

	/* The terminating zero is no continuation byte, so that nothing beyond it is read. */
	return pck_utf8_get((const uint8_t *)text, SIZE_MAX, &point);
}

void pck_error_set(struct pck_error *error, const char *format, ...)
{
	va_list arguments;
	char *c = error->text;

	va_start(arguments, format);
	(void)vsnprintf(error->text, sizeof error->text, format, arguments);
	va_end(arguments);
	while (*c != '\0') {
		size_t step = pck_utf8_step(c);

		if (step == 0)
			*c = '?';
		else if ((uint8_t)*c < 0x20 || *c == 0x7f)
			*c = ' ';
		c += step > 0 ? step : 1;
	}
}

char *pck_put_number(char *to, uint64_t value, unsigned base)
{
	char digits[PCK_DIGITS_MAX];
	size_t n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while ((value /= base) > 0);
	while (n > 0)
		*to++ = digits[--n];
	return to;
}

int32_t pck_bytes_reserve(struct pck_bytes *bytes, size_t more)
{
	size_t wanted = bytes->len + more;
	size_t capacity = bytes->capacity > 0 ? bytes->capacity : 1024;
	uint8_t *grown;

	if (wanted < more)
		return PCK_E_MEMORY;
	if (wanted <= bytes->capacity)
		return PCK_OK;
	while (capacity < wanted) {
		if (capacity > SIZE_MAX / 2)
			return PCK_E_MEMORY;
		capacity *= 2;
	}
	grown = realloc(bytes->data, capacity);
	if (grown == NULL)
		return PCK_E_MEMORY;
	bytes->data = grown;
	bytes->capacity = capacity;
	return PCK_OK;
}

int32_t pck_bytes_append(struct pck_bytes *bytes, const void *data, size_t len)
{
	int32_t result = pck_bytes_reserve(bytes, len);

	if (result == PCK_OK && len > 0) {
		memcpy(bytes->data + bytes->len, data, len);
		bytes->len += len;
	}
	return result;
}

void pck_bytes_free(struct pck_bytes *bytes)
{
	free(bytes->data);
	memset(bytes, 0, sizeof *bytes);
}
