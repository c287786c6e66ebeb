/* What every file of the library shares: error texts, growing byte buffers, and a few numbers. */
#ifndef PCK_BASE_H
#define PCK_BASE_H

/*
 * Hosts in VB6 and Delphi call with a stack that is aligned to four bytes only; compilers count on
 * sixteen.  So every function that is exported aligns it first.  On Windows for x64 gcc ignores the attribute
 * (no code comes of it); there entries_win64.c does it.
 */
#ifdef PRECHECK_H
#error "base.h comes before precheck.h: it says how functions are exported"
#elif defined(_WIN32) && defined(__GNUC__) && defined(__i386__)
#define PCK_API __attribute__((force_align_arg_pointer))
#elif defined(__GNUC__) && defined(__x86_64__) && !defined(_WIN32)
#define PCK_API __attribute__((visibility("default"), force_align_arg_pointer))
#endif

#include "precheck.h"

#include <stddef.h>

#if defined(__MINGW32__)
/* Not msvcrt's printf, which knows neither %zu nor %llu. */
#define PCK_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#elif defined(__GNUC__)
#define PCK_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define PCK_PRINTF(text, first)
#endif

/*
 * Results that stay inside the library.  The first two say that the connection brought no complete
 * answer, and that it is closed now.
 */
#define PCK_LOST     (-2000) /* the server may have seen the call    */
#define PCK_NOT_SENT (-2001) /* no server can have acted on the call */
#define PCK_AGAIN    (-2002) /* not done yet: wait, and go on        */

struct pck_error {
	char text[PCK_ERROR_BYTES_MAX];
};

/* The UTF-8 character that `len` > 0 bytes begin with, and how many of them it takes; 0 if it is none. */
size_t pck_utf8_get(const uint8_t *data, size_t len, uint32_t *point);

/* The bytes of the UTF-8 character at `text`, which is zero-terminated; 0 if it is none. */
size_t pck_utf8_step(const char *text);

/* Formats one line of UTF-8, cut to the space; control characters and broken UTF-8 are replaced. */
void pck_error_set(struct pck_error *error, const char *format, ...) PCK_PRINTF(2, 3);

/*
 * Writes a number in base 10 or 16, and returns the place behind its last digit, where no zero stands.
 * For what every call does: printf would be a noticeable part of it.
 */
#define PCK_DIGITS_MAX 20
char *pck_put_number(char *to, uint64_t value, unsigned base);

/* Bytes owned by the structure.  All zero is the empty buffer. */
struct pck_bytes {
	uint8_t *data;
	size_t len;
	size_t capacity;
};

/* Returns PCK_OK or PCK_E_MEMORY; the contents are unchanged by a failure. */
int32_t pck_bytes_reserve(struct pck_bytes *bytes, size_t more);
int32_t pck_bytes_append(struct pck_bytes *bytes, const void *data, size_t len);
void pck_bytes_free(struct pck_bytes *bytes);

#endif
