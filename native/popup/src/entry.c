/* The entries of the window: one for every cause that the answer shows, and one for all that nobody judged. */
#include "answer.h"

#include "popup_texts.h"

#include <string.h>

/* ---- one entry ---- */

struct action_name {
	const char *name;
	const char *tag;
};

static const struct action_name ACTIONS[] = {
	[POPUP_HINT] = {"HINT", TEXT_ACTION_HINT},
	[POPUP_WARN] = {"WARN", TEXT_ACTION_WARN},
	[POPUP_WARN_REASON] = {"WARN_REASON", TEXT_ACTION_REASON},
	[POPUP_REVIEW] = {"REVIEW", TEXT_ACTION_REVIEW},
	[POPUP_BLOCK] = {"BLOCK", TEXT_ACTION_BLOCK},
	[POPUP_UNJUDGED] = {"", TEXT_ACTION_UNJUDGED},
};

static enum popup_action action_of(struct reading *reading, const char *name)
{
	for (int action = POPUP_HINT; action <= POPUP_BLOCK; action++)
		if (strcmp(ACTIONS[action].name, name) == 0)
			return (enum popup_action)action;
	answer_fail(reading, PCK_POPUP_E_ANSWER);
	return POPUP_BLOCK;
}

static char *entry_title(struct reading *reading, size_t number, enum popup_action action, const char *title)
{
	struct popup_text text = {0};

	popup_text_fill(&text, TEXT_ENTRY_TITLE, answer_number_text(reading, (long)number), ACTIONS[action].tag, title, NULL);
	return answer_keep(reading, &text);
}

/* What the override of a finding asks of who goes on in spite of it. */
static void add_override(struct reading *reading, struct popup_entry *entry, yyjson_val *finding, bool *two_signatures)
{
	yyjson_val *override = yyjson_obj_get(answer_more_of(reading, finding), "override");
	yyjson_val *reasons = answer_array_at(reading, override, "reasons");
	uint32_t characters = answer_number_at(reading, override, "reason_characters_min", PCK_POPUP_REASON_CHARACTERS_MAX);
	yyjson_arr_iter items = yyjson_arr_iter_with(reasons);
	yyjson_val *item;

	if (answer_number_at(reading, override, "signatures", UINT32_MAX) > 1)
		*two_signatures = true;
	if (!answer_truth_at(reading, override, "allowed"))
		entry->may_continue = false;
	if (entry->action >= POPUP_WARN_REASON || yyjson_arr_size(reasons) > 0 || characters > 0)
		entry->reason_required = true;
	if (characters > entry->reason_characters_min)
		entry->reason_characters_min = characters;
	while ((item = yyjson_arr_iter_next(&items)) != NULL) {
		const char *reason = answer_text_of(reading, item);

		if (!answer_lists(&entry->reasons, reason))
			entry->reasons.items[entry->reasons.count++] = reason;
	}
}

static void read_overrides(struct reading *reading, struct popup_entry *entry, bool *two_signatures)
{
	size_t reasons = 0;

	entry->may_continue = entry->action != POPUP_BLOCK;
	if (entry->action == POPUP_HINT || !reading->model->checked)
		return;
	for (size_t i = 0; i < entry->finding_ids.count && reading->failure == PCK_OK; i++) {
		yyjson_val *finding = answer_finding_of(reading, entry->finding_ids.items[i]);

		reasons += yyjson_arr_size(yyjson_obj_get(yyjson_obj_get(answer_more_of(reading, finding), "override"), "reasons"));
	}
	entry->reasons.items = answer_get(reading, reasons, sizeof *entry->reasons.items);
	for (size_t i = 0; i < entry->finding_ids.count && reading->failure == PCK_OK; i++)
		add_override(reading, entry, answer_finding_of(reading, entry->finding_ids.items[i]), two_signatures);
	if (!entry->may_continue) {
		entry->reason_required = false;
	} else if (entry->reason_required && entry->reasons.count == 0) {
		entry->reasons.items = (const char **)TEXT_REASONS_COMMON;
		entry->reasons.count = TEXT_REASONS_COMMON_COUNT;
	}
}

static void add_lines(struct reading *reading, struct popup_text *body, const struct popup_entry *entry)
{
	struct popup_list names[2] = {0};
	size_t lines = 0;

	for (size_t i = 0; i < entry->finding_ids.count && reading->failure == PCK_OK; i++)
		lines += answer_line_count(reading, answer_finding_of(reading, entry->finding_ids.items[i]));
	for (int related = 0; related < 2; related++) {
		struct popup_list *list = &names[related];

		list->items = answer_get(reading, lines, sizeof *list->items);
		for (size_t i = 0; i < entry->finding_ids.count && reading->failure == PCK_OK; i++)
			answer_name_lines(reading, list, answer_finding_of(reading, entry->finding_ids.items[i]), related == 0);
		for (size_t i = 0; i < list->count; i++) {
			if (i == 0) {
				popup_text_add(body, "\n");
				popup_text_add(body, related ? TEXT_ENTRY_RELATED : TEXT_ENTRY_VIOLATING);
			} else {
				popup_text_add(body, TEXT_LIST_SEPARATOR);
			}
			popup_text_add(body, list->items[i]);
		}
	}
}

static void read_sources(struct reading *reading, struct popup_entry *entry, yyjson_val *shown)
{
	struct popup_text text = {0};
	struct popup_list texts = {0};
	yyjson_val *sources = answer_array_at(reading, shown, "sources");

	if (yyjson_arr_size(sources) > 0)
		popup_text_add(&text, TEXT_ENTRY_SOURCES);
	answer_add_list(reading, &text, sources, "\n");
	texts.items = answer_get(reading, entry->finding_ids.count, sizeof *texts.items);
	for (size_t i = 0; i < entry->finding_ids.count && reading->failure == PCK_OK; i++) {
		yyjson_val *finding = answer_finding_of(reading, entry->finding_ids.items[i]);
		const char *basis = answer_optional_at(reading, answer_more_of(reading, finding), "basis_text");

		if (basis[0] == '\0' || answer_lists(&texts, basis))
			continue;
		texts.items[texts.count++] = basis;
		popup_text_add(&text, text.len > 0 ? "\n" : "");
		popup_text_add(&text, TEXT_ENTRY_BASIS);
		popup_text_add(&text, basis);
	}
	entry->sources = answer_keep(reading, &text);
}

void popup_read_entry(struct reading *reading, size_t number, struct popup_entry *entry, yyjson_val *shown)
{
	struct popup_text body = {0};
	yyjson_val *ids = answer_array_at(reading, shown, "finding_ids");
	yyjson_val *ways_out = answer_array_at(reading, shown, "ways_out");
	const char *amount = answer_optional_at(reading, shown, "amount");
	yyjson_arr_iter items = yyjson_arr_iter_with(ids);
	yyjson_val *item;
	bool two_signatures = false;

	entry->action = action_of(reading, answer_text_at(reading, shown, "action"));
	entry->title = entry_title(reading, number, entry->action, answer_text_at(reading, shown, "title"));
	entry->finding_ids.items = answer_get(reading, yyjson_arr_size(ids), sizeof *entry->finding_ids.items);
	if (yyjson_arr_size(ids) == 0)
		answer_fail(reading, PCK_POPUP_E_ANSWER);
	while (reading->failure == PCK_OK && (item = yyjson_arr_iter_next(&items)) != NULL)
		entry->finding_ids.items[entry->finding_ids.count++] = answer_text_of(reading, item);
	if (reading->failure == PCK_OK)
		read_overrides(reading, entry, &two_signatures);

	popup_text_add(&body, answer_text_at(reading, shown, "text"));
	if (reading->failure == PCK_OK)
		add_lines(reading, &body, entry);
	if (amount[0] != '\0') {
		popup_text_add(&body, "\n");
		popup_text_fill(&body, TEXT_ENTRY_AMOUNT, amount, NULL);
	}
	if (yyjson_arr_size(ways_out) > 0) {
		popup_text_add(&body, "\n" TEXT_ENTRY_WAYS_OUT);
		answer_add_list(reading, &body, ways_out, TEXT_LIST_SEPARATOR);
	}
	if (two_signatures)
		popup_text_add(&body, "\n" TEXT_ENTRY_TWO_SIGNATURES);
	entry->body = answer_keep(reading, &body);
	if (reading->failure == PCK_OK)
		read_sources(reading, entry, shown);
}

/* ---- what nobody judged ---- */

static void add_missing(struct reading *reading, struct popup_text *body, size_t *count)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(answer_array_at(reading, reading->display, "missing"));
	yyjson_val *missing;

	while (reading->failure == PCK_OK && (missing = yyjson_arr_iter_next(&items)) != NULL) {
		yyjson_val *rules = answer_array_at(reading, missing, "rules");

		popup_text_add(body, (*count)++ > 0 ? "\n" : "");
		popup_text_add(body, answer_text_at(reading, missing, "text"));
		if (yyjson_arr_size(rules) > 0) {
			struct popup_text names = {0};
			const char *kept;

			answer_add_list(reading, &names, rules, TEXT_NAME_SEPARATOR);
			kept = answer_keep(reading, &names);
			if (kept != NULL)
				popup_text_fill(body, TEXT_ENTRY_RULES, kept, NULL);
		}
	}
}

/* The line that a gap concerns, if one; the national layout names it in the gap itself. */
static yyjson_val *line_of_gap(const struct reading *reading, yyjson_val *gap)
{
	yyjson_val *line = reading->model->national ? gap : yyjson_obj_get(gap, "line");

	return yyjson_obj_get(line, "position") != NULL ? line : NULL;
}

/* Gaps that follow each other for one reason are told as one, with all their lines. */
static void add_gaps(struct reading *reading, struct popup_text *body, size_t *count)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(reading->not_evaluated);
	const char *last = NULL;
	yyjson_val *gap;

	while (reading->failure == PCK_OK && (gap = yyjson_arr_iter_next(&items)) != NULL) {
		const char *text = answer_text_at(reading, gap, "text");
		yyjson_val *line = line_of_gap(reading, gap);
		bool again = line != NULL && last != NULL && strcmp(last, text) == 0;

		if (!again) {
			popup_text_add(body, (*count)++ > 0 ? "\n" : "");
			popup_text_add(body, text);
		}
		if (line != NULL) {
			popup_text_add(body, again ? TEXT_NAME_SEPARATOR : TEXT_REASON_JOINT);
			answer_add_line_name(reading, body, line);
		}
		last = line != NULL ? text : NULL;
	}
}

/* Returns how many things were not judged. */
size_t popup_read_unjudged(struct reading *reading)
{
	struct popup_model *model = reading->model;
	struct popup_text body = {0};
	size_t count = 0;

	if (reading->display != NULL)
		add_missing(reading, &body, &count);
	if (reading->failure == PCK_OK)
		add_gaps(reading, &body, &count);
	if (count > 0 && reading->failure == PCK_OK) {
		struct popup_entry *entry = &model->entries[model->entry_count++];

		entry->action = POPUP_UNJUDGED;
		entry->may_continue = true;
		entry->title = entry_title(reading, model->entry_count, POPUP_UNJUDGED, TEXT_ENTRY_UNJUDGED);
		entry->body = answer_keep(reading, &body);
		entry->sources = "";
	}
	popup_text_free(&body);
	return count;
}
