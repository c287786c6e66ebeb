/* Growing text, and memory that is freed as a whole. */
#ifndef PCK_POPUP_TEXT_H
#define PCK_POPUP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A text that grows.  All zero is the empty one.  A failure is kept, so that only the end need be checked. */
struct popup_text {
	char *data; /* zero-terminated, or NULL while nothing was added */
	size_t len;
	size_t capacity;
	bool failed;
};

void popup_text_add(struct popup_text *text, const char *more);
void popup_text_add_bytes(struct popup_text *text, const char *more, size_t len);
void popup_text_add_number(struct popup_text *text, long number);

/* Adds `pattern`, each {} of it replaced by the next of the texts; NULL ends them. */
void popup_text_fill(struct popup_text *text, const char *pattern, ...);

/* Returns the text and leaves the empty one; NULL after a failure.  To be freed. */
char *popup_text_take(struct popup_text *text);
void popup_text_free(struct popup_text *text);

/* How many UTF-16 units a UTF-8 text has: what an edit control counts. */
size_t popup_utf16_units(const char *text);

/* Blocks that live as long as the arena.  All zero is the empty one. */
struct popup_arena {
	void *blocks;
};

/* Zeroed memory for `count` things of `size` bytes; NULL if there is none. */
void *popup_arena_get(struct popup_arena *arena, size_t count, size_t size);
/* Makes a malloc'ed text the arena's, and returns it; NULL stays NULL. */
char *popup_arena_keep(struct popup_arena *arena, char *text);
void popup_arena_free(struct popup_arena *arena);

#endif
