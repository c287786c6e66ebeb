/* The window itself: shows a model and waits for a choice. */
#ifndef PCK_POPUP_WINDOW_H
#define PCK_POPUP_WINDOW_H

#include "model.h"

#include <windows.h>

/*
 * Shows the model until a choice is made: PCK_POPUP_CONTINUE, PCK_POPUP_GO_BACK, PCK_POPUP_CONTINUE_NOT_CHECKED,
 * or PCK_POPUP_E_WINDOW, PCK_POPUP_E_CLOSED, PCK_E_MEMORY.  `*feedback` is the document, to be freed; NULL if there
 * is none.
 */
int32_t popup_window(HWND parent, HINSTANCE module, const struct popup_model *model, char **feedback);

#endif
