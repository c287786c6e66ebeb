/*
 * From an answer to what a doctor sees.
 *
 *   parsed JSON -> struct reading (answer.c): which layout, where its parts stand
 *               -> one entry for every entry of its `display`, with what its findings say besides (entry.c)
 *               -> one entry for all that was not judged
 *               -> headline, notes, what may be chosen
 *
 * feedback.c makes the document about the choice.
 */
#include "answer.h"

#include "popup_texts.h"

#include <string.h>

#define WHOLLY_UNTOLD 0 /* how much was not judged is not said */

/* ---- the whole ---- */

static void add_note(struct popup_text *notes, const char *note)
{
	popup_text_add(notes, notes->len > 0 ? "\n" : "");
	popup_text_add(notes, note);
}

const char *popup_cause_of(int32_t result)
{
	for (size_t i = 0; i < TEXT_RESULTS_COUNT; i++)
		if (TEXT_RESULTS[i].result == result)
			return TEXT_RESULTS[i].text;
	return TEXT_RESULT_OTHER;
}

static void say_not_checked(struct reading *reading, int32_t result)
{
	struct popup_model *model = reading->model;
	struct popup_text headline = {0}, notes = {0};

	popup_text_add(&headline, TEXT_HEADLINE_NOT_CHECKED);
	add_note(&notes, TEXT_NOTE_NOT_CHECKED);
	popup_text_add(&notes, "\n");
	popup_text_fill(&notes, TEXT_NOTE_CAUSE, popup_cause_of(result), answer_number_text(reading, result), NULL);
	model->headline = answer_keep(reading, &headline);
	model->notes = answer_keep(reading, &notes);
	model->may_continue = true;
	model->continue_text = TEXT_BUTTON_CONTINUE_NOT_CHECKED;
}

/* Says what was found and what may be done about it.  `verdict` is 0, 1 or 2, the graver of the two that are told. */
static void say_checked(struct reading *reading, int32_t verdict, bool partial, bool stale, size_t unjudged)
{
	struct popup_model *model = reading->model;
	struct popup_text headline = {0}, notes = {0};
	size_t problems = 0, hints = 0;
	bool reason = false;
	const char *pattern;

	model->may_continue = verdict != PCK_BLOCK;
	for (size_t i = 0; i < model->entry_count; i++) {
		const struct popup_entry *entry = &model->entries[i];

		model->may_continue = model->may_continue && entry->may_continue;
		reason = reason || entry->reason_required;
		if (entry->action == POPUP_HINT)
			hints++;
		else if (entry->action != POPUP_UNJUDGED)
			problems++;
	}
	if (problems == 0 && verdict != PCK_PASS)
		answer_fail(reading, PCK_POPUP_E_ANSWER); /* it warns of nothing that could be shown */

	model->continue_text = TEXT_BUTTON_CONTINUE;
	if (!model->may_continue) {
		pattern = TEXT_HEADLINE_BLOCK;
		add_note(&notes, TEXT_NOTE_BLOCK);
	} else if (problems > 0 && model->gravest == POPUP_REVIEW) {
		pattern = TEXT_HEADLINE_REVIEW;
		model->continue_text = TEXT_BUTTON_CONTINUE_REVIEW;
	} else if (reason) {
		pattern = TEXT_HEADLINE_REASON;
		model->continue_text = TEXT_BUTTON_CONTINUE_REASON;
	} else if (problems > 0) {
		pattern = TEXT_HEADLINE_WARN;
	} else if (hints > 0) {
		pattern = TEXT_HEADLINE_HINT;
	} else {
		pattern = partial ? TEXT_HEADLINE_PARTIAL : TEXT_HEADLINE_PASS;
	}
	popup_text_fill(&headline, pattern, answer_number_text(reading, (long)(problems > 0 ? problems : hints)), NULL);
	if (partial && unjudged == WHOLLY_UNTOLD) {
		add_note(&notes, TEXT_NOTE_PARTIAL_UNTOLD);
	} else if (partial) {
		add_note(&notes, "");
		popup_text_fill(&notes, TEXT_NOTE_PARTIAL, answer_number_text(reading, (long)unjudged), NULL);
	}
	if (stale)
		add_note(&notes, TEXT_NOTE_STALE);
	model->headline = answer_keep(reading, &headline);
	model->notes = answer_keep(reading, &notes);
}

static void read_footer(struct reading *reading, yyjson_val *head)
{
	struct popup_text text = {0};
	const char *check_id = answer_optional_at(reading, head, "check_id");
	const char *revision = answer_optional_at(reading, head, "revision");

	if (check_id[0] != '\0')
		popup_text_fill(&text, TEXT_FOOTER, check_id, revision, NULL);
	reading->model->footer = answer_keep(reading, &text);
}

static void read_entries(struct reading *reading)
{
	struct popup_model *model = reading->model;
	yyjson_val *shown = reading->display != NULL ? answer_array_at(reading, reading->display, "findings") : NULL;
	yyjson_arr_iter items = yyjson_arr_iter_with(shown);
	yyjson_val *item;

	model->entries = answer_get(reading, yyjson_arr_size(shown) + 1, sizeof *model->entries);
	while (reading->failure == PCK_OK && (item = yyjson_arr_iter_next(&items)) != NULL) {
		struct popup_entry *entry = &model->entries[model->entry_count++];

		popup_read_entry(reading, model->entry_count, entry, item);
		if (model->gravest == POPUP_UNJUDGED || entry->action > model->gravest)
			model->gravest = entry->action;
	}
}

static int32_t verdict_of(struct reading *reading, const char *name)
{
	static const char *const NAMES[] = {"PASS", "WARN", "BLOCK"};

	for (int32_t verdict = PCK_PASS; verdict <= PCK_BLOCK; verdict++)
		if (strcmp(NAMES[verdict], name) == 0)
			return verdict;
	answer_fail(reading, PCK_POPUP_E_ANSWER);
	return PCK_BLOCK;
}

static int32_t completeness_of(struct reading *reading, const char *name)
{
	static const char *const NAMES[] = {"", "COMPLETE", "PARTIAL", "NONE"};

	for (int32_t completeness = PCK_COMPLETE; completeness <= PCK_NONE; completeness++)
		if (strcmp(NAMES[completeness], name) == 0)
			return completeness;
	answer_fail(reading, PCK_POPUP_E_ANSWER);
	return PCK_NONE;
}

/* Reads an answer that was given; `head` is what says verdict, completeness and the rest of the whole. */
static void read_answer(struct reading *reading, int32_t result, int32_t state, yyjson_val *root)
{
	struct popup_model *model = reading->model;
	yyjson_val *output = yyjson_obj_get(root, "output");
	yyjson_val *head = output != NULL ? yyjson_obj_get(output, "ext") : root;
	int32_t completeness = completeness_of(reading, answer_text_at(reading, head, "completeness"));
	bool stale = (state & PCK_STALE) != 0 || yyjson_is_true(yyjson_obj_get(head, "stale"));
	int32_t verdict;
	size_t unjudged;

	model->national = output != NULL;
	if ((state & PCK_COMPLETENESS_MASK) > PCK_NONE)
		answer_fail(reading, PCK_POPUP_E_ANSWER); /* of a later version: it could mean anything */
	if ((state & PCK_COMPLETENESS_MASK) > completeness)
		completeness = state & PCK_COMPLETENESS_MASK;
	model->checked = result >= 0 && completeness != PCK_NONE;
	if (model->checked || yyjson_obj_get(head, "display") != NULL) {
		reading->display = yyjson_obj_get(head, "display");
		reading->not_evaluated = answer_array_at(reading, head, "not_evaluated");
		answer_index_findings(reading, answer_array_at(reading, output != NULL ? output : root, output != NULL ? "result" : "findings"));
		if (reading->display == NULL)
			answer_fail(reading, PCK_POPUP_E_ANSWER);
	}
	if (reading->failure == PCK_OK)
		read_entries(reading);
	unjudged = reading->failure == PCK_OK ? popup_read_unjudged(reading) : 0;
	if (reading->failure != PCK_OK)
		return;
	read_footer(reading, head);
	if (!model->checked) {
		say_not_checked(reading, result < 0 ? result : PCK_E_NOT_EVALUATED);
		return;
	}
	verdict = verdict_of(reading, answer_text_at(reading, head, "verdict"));
	say_checked(reading, result > verdict ? result : verdict, completeness == PCK_PARTIAL || unjudged > 0, stale, unjudged);
}

/* Nothing but the result is known: the answer is empty, or says nothing that can be read. */
static void read_nothing(struct reading *reading, int32_t result)
{
	struct popup_model *model = reading->model;

	reading->failure = PCK_OK;
	reading->display = NULL;
	model->checked = false;
	model->entry_count = 0;
	model->gravest = POPUP_UNJUDGED;
	model->entries = answer_get(reading, 1, sizeof *model->entries);
	model->footer = "";
	say_not_checked(reading, result);
}

int32_t popup_model_read(struct popup_model *model, int32_t result, int32_t state, const char *answer, size_t len)
{
	struct reading reading = {.model = model};
	yyjson_read_err error = {0};
	yyjson_doc *document = NULL;

	memset(model, 0, sizeof *model);
	model->gravest = POPUP_UNJUDGED;
	if (len >= 3 && memcmp(answer, "\xef\xbb\xbf", 3) == 0) /* a byte order mark, as editors put it before a file */
		answer += 3, len -= 3;
	if (len > 0)
		document = yyjson_read_opts((char *)answer, len, YYJSON_READ_NOFLAG, NULL, &error);
	model->json = document;
	if (document != NULL)
		read_answer(&reading, result, state, yyjson_doc_get_root(document));
	else
		answer_fail(&reading, error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? PCK_E_MEMORY : PCK_POPUP_E_ANSWER);
	/* That nothing was checked can be said whatever the answer looks like. */
	if (reading.failure == PCK_POPUP_E_ANSWER && result < 0)
		read_nothing(&reading, result);
	return reading.failure;
}

void popup_model_free(struct popup_model *model)
{
	yyjson_doc_free(model->json);
	popup_arena_free(&model->memory);
	memset(model, 0, sizeof *model);
}
