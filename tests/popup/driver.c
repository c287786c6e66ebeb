/*
 * driver.c - a program that presses keys and looks at windows, as a person and a screen reader would.
 *
 * Reads commands from standard input, one a line, and answers each with lines of UTF-8 and a line with a dot.
 *
 *   wait            until the popup is there and enabled; "gone" after WAIT_MS
 *   dump            every control: class, id, visible, enabled, focused, left, top, right, bottom, text
 *   key NAME        presses a key or a chord, as ESCAPE, TAB, SHIFT+TAB, ALT+C, 1
 *   text WORDS      types
 *   pick ID INDEX   chooses in a list, as its arrow keys do
 *   dpi N           tells the window that it is on a monitor of N dots per inch, as Windows does
 *   size W H        resizes the window, as dragging does
 *   quit            asks the thread of the window to end, as a host that ends does
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define WAIT_MS   20000
#define POLL_MS      20
#define SETTLE_MS   100
#define LINE_BYTES 4096
#define TITLE L"处方事前审核"

static void print_utf8(const wchar_t *text)
{
	static char utf8[1 << 20];
	int len = WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, sizeof utf8, NULL, NULL);

	for (int i = 0; i < len - 1; i++) {
		if (utf8[i] == '\n')
			fputs("\\n", stdout);
		else if (utf8[i] != '\r')
			putchar(utf8[i]);
	}
}

static HWND popup(void)
{
	return FindWindowW(L"#32770", TITLE);
}

static HWND focus(void)
{
	GUITHREADINFO info = {.cbSize = sizeof info};

	return GetGUIThreadInfo(GetWindowThreadProcessId(popup(), NULL), &info) ? info.hwndFocus : NULL;
}

static void dump_one(HWND window)
{
	static wchar_t text[1 << 18];
	wchar_t class_name[64];
	RECT box;

	GetClassNameW(window, class_name, 64);
	GetWindowRect(window, &box);
	text[0] = L'\0';
	SendMessageW(window, WM_GETTEXT, sizeof text / sizeof text[0], (LPARAM)text);
	print_utf8(class_name);
	printf("\t%d\t%d\t%d\t%d\t%ld\t%ld\t%ld\t%ld\t", (int)GetDlgCtrlID(window), IsWindowVisible(window) != 0,
	       IsWindowEnabled(window) != 0, focus() == window, box.left, box.top, box.right, box.bottom);
	print_utf8(text);
	putchar('\n');
}

static BOOL CALLBACK dump_child(HWND window, LPARAM ignored)
{
	(void)ignored;
	dump_one(window);
	return TRUE;
}

static bool wait_for_popup(void)
{
	for (int waited = 0; waited < WAIT_MS; waited += POLL_MS) {
		if (popup() != NULL && IsWindowVisible(popup()) && focus() != NULL) {
			/* A person's click on it: without a window manager nothing brings it to the front. */
			SetForegroundWindow(popup());
			Sleep(SETTLE_MS);
			return true;
		}
		Sleep(POLL_MS);
	}
	return false;
}

static void press(WORD key, WORD unit, bool up)
{
	INPUT input = {.type = INPUT_KEYBOARD};

	input.ki.wVk = key;
	input.ki.wScan = unit != 0 ? unit : (WORD)MapVirtualKeyW(key, MAPVK_VK_TO_VSC);
	input.ki.dwFlags = (up ? KEYEVENTF_KEYUP : 0) | (unit != 0 ? KEYEVENTF_UNICODE : 0);
	SendInput(1, &input, sizeof input);
}

static WORD key_of(const char *name)
{
	static const struct {
		const char *name;
		WORD key;
	} KEYS[] = {{"ESCAPE", VK_ESCAPE}, {"RETURN", VK_RETURN}, {"TAB", VK_TAB}, {"SPACE", VK_SPACE}, {"UP", VK_UP},
	            {"DOWN", VK_DOWN}, {"PAGEUP", VK_PRIOR}, {"PAGEDOWN", VK_NEXT}, {"HOME", VK_HOME}, {"END", VK_END},
	            {"SHIFT", VK_SHIFT}, {"ALT", VK_MENU}, {"CONTROL", VK_CONTROL}, {"F4", VK_F4}};

	for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
		if (strcmp(KEYS[i].name, name) == 0)
			return KEYS[i].key;
	return (WORD)(unsigned char)name[0];
}

static void chord(char *names)
{
	WORD keys[4];
	int count = 0;

	for (char *name = strtok(names, "+"); name != NULL && count < 4; name = strtok(NULL, "+"))
		keys[count++] = key_of(name);
	for (int i = 0; i < count; i++)
		press(keys[i], 0, false);
	for (int i = count - 1; i >= 0; i--)
		press(keys[i], 0, true);
}

static void type(const char *utf8)
{
	wchar_t text[LINE_BYTES];

	MultiByteToWideChar(CP_UTF8, 0, utf8, -1, text, LINE_BYTES);
	for (const wchar_t *at = text; *at != L'\0'; at++) {
		press(0, *at, false);
		press(0, *at, true);
	}
}

static BOOL CALLBACK find_child(HWND window, LPARAM where)
{
	HWND *found = (HWND *)where;

	if (GetDlgCtrlID(window) != (int)(INT_PTR)found[0])
		return TRUE;
	found[1] = window;
	return FALSE;
}

static void pick(int id, int index)
{
	HWND found[2] = {(HWND)(INT_PTR)id, NULL};

	EnumChildWindows(popup(), find_child, (LPARAM)found);
	SendMessageW(found[1], CB_SETCURSEL, (WPARAM)index, 0);
}

static void change_dpi(int dpi)
{
	RECT box;

	GetWindowRect(popup(), &box);
	box.right = box.left + (box.right - box.left) * dpi / 96;
	box.bottom = box.top + (box.bottom - box.top) * dpi / 96;
	/* The rectangle is in this process: the message is sent where it is needed by the system only.  Marshal by hand. */
	void *there;
	DWORD process;
	HANDLE handle;

	GetWindowThreadProcessId(popup(), &process);
	handle = OpenProcess(PROCESS_ALL_ACCESS, FALSE, process);
	there = VirtualAllocEx(handle, NULL, sizeof box, MEM_COMMIT, PAGE_READWRITE);
	WriteProcessMemory(handle, there, &box, sizeof box, NULL);
	SendMessageW(popup(), 0x02E0, MAKEWPARAM(dpi, dpi), (LPARAM)there);
	CloseHandle(handle);
}

static void act(char *line)
{
	char *rest = strchr(line, ' ');
	int first = 0, second = 0;

	if (rest != NULL) {
		*rest++ = '\0';
		sscanf(rest, "%d %d", &first, &second);
	}
	if (strcmp(line, "wait") == 0) {
		puts(wait_for_popup() ? "there" : "gone");
		return;
	}
	if (strcmp(line, "dump") == 0) {
		dump_one(popup());
		EnumChildWindows(popup(), dump_child, 0);
		return;
	}
	if (strcmp(line, "key") == 0)
		chord(rest);
	else if (strcmp(line, "text") == 0)
		type(rest);
	else if (strcmp(line, "pick") == 0)
		pick(first, second);
	else if (strcmp(line, "dpi") == 0)
		change_dpi(first);
	else if (strcmp(line, "size") == 0)
		SetWindowPos(popup(), NULL, 0, 0, first, second, SWP_NOMOVE | SWP_NOZORDER);
	else if (strcmp(line, "quit") == 0)
		PostThreadMessageW(GetWindowThreadProcessId(popup(), NULL), WM_QUIT, 0, 0);
	else
		puts("unknown command");
	Sleep(SETTLE_MS);
}

int main(void)
{
	char line[LINE_BYTES];

	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		act(line);
		puts(".");
		fflush(stdout);
	}
	return 0;
}
