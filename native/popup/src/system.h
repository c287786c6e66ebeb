/* What newer Windows can do and Windows 7 cannot: looked up when it runs, with what stands in for it. */
#ifndef PCK_POPUP_SYSTEM_H
#define PCK_POPUP_SYSTEM_H

#include <stdbool.h>
#include <windows.h>

#define DPI_UNSCALED 96

#ifndef WM_DPICHANGED
#define WM_DPICHANGED 0x02E0
#endif

/* What a window of ours needs of its thread while it is made; left again in the reverse order. */
struct popup_surroundings {
	HANDLE styles;
	ULONG_PTR styles_cookie;
	void *dpi_context;
};

/*
 * Makes windows of this thread crisp on every monitor, even in a host that knows nothing of that, and gives
 * controls today's look, even in a host without a manifest.
 */
void popup_enter(struct popup_surroundings *surroundings, HINSTANCE module);
void popup_leave(struct popup_surroundings *surroundings);

/* Dots per inch at which the window is shown. */
UINT popup_dpi_of(HWND window);
/* Keeps the system from moving a dialog's controls when the dots per inch change: we do it. */
void popup_own_scaling(HWND dialog);
/* The font for messages, as the user set it; a bold one, and a larger one. */
HFONT popup_font(UINT dpi, int percent, bool bold);
bool popup_high_contrast(void);

#endif
