/*
 * The window: a dialog of standard controls, so that keyboard, screen readers and the user's own colours work as
 * everywhere.
 *
 *   headline, notes        always in sight
 *   panel                  scrolls; for every entry of the page a title, its text, and where one is due a reason
 *   problem                what keeps the doctor from going on
 *   buttons, footer
 *
 * Esc, the cross and the back button go back.  Going on takes its own button: by mouse, by Alt and its letter, or by
 * the space bar on it.  Enter never goes on, wherever the focus is (see handles_key).
 */
#include "state.h"

#include "encoding.h"
#include "popup_texts.h"
#include "system.h"

#include <stdlib.h>
#include <windowsx.h>

/* ---- what the doctor does ---- */

static wchar_t *trimmed_text(HWND control)
{
	int length = GetWindowTextLengthW(control);
	wchar_t *text = calloc((size_t)length + 1, sizeof *text);
	wchar_t *begin = text;

	if (text == NULL)
		return NULL;
	length = GetWindowTextW(control, text, length + 1);
	while (length > 0 && (text[length - 1] == L' ' || text[length - 1] == L'\t' || text[length - 1] == 0x3000))
		text[--length] = L'\0';
	while (*begin == L' ' || *begin == L'\t' || *begin == 0x3000)
		begin++;
	memmove(text, begin, (size_t)(length - (begin - text) + 1) * sizeof *text);
	return text;
}

/* Takes what stands in the controls of the page into `given`. */
static void take_given(struct window *window)
{
	for (size_t row = 0; row < popup_rows_on_page(window); row++) {
		struct given *given = &window->given[popup_entry_index(window, row)];
		HWND *controls = window->rows[row].controls;

		if (controls[PART_REASONS] == NULL)
			continue;
		given->choice = (int)SendMessageW(controls[PART_REASONS], CB_GETCURSEL, 0, 0);
		free(given->words);
		given->words = trimmed_text(controls[PART_WORDS]);
	}
}

static void show_page(struct window *window, size_t page)
{
	struct popup_text number = {0}, count = {0}, text = {0};
	char *line;

	take_given(window);
	window->page = page;
	popup_make_rows(window);
	popup_text_add_number(&number, (long)page + 1);
	popup_text_add_number(&count, (long)popup_page_count(window));
	if (number.data != NULL && count.data != NULL)
		popup_text_fill(&text, TEXT_PAGE, number.data, count.data, NULL);
	line = popup_text_take(&text);
	if (line != NULL)
		popup_set_text(popup_item(window, ID_PAGE), line);
	free(line);
	popup_text_free(&number);
	popup_text_free(&count);
	EnableWindow(popup_item(window, ID_PREVIOUS), page > 0);
	EnableWindow(popup_item(window, ID_NEXT), page + 1 < popup_page_count(window));
	popup_place(window);
	if (IsWindowVisible(window->dialog))
		SetFocus(window->rows[0].controls[PART_BODY]);
}

static void show_sources(struct window *window, bool shown)
{
	HWND focus = GetFocus();

	window->sources_shown = shown;
	for (size_t row = 0; row < popup_rows_on_page(window); row++) {
		HWND old = window->rows[row].controls[PART_BODY];
		HWND fresh = popup_make_body(window, row, window->rows[row].body_scrolls);

		if (fresh == NULL)
			continue;
		SetWindowPos(fresh, old, 0, 0, 0, 0, SWP_NOMOVE | SWP_NOSIZE | SWP_NOACTIVATE);
		window->rows[row].controls[PART_BODY] = fresh;
		if (focus == old)
			SetFocus(fresh);
		DestroyWindow(old);
	}
	popup_place(window);
	popup_scroll_to(window, window->scroll);
}

static void say_problem(struct window *window, const char *problem, size_t entry)
{
	size_t row = entry % PAGE_ENTRIES;

	if (entry / PAGE_ENTRIES != window->page)
		show_page(window, entry / PAGE_ENTRIES);
	popup_set_text(popup_item(window, ID_PROBLEM), problem);
	popup_place(window);
	SetFocus(window->rows[row].controls[window->given[entry].choice > 0 ? PART_WORDS : PART_REASONS]);
	MessageBeep(MB_ICONWARNING);
}

static void choose(struct window *window, int32_t choice)
{
	window->choice = choice;
	window->chosen = true;
}

/* The reasons as given; `words` keeps the texts alive.  Returns false if memory is short. */
static bool read_reasons(const struct window *window, struct popup_reason *reasons, char **words)
{
	for (size_t i = 0; i < window->model->entry_count; i++) {
		const struct popup_list *list = &window->model->entries[i].reasons;
		int choice = window->given[i].choice;

		words[i] = popup_narrow(window->given[i].words != NULL ? window->given[i].words : L"");
		if (words[i] == NULL)
			return false;
		reasons[i].chosen = choice >= 1 && (size_t)choice <= list->count ? list->items[choice - 1] : NULL;
		reasons[i].words = words[i];
	}
	return true;
}

static void try_to_go_on(struct window *window)
{
	const struct popup_model *model = window->model;
	struct popup_reason *reasons = calloc(model->entry_count + 1, sizeof *reasons);
	char **words = calloc(model->entry_count + 1, sizeof *words);
	char *lacks = NULL;
	int32_t result = PCK_E_MEMORY;
	size_t i;

	take_given(window);
	if (reasons != NULL && words != NULL && read_reasons(window, reasons, words)) {
		result = PCK_OK;
		for (i = 0; i < model->entry_count && result == PCK_OK && lacks == NULL; i++)
			result = model->checked ? popup_reason_lacks(model, i, &reasons[i], &lacks) : PCK_OK;
		if (result == PCK_OK && lacks != NULL)
			say_problem(window, lacks, i - 1);
		else if (result == PCK_OK)
			result = popup_feedback(model, true, reasons, &window->feedback);
	}
	if (result != PCK_OK)
		choose(window, result);
	else if (lacks == NULL)
		choose(window, model->checked ? PCK_POPUP_CONTINUE : PCK_POPUP_CONTINUE_NOT_CHECKED);
	for (i = 0; words != NULL && i < model->entry_count; i++)
		free(words[i]);
	free(words);
	free(reasons);
	free(lacks);
}

static void go_back(struct window *window)
{
	int32_t result = popup_feedback(window->model, false, NULL, &window->feedback);

	choose(window, result == PCK_OK ? PCK_POPUP_GO_BACK : result);
}

static void command(struct window *window, int id)
{
	switch (id) {
	case ID_BACK:
		go_back(window);
		break;
	case ID_CONTINUE:
		if (window->model->may_continue)
			try_to_go_on(window);
		break;
	case ID_SOURCES:
		show_sources(window, !window->sources_shown);
		SendMessageW(popup_item(window, ID_SOURCES), BM_SETCHECK, window->sources_shown ? BST_CHECKED : BST_UNCHECKED, 0);
		break;
	case ID_PREVIOUS:
		if (window->page > 0)
			show_page(window, window->page - 1);
		break;
	case ID_NEXT:
		if (window->page + 1 < popup_page_count(window))
			show_page(window, window->page + 1);
		break;
	default:
		break;
	}
}

/* ---- the dialog ---- */

static INT_PTR CALLBACK dialog_proc(HWND dialog, UINT message, WPARAM wparam, LPARAM lparam)
{
	struct window *window = (struct window *)GetWindowLongPtrW(dialog, GWLP_USERDATA);

	if (message == WM_INITDIALOG)
		SetWindowLongPtrW(dialog, GWLP_USERDATA, lparam);
	if (window == NULL)
		return FALSE;
	switch (message) {
	case WM_COMMAND:
		/* IDOK is what Enter would mean; there is no such control. */
		if (HIWORD(wparam) == BN_CLICKED && LOWORD(wparam) != IDOK)
			command(window, LOWORD(wparam));
		return TRUE;
	case WM_CLOSE:
		go_back(window);
		return TRUE;
	case WM_SIZE:
		popup_place(window);
		popup_scroll_to(window, window->scroll);
		return TRUE;
	case WM_GETMINMAXINFO:
		popup_limit_size(window, (MINMAXINFO *)lparam);
		return TRUE;
	case WM_DPICHANGED: {
		RECT box = popup_inside(*(const RECT *)lparam, popup_work_area(dialog));

		popup_set_dpi(window, HIWORD(wparam));
		SetWindowPos(dialog, NULL, box.left, box.top, box.right - box.left, box.bottom - box.top,
		             SWP_NOZORDER | SWP_NOACTIVATE);
		popup_place(window);
		return TRUE;
	}
	case WM_SYSCOLORCHANGE:
	case WM_SETTINGCHANGE:
		window->high_contrast = popup_high_contrast();
		popup_set_dpi(window, window->dpi);
		popup_place(window);
		return TRUE;
	case WM_CTLCOLORSTATIC:
		return popup_colour_control(window, (HDC)wparam, (HWND)lparam, false);
	case WM_DESTROY:
		/* By us after the choice, else by the end of the host. */
		if (!window->chosen)
			choose(window, PCK_POPUP_E_CLOSED);
		return TRUE;
	default:
		return FALSE;
	}
}

static bool list_is_open(HWND control)
{
	return SendMessageW(control, CB_GETDROPPEDSTATE, 0, 0) != 0;
}

/*
 * Keys that the dialog would not treat as it should.  Enter presses the focused button, but never the one that goes
 * on, and closes an open list; anywhere else it does nothing.  Page keys scroll the panel.
 */
static bool handles_key(struct window *window, const MSG *message)
{
	HWND focus = GetFocus();
	int id = GetDlgCtrlID(focus);
	bool own_button = GetParent(focus) == window->dialog;

	switch (message->wParam) {
	case VK_RETURN:
		if (list_is_open(focus))
			return false;
		if (own_button && (id == ID_BACK || id == ID_SOURCES || id == ID_PREVIOUS || id == ID_NEXT))
			SendMessageW(focus, BM_CLICK, 0, 0);
		return true;
	case VK_PRIOR:
	case VK_NEXT:
		if (list_is_open(focus) || (popup_is_body(window, focus) && (GetWindowLongPtrW(focus, GWL_STYLE) & WS_VSCROLL)))
			return false;
		popup_scroll_by_bar(window, message->wParam == VK_PRIOR ? SB_PAGEUP : SB_PAGEDOWN);
		return true;
	default:
		return false;
	}
}

/* The wheel scrolls what is under the pointer, and never turns a closed list to another reason. */
static bool handles_wheel(struct window *window, const MSG *message)
{
	POINT at = {GET_X_LPARAM(message->lParam), GET_Y_LPARAM(message->lParam)};
	HWND under = WindowFromPoint(at);

	if (list_is_open(GetFocus()))
		return false;
	if (popup_is_body(window, under) && (GetWindowLongPtrW(under, GWL_STYLE) & WS_VSCROLL))
		SendMessageW(under, WM_MOUSEWHEEL, message->wParam, message->lParam);
	else
		SendMessageW(window->panel, WM_MOUSEWHEEL, message->wParam, message->lParam);
	return true;
}

static bool handles(struct window *window, const MSG *message)
{
	if (message->hwnd != window->dialog && !IsChild(window->dialog, message->hwnd))
		return false;
	if (message->message == WM_KEYDOWN)
		return handles_key(window, message);
	/* On a button a letter alone would be a shortcut, as with Alt: a doctor who is still typing would decide. */
	if (message->message == WM_CHAR && GetParent(message->hwnd) == window->dialog)
		return true;
	return message->message == WM_MOUSEWHEEL && handles_wheel(window, message);
}

static void wait_for_choice(struct window *window)
{
	MSG message;

	while (!window->chosen) {
		BOOL got = GetMessageW(&message, NULL, 0, 0);

		if (got == 0 || got == -1) {
			choose(window, PCK_POPUP_E_CLOSED);
			if (got == 0)
				PostQuitMessage((int)message.wParam); /* the host's own loop ends by it */
			break;
		}
		if (!handles(window, &message) && !IsDialogMessageW(window->dialog, &message)) {
			TranslateMessage(&message);
			DispatchMessageW(&message);
		}
	}
}

static HWND make_dialog(struct window *window, HWND parent)
{
	/* A template without controls, a menu, a class and a title: three empty words follow it. */
	struct {
		_Alignas(DWORD) DLGTEMPLATE head;
		WORD menu, class_name, title;
	} template = {.head = {.style = WS_POPUP | WS_CAPTION | WS_SYSMENU | WS_THICKFRAME | WS_CLIPCHILDREN,
	                       .dwExtendedStyle = WS_EX_DLGMODALFRAME | WS_EX_CONTROLPARENT}};

	return CreateDialogIndirectParamW(window->module, &template.head, parent, dialog_proc, (LPARAM)window);
}

int32_t popup_window(HWND parent, HINSTANCE module, const struct popup_model *model, char **feedback)
{
	struct window window = {.model = model, .module = module, .choice = PCK_POPUP_E_WINDOW};
	struct popup_surroundings surroundings;
	bool parent_waits;

	*feedback = NULL;
	parent = parent != NULL ? GetAncestor(parent, GA_ROOT) : NULL;
	window.given = calloc(model->entry_count + 1, sizeof *window.given);
	if (window.given == NULL)
		return PCK_E_MEMORY;
	popup_enter(&surroundings, module);
	window.dialog = popup_register_panel(module) ? make_dialog(&window, parent) : NULL;
	if (window.dialog != NULL) {
		popup_own_scaling(window.dialog);
		popup_set_text(window.dialog, TEXT_TITLE);
		window.high_contrast = popup_high_contrast();
		popup_make_controls(&window);
		popup_set_dpi(&window, popup_dpi_of(window.dialog));
		show_page(&window, 0);
		popup_size_to_content(&window, parent);
		parent_waits = parent != NULL && IsWindowEnabled(parent);
		if (parent_waits)
			EnableWindow(parent, FALSE);
		ShowWindow(window.dialog, SW_SHOW);
		SetForegroundWindow(window.dialog);
		SetFocus(model->entry_count > 0 ? window.rows[0].controls[PART_BODY] : popup_item(&window, ID_BACK));
		wait_for_choice(&window);
		if (parent_waits && IsWindow(parent)) {
			EnableWindow(parent, TRUE); /* before the window goes, else another program comes to the front */
			SetForegroundWindow(parent);
		}
		if (IsWindow(window.dialog))
			DestroyWindow(window.dialog);
		popup_drop_fonts(&window);
		UnregisterClassW(PANEL_CLASS, module); /* the module may be unloaded; fails while another popup is open */
	}
	popup_leave(&surroundings);
	for (size_t i = 0; i < model->entry_count; i++)
		free(window.given[i].words);
	free(window.given);
	*feedback = window.feedback;
	return window.choice;
}
