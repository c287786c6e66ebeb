/* Fuzz target: any bytes as an answer.  Whatever is read can be shown, complained about and reported. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of a text, so that a missing end shows. */
static void look_at(const char *text)
{
	if (strlen(text) == SIZE_MAX)
		abort();
}

static void use(const struct popup_model *model)
{
	struct popup_reason *reasons = calloc(model->entry_count + 1, sizeof *reasons);
	size_t most = popup_feedback_bytes_max(model);
	char *text;

	if (reasons == NULL)
		return;
	look_at(model->headline);
	look_at(model->notes);
	look_at(model->footer);
	for (size_t i = 0; i < model->entry_count; i++) {
		const struct popup_entry *entry = &model->entries[i];

		look_at(entry->title);
		look_at(entry->body);
		look_at(entry->sources);
		/* A finding that forbids to go on, and a window that offers it, must not be. */
		if (model->checked && !entry->may_continue && model->may_continue)
			abort();
		reasons[i].chosen = entry->reasons.count > 0 ? entry->reasons.items[0] : NULL;
		reasons[i].words = "\xe7\x97\x85\xe6\x83\x85";
		if (popup_reason_lacks(model, i, &reasons[i], &text) == PCK_OK)
			free(text);
	}
	for (int go_on = 0; go_on < 2; go_on++) {
		if (popup_feedback(model, go_on == 1, reasons, &text) == PCK_OK && text != NULL && strlen(text) >= most)
			abort();
		free(text);
	}
	free(reasons);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int32_t RESULTS[] = {PCK_PASS, PCK_WARN, PCK_BLOCK, PCK_E_TIMEOUT};
	struct popup_model model;
	int32_t result = RESULTS[size % 4];
	/* A copy of exactly this size: AddressSanitizer sees what reads beyond it. */
	char *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	if (popup_model_read(&model, result, 0, copy, size) == PCK_OK)
		use(&model);
	else if (result < 0)
		abort(); /* that nothing was checked can always be said */
	popup_model_free(&model);
	free(copy);
	return 0;
}
