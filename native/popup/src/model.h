/*
 * What the window shows and what may be chosen in it, made of a check's answer.  Portable C without a
 * window, so that it is tested and fuzzed apart from one.
 *
 * All text is zero-terminated UTF-8.  html/model.js is the same for the page; the tests hold the two
 * against each other.
 */
#ifndef PCK_POPUP_MODEL_H
#define PCK_POPUP_MODEL_H

#include "precheck_popup.h"

#include "text.h"

#include <stdbool.h>
#include <stddef.h>

/* An entry's action, in the order of gravity; the last is no finding, but what nobody judged. */
enum popup_action {
	POPUP_HINT,
	POPUP_WARN,
	POPUP_WARN_REASON,
	POPUP_REVIEW,
	POPUP_BLOCK,
	POPUP_UNJUDGED
};

/* A list of texts that the answer, the texts' header or the model owns. */
struct popup_list {
	const char **items;
	size_t count;
};

struct popup_entry {
	enum popup_action action;
	char *title;          /* "1.【提醒】药品儿童专用" */
	char *body;           /* what, why, where, ways out; lines by \n */
	char *sources;        /* on demand; empty where there are none */
	bool may_continue;
	bool reason_required;
	uint32_t reason_characters_min; /* of a reason in words */
	struct popup_list reasons;      /* to choose from, where one is required */
	struct popup_list finding_ids;
};

/* What the doctor gave as reason for one entry. */
struct popup_reason {
	const char *chosen; /* one of the entry's reasons; NULL: none of them */
	const char *words;  /* never NULL */
};

struct popup_model {
	bool checked;
	bool national;        /* the layout of the answer, and so of the feedback */
	bool may_continue;    /* always true where nothing was checked */
	enum popup_action gravest; /* of the entries; POPUP_UNJUDGED if there is no finding */
	const char *continue_text;
	char *headline;
	char *notes;          /* what must always be in sight; lines by \n; may be empty */
	char *footer;         /* may be empty */
	struct popup_entry *entries; /* the gravest first, what is unjudged last */
	size_t entry_count;
	void *json;           /* the parsed answer; texts stand in it */
	struct popup_arena memory;
};

/*
 * Reads an answer: `result` and `state` are those of pck_check().  Returns PCK_OK, PCK_E_MEMORY or
 * PCK_POPUP_E_ANSWER; `model` must be freed in any case.
 */
int32_t popup_model_read(struct popup_model *model, int32_t result, int32_t state, const char *answer, size_t len);
void popup_model_free(struct popup_model *model);

/* Why nothing was judged, or not recorded, as a doctor reads it; `result` is what a function of precheck.h returned. */
const char *popup_cause_of(int32_t result);

/*
 * Says what an entry's reason still lacks, as a text for the doctor with the number of the entry;
 * `*text` is NULL if nothing.  Returns PCK_OK or PCK_E_MEMORY.
 */
int32_t popup_reason_lacks(const struct popup_model *model, size_t entry, const struct popup_reason *reason, char **text);

/* The most bytes that the feedback can take, with its zero; 0 if there never is one. */
size_t popup_feedback_bytes_max(const struct popup_model *model);

/*
 * Makes the feedback document: `reasons` has one for every entry, and is not read for going back.
 * `*text` is NULL where there is nothing to report.  Returns PCK_OK or PCK_E_MEMORY.
 */
int32_t popup_feedback(const struct popup_model *model, bool go_on, const struct popup_reason *reasons, char **text);

#endif
