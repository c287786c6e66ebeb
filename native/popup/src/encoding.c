#include "encoding.h"

#include "precheck_popup.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* GB 18030 is what the server reads and writes as GBK; a system without it has at least GBK. */
#define CODE_PAGE_GB18030 54936
#define CODE_PAGE_GBK     936

static wchar_t *widened(UINT code_page, const char *text, int len, int *units)
{
	wchar_t *wide;

	*units = MultiByteToWideChar(code_page, MB_ERR_INVALID_CHARS, text, len, NULL, 0);
	wide = *units > 0 ? malloc(((size_t)*units + 1) * sizeof *wide) : NULL;
	if (wide != NULL) {
		MultiByteToWideChar(code_page, MB_ERR_INVALID_CHARS, text, len, wide, *units);
		wide[*units] = L'\0';
	}
	return wide;
}

static char *narrowed(const wchar_t *wide, int units, size_t *length)
{
	int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, units, NULL, 0, NULL, NULL);
	char *utf8 = malloc((size_t)bytes + 1);

	if (utf8 != NULL) {
		WideCharToMultiByte(CP_UTF8, 0, wide, units, utf8, bytes, NULL, NULL);
		utf8[bytes] = '\0';
		*length = (size_t)bytes;
	}
	return utf8;
}

char *popup_utf8_from(uint32_t encoding, const void *answer, size_t len, size_t *length, int32_t *result)
{
	char *utf8 = NULL;
	wchar_t *wide = NULL;
	int units = 0;

	*result = PCK_E_MEMORY;
	*length = len;
	if (len == 0 || encoding == 0 || encoding == PCK_ENCODING_UTF8) {
		utf8 = malloc(len + 1);
		if (utf8 != NULL) {
			memcpy(utf8, answer, len);
			utf8[len] = '\0';
		}
		return utf8;
	}
	/* No more than PCK_POPUP_ANSWER_BYTES_MAX, so an int holds every length. */
	if (encoding == PCK_ENCODING_UTF16) {
		wide = malloc(len + sizeof *wide);
		units = (int)(len / sizeof *wide);
		if (wide != NULL)
			memcpy(wide, answer, (size_t)units * sizeof *wide);
	} else {
		wide = widened(CODE_PAGE_GB18030, answer, (int)len, &units);
		if (wide == NULL && units == 0)
			wide = widened(CODE_PAGE_GBK, answer, (int)len, &units);
		if (wide == NULL && units == 0)
			*result = PCK_POPUP_E_ANSWER;
	}
	if (wide != NULL)
		utf8 = narrowed(wide, units, length);
	free(wide);
	return utf8;
}

wchar_t *popup_wide(const char *utf8)
{
	size_t len = strlen(utf8);
	size_t lines = 0;
	wchar_t *wide, *spaced, *to;
	int units;

	if (len == 0)
		return calloc(1, sizeof *wide);
	if (len > INT_MAX / 2)
		return NULL;
	wide = widened(CP_UTF8, utf8, (int)len, &units);
	if (wide == NULL)
		return NULL;
	for (const wchar_t *at = wide; *at != L'\0'; at++)
		lines += *at == L'\n';
	spaced = malloc(((size_t)units + lines + 1) * sizeof *spaced);
	if (spaced != NULL) {
		to = spaced;
		for (const wchar_t *at = wide; *at != L'\0'; at++) {
			if (*at == L'\n' && (at == wide || at[-1] != L'\r'))
				*to++ = L'\r';
			*to++ = *at;
		}
		*to = L'\0';
	}
	free(wide);
	return spaced;
}

char *popup_narrow(const wchar_t *wide)
{
	size_t length;

	return narrowed(wide, (int)wcslen(wide), &length);
}
