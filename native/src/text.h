/*
 * Unicode text between UTF-8, which the wire has, and UTF-16 in the machine's byte order, which many
 * hosts have.  Nothing is replaced: text that is broken is refused.
 */
#ifndef PCK_TEXT_H
#define PCK_TEXT_H

#include "base.h"

/* Of both, where the text is broken; `*at` is the byte at which. */
#define PCK_TEXT_BROKEN (-2010)

/*
 * Appends `len` bytes of UTF-16 as UTF-8, without a byte order mark at their beginning; an odd last
 * byte is broken.  Returns PCK_OK, PCK_E_MEMORY, PCK_TEXT_BROKEN, or PCK_E_DOCUMENT_LIMIT as soon as
 * the whole is longer than `max` bytes.  `data` needs no alignment.
 */
int32_t pck_text_from_utf16(struct pck_bytes *to, const void *data, size_t len, size_t max, size_t *at);

/* Appends `len` bytes of UTF-8 as UTF-16.  Returns PCK_OK, PCK_E_MEMORY or PCK_TEXT_BROKEN. */
int32_t pck_text_to_utf16(struct pck_bytes *to, const void *data, size_t len, size_t *at);

#endif
