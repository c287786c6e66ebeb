/* What the fuzz targets share: an input that is read piece by piece, and a check that cannot be compiled away. */
#ifndef PCK_FUZZ_H
#define PCK_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

static inline void fuzz_fail(const char *condition, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: %s\n", file, line, condition);
	abort();
}

struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* The next byte, or 0 at the end. */
static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* The next `len` bytes or what is left of them, whose number is returned. */
static inline size_t fuzz_bytes(struct fuzz_input *input, size_t len, const uint8_t **bytes)
{
	if (len > input->left)
		len = input->left;
	*bytes = input->at;
	input->at += len;
	input->left -= len;
	return len;
}

/*
 * A copy on the heap with nothing behind it, so that a read beyond is seen; with `zero`, one zero
 * byte.  The caller frees it.
 */
static inline void *fuzz_copy(const uint8_t *bytes, size_t len, int zero)
{
	uint8_t *copy = malloc(len + (zero ? 1 : 0) + (len == 0 && !zero ? 1 : 0));
	size_t i;

	CHECK(copy != NULL);
	for (i = 0; i < len; i++)
		copy[i] = bytes[i];
	if (zero)
		copy[len] = 0;
	return copy;
}

#endif
