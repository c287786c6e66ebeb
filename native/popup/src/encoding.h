/* Between the encodings of callers, UTF-8 and the UTF-16 of Windows. */
#ifndef PCK_POPUP_ENCODING_H
#define PCK_POPUP_ENCODING_H

#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

/*
 * An answer in UTF-8, to be freed; NULL if it is no text of that encoding (*result is PCK_POPUP_E_ANSWER) or
 * memory is short (PCK_E_MEMORY).  `*length` is without the zero.
 */
char *popup_utf8_from(uint32_t encoding, const void *answer, size_t len, size_t *length, int32_t *result);

/* UTF-8 as Windows' controls want it, lines ending in \r\n; and back.  To be freed; NULL if memory is short. */
wchar_t *popup_wide(const char *utf8);
char *popup_narrow(const wchar_t *wide);

#endif
