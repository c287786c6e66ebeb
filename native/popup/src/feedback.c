/* What the doctor decided: what a reason still lacks, and the feedback document. */
#include "model.h"

#include "popup_texts.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

/* ---- what the doctor decided ---- */

static char *composed(const struct popup_entry *entry, const struct popup_reason *reason)
{
	struct popup_text text = {0};

	if (!entry->reason_required)
		popup_text_add(&text, TEXT_REASON_NOT_ASKED);
	else if (reason->chosen != NULL)
		popup_text_add(&text, reason->chosen);
	if (entry->reason_required && reason->words[0] != '\0') {
		popup_text_add(&text, text.len > 0 ? TEXT_REASON_JOINT : "");
		popup_text_add(&text, reason->words);
	}
	return popup_text_take(&text);
}

/* Whether a reason is none without words of the doctor's own, as "其他" is not. */
static bool wants_words(const char *chosen)
{
	if (chosen == NULL)
		return true;
	for (size_t i = 0; i < TEXT_REASONS_IN_WORDS_BEGIN_COUNT; i++)
		if (strncmp(chosen, TEXT_REASONS_IN_WORDS_BEGIN[i], strlen(TEXT_REASONS_IN_WORDS_BEGIN[i])) == 0)
			return true;
	for (size_t i = 0; i < TEXT_REASONS_IN_WORDS_HAVE_COUNT; i++)
		if (strstr(chosen, TEXT_REASONS_IN_WORDS_HAVE[i]) != NULL)
			return true;
	return false;
}

int32_t popup_reason_lacks(const struct popup_model *model, size_t entry, const struct popup_reason *reason, char **text)
{
	const struct popup_entry *asked = &model->entries[entry];
	struct popup_text number = {0}, limit = {0}, lacks = {0};
	uint32_t characters_min = asked->reason_characters_min > 0 ? asked->reason_characters_min : 1;
	char *whole = composed(asked, reason);
	const char *pattern = NULL;

	*text = NULL;
	if (whole == NULL)
		return PCK_E_MEMORY;
	popup_text_add_number(&number, (long)entry + 1);
	popup_text_add_number(&limit, (long)characters_min);
	if (!asked->reason_required) {
		pattern = NULL;
	} else if (popup_utf16_units(whole) > PCK_POPUP_REASON_CHARACTERS_MAX) {
		limit.len = 0;
		popup_text_add_number(&limit, PCK_POPUP_REASON_CHARACTERS_MAX);
		pattern = TEXT_REASON_TOO_LONG;
	} else if (whole[0] == '\0') {
		pattern = TEXT_MISSING_REASON;
	} else if (wants_words(reason->chosen) && popup_utf16_units(reason->words) < characters_min) {
		pattern = TEXT_MISSING_WORDS;
	}
	free(whole);
	if (number.failed || limit.failed)
		pattern = NULL, lacks.failed = true;
	if (pattern != NULL)
		popup_text_fill(&lacks, pattern, number.data, limit.data, NULL);
	popup_text_free(&number);
	popup_text_free(&limit);
	if (pattern != NULL)
		*text = popup_text_take(&lacks);
	return (pattern != NULL && *text == NULL) || lacks.failed ? PCK_E_MEMORY : PCK_OK;
}

/* How many bytes a text can take in JSON: \uXXXX for every UTF-16 unit. */
#define ESCAPED_UNIT_BYTES 6
#define FEEDBACK_FRAME_BYTES 128 /* around all entries, and around each */

size_t popup_feedback_bytes_max(const struct popup_model *model)
{
	size_t most = 0;
	size_t entries = 0;

	if (!model->checked)
		return 0;
	for (size_t i = 0; i < model->entry_count; i++) {
		const struct popup_entry *entry = &model->entries[i];
		size_t reason = entry->reason_required ? PCK_POPUP_REASON_CHARACTERS_MAX : popup_utf16_units(TEXT_REASON_NOT_ASKED);

		for (size_t k = 0; k < entry->finding_ids.count && entries < PCK_POPUP_FEEDBACK_ENTRIES_MAX; k++, entries++)
			most += FEEDBACK_FRAME_BYTES +
			        ESCAPED_UNIT_BYTES * (popup_utf16_units(entry->finding_ids.items[k]) + reason);
	}
	return entries > 0 ? most + FEEDBACK_FRAME_BYTES : 0;
}

/* The national transaction's own number for before (3101) and during (3102) a settlement. */
static const char *warn_type_of(const struct popup_model *model)
{
	yyjson_val *output = yyjson_obj_get(yyjson_doc_get_root(model->json), "output");
	const char *transaction = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(output, "ext"), "transaction"));

	return transaction != NULL && strcmp(transaction, "3102") == 0 ? "2" : "1";
}

static bool add_feedback(yyjson_mut_doc *document, yyjson_mut_val *list, const struct popup_model *model, const char *id,
                         bool go_on, const char *reason)
{
	yyjson_mut_val *entry = yyjson_mut_arr_add_obj(document, list);

	if (model->national)
		return yyjson_mut_obj_add_strcpy(document, entry, "warn_rslt_id", id) &&
		       yyjson_mut_obj_add_str(document, entry, "dspo_way", go_on ? "1" : "2") &&
		       yyjson_mut_obj_add_strcpy(document, entry, "dspo_way_rea", reason);
	return yyjson_mut_obj_add_strcpy(document, entry, "finding_id", id) &&
	       yyjson_mut_obj_add_str(document, entry, "disposition", go_on ? "continued" : "went_back") &&
	       yyjson_mut_obj_add_strcpy(document, entry, "reason", reason);
}

/* Makes what stands around the entries, and returns the list for them. */
static yyjson_mut_val *feedback_frame(yyjson_mut_doc *document, const struct popup_model *model)
{
	yyjson_mut_val *root = yyjson_mut_obj(document);
	yyjson_mut_val *data = root;
	const char *list = "feedback";

	yyjson_mut_doc_set_root(document, root);
	if (model->national) {
		yyjson_mut_obj_add_str(document, root, "infno", "3103");
		data = yyjson_mut_obj_add_obj(document, yyjson_mut_obj_add_obj(document, root, "input"), "data");
		yyjson_mut_obj_add_str(document, data, "warn_type", warn_type_of(model));
		list = "warns";
	}
	return yyjson_mut_obj_add_arr(document, data, list);
}

int32_t popup_feedback(const struct popup_model *model, bool go_on, const struct popup_reason *reasons, char **text)
{
	yyjson_mut_doc *document;
	yyjson_mut_val *list;
	size_t entries = 0;
	bool whole;

	*text = NULL;
	if (popup_feedback_bytes_max(model) == 0)
		return PCK_OK;
	document = yyjson_mut_doc_new(NULL);
	if (document == NULL)
		return PCK_E_MEMORY;
	list = feedback_frame(document, model);
	whole = list != NULL;
	for (size_t i = 0; i < model->entry_count && whole; i++) {
		const struct popup_entry *entry = &model->entries[i];
		char *reason = go_on ? composed(entry, &reasons[i]) : NULL;

		whole = !go_on || reason != NULL;
		for (size_t k = 0; k < entry->finding_ids.count && whole && entries < PCK_POPUP_FEEDBACK_ENTRIES_MAX; k++, entries++)
			whole = add_feedback(document, list, model, entry->finding_ids.items[k], go_on, go_on ? reason : "");
		free(reason);
	}
	if (whole)
		*text = yyjson_mut_write(document, YYJSON_WRITE_ESCAPE_UNICODE, NULL);
	yyjson_mut_doc_free(document);
	return *text != NULL ? PCK_OK : PCK_E_MEMORY;
}
