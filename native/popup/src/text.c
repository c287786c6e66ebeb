#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 128

void popup_text_add_bytes(struct popup_text *text, const char *more, size_t len)
{
	if (text->failed)
		return;
	if (len >= SIZE_MAX / 4 - text->len) {
		text->failed = true;
		return;
	}
	if (text->len + len + 1 > text->capacity) {
		size_t capacity = text->capacity > 0 ? text->capacity * 2 : FIRST_CAPACITY;
		char *data;

		if (capacity < text->len + len + 1)
			capacity = text->len + len + 1;
		data = realloc(text->data, capacity);
		if (data == NULL) {
			text->failed = true;
			return;
		}
		text->data = data;
		text->capacity = capacity;
	}
	memcpy(text->data + text->len, more, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void popup_text_add(struct popup_text *text, const char *more)
{
	popup_text_add_bytes(text, more, strlen(more));
}

void popup_text_add_number(struct popup_text *text, long number)
{
	char digits[3 * sizeof number + 2];
	char *at = digits + sizeof digits;
	unsigned long rest = number < 0 ? 0UL - (unsigned long)number : (unsigned long)number;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		*--at = '-';
	popup_text_add_bytes(text, at, (size_t)(digits + sizeof digits - at));
}

void popup_text_fill(struct popup_text *text, const char *pattern, ...)
{
	va_list values;
	const char *gap;

	va_start(values, pattern);
	while ((gap = strstr(pattern, "{}")) != NULL) {
		const char *value = va_arg(values, const char *);

		if (value == NULL)
			break;
		popup_text_add_bytes(text, pattern, (size_t)(gap - pattern));
		popup_text_add(text, value);
		pattern = gap + 2;
	}
	va_end(values);
	popup_text_add(text, pattern);
}

char *popup_text_take(struct popup_text *text)
{
	char *taken;

	popup_text_add_bytes(text, "", 0); /* the empty text is a text too */
	taken = text->data;
	if (text->failed) {
		free(taken);
		taken = NULL;
	}
	memset(text, 0, sizeof *text);
	return taken;
}

void popup_text_free(struct popup_text *text)
{
	free(text->data);
	memset(text, 0, sizeof *text);
}

size_t popup_utf16_units(const char *text)
{
	size_t units = 0;

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if ((byte & 0xc0) != 0x80)
			units += byte >= 0xf0 ? 2 : 1;
	}
	return units;
}

struct block {
	struct block *next;
	void *memory;
};

static void *adopt(struct popup_arena *arena, void *memory)
{
	struct block *block = memory != NULL ? malloc(sizeof *block) : NULL;

	if (block == NULL) {
		free(memory);
		return NULL;
	}
	block->memory = memory;
	block->next = arena->blocks;
	arena->blocks = block;
	return memory;
}

void *popup_arena_get(struct popup_arena *arena, size_t count, size_t size)
{
	return adopt(arena, calloc(count > 0 ? count : 1, size));
}

char *popup_arena_keep(struct popup_arena *arena, char *text)
{
	return adopt(arena, text);
}

void popup_arena_free(struct popup_arena *arena)
{
	struct block *block = arena->blocks;

	while (block != NULL) {
		struct block *next = block->next;

		free(block->memory);
		free(block);
		block = next;
	}
	arena->blocks = NULL;
}
