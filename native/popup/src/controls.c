#include "state.h"

#include "encoding.h"
#include "popup_texts.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

/* ---- pages and entries ---- */

size_t popup_page_count(const struct window *window)
{
	size_t entries = window->model->entry_count;

	return entries == 0 ? 1 : (entries + PAGE_ENTRIES - 1) / PAGE_ENTRIES;
}

size_t popup_rows_on_page(const struct window *window)
{
	size_t first = window->page * PAGE_ENTRIES;
	size_t rest = window->model->entry_count - first;

	return rest < PAGE_ENTRIES ? rest : PAGE_ENTRIES;
}

size_t popup_entry_index(const struct window *window, size_t row)
{
	return window->page * PAGE_ENTRIES + row;
}

const struct popup_entry *popup_entry_of(const struct window *window, size_t row)
{
	return &window->model->entries[popup_entry_index(window, row)];
}

/* ---- controls ---- */

int popup_scaled(const struct window *window, int size)
{
	return MulDiv(size, (int)window->dpi, DPI_UNSCALED);
}

void popup_set_text(HWND control, const char *utf8)
{
	wchar_t *wide = popup_wide(utf8);

	SetWindowTextW(control, wide != NULL ? wide : L"");
	free(wide);
}

static HWND make(struct window *window, HWND parent, const wchar_t *class_name, DWORD style, int id, const char *text)
{
	HWND control = CreateWindowExW(0, class_name, NULL, WS_CHILD | WS_VISIBLE | style, 0, 0, 0, 0, parent,
	                               (HMENU)(INT_PTR)id, window->module, NULL);

	if (control != NULL && text != NULL)
		popup_set_text(control, text);
	return control;
}

HWND popup_item(const struct window *window, int id)
{
	return GetDlgItem(window->dialog, id);
}

/*
 * A read-only edit control leaves Tab, Enter and Esc to the dialog, and does not select its text when it is entered.
 * It takes letters, which would else be shortcuts without Alt.  The procedure of the class stands in its user data.
 */
static LRESULT CALLBACK body_proc(HWND control, UINT message, WPARAM wparam, LPARAM lparam)
{
	if (message == WM_GETDLGCODE)
		return DLGC_WANTARROWS | DLGC_WANTCHARS;
	return CallWindowProcW((WNDPROC)GetWindowLongPtrW(control, GWLP_USERDATA), control, message, wparam, lparam);
}

HWND popup_make_body(struct window *window, size_t row, bool scrolls)
{
	const struct popup_entry *entry = popup_entry_of(window, row);
	struct popup_text text = {0};
	char *whole;
	HWND body = make(window, window->panel, L"EDIT",
	                 WS_TABSTOP | ES_MULTILINE | ES_READONLY | (scrolls ? WS_VSCROLL : 0),
	                 ID_ROW + (int)row * ROW_CONTROLS + PART_BODY, NULL);

	if (body == NULL)
		return NULL;
	SetWindowLongPtrW(body, GWLP_USERDATA, GetWindowLongPtrW(body, GWLP_WNDPROC));
	SetWindowLongPtrW(body, GWLP_WNDPROC, (LONG_PTR)body_proc);
	SendMessageW(body, EM_SETLIMITTEXT, 0, 0);
	SendMessageW(body, WM_SETFONT, (WPARAM)window->font, FALSE);
	SendMessageW(body, EM_SETMARGINS, EC_LEFTMARGIN | EC_RIGHTMARGIN, 0);
	popup_text_add(&text, entry->body);
	if (window->sources_shown && entry->sources[0] != '\0') {
		popup_text_add(&text, "\n");
		popup_text_add(&text, entry->sources);
	}
	whole = popup_text_take(&text);
	if (whole != NULL)
		popup_set_text(body, whole);
	free(whole);
	return body;
}

static void add_choice(HWND list, const char *utf8)
{
	wchar_t *wide = popup_wide(utf8);

	SendMessageW(list, CB_ADDSTRING, 0, (LPARAM)(wide != NULL ? wide : L""));
	free(wide);
}

static void make_reason(struct window *window, size_t row)
{
	const struct popup_entry *entry = popup_entry_of(window, row);
	const struct given *given = &window->given[popup_entry_index(window, row)];
	HWND *controls = window->rows[row].controls;
	int id = ID_ROW + (int)row * ROW_CONTROLS;

	controls[PART_LABEL] = make(window, window->panel, L"STATIC", SS_LEFT, id + PART_LABEL, TEXT_REASON_LABEL);
	controls[PART_REASONS] = make(window, window->panel, L"COMBOBOX", WS_TABSTOP | WS_VSCROLL | CBS_DROPDOWNLIST,
	                              id + PART_REASONS, NULL);
	controls[PART_MORE] = make(window, window->panel, L"STATIC", SS_LEFT, id + PART_MORE, TEXT_REASON_MORE);
	controls[PART_WORDS] = make(window, window->panel, L"EDIT", WS_TABSTOP | WS_BORDER | ES_AUTOHSCROLL, id + PART_WORDS,
	                            NULL);
	add_choice(controls[PART_REASONS], TEXT_REASON_CHOOSE);
	for (size_t i = 0; i < entry->reasons.count; i++)
		add_choice(controls[PART_REASONS], entry->reasons.items[i]);
	add_choice(controls[PART_REASONS], TEXT_REASON_OTHER);
	SendMessageW(controls[PART_REASONS], CB_SETCURSEL, (WPARAM)given->choice, 0);
	SendMessageW(controls[PART_WORDS], EM_SETLIMITTEXT, PCK_POPUP_REASON_CHARACTERS_MAX, 0);
	if (given->words != NULL)
		SetWindowTextW(controls[PART_WORDS], given->words);
}

static void drop_rows(struct window *window)
{
	for (size_t row = 0; row < PAGE_ENTRIES; row++)
		for (int part = 0; part < ROW_CONTROLS; part++)
			if (window->rows[row].controls[part] != NULL)
				DestroyWindow(window->rows[row].controls[part]);
	memset(window->rows, 0, sizeof window->rows);
}

void popup_give_fonts(struct window *window)
{
	static const int PLAIN[] = {ID_BACK, ID_CONTINUE, ID_SOURCES, ID_PREVIOUS, ID_NEXT, ID_NOTES, ID_PROBLEM, ID_PAGE,
	                            ID_FOOTER};

	for (size_t i = 0; i < sizeof PLAIN / sizeof PLAIN[0]; i++)
		SendMessageW(popup_item(window, PLAIN[i]), WM_SETFONT, (WPARAM)window->font, FALSE);
	SendMessageW(popup_item(window, ID_HEADLINE), WM_SETFONT, (WPARAM)window->large, FALSE);
	for (size_t row = 0; row < popup_rows_on_page(window); row++)
		for (int part = 0; part < ROW_CONTROLS; part++)
			SendMessageW(window->rows[row].controls[part], WM_SETFONT,
			             (WPARAM)(part == PART_TITLE ? window->bold : window->font), FALSE);
}

/* Makes the controls of the page that is to be shown. */
void popup_make_rows(struct window *window)
{
	drop_rows(window);
	window->scroll = 0;
	for (size_t row = 0; row < popup_rows_on_page(window); row++) {
		const struct popup_entry *entry = popup_entry_of(window, row);

		window->rows[row].controls[PART_TITLE] = make(window, window->panel, L"STATIC", SS_LEFT | SS_NOPREFIX,
		                                              ID_ROW + (int)row * ROW_CONTROLS + PART_TITLE, entry->title);
		window->rows[row].controls[PART_BODY] = popup_make_body(window, row, false);
		if (entry->reason_required && window->model->may_continue)
			make_reason(window, row);
	}
	popup_give_fonts(window);
}

void popup_make_controls(struct window *window)
{
	const struct popup_model *model = window->model;
	bool sources = false;

	for (size_t i = 0; i < model->entry_count; i++)
		sources = sources || model->entries[i].sources[0] != '\0';
	/* The order in which Tab goes. */
	make(window, window->dialog, L"STATIC", SS_LEFT | SS_NOPREFIX, ID_HEADLINE, model->headline);
	make(window, window->dialog, L"STATIC", SS_LEFT | SS_NOPREFIX, ID_NOTES, model->notes);
	window->panel = CreateWindowExW(WS_EX_CONTROLPARENT | WS_EX_CLIENTEDGE, PANEL_CLASS, NULL,
	                                WS_CHILD | WS_VSCROLL | WS_CLIPCHILDREN | (model->entry_count > 0 ? WS_VISIBLE : 0),
	                                0, 0, 0, 0, window->dialog, (HMENU)ID_PANEL, window->module, NULL);
	SetWindowLongPtrW(window->panel, GWLP_USERDATA, (LONG_PTR)window);
	make(window, window->dialog, L"STATIC", SS_LEFT | SS_NOPREFIX, ID_PROBLEM, "");
	make(window, window->dialog, L"BUTTON", WS_TABSTOP | BS_AUTOCHECKBOX | BS_PUSHLIKE, ID_SOURCES, TEXT_BUTTON_SOURCES);
	make(window, window->dialog, L"BUTTON", WS_TABSTOP, ID_PREVIOUS, TEXT_BUTTON_PREVIOUS);
	make(window, window->dialog, L"BUTTON", WS_TABSTOP, ID_NEXT, TEXT_BUTTON_NEXT);
	make(window, window->dialog, L"STATIC", SS_LEFT, ID_PAGE, "");
	make(window, window->dialog, L"BUTTON", WS_TABSTOP, ID_BACK, TEXT_BUTTON_BACK);
	make(window, window->dialog, L"BUTTON", WS_TABSTOP, ID_CONTINUE, model->continue_text);
	make(window, window->dialog, L"STATIC", SS_LEFT | SS_NOPREFIX, ID_FOOTER, model->footer);
	if (!sources)
		ShowWindow(popup_item(window, ID_SOURCES), SW_HIDE);
	if (!model->may_continue)
		ShowWindow(popup_item(window, ID_CONTINUE), SW_HIDE);
	if (popup_page_count(window) <= 1) {
		ShowWindow(popup_item(window, ID_PREVIOUS), SW_HIDE);
		ShowWindow(popup_item(window, ID_NEXT), SW_HIDE);
		ShowWindow(popup_item(window, ID_PAGE), SW_HIDE);
	}
}
