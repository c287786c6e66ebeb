/*
 * popup_double.c - what the popup's window is to its caller, where there are no windows.
 *
 * The window is for Windows alone; C# and Java run here on Linux.  This says what it was given, and the doctor of it
 * goes back; but goes on where nothing could be checked through no fault of the document.  It refuses its caller's
 * first buffer, as the window may.
 */
#include "precheck_popup.h"

#include <stdio.h>
#include <string.h>

#define FEEDBACK_BYTES_MIN 70000

int32_t pck_popup_show(void *parent, int32_t result, int32_t state, uint32_t encoding, const void *answer,
                       uint32_t answer_len, void *feedback, uint32_t cap, uint32_t *need)
{
	static const char document[] = "{\"feedback\":[{\"finding_id\":\"f1\",\"disposition\":\"went_back\",\"reason\":\"window\"}]}";
	size_t width = encoding == PCK_ENCODING_UTF16 ? 2 : 1;
	unsigned sum = 0;

	*need = FEEDBACK_BYTES_MIN;
	if (cap < FEEDBACK_BYTES_MIN)
		return PCK_E_BUFFER;
	for (uint32_t n = 0; n < answer_len; n++)
		sum += ((const unsigned char *)answer)[n];
	fprintf(stderr, "%d %d %d %u %u %u\n", parent == NULL, (int)result, (int)state, (unsigned)encoding, (unsigned)answer_len, sum);
	*need = 0;
	if (result < 0)
		return result == PCK_E_REJECTED ? PCK_POPUP_GO_BACK : PCK_POPUP_CONTINUE_NOT_CHECKED;
	memset(feedback, 0, cap);
	for (size_t n = 0; n < sizeof document; n++)
		((char *)feedback)[n * width] = document[n];
	*need = (uint32_t)(sizeof document * width);
	return PCK_POPUP_GO_BACK;
}
