#include "state.h"

#include "system.h"

#include <stdlib.h>

/* Sizes at 96 dots per inch; more in state.h. */
#define WIDTH            760
#define WIDTH_MIN        480
#define HEIGHT_MIN       160
#define BUTTON_HEIGHT     30
#define BUTTON_WIDTH_MIN  96
#define BUTTON_PADDING    14
#define DROPPED_HEIGHT   260
#define PANEL_HEIGHT_MIN  80

#define FONT_PERCENT     110 /* of the user's font for messages */
#define LARGE_PERCENT    165

/* A longer text scrolls in its own control. */
#define BODY_LINES_MAX    14

static SIZE measured(const struct window *window, HWND control, HFONT font, int width)
{
	HDC context = GetDC(window->dialog);
	HGDIOBJ before = SelectObject(context, font);
	RECT box = {0, 0, width, 0};
	int length = GetWindowTextLengthW(control);
	wchar_t *text = calloc((size_t)length + 1, sizeof *text);
	SIZE size = {0, 0};

	if (text != NULL) {
		GetWindowTextW(control, text, length + 1);
		DrawTextW(context, text, -1, &box, DT_CALCRECT | DT_WORDBREAK | DT_EDITCONTROL);
		size.cx = box.right;
		size.cy = length > 0 ? box.bottom : 0;
	}
	free(text);
	SelectObject(context, before);
	ReleaseDC(window->dialog, context);
	return size;
}

int popup_line_height(const struct window *window, HFONT font)
{
	HDC context = GetDC(window->dialog);
	HGDIOBJ before = SelectObject(context, font);
	TEXTMETRICW metrics;

	GetTextMetricsW(context, &metrics);
	SelectObject(context, before);
	ReleaseDC(window->dialog, context);
	return metrics.tmHeight;
}

static void put(HWND control, int x, int y, int width, int height)
{
	SetWindowPos(control, NULL, x, y, width, height, SWP_NOZORDER | SWP_NOACTIVATE);
}

/* Gives a body its width and returns the height it wants; makes it anew where it has to begin or stop scrolling. */
static int fit_body(struct window *window, size_t row, int x, int y, int width)
{
	struct row *shown = &window->rows[row];
	int line = popup_line_height(window, window->font);
	int lines, visible;

	put(shown->controls[PART_BODY], x, y, width, line);
	lines = (int)SendMessageW(shown->controls[PART_BODY], EM_GETLINECOUNT, 0, 0);
	if ((lines > BODY_LINES_MAX) != shown->body_scrolls) {
		HWND old = shown->controls[PART_BODY];
		bool focused = GetFocus() == old;
		HWND fresh = popup_make_body(window, row, !shown->body_scrolls);

		if (fresh != NULL) {
			SetWindowPos(fresh, old, x, y, width, line, SWP_NOACTIVATE);
			shown->controls[PART_BODY] = fresh;
			shown->body_scrolls = !shown->body_scrolls;
			if (focused)
				SetFocus(fresh);
			DestroyWindow(old);
		}
	}
	visible = lines < BODY_LINES_MAX ? lines : BODY_LINES_MAX;
	return visible * line + popup_scaled(window, 2);
}

/* Places label, list, label and words in one line, or in two where the panel is narrow; returns the height. */
static int place_reason(struct window *window, size_t row, int x, int y, int width)
{
	HWND *controls = window->rows[row].controls;
	int gap = popup_scaled(window, GAP);
	SIZE label = measured(window, controls[PART_LABEL], window->font, width);
	SIZE more = measured(window, controls[PART_MORE], window->font, width);
	int height = popup_line_height(window, window->font) + popup_scaled(window, 8);
	int text_top = (height - label.cy) / 2;
	int rest = width - label.cx - more.cx - 3 * gap;
	bool narrow = rest < popup_scaled(window, 2 * 160);
	int list = narrow ? width - label.cx - gap : rest / 2;
	int below = narrow ? height + gap : 0;

	put(controls[PART_LABEL], x, y + text_top, label.cx, label.cy);
	put(controls[PART_REASONS], x + label.cx + gap, y, list, popup_scaled(window, DROPPED_HEIGHT));
	SendMessageW(controls[PART_REASONS], CB_SETITEMHEIGHT, (WPARAM)-1, height - popup_scaled(window, 6));
	if (narrow) {
		put(controls[PART_MORE], x, y + below + text_top, more.cx, more.cy);
		put(controls[PART_WORDS], x + label.cx + gap, y + below, list, height);
	} else {
		put(controls[PART_MORE], x + label.cx + list + 2 * gap, y + text_top, more.cx, more.cy);
		put(controls[PART_WORDS], x + label.cx + list + more.cx + 3 * gap, y, rest - list, height);
	}
	return below + height;
}

static void update_scroll_bar(struct window *window)
{
	RECT client;
	SCROLLINFO bar = {.cbSize = sizeof bar, .fMask = SIF_RANGE | SIF_PAGE | SIF_POS};

	GetClientRect(window->panel, &client);
	bar.nMax = window->content_height > 0 ? window->content_height - 1 : 0;
	bar.nPage = (UINT)client.bottom;
	bar.nPos = window->scroll;
	SetScrollInfo(window->panel, SB_VERT, &bar, TRUE);
}

static void place_rows(struct window *window)
{
	RECT client;
	int margin = popup_scaled(window, MARGIN), gap = popup_scaled(window, GAP);
	int left = margin + popup_scaled(window, BAR_WIDTH) + gap;
	int y = margin;
	int width;

	/* Room for the scroll bar is always left, so that the texts do not wrap anew when it comes. */
	GetWindowRect(window->panel, &client);
	width = client.right - client.left - 2 * GetSystemMetrics(SM_CXEDGE) - GetSystemMetrics(SM_CXVSCROLL) - left - margin;
	for (size_t row = 0; row < popup_rows_on_page(window); row++) {
		struct row *shown = &window->rows[row];
		SIZE title = measured(window, shown->controls[PART_TITLE], window->bold, width);
		int height;

		shown->top = y;
		put(shown->controls[PART_TITLE], left, y - window->scroll, width, title.cy);
		y += title.cy + gap / 2;
		height = fit_body(window, row, left, y - window->scroll, width);
		put(shown->controls[PART_BODY], left, y - window->scroll, width, height);
		y += height;
		if (shown->controls[PART_REASONS] != NULL)
			y += gap + place_reason(window, row, left, y + gap - window->scroll, width);
		shown->bottom = y;
		y += margin + gap;
	}
	window->content_height = y - gap;
	update_scroll_bar(window);
	InvalidateRect(window->panel, NULL, TRUE);
}

void popup_scroll_to(struct window *window, int position)
{
	RECT client;
	int most, moved;

	GetClientRect(window->panel, &client);
	most = window->content_height - client.bottom;
	if (position > most)
		position = most;
	if (position < 0)
		position = 0;
	moved = window->scroll - position;
	if (moved == 0)
		return;
	window->scroll = position;
	ScrollWindowEx(window->panel, 0, moved, NULL, NULL, NULL, NULL, SW_SCROLLCHILDREN | SW_INVALIDATE | SW_ERASE);
	update_scroll_bar(window);
	UpdateWindow(window->panel);
}

static int button_width(const struct window *window, int id)
{
	int width = measured(window, popup_item(window, id), window->font, 0x7fff).cx + 2 * popup_scaled(window, BUTTON_PADDING);
	int least = popup_scaled(window, BUTTON_WIDTH_MIN);

	return width > least ? width : least;
}

/* Places the buttons in one line, those that decide on the right. */
static void place_buttons(struct window *window, int width, int y)
{
	static const int LEFT[] = {ID_SOURCES, ID_PREVIOUS, ID_NEXT};
	static const int RIGHT[] = {ID_CONTINUE, ID_BACK};
	int margin = popup_scaled(window, MARGIN), gap = popup_scaled(window, GAP), height = popup_scaled(window, BUTTON_HEIGHT);
	int x = margin;

	for (size_t i = 0; i < sizeof LEFT / sizeof LEFT[0]; i++) {
		if (!(GetWindowLongPtrW(popup_item(window, LEFT[i]), GWL_STYLE) & WS_VISIBLE))
			continue;
		put(popup_item(window, LEFT[i]), x, y, button_width(window, LEFT[i]), height);
		x += button_width(window, LEFT[i]) + gap;
	}
	if (popup_page_count(window) > 1) {
		SIZE page = measured(window, popup_item(window, ID_PAGE), window->font, 0x7fff);

		put(popup_item(window, ID_PAGE), x + gap, y + (height - page.cy) / 2, page.cx, page.cy);
	}
	x = width - margin;
	for (size_t i = 0; i < sizeof RIGHT / sizeof RIGHT[0]; i++) {
		if (RIGHT[i] == ID_CONTINUE && !window->model->may_continue)
			continue;
		x -= button_width(window, RIGHT[i]);
		put(popup_item(window, RIGHT[i]), x, y, button_width(window, RIGHT[i]), height);
		x -= gap;
	}
}

/* What stands above the panel and below it; the panel gets the rest. */
void popup_place(struct window *window)
{
	RECT client;
	int margin = popup_scaled(window, MARGIN), gap = popup_scaled(window, GAP);
	int width, y = margin, below;
	SIZE headline, notes, problem, footer;

	GetClientRect(window->dialog, &client);
	width = client.right - 2 * margin;
	headline = measured(window, popup_item(window, ID_HEADLINE), window->large, width);
	notes = measured(window, popup_item(window, ID_NOTES), window->font, width);
	problem = measured(window, popup_item(window, ID_PROBLEM), window->font, width);
	footer = measured(window, popup_item(window, ID_FOOTER), window->font, width);

	put(popup_item(window, ID_HEADLINE), margin, y, width, headline.cy);
	y += headline.cy + gap;
	put(popup_item(window, ID_NOTES), margin, y, width, notes.cy);
	y += notes.cy + gap;
	below = (problem.cy > 0 ? problem.cy + gap : 0) + popup_scaled(window, BUTTON_HEIGHT) + gap + footer.cy + margin;
	if (window->model->entry_count > 0) {
		int height = client.bottom - y - below - gap;

		if (height < popup_scaled(window, PANEL_HEIGHT_MIN))
			height = popup_scaled(window, PANEL_HEIGHT_MIN);
		put(window->panel, margin, y, width, height);
		y += height + gap;
	}
	put(popup_item(window, ID_PROBLEM), margin, y, width, problem.cy);
	y += problem.cy > 0 ? problem.cy + gap : 0;
	place_buttons(window, client.right, y);
	put(popup_item(window, ID_FOOTER), margin, y + popup_scaled(window, BUTTON_HEIGHT) + gap, width, footer.cy);
	place_rows(window);
	RedrawWindow(window->dialog, NULL, NULL, RDW_INVALIDATE | RDW_ERASE | RDW_ALLCHILDREN);
}

RECT popup_work_area(HWND window)
{
	MONITORINFO monitor = {.cbSize = sizeof monitor};

	GetMonitorInfoW(MonitorFromWindow(window, MONITOR_DEFAULTTONEAREST), &monitor);
	return monitor.rcWork;
}

/* Moves and shrinks a rectangle until it is inside another. */
RECT popup_inside(RECT box, RECT area)
{
	int width = box.right - box.left, height = box.bottom - box.top;

	if (width > area.right - area.left)
		width = area.right - area.left;
	if (height > area.bottom - area.top)
		height = area.bottom - area.top;
	if (box.left + width > area.right)
		box.left = area.right - width;
	if (box.top + height > area.bottom)
		box.top = area.bottom - height;
	if (box.left < area.left)
		box.left = area.left;
	if (box.top < area.top)
		box.top = area.top;
	box.right = box.left + width;
	box.bottom = box.top + height;
	return box;
}

/* As high as its content, never larger than the screen, in the middle of what it belongs to. */
void popup_size_to_content(struct window *window, HWND parent)
{
	RECT area = popup_work_area(parent != NULL ? parent : window->dialog);
	RECT around = area, outer, client, panel, box;
	int width = popup_scaled(window, WIDTH), height;

	if (width > area.right - area.left)
		width = area.right - area.left;
	SetWindowPos(window->dialog, NULL, area.left, area.top, width, area.bottom - area.top, SWP_NOZORDER | SWP_NOACTIVATE);
	popup_place(window);
	GetWindowRect(window->dialog, &outer);
	GetClientRect(window->dialog, &client);
	GetWindowRect(window->panel, &panel);
	if (window->model->entry_count > 0) {
		height = outer.bottom - outer.top - (panel.bottom - panel.top) + window->content_height + 2 * GetSystemMetrics(SM_CYEDGE);
	} else {
		RECT footer;

		GetWindowRect(popup_item(window, ID_FOOTER), &footer);
		MapWindowPoints(NULL, window->dialog, (POINT *)&footer, 2);
		height = outer.bottom - outer.top - client.bottom + footer.bottom + popup_scaled(window, MARGIN);
	}
	if (parent != NULL && !IsIconic(parent))
		GetWindowRect(parent, &around);
	box.left = around.left + (around.right - around.left - width) / 2;
	box.top = around.top + (around.bottom - around.top - height) / 2;
	box.right = box.left + width;
	box.bottom = box.top + height;
	box = popup_inside(box, area);
	SetWindowPos(window->dialog, NULL, box.left, box.top, box.right - box.left, box.bottom - box.top,
	             SWP_NOZORDER | SWP_NOACTIVATE);
	popup_place(window);
}

void popup_drop_fonts(const struct window *window)
{
	DeleteObject(window->font);
	DeleteObject(window->bold);
	DeleteObject(window->large);
}

void popup_set_dpi(struct window *window, UINT dpi)
{
	struct window old = *window;

	window->dpi = dpi;
	window->font = popup_font(dpi, FONT_PERCENT, false);
	window->bold = popup_font(dpi, FONT_PERCENT, true);
	window->large = popup_font(dpi, LARGE_PERCENT, true);
	popup_give_fonts(window);
	popup_drop_fonts(&old);
}

void popup_limit_size(const struct window *window, MINMAXINFO *limits)
{
	RECT area = popup_work_area(window->dialog);
	int width = area.right - area.left, height = area.bottom - area.top;
	int least_width = popup_scaled(window, WIDTH_MIN), least_height = popup_scaled(window, HEIGHT_MIN);

	limits->ptMinTrackSize.x = least_width < width ? least_width : width;
	limits->ptMinTrackSize.y = least_height < height ? least_height : height;
	limits->ptMaxTrackSize.x = width;
	limits->ptMaxTrackSize.y = height;
}
