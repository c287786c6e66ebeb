/*
 * host.c - a hospital system that loads precheck_popup.dll, with a window of its own.
 *
 *   host.exe RESULT STATE ENCODING CAP [ANSWER]
 *
 * Prints what pck_popup_show() returned, *need, and the feedback's bytes in hex; also whether its own window waited
 * meanwhile and is enabled again.  CAP -1 takes what the library asks for.
 */
#include "precheck_popup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

typedef int32_t(PCK_CALL *show_function)(void *, int32_t, int32_t, uint32_t, const void *, uint32_t, void *, uint32_t,
                                         uint32_t *);
typedef int32_t(PCK_CALL *version_function)(void);

static int was_disabled;

static LRESULT CALLBACK host_proc(HWND window, UINT message, WPARAM wparam, LPARAM lparam)
{
	if (message == WM_ENABLE && wparam == FALSE)
		was_disabled = 1;
	return DefWindowProcW(window, message, wparam, lparam);
}

static char *read_file(const char *path, uint32_t *len)
{
	FILE *file = fopen(path, "rb");
	char *data;

	if (file == NULL)
		return NULL;
	data = malloc(1 << 24);
	*len = (uint32_t)fread(data, 1, 1 << 24, file);
	fclose(file);
	return data;
}

int main(int argc, char **argv)
{
	WNDCLASSW host = {.lpfnWndProc = host_proc, .lpszClassName = L"Host", .hbrBackground = (HBRUSH)(COLOR_WINDOW + 1)};
	HMODULE module = LoadLibraryW(L"precheck_popup.dll");
	show_function show;
	version_function version;
	FARPROC found[2] = {module != NULL ? GetProcAddress(module, "pck_popup_show") : NULL,
	                    module != NULL ? GetProcAddress(module, "pck_popup_version") : NULL};
	uint32_t len = 0, need = 12345, cap;
	char *answer = argc > 5 ? read_file(argv[5], &len) : NULL;
	char *feedback = NULL;
	int32_t result;
	HWND window;

	if (argc < 5 || found[0] == NULL || found[1] == NULL) {
		fprintf(stderr, "host: no library, or no function in it\n");
		return 1;
	}
	memcpy(&show, &found[0], sizeof show);
	memcpy(&version, &found[1], sizeof version);
	RegisterClassW(&host);
	window = CreateWindowW(L"Host", L"host", WS_OVERLAPPEDWINDOW | WS_VISIBLE, 50, 50, 900, 700, NULL, NULL, NULL, NULL);
	cap = (uint32_t)atol(argv[4]);
	if (atol(argv[4]) < 0) {
		result = show(window, atoi(argv[1]), atoi(argv[2]), (uint32_t)atoi(argv[3]), answer, len, NULL, 0, &need);
		printf("first=%d\n", (int)result);
		cap = need;
	}
	feedback = cap > 0 ? malloc(cap) : NULL;
	if (feedback != NULL)
		memset(feedback, 'x', cap);
	need = 12345;
	result = show(window, atoi(argv[1]), atoi(argv[2]), (uint32_t)atoi(argv[3]), answer, len, feedback, cap, &need);
	printf("result=%d\nneed=%u\nversion=%d\ncap=%u\n", (int)result, need, (int)version(), cap);
	printf("waited=%d\nenabled=%d\n", was_disabled, IsWindowEnabled(window) != 0);
	printf("feedback=");
	for (uint32_t i = 0; i < need && i < cap; i++)
		printf("%02x", (unsigned char)feedback[i]);
	printf("\nfirst_bytes=");
	for (uint32_t i = 0; i < 2 && i < cap; i++)
		printf("%02x", (unsigned char)feedback[i]);
	printf("\n");
	free(feedback);
	free(answer);
	DestroyWindow(window);
	FreeLibrary(module);
	return 0;
}
