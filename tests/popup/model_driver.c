/*
 * model_driver.c - what the window would show, as JSON, on a machine without Windows.
 *
 *   model-driver show RESULT STATE ANSWER [back | on [CHOICE WORDS]...]
 *   model-driver starve RESULT STATE ANSWER      every allocation fails once; nothing may leak or lie
 *
 * CHOICE is the number of a reason from 1, 0 for none; one pair for each entry.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static volatile long allocations; /* volatile: the compiler thinks that it knows malloc */
static volatile long failing = -1; /* the number of the allocation that fails; -1: none */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool fails(void)
{
	return allocations++ == failing;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	long size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		exit(2);
	size = ftell(file);
	rewind(file);
	data = malloc((size_t)size + 1);
	if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
		exit(2);
	fclose(file);
	*len = (size_t)size;
	return data;
}

static void add_texts(yyjson_mut_doc *out, yyjson_mut_val *object, const char *name, const struct popup_list *list)
{
	yyjson_mut_val *array = yyjson_mut_obj_add_arr(out, object, name);

	for (size_t i = 0; i < list->count; i++)
		yyjson_mut_arr_add_strcpy(out, array, list->items[i]);
}

static void add_entry(yyjson_mut_doc *out, yyjson_mut_val *entries, const struct popup_model *model, size_t index,
                      const struct popup_reason *reasons)
{
	const struct popup_entry *entry = &model->entries[index];
	yyjson_mut_val *object = yyjson_mut_arr_add_obj(out, entries);
	char *lacks = NULL;

	yyjson_mut_obj_add_int(out, object, "action", entry->action);
	yyjson_mut_obj_add_strcpy(out, object, "title", entry->title);
	yyjson_mut_obj_add_strcpy(out, object, "body", entry->body);
	yyjson_mut_obj_add_strcpy(out, object, "sources", entry->sources);
	yyjson_mut_obj_add_bool(out, object, "may_continue", entry->may_continue);
	yyjson_mut_obj_add_bool(out, object, "reason_required", entry->reason_required);
	yyjson_mut_obj_add_uint(out, object, "reason_characters_min", entry->reason_characters_min);
	add_texts(out, object, "reasons", &entry->reasons);
	add_texts(out, object, "finding_ids", &entry->finding_ids);
	if (popup_reason_lacks(model, index, &reasons[index], &lacks) != PCK_OK)
		exit(3);
	if (lacks != NULL)
		yyjson_mut_obj_add_strcpy(out, object, "lacks", lacks);
	else
		yyjson_mut_obj_add_null(out, object, "lacks");
	free(lacks);
}

static struct popup_reason *read_reasons(const struct popup_model *model, int argc, char **argv)
{
	struct popup_reason *reasons = calloc(model->entry_count + 1, sizeof *reasons);

	for (size_t i = 0; i < model->entry_count; i++) {
		int at = 6 + 2 * (int)i;
		size_t choice = argc > at ? (size_t)atoi(argv[at]) : 0;

		reasons[i].chosen = choice >= 1 && choice <= model->entries[i].reasons.count ? model->entries[i].reasons.items[choice - 1]
		                                                                             : NULL;
		reasons[i].words = argc > at + 1 ? argv[at + 1] : "";
	}
	return reasons;
}

static int show(int argc, char **argv, const char *answer, size_t len)
{
	struct popup_model model;
	int32_t result = popup_model_read(&model, atoi(argv[2]), atoi(argv[3]), answer, len);
	yyjson_mut_doc *out = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(out), *entries;
	struct popup_reason *reasons;
	char *feedback = NULL, *text;

	yyjson_mut_doc_set_root(out, root);
	yyjson_mut_obj_add_int(out, root, "result", result);
	if (result == PCK_OK) {
		reasons = read_reasons(&model, argc, argv);
		yyjson_mut_obj_add_bool(out, root, "checked", model.checked);
		yyjson_mut_obj_add_bool(out, root, "may_continue", model.may_continue);
		yyjson_mut_obj_add_int(out, root, "gravest", model.gravest);
		yyjson_mut_obj_add_strcpy(out, root, "continue_text", model.continue_text);
		yyjson_mut_obj_add_strcpy(out, root, "headline", model.headline);
		yyjson_mut_obj_add_strcpy(out, root, "notes", model.notes);
		yyjson_mut_obj_add_strcpy(out, root, "footer", model.footer);
		yyjson_mut_obj_add_uint(out, root, "feedback_bytes_max", popup_feedback_bytes_max(&model));
		entries = yyjson_mut_obj_add_arr(out, root, "entries");
		for (size_t i = 0; i < model.entry_count; i++)
			add_entry(out, entries, &model, i, reasons);
		if (argc > 5 && popup_feedback(&model, strcmp(argv[5], "on") == 0, reasons, &feedback) != PCK_OK)
			return 3;
		if (feedback != NULL)
			yyjson_mut_obj_add_strcpy(out, root, "feedback", feedback);
		else
			yyjson_mut_obj_add_null(out, root, "feedback");
		free(feedback);
		free(reasons);
	}
	text = yyjson_mut_write(out, YYJSON_WRITE_NOFLAG, NULL);
	puts(text);
	free(text);
	yyjson_mut_doc_free(out);
	popup_model_free(&model);
	return 0;
}

/* Once with every allocation failing in turn, until one run needs no more than went well. */
static int starve(char **argv, const char *answer, size_t len)
{
	long runs = 0;
	int32_t result = PCK_E_MEMORY;

	for (failing = 0; result != PCK_OK; failing++, runs++) {
		struct popup_model model;
		char *feedback = NULL, *lacks = NULL;
		struct popup_reason reason = {NULL, "病情需要，已核对"};
		struct popup_reason *reasons;

		allocations = 0;
		result = popup_model_read(&model, atoi(argv[2]), atoi(argv[3]), answer, len);
		if (result == PCK_OK) {
			long kept = failing;

			failing = -1;
			reasons = calloc(model.entry_count + 1, sizeof *reasons);
			failing = kept;
			for (size_t i = 0; i < model.entry_count && result == PCK_OK; i++) {
				reasons[i] = reason;
				result = popup_reason_lacks(&model, i, &reason, &lacks);
				free(lacks);
			}
			if (result == PCK_OK)
				result = popup_feedback(&model, true, reasons, &feedback);
			free(feedback);
			free(reasons);
		}
		popup_model_free(&model);
		if (result != PCK_OK && result != PCK_E_MEMORY) {
			printf("allocation %ld: %d\n", failing, (int)result);
			return 1;
		}
		if (result == PCK_OK && allocations > failing)
			result = PCK_E_MEMORY; /* one failed, and nobody minded: it did without, as realloc may */
	}
	printf("%ld runs\n", runs);
	return 0;
}

int main(int argc, char **argv)
{
	size_t len;
	char *answer;
	int status;

	if (argc < 5)
		return 2;
	answer = read_file(argv[4], &len);
	status = strcmp(argv[1], "starve") == 0 ? starve(argv, answer, len) : show(argc, argv, answer, len);
	free(answer);
	return status;
}
