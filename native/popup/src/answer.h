/*
 * Reading the parsed answer: values of the kind that is expected, findings by their ids, lines by their names.
 *
 * What cannot be read as it should is a failure of the whole, never something left out: a window without one of the
 * findings, or with a choice that a finding forbids, would be worse than none.
 */
#ifndef PCK_POPUP_ANSWER_H
#define PCK_POPUP_ANSWER_H

#include "model.h"

#include <yyjson.h>

/* What one reading needs besides the model. */
struct reading {
	struct popup_model *model;
	int32_t failure;       /* PCK_OK, or the first thing that went wrong */
	yyjson_val *display;
	yyjson_val *not_evaluated;
	yyjson_val **findings; /* sorted by their ids */
	size_t finding_count;
};

/* Where the two layouts differ. */
struct layout {
	const char *finding_id;
	const char *line_name;
};

const struct layout *answer_layout(const struct popup_model *model);
void answer_fail(struct reading *reading, int32_t failure);

/* A value, or a failure and something harmless: "", 0, false, NULL. */
const char *answer_text_of(struct reading *reading, yyjson_val *value);
const char *answer_text_at(struct reading *reading, yyjson_val *object, const char *name);
const char *answer_optional_at(struct reading *reading, yyjson_val *object, const char *name);
yyjson_val *answer_array_at(struct reading *reading, yyjson_val *object, const char *name);
uint32_t answer_number_at(struct reading *reading, yyjson_val *object, const char *name, uint32_t most);
bool answer_truth_at(struct reading *reading, yyjson_val *object, const char *name);

/* Memory of the model; NULL and a failure if there is none.  The first takes a text over. */
char *answer_keep(struct reading *reading, struct popup_text *text);
void *answer_get(struct reading *reading, size_t count, size_t size);
const char *answer_number_text(struct reading *reading, long number);

bool answer_lists(const struct popup_list *list, const char *text);
/* Adds the texts of an array, between separators. */
void answer_add_list(struct reading *reading, struct popup_text *text, yyjson_val *array, const char *separator);

void answer_index_findings(struct reading *reading, yyjson_val *array);
yyjson_val *answer_finding_of(struct reading *reading, const char *id);
/* What the national layout keeps in `ext`, our own in the finding itself. */
yyjson_val *answer_more_of(const struct reading *reading, yyjson_val *finding);

/* "第3行 心电监测" */
void answer_add_line_name(struct reading *reading, struct popup_text *text, yyjson_val *line);
/* Adds the names of a finding's violating lines, or of its related ones, each once. */
void answer_name_lines(struct reading *reading, struct popup_list *names, yyjson_val *finding, bool violating);
/* How many lines a finding has, of both kinds. */
size_t answer_line_count(const struct reading *reading, yyjson_val *finding);

/* ---- entry.c ---- */

/* Reads one entry of `display`. */
void popup_read_entry(struct reading *reading, size_t number, struct popup_entry *entry, yyjson_val *shown);
/* Makes one entry of all that was not judged, if anything; returns how many things that is. */
size_t popup_read_unjudged(struct reading *reading);

#endif
