/*
 * The calls of precheck_flat.h: each makes a structure of what it is given, and calls the function of
 * precheck.h that it is named for.
 */
#include "flat.h"

#include <stdlib.h>
#include <string.h>

/* As pck_flat_begin(), for a call that gives out a text: `bytes` is the size of `out`, where it is sound. */
static int32_t begin_with_text(struct pck_flat_call *call, int32_t handle, int wide, void *out, int32_t cap,
                               int32_t *need, uint32_t *bytes)
{
	int32_t result;

	pck_flat_give_nothing(wide, out, cap, need);
	result = pck_flat_begin(call, handle, wide);
	if (result == PCK_OK)
		*bytes = pck_flat_cap(call, out, cap);
	return result;
}

static int32_t flat_check(int wide, int32_t handle, int32_t format, const void *document, const void *request_id,
                          int32_t deadline_ms, void *out, int32_t cap, int32_t *need, int32_t *state)
{
	struct pck_flat_call call;
	pck_request request;
	uint32_t bytes = 0, needed = 0;
	int32_t result;

	pck_flat_give_number(state, PCK_COMPLETENESS_UNKNOWN);
	result = begin_with_text(&call, handle, wide, out, cap, need, &bytes);
	if (result != PCK_OK)
		return result;
	pck_flat_document(&call, &request, format, document, deadline_ms);
	request.request_id = pck_flat_text(&call, "request_id", request_id, PCK_ID_BYTES_MAX);
	result = call.result;
	if (result == PCK_OK)
		result = pck_check(call.slot->client, &request, out, bytes, &needed, state);
	pck_flat_give_need(need, wide, needed);
	return pck_flat_end(&call, result);
}

PCK_API int32_t PCK_CALL pck_flat_check_a(int32_t handle, int32_t format, const char *document, const char *request_id,
                                          int32_t deadline_ms, char *out, int32_t cap, int32_t *need, int32_t *state)
{
	return flat_check(0, handle, format, document, request_id, deadline_ms, out, cap, need, state);
}

PCK_API int32_t PCK_CALL pck_flat_check_w(int32_t handle, int32_t format, const uint16_t *document,
                                          const uint16_t *request_id, int32_t deadline_ms, uint16_t *out, int32_t cap,
                                          int32_t *need, int32_t *state)
{
	return flat_check(1, handle, format, document, request_id, deadline_ms, out, cap, need, state);
}

static int32_t flat_last_answer(int wide, int32_t handle, void *out, int32_t cap, int32_t *need, int32_t *state)
{
	struct pck_flat_slot *slot;
	uint32_t needed = 0;
	int32_t result;

	pck_flat_give_nothing(wide, out, cap, need);
	pck_flat_give_number(state, PCK_COMPLETENESS_UNKNOWN);
	result = pck_flat_enter(handle, &slot);
	if (result != PCK_OK)
		return result;
	if (cap < 0 || slot->wide != wide)
		result = PCK_E_ARGUMENT;
	else
		result = pck_last_answer(slot->client, out, (uint32_t)cap * (wide ? 2 : 1), &needed, state);
	pck_flat_give_need(need, wide, needed);
	pck_flat_leave(slot);
	return result;
}

PCK_API int32_t PCK_CALL pck_flat_last_answer_a(int32_t handle, char *out, int32_t cap, int32_t *need, int32_t *state)
{
	return flat_last_answer(0, handle, out, cap, need, state);
}

PCK_API int32_t PCK_CALL pck_flat_last_answer_w(int32_t handle, uint16_t *out, int32_t cap, int32_t *need,
                                                int32_t *state)
{
	return flat_last_answer(1, handle, out, cap, need, state);
}

static int32_t flat_commit(int wide, int32_t handle, int32_t format, const void *document, int32_t deadline_ms,
                           int32_t *committed_lines)
{
	struct pck_flat_call call;
	pck_request request;
	uint32_t lines = 0;
	int32_t result;

	pck_flat_give_number(committed_lines, 0);
	result = pck_flat_begin(&call, handle, wide);
	if (result != PCK_OK)
		return result;
	pck_flat_document(&call, &request, format, document, deadline_ms);
	result = call.result;
	if (result == PCK_OK)
		result = pck_commit(call.slot->client, &request, &lines, NULL);
	pck_flat_give_number(committed_lines, lines);
	return pck_flat_end(&call, result);
}

PCK_API int32_t PCK_CALL pck_flat_commit_a(int32_t handle, int32_t format, const char *document, int32_t deadline_ms,
                                           int32_t *committed_lines)
{
	return flat_commit(0, handle, format, document, deadline_ms, committed_lines);
}

PCK_API int32_t PCK_CALL pck_flat_commit_w(int32_t handle, int32_t format, const uint16_t *document,
                                           int32_t deadline_ms, int32_t *committed_lines)
{
	return flat_commit(1, handle, format, document, deadline_ms, committed_lines);
}

/*
 * "a, b,c" into `ids`, which has room for PCK_ORDER_IDS_MAX; "*" is none of them.  An empty id is left to
 * pck_void(), which refuses it.
 */
static int32_t split_ids(char *text, const char **ids, uint32_t *count, struct pck_error *error)
{
	*count = 0;
	if (text == NULL) {
		pck_error_set(error, "order_ids is empty; every line of the encounter is `*`");
		return PCK_E_ARGUMENT;
	}
	if (strcmp(pck_flat_trimmed(text), "*") == 0)
		return PCK_OK;
	for (;;) {
		size_t len = strcspn(text, ",");
		int is_last = text[len] == '\0';

		if (*count == PCK_ORDER_IDS_MAX) {
			pck_error_set(error, "order_ids: more than %d", PCK_ORDER_IDS_MAX);
			return PCK_E_ARGUMENT;
		}
		text[len] = '\0';
		ids[(*count)++] = pck_flat_trimmed(text);
		if (is_last)
			return PCK_OK;
		text += len + 1;
	}
}

static int32_t flat_void(int wide, int32_t handle, const void *patient_id, const void *encounter_id,
                         const void *order_ids, const void *item_code, const void *reason, int32_t deadline_ms,
                         int32_t *voided_lines)
{
	struct pck_flat_call call;
	pck_void_request request;
	const char **ids = NULL;
	char *text;
	uint32_t lines = 0;
	int32_t result;

	pck_flat_give_number(voided_lines, 0);
	result = pck_flat_begin(&call, handle, wide);
	if (result != PCK_OK)
		return result;
	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	request.deadline_ms = pck_flat_number(&call, "deadline_ms", deadline_ms);
	request.patient_id = pck_flat_text(&call, "patient_id", patient_id, PCK_TEXT_BYTES_MAX);
	request.encounter_id = pck_flat_text(&call, "encounter_id", encounter_id, PCK_TEXT_BYTES_MAX);
	request.item_code = pck_flat_text(&call, "item_code", item_code, PCK_TEXT_BYTES_MAX);
	request.reason = pck_flat_text(&call, "reason", reason, PCK_TEXT_BYTES_MAX);
	text = pck_flat_text(&call, "order_ids", order_ids, PCK_FLAT_ORDER_IDS_BYTES_MAX);
	result = call.result;
	if (result == PCK_OK) {
		ids = malloc(PCK_ORDER_IDS_MAX * sizeof *ids);
		result = ids == NULL ? PCK_E_MEMORY
		                     : split_ids(text, ids, &request.order_id_count, &call.slot->client->error);
	}
	request.order_ids = ids;
	if (result == PCK_OK)
		result = pck_void(call.slot->client, &request, &lines, NULL);
	free(ids);
	pck_flat_give_number(voided_lines, lines);
	return pck_flat_end(&call, result);
}

PCK_API int32_t PCK_CALL pck_flat_void_a(int32_t handle, const char *patient_id, const char *encounter_id,
                                         const char *order_ids, const char *item_code, const char *reason,
                                         int32_t deadline_ms, int32_t *voided_lines)
{
	return flat_void(0, handle, patient_id, encounter_id, order_ids, item_code, reason, deadline_ms, voided_lines);
}

PCK_API int32_t PCK_CALL pck_flat_void_w(int32_t handle, const uint16_t *patient_id, const uint16_t *encounter_id,
                                         const uint16_t *order_ids, const uint16_t *item_code, const uint16_t *reason,
                                         int32_t deadline_ms, int32_t *voided_lines)
{
	return flat_void(1, handle, patient_id, encounter_id, order_ids, item_code, reason, deadline_ms, voided_lines);
}

static int32_t flat_feedback(int wide, int32_t handle, int32_t format, const void *document, int32_t deadline_ms,
                             void *out, int32_t cap, int32_t *need, int32_t *recorded, int32_t *unmatched)
{
	struct pck_flat_call call;
	pck_request request;
	uint32_t bytes = 0, needed = 0, recorded_count = 0, unmatched_count = 0;
	int32_t result;

	pck_flat_give_number(recorded, 0);
	pck_flat_give_number(unmatched, 0);
	result = begin_with_text(&call, handle, wide, out, cap, need, &bytes);
	if (result != PCK_OK)
		return result;
	pck_flat_document(&call, &request, format, document, deadline_ms);
	result = call.result;
	if (result == PCK_OK)
		result = pck_feedback(call.slot->client, &request, out, bytes, &needed, &recorded_count, &unmatched_count);
	pck_flat_give_need(need, wide, needed);
	pck_flat_give_number(recorded, recorded_count);
	pck_flat_give_number(unmatched, unmatched_count);
	return pck_flat_end(&call, result);
}

PCK_API int32_t PCK_CALL pck_flat_feedback_a(int32_t handle, int32_t format, const char *document, int32_t deadline_ms,
                                             char *out, int32_t cap, int32_t *need, int32_t *recorded,
                                             int32_t *unmatched)
{
	return flat_feedback(0, handle, format, document, deadline_ms, out, cap, need, recorded, unmatched);
}

PCK_API int32_t PCK_CALL pck_flat_feedback_w(int32_t handle, int32_t format, const uint16_t *document,
                                             int32_t deadline_ms, uint16_t *out, int32_t cap, int32_t *need,
                                             int32_t *recorded, int32_t *unmatched)
{
	return flat_feedback(1, handle, format, document, deadline_ms, out, cap, need, recorded, unmatched);
}

static int32_t flat_recent_history(int wide, int32_t handle, const void *patient_id, const void *since, int32_t limit,
                                   int32_t deadline_ms, void *out, int32_t cap, int32_t *need)
{
	struct pck_flat_call call;
	pck_history_request request;
	uint32_t bytes = 0, needed = 0;
	int32_t result;

	result = begin_with_text(&call, handle, wide, out, cap, need, &bytes);
	if (result != PCK_OK)
		return result;
	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	request.encoding = wide ? PCK_ENCODING_UTF16 : PCK_ENCODING_GBK;
	request.limit = pck_flat_number(&call, "limit", limit);
	request.deadline_ms = pck_flat_number(&call, "deadline_ms", deadline_ms);
	request.patient_id = pck_flat_text(&call, "patient_id", patient_id, PCK_TEXT_BYTES_MAX);
	request.since = pck_flat_text(&call, "since", since, PCK_TEXT_BYTES_MAX);
	result = call.result;
	if (result == PCK_OK)
		result = pck_recent_history(call.slot->client, &request, out, bytes, &needed);
	pck_flat_give_need(need, wide, needed);
	return pck_flat_end(&call, result);
}

PCK_API int32_t PCK_CALL pck_flat_recent_history_a(int32_t handle, const char *patient_id, const char *since,
                                                   int32_t limit, int32_t deadline_ms, char *out, int32_t cap,
                                                   int32_t *need)
{
	return flat_recent_history(0, handle, patient_id, since, limit, deadline_ms, out, cap, need);
}

PCK_API int32_t PCK_CALL pck_flat_recent_history_w(int32_t handle, const uint16_t *patient_id, const uint16_t *since,
                                                   int32_t limit, int32_t deadline_ms, uint16_t *out, int32_t cap,
                                                   int32_t *need)
{
	return flat_recent_history(1, handle, patient_id, since, limit, deadline_ms, out, cap, need);
}

static int32_t flat_review_status(int wide, int32_t handle, const void *check_id, int32_t deadline_ms, void *out,
                                  int32_t cap, int32_t *need, int32_t *review)
{
	struct pck_flat_call call;
	pck_review_request request;
	uint32_t bytes = 0, needed = 0;
	int32_t result;

	pck_flat_give_number(review, PCK_REVIEW_UNKNOWN);
	result = begin_with_text(&call, handle, wide, out, cap, need, &bytes);
	if (result != PCK_OK)
		return result;
	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	request.encoding = wide ? PCK_ENCODING_UTF16 : PCK_ENCODING_GBK;
	request.deadline_ms = pck_flat_number(&call, "deadline_ms", deadline_ms);
	request.check_id = pck_flat_text(&call, "check_id", check_id, PCK_ID_BYTES_MAX);
	result = call.result;
	if (result == PCK_OK)
		result = pck_review_status(call.slot->client, &request, out, bytes, &needed, review);
	pck_flat_give_need(need, wide, needed);
	return pck_flat_end(&call, result);
}

PCK_API int32_t PCK_CALL pck_flat_review_status_a(int32_t handle, const char *check_id, int32_t deadline_ms, char *out,
                                                  int32_t cap, int32_t *need, int32_t *review)
{
	return flat_review_status(0, handle, check_id, deadline_ms, out, cap, need, review);
}

PCK_API int32_t PCK_CALL pck_flat_review_status_w(int32_t handle, const uint16_t *check_id, int32_t deadline_ms,
                                                  uint16_t *out, int32_t cap, int32_t *need, int32_t *review)
{
	return flat_review_status(1, handle, check_id, deadline_ms, out, cap, need, review);
}
