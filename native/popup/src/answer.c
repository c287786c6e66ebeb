#include "answer.h"

#include "popup_texts.h"

#include <stdlib.h>
#include <string.h>

static const struct layout OWN = {"finding_id", "item_name"};
static const struct layout NATIONAL = {"jr_id", "hilist_name"};

const struct layout *answer_layout(const struct popup_model *model)
{
	return model->national ? &NATIONAL : &OWN;
}

void answer_fail(struct reading *reading, int32_t failure)
{
	if (reading->failure == PCK_OK)
		reading->failure = failure;
}

/* A text of the answer; "" and a failure where it is none, or would be cut at a zero in it. */
const char *answer_text_of(struct reading *reading, yyjson_val *value)
{
	const char *text = yyjson_get_str(value);

	if (text != NULL && strlen(text) == yyjson_get_len(value))
		return text;
	answer_fail(reading, PCK_POPUP_E_ANSWER);
	return "";
}

const char *answer_text_at(struct reading *reading, yyjson_val *object, const char *name)
{
	return answer_text_of(reading, yyjson_obj_get(object, name));
}

/* The same where the text may be missing or null: "". */
const char *answer_optional_at(struct reading *reading, yyjson_val *object, const char *name)
{
	yyjson_val *value = yyjson_obj_get(object, name);

	return value == NULL || yyjson_is_null(value) ? "" : answer_text_of(reading, value);
}

yyjson_val *answer_array_at(struct reading *reading, yyjson_val *object, const char *name)
{
	yyjson_val *value = yyjson_obj_get(object, name);

	if (!yyjson_is_arr(value))
		answer_fail(reading, PCK_POPUP_E_ANSWER);
	return value;
}

uint32_t answer_number_at(struct reading *reading, yyjson_val *object, const char *name, uint32_t most)
{
	yyjson_val *value = yyjson_obj_get(object, name);

	if (yyjson_is_uint(value) && yyjson_get_uint(value) <= most)
		return (uint32_t)yyjson_get_uint(value);
	answer_fail(reading, PCK_POPUP_E_ANSWER);
	return 0;
}

bool answer_truth_at(struct reading *reading, yyjson_val *object, const char *name)
{
	yyjson_val *value = yyjson_obj_get(object, name);

	if (!yyjson_is_bool(value))
		answer_fail(reading, PCK_POPUP_E_ANSWER);
	return yyjson_get_bool(value);
}

/* Hands a finished text over to the model. */
char *answer_keep(struct reading *reading, struct popup_text *text)
{
	char *kept = popup_arena_keep(&reading->model->memory, popup_text_take(text));

	if (kept == NULL)
		answer_fail(reading, PCK_E_MEMORY);
	return kept;
}

void *answer_get(struct reading *reading, size_t count, size_t size)
{
	void *memory = popup_arena_get(&reading->model->memory, count, size);

	if (memory == NULL)
		answer_fail(reading, PCK_E_MEMORY);
	return memory;
}

const char *answer_number_text(struct reading *reading, long number)
{
	struct popup_text text = {0};

	popup_text_add_number(&text, number);
	return answer_keep(reading, &text);
}

bool answer_lists(const struct popup_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

/* Adds the texts of an array, each once, between separators. */
void answer_add_list(struct reading *reading, struct popup_text *text, yyjson_val *array, const char *separator)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(array);
	yyjson_val *item;
	bool first = true;

	while ((item = yyjson_arr_iter_next(&items)) != NULL) {
		if (!first)
			popup_text_add(text, separator);
		popup_text_add(text, answer_text_of(reading, item));
		first = false;
	}
}

/* ---- findings by their ids ---- */

static const char *id_of(yyjson_val *finding)
{
	const char *own = yyjson_get_str(yyjson_obj_get(finding, OWN.finding_id));

	return own != NULL ? own : yyjson_get_str(yyjson_obj_get(finding, NATIONAL.finding_id));
}

static int by_id(const void *left, const void *right)
{
	return strcmp(id_of(*(yyjson_val *const *)left), id_of(*(yyjson_val *const *)right));
}

static int id_against(const void *id, const void *finding)
{
	return strcmp(id, id_of(*(yyjson_val *const *)finding));
}

void answer_index_findings(struct reading *reading, yyjson_val *array)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(array);
	yyjson_val *finding;

	reading->findings = answer_get(reading, yyjson_arr_size(array), sizeof *reading->findings);
	while (reading->failure == PCK_OK && (finding = yyjson_arr_iter_next(&items)) != NULL) {
		answer_text_at(reading, finding, answer_layout(reading->model)->finding_id);
		reading->findings[reading->finding_count++] = finding;
	}
	if (reading->failure == PCK_OK)
		qsort(reading->findings, reading->finding_count, sizeof *reading->findings, by_id);
}

yyjson_val *answer_finding_of(struct reading *reading, const char *id)
{
	yyjson_val **found = bsearch(id, reading->findings, reading->finding_count, sizeof *reading->findings, id_against);

	if (found == NULL) {
		answer_fail(reading, PCK_POPUP_E_ANSWER);
		return NULL;
	}
	return *found;
}

/* What the national layout keeps in `ext`, our own in the finding itself. */
yyjson_val *answer_more_of(const struct reading *reading, yyjson_val *finding)
{
	return reading->model->national ? yyjson_obj_get(finding, "ext") : finding;
}

/* ---- lines ---- */

/* "第3行 心电监测" */
void answer_add_line_name(struct reading *reading, struct popup_text *text, yyjson_val *line)
{
	const struct layout *layout = answer_layout(reading->model);
	uint32_t position = answer_number_at(reading, line, "position", UINT32_MAX);

	if (position > 0)
		popup_text_fill(text, TEXT_ENTRY_LINE, answer_number_text(reading, (long)position), NULL);
	popup_text_add(text, answer_text_at(reading, line, layout->line_name));
}

/* Adds the names of lines to a list, each once. */
static void name_line(struct reading *reading, struct popup_list *names, yyjson_val *line)
{
	struct popup_text text = {0};
	const char *name;

	answer_add_line_name(reading, &text, line);
	name = answer_keep(reading, &text);
	if (name != NULL && !answer_lists(names, name))
		names->items[names->count++] = name;
}

/* Adds the names of a finding's violating lines, or of its related ones. */
void answer_name_lines(struct reading *reading, struct popup_list *names, yyjson_val *finding, bool violating)
{
	bool national = reading->model->national;
	const char *where = national ? "judge_result_detail_dtos" : violating ? "violating" : "related";
	yyjson_arr_iter items = yyjson_arr_iter_with(answer_array_at(reading, finding, where));
	yyjson_val *line;

	while (reading->failure == PCK_OK && (line = yyjson_arr_iter_next(&items)) != NULL) {
		if (!national)
			name_line(reading, names, line);
		else if ((strcmp(answer_text_at(reading, line, "vola_item_type"), "1") == 0) == violating)
			name_line(reading, names, yyjson_obj_get(line, "ext"));
	}
}

size_t answer_line_count(const struct reading *reading, yyjson_val *finding)
{
	if (reading->model->national)
		return yyjson_arr_size(yyjson_obj_get(finding, "judge_result_detail_dtos"));
	return yyjson_arr_size(yyjson_obj_get(finding, "violating")) + yyjson_arr_size(yyjson_obj_get(finding, "related"));
}
