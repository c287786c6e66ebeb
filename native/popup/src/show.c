/* The exported functions: arguments checked, answer decoded, window shown, feedback encoded. */
#include "encoding.h"
#include "window.h"

#include <stdlib.h>
#include <string.h>

/* Where the window's resources are: in the library, or in the program that has the window in it. */
static HINSTANCE own_module(void)
{
	HMODULE module = NULL;

	GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
	                   (const wchar_t *)(const void *)&own_module, &module);
	return module;
}

static size_t unit_bytes(uint32_t encoding)
{
	return encoding == PCK_ENCODING_UTF16 ? sizeof(uint16_t) : 1;
}

/* Writes ASCII in the caller's encoding, with its zero. */
static void put(void *to, uint32_t encoding, const char *ascii)
{
	size_t len = strlen(ascii) + 1;

	if (unit_bytes(encoding) == 1) {
		memcpy(to, ascii, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		uint16_t unit = (unsigned char)ascii[i];

		memcpy((char *)to + i * sizeof unit, &unit, sizeof unit);
	}
}

static int32_t show(HWND parent, const struct popup_model *model, uint32_t encoding, void *feedback, uint32_t cap,
                    uint32_t *need)
{
	size_t most = popup_feedback_bytes_max(model) * unit_bytes(encoding);
	char *document = NULL;
	int32_t choice;

	if (most > UINT32_MAX)
		return PCK_POPUP_E_ANSWER;
	if (most > cap) {
		*need = (uint32_t)most;
		return PCK_E_BUFFER;
	}
	choice = popup_window(parent, own_module(), model, &document);
	if (choice >= 0 && document != NULL) {
		put(feedback, encoding, document);
		*need = (uint32_t)((strlen(document) + 1) * unit_bytes(encoding));
	}
	free(document);
	return choice;
}

PCK_API int32_t PCK_CALL pck_popup_version(void)
{
	return PCK_VERSION;
}

PCK_API int32_t PCK_CALL pck_popup_show(void *parent, int32_t result, int32_t state, uint32_t encoding,
                                        const void *answer, uint32_t answer_len,
                                        void *feedback, uint32_t cap, uint32_t *need)
{
	struct popup_model model;
	uint32_t ignored;
	size_t len;
	char *utf8;
	int32_t failure;

	if (need == NULL)
		need = &ignored;
	*need = 0;
	if (cap >= unit_bytes(encoding) && feedback != NULL)
		put(feedback, encoding, "");
	if ((feedback == NULL && cap > 0) || (answer == NULL && answer_len > 0) || encoding > PCK_ENCODING_UTF16 ||
	    answer_len > PCK_POPUP_ANSWER_BYTES_MAX || answer_len % unit_bytes(encoding) != 0 || result > PCK_BLOCK ||
	    state < 0 || (parent != NULL && !IsWindow(parent)))
		return PCK_E_ARGUMENT;
	utf8 = popup_utf8_from(encoding, answer, answer_len, &len, &failure);
	if (utf8 == NULL && (failure != PCK_POPUP_E_ANSWER || result >= 0))
		return failure;
	failure = popup_model_read(&model, result, state, utf8 != NULL ? utf8 : "", utf8 != NULL ? len : 0);
	if (failure == PCK_OK)
		failure = show(parent, &model, encoding, feedback, cap, need);
	popup_model_free(&model);
	free(utf8);
	return failure;
}
