/*
 * The window's state and its parts, for the files that make the window up:
 *
 *   window.c    the dialog, what keys mean, and the choice
 *   panel.c     the part that scrolls
 *   controls.c  the controls and what stands in them
 *   layout.c    where they stand
 */
#ifndef PCK_POPUP_STATE_H
#define PCK_POPUP_STATE_H

#include "window.h"

/* More entries than this are shown in pages: coordinates of child windows end at 32,767. */
#define PAGE_ENTRIES 20

/* Sizes at 96 dots per inch. */
#define MARGIN    12
#define GAP        6
#define BAR_WIDTH  5 /* of the coloured bar beside an entry */

#define PANEL_CLASS L"PrecheckPopupPanel"

enum control {
	ID_BACK = IDCANCEL, /* what Esc means to a dialog */
	ID_CONTINUE = 100,
	ID_SOURCES,
	ID_PREVIOUS,
	ID_NEXT,
	ID_HEADLINE,
	ID_NOTES,
	ID_PANEL,
	ID_PROBLEM,
	ID_PAGE,
	ID_FOOTER,
	ID_ROW /* and more: ID_ROW + row * ROW_CONTROLS + enum part */
};

enum part { PART_TITLE, PART_BODY, PART_LABEL, PART_REASONS, PART_MORE, PART_WORDS, ROW_CONTROLS };

struct row {
	HWND controls[ROW_CONTROLS]; /* NULL where the entry needs none */
	bool body_scrolls;
	int top, bottom;             /* in the panel, unscrolled */
};

/* What was entered for an entry, kept while another page is shown. */
struct given {
	int choice;      /* in the list of reasons; 0 is the request to choose */
	wchar_t *words;  /* NULL: none */
};

struct window {
	const struct popup_model *model;
	HINSTANCE module;
	HWND dialog, panel;
	HFONT font, bold, large;
	UINT dpi;
	bool high_contrast;
	bool sources_shown;
	size_t page;
	struct row rows[PAGE_ENTRIES];
	struct given *given;
	int scroll, content_height;
	int32_t choice;
	bool chosen;
	char *feedback;
};

/* ---- controls.c ---- */

size_t popup_page_count(const struct window *window);
/* How many entries the page has, the number of one in the model, and the entry itself. */
size_t popup_rows_on_page(const struct window *window);
size_t popup_entry_index(const struct window *window, size_t row);
const struct popup_entry *popup_entry_of(const struct window *window, size_t row);

/* A size at 96 dots per inch, as it is on the window's monitor. */
int popup_scaled(const struct window *window, int size);
HWND popup_item(const struct window *window, int id);
void popup_set_text(HWND control, const char *utf8);
/* The controls around the panel, once; those of the page, whenever it changes; one body anew. */
void popup_make_controls(struct window *window);
void popup_make_rows(struct window *window);
HWND popup_make_body(struct window *window, size_t row, bool scrolls);
void popup_give_fonts(struct window *window);

/* ---- layout.c ---- */

int popup_line_height(const struct window *window, HFONT font);
/* Places every control for the window's size. */
void popup_place(struct window *window);
/* As high as its content, never larger than the screen, in the middle of what it belongs to. */
void popup_size_to_content(struct window *window, HWND parent);
void popup_limit_size(const struct window *window, MINMAXINFO *limits);
/* Scrolls the panel, no further than its content goes. */
void popup_scroll_to(struct window *window, int position);
void popup_set_dpi(struct window *window, UINT dpi);
void popup_drop_fonts(const struct window *window);
RECT popup_work_area(HWND window);
/* Moves and shrinks a rectangle until it is inside another. */
RECT popup_inside(RECT box, RECT area);

/* ---- panel.c ---- */

bool popup_register_panel(HINSTANCE module);
void popup_scroll_by_bar(struct window *window, int what);
LRESULT popup_colour_control(struct window *window, HDC context, HWND control, bool in_panel);
/* Is this control the text of an entry? */
bool popup_is_body(const struct window *window, HWND control);

#endif
