#include "state.h"

#include <windowsx.h>

#define LINES_PER_NOTCH 3 /* of the wheel */

/* ---- colours ---- */

static COLORREF colour_of(const struct window *window, enum popup_action action)
{
	static const COLORREF COLOURS[] = {
		[POPUP_HINT] = RGB(0x1f, 0x5f, 0xa8),
		[POPUP_WARN] = RGB(0xa8, 0x5a, 0x00),
		[POPUP_WARN_REASON] = RGB(0xb0, 0x40, 0x00),
		[POPUP_REVIEW] = RGB(0x7a, 0x2f, 0x9a),
		[POPUP_BLOCK] = RGB(0xb4, 0x1c, 0x1c),
		[POPUP_UNJUDGED] = RGB(0x55, 0x5b, 0x66),
	};

	return window->high_contrast ? GetSysColor(COLOR_WINDOWTEXT) : COLOURS[action];
}

static COLORREF headline_colour(const struct window *window)
{
	if (!window->model->checked)
		return colour_of(window, POPUP_BLOCK);
	return colour_of(window, window->model->may_continue ? window->model->gravest : POPUP_BLOCK);
}

/* ---- the panel ---- */

static void paint_panel(struct window *window)
{
	PAINTSTRUCT paint;
	HDC context = BeginPaint(window->panel, &paint);
	int margin = popup_scaled(window, MARGIN);

	for (size_t row = 0; row < popup_rows_on_page(window); row++) {
		const struct row *shown = &window->rows[row];
		RECT bar = {margin, shown->top - window->scroll, margin + popup_scaled(window, BAR_WIDTH), shown->bottom - window->scroll};
		HBRUSH brush = CreateSolidBrush(colour_of(window, popup_entry_of(window, row)->action));

		FillRect(context, &bar, brush);
		DeleteObject(brush);
	}
	EndPaint(window->panel, &paint);
}

void popup_scroll_by_bar(struct window *window, int what)
{
	RECT client;
	SCROLLINFO bar = {.cbSize = sizeof bar, .fMask = SIF_TRACKPOS};
	int line = popup_line_height(window, window->font);

	GetClientRect(window->panel, &client);
	GetScrollInfo(window->panel, SB_VERT, &bar);
	switch (what) {
	case SB_LINEUP:
		popup_scroll_to(window, window->scroll - line);
		break;
	case SB_LINEDOWN:
		popup_scroll_to(window, window->scroll + line);
		break;
	case SB_PAGEUP:
		popup_scroll_to(window, window->scroll - (client.bottom - line));
		break;
	case SB_PAGEDOWN:
		popup_scroll_to(window, window->scroll + client.bottom - line);
		break;
	case SB_TOP:
		popup_scroll_to(window, 0);
		break;
	case SB_BOTTOM:
		popup_scroll_to(window, window->content_height);
		break;
	case SB_THUMBTRACK:
	case SB_THUMBPOSITION:
		popup_scroll_to(window, bar.nTrackPos);
		break;
	default:
		break;
	}
}

/* Brings the control that got the focus into sight, with its entry's title where that fits. */
static void show_focus(struct window *window, int id)
{
	size_t row = (size_t)(id - ID_ROW) / ROW_CONTROLS;
	RECT client, control;
	int top, bottom;

	if (id < ID_ROW || row >= popup_rows_on_page(window))
		return;
	GetClientRect(window->panel, &client);
	GetWindowRect(GetDlgItem(window->panel, id), &control);
	MapWindowPoints(NULL, window->panel, (POINT *)&control, 2);
	bottom = control.bottom + window->scroll + popup_scaled(window, GAP);
	top = window->rows[row].top - popup_scaled(window, GAP);
	if (bottom - top > client.bottom && (id - ID_ROW) % ROW_CONTROLS != PART_BODY)
		top = control.top + window->scroll - popup_scaled(window, GAP);
	if (bottom > window->scroll + client.bottom)
		popup_scroll_to(window, bottom - client.bottom < top ? bottom - client.bottom : top);
	if (top < window->scroll)
		popup_scroll_to(window, top);
}

LRESULT popup_colour_control(struct window *window, HDC context, HWND control, bool in_panel)
{
	int id = GetDlgCtrlID(control);
	COLORREF colour = GetSysColor(in_panel ? COLOR_WINDOWTEXT : COLOR_BTNTEXT);

	if (in_panel && id >= ID_ROW && (id - ID_ROW) % ROW_CONTROLS == PART_TITLE)
		colour = colour_of(window, popup_entry_of(window, (size_t)(id - ID_ROW) / ROW_CONTROLS)->action);
	else if (id == ID_HEADLINE && !window->high_contrast)
		colour = headline_colour(window);
	else if (id == ID_PROBLEM && !window->high_contrast)
		colour = colour_of(window, POPUP_BLOCK);
	SetTextColor(context, colour);
	SetBkColor(context, GetSysColor(in_panel ? COLOR_WINDOW : COLOR_BTNFACE));
	return (LRESULT)GetSysColorBrush(in_panel ? COLOR_WINDOW : COLOR_BTNFACE);
}

static LRESULT CALLBACK panel_proc(HWND panel, UINT message, WPARAM wparam, LPARAM lparam)
{
	struct window *window = (struct window *)GetWindowLongPtrW(panel, GWLP_USERDATA);

	if (window == NULL)
		return DefWindowProcW(panel, message, wparam, lparam);
	switch (message) {
	case WM_PAINT:
		paint_panel(window);
		return 0;
	case WM_VSCROLL:
		popup_scroll_by_bar(window, LOWORD(wparam));
		return 0;
	case WM_MOUSEWHEEL:
		popup_scroll_to(window, window->scroll -
		                          GET_WHEEL_DELTA_WPARAM(wparam) * LINES_PER_NOTCH * popup_line_height(window, window->font) / WHEEL_DELTA);
		return 0;
	case WM_COMMAND:
		if (HIWORD(wparam) == EN_SETFOCUS || HIWORD(wparam) == CBN_SETFOCUS)
			show_focus(window, LOWORD(wparam));
		return 0;
	case WM_CTLCOLORSTATIC:
		return popup_colour_control(window, (HDC)wparam, (HWND)lparam, true);
	default:
		return DefWindowProcW(panel, message, wparam, lparam);
	}
}

bool popup_register_panel(HINSTANCE module)
{
	WNDCLASSEXW panel = {.cbSize = sizeof panel,
	                     .lpfnWndProc = panel_proc,
	                     .hInstance = module,
	                     .hCursor = LoadCursorW(NULL, (const wchar_t *)IDC_ARROW),
	                     .hbrBackground = (HBRUSH)(COLOR_WINDOW + 1),
	                     .lpszClassName = PANEL_CLASS};

	return RegisterClassExW(&panel) != 0 || GetLastError() == ERROR_CLASS_ALREADY_EXISTS;
}

bool popup_is_body(const struct window *window, HWND control)
{
	int id = GetDlgCtrlID(control);

	return GetParent(control) == window->panel && id >= ID_ROW && (id - ID_ROW) % ROW_CONTROLS == PART_BODY;
}
