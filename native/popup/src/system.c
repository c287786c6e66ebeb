#include "system.h"

#include <string.h>

/* What the newest of these functions wants; each is looked up, and may be missing. */
typedef UINT(WINAPI *dpi_for_window)(HWND);
typedef void *(WINAPI *set_thread_dpi_context)(void *);
typedef BOOL(WINAPI *parameters_for_dpi)(UINT, UINT, void *, UINT, UINT);
typedef BOOL(WINAPI *set_dialog_dpi_behaviour)(HWND, int, int);

/* Of SetThreadDpiAwarenessContext: per monitor, second and first version. */
#define PER_MONITOR_2 ((void *)(LONG_PTR)-4)
#define PER_MONITOR   ((void *)(LONG_PTR)-3)
/* Of SetDialogDpiChangeBehavior. */
#define ALL_BEHAVIOURS 1

/* The resource that names the version of the common controls: the number that isolation expects in a library. */
#define STYLES_RESOURCE 2

/* Sets a pointer to a function of user32, or to NULL. */
static void look_up(const char *name, void *function)
{
	FARPROC found = GetProcAddress(GetModuleHandleW(L"user32.dll"), name);

	memcpy(function, &found, sizeof found);
}

void popup_enter(struct popup_surroundings *surroundings, HINSTANCE module)
{
	ACTCTXW styles = {.cbSize = sizeof styles,
	                  .dwFlags = ACTCTX_FLAG_HMODULE_VALID | ACTCTX_FLAG_RESOURCE_NAME_VALID,
	                  .lpResourceName = MAKEINTRESOURCEW(STYLES_RESOURCE),
	                  .hModule = module};
	set_thread_dpi_context set_context;

	surroundings->styles_cookie = 0;
	surroundings->styles = CreateActCtxW(&styles);
	if (surroundings->styles != INVALID_HANDLE_VALUE && ActivateActCtx(surroundings->styles, &surroundings->styles_cookie))
		LoadLibraryW(L"comctl32.dll"); /* registers the classes; stays loaded, as every host has it */
	look_up("SetThreadDpiAwarenessContext", &set_context);
	surroundings->dpi_context = NULL;
	if (set_context != NULL) {
		surroundings->dpi_context = set_context(PER_MONITOR_2);
		if (surroundings->dpi_context == NULL)
			surroundings->dpi_context = set_context(PER_MONITOR);
	}
}

void popup_leave(struct popup_surroundings *surroundings)
{
	set_thread_dpi_context set_context;

	look_up("SetThreadDpiAwarenessContext", &set_context);
	if (surroundings->dpi_context != NULL)
		set_context(surroundings->dpi_context);
	if (surroundings->styles_cookie != 0)
		DeactivateActCtx(0, surroundings->styles_cookie);
	if (surroundings->styles != INVALID_HANDLE_VALUE)
		ReleaseActCtx(surroundings->styles);
}

static UINT system_dpi(void)
{
	HDC screen = GetDC(NULL);
	int dpi = GetDeviceCaps(screen, LOGPIXELSY);

	ReleaseDC(NULL, screen);
	return dpi > 0 ? (UINT)dpi : DPI_UNSCALED;
}

UINT popup_dpi_of(HWND window)
{
	dpi_for_window of_window;
	UINT dpi;

	look_up("GetDpiForWindow", &of_window);
	dpi = of_window != NULL ? of_window(window) : 0;
	return dpi > 0 ? dpi : system_dpi();
}

void popup_own_scaling(HWND dialog)
{
	set_dialog_dpi_behaviour set_behaviour;

	look_up("SetDialogDpiChangeBehavior", &set_behaviour);
	if (set_behaviour != NULL)
		set_behaviour(dialog, ALL_BEHAVIOURS, ALL_BEHAVIOURS);
}

HFONT popup_font(UINT dpi, int percent, bool bold)
{
	NONCLIENTMETRICSW metrics = {.cbSize = sizeof metrics};
	parameters_for_dpi for_dpi;
	LOGFONTW *font = &metrics.lfMessageFont;

	look_up("SystemParametersInfoForDpi", &for_dpi);
	if (for_dpi == NULL || !for_dpi(SPI_GETNONCLIENTMETRICS, sizeof metrics, &metrics, 0, dpi)) {
		SystemParametersInfoW(SPI_GETNONCLIENTMETRICS, sizeof metrics, &metrics, 0);
		font->lfHeight = MulDiv(font->lfHeight, (int)dpi, (int)system_dpi());
	}
	font->lfHeight = MulDiv(font->lfHeight, percent, 100);
	if (bold)
		font->lfWeight = FW_BOLD;
	return CreateFontIndirectW(font);
}

bool popup_high_contrast(void)
{
	HIGHCONTRASTW contrast = {.cbSize = sizeof contrast};

	return SystemParametersInfoW(SPI_GETHIGHCONTRAST, sizeof contrast, &contrast, 0) &&
	       (contrast.dwFlags & HCF_HIGHCONTRASTON) != 0;
}
