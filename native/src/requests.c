/*
 * The functions of precheck.h that ask a server: take in what the caller gives, run the call, give out
 * what came.
 */
#include "client.h"
#include "intake.h"
#include "text.h"

#include <string.h>

#define SERVICE "/precheck.v1.Precheck/"

/* What pck_give_nothing() said of `out` and `cap`, before there was a client to say it to. */
static int32_t take_out(struct pck_client *client, int32_t sound)
{
	if (sound != PCK_OK)
		pck_error_set(&client->error, "out is NULL and cap is not 0");
	return sound;
}

/* The encoding to ask the server for: UTF-16 is only between us and the caller; at 0 the server would guess. */
static uint32_t take_encoding(struct pck_client *client, uint32_t encoding)
{
	client->wide = encoding == PCK_ENCODING_UTF16;
	return client->wide || encoding == 0 ? PCK_ENCODING_UTF8 : encoding;
}

/* Turns a document in UTF-16 into one in UTF-8. */
static int32_t narrow_document(struct pck_client *client, pck_request *request)
{
	size_t at;
	int32_t result;

	if (request->document_len % 2 != 0) {
		pck_error_set(&client->error, "document_len is %lu, an odd number of bytes in UTF-16",
		              (unsigned long)request->document_len);
		return PCK_E_ARGUMENT;
	}
	result = pck_text_from_utf16(&client->sent, request->document, request->document_len,
	                             PCK_DOCUMENT_BYTES_MAX, &at);
	if (result == PCK_TEXT_BROKEN) {
		pck_error_set(&client->error, "the document has half a surrogate pair at byte %lu", (unsigned long)at);
		return PCK_E_REJECTED;
	}
	if (result == PCK_E_DOCUMENT_LIMIT)
		pck_error_set(&client->error, "the document has more than %lu bytes as UTF-8",
		              (unsigned long)PCK_DOCUMENT_BYTES_MAX);
	request->document = client->sent.data;
	request->document_len = (uint32_t)client->sent.len;
	return result;
}

/* Document, format and encoding have the same numbers in every message. */
static int32_t put_document(struct pck_client *client, struct pck_body *body, pck_request *request)
{
	uint32_t encoding = take_encoding(client, request->encoding);
	int32_t result = client->wide ? narrow_document(client, request) : PCK_OK;

	if (result != PCK_OK)
		return result;
	pck_wire_document(body, request->document, request->document_len);
	result = pck_wire_number(body, 2, request->format);
	return result == PCK_OK ? pck_wire_number(body, 3, encoding) : result;
}

/* So have who sends it, and how it is to be read, where the server judges or keeps it. */
static int32_t put_sender(const struct pck_client *client, struct pck_body *body)
{
	int32_t result = pck_wire_string(body, 4, client->profile);

	return result == PCK_OK ? pck_wire_string(body, 5, client->station_id) : result;
}

#define REQUEST_ID_BYTES (2 * PCK_SEED_BYTES + 1 + PCK_DIGITS_MAX + 1)

/* 16 random bytes of the client, and the number of the call. */
static void make_request_id(struct pck_client *client, char *id)
{
	size_t i;

	for (i = 0; i < PCK_SEED_BYTES; i++) {
		id = pck_put_number(id, client->seed[i] >> 4, 16);
		id = pck_put_number(id, client->seed[i] & 15, 16);
	}
	*id++ = '-';
	*pck_put_number(id, ++client->calls, 16) = '\0';
}

static int32_t send_check(struct pck_client *client, pck_request *request)
{
	char made_id[REQUEST_ID_BYTES];
	const char *id = request->request_id;
	struct pck_body body = {0};
	int32_t result = put_document(client, &body, request);

	if (id == NULL || id[0] == '\0') {
		make_request_id(client, made_id);
		id = made_id;
	}
	if (result == PCK_OK)
		result = put_sender(client, &body);
	if (result == PCK_OK)
		result = pck_wire_string(&body, 6, id);
	if (result == PCK_OK)
		result = pck_call(client, SERVICE "CheckDocument", &body, 1, request->deadline_ms);
	pck_bytes_free(&body.tail);
	return result;
}

/* Reads the response's message.  `kinds` as of pck_wire_read(). */
static int32_t read_reply(struct pck_client *client, const char *kinds, struct pck_fields *fields)
{
	const struct pck_bytes *message = &client->reply.message;

	if (pck_wire_read(message->data, message->len, kinds, fields) == PCK_OK)
		return PCK_OK;
	pck_error_set(&client->error, "the reply cannot be read");
	return PCK_E_BAD_REPLY;
}

/* Keeps field 1 of a response, in the caller's encoding. */
static int32_t keep_answer(struct pck_client *client, const struct pck_fields *fields, int32_t result, int32_t state)
{
	const uint8_t *answer = fields->bytes[1] != NULL ? fields->bytes[1] : (const uint8_t *)"";
	size_t len = fields->len[1];
	size_t at;
	int32_t converted;

	if (client->wide) {
		pck_bytes_free(&client->converted);
		converted = pck_text_to_utf16(&client->converted, answer, len, &at);
		if (converted == PCK_TEXT_BROKEN) {
			pck_error_set(&client->error, "the answer is not UTF-8 at byte %lu", (unsigned long)at);
			return PCK_E_BAD_REPLY;
		}
		if (converted != PCK_OK)
			return converted;
		answer = client->converted.data;
		len = client->converted.len;
	}
	client->answer = answer;
	client->answer_len = (uint32_t)len;
	client->answer_result = result;
	client->answer_state = state;
	return PCK_OK;
}

/* An empty message is not "complete, pass": completeness has no zero that a server sends. */
static int32_t read_check(struct pck_client *client)
{
	struct pck_fields fields;
	int32_t result = read_reply(client, "bnn--n", &fields);
	uint64_t verdict = fields.number[2];
	uint64_t completeness = fields.number[3];

	if (result != PCK_OK)
		return result;
	if (completeness < PCK_COMPLETE || completeness > PCK_NONE || verdict > PCK_BLOCK) {
		pck_error_set(&client->error, "the reply has verdict %llu and completeness %llu",
		              (unsigned long long)verdict, (unsigned long long)completeness);
		return PCK_E_BAD_REPLY;
	}
	return keep_answer(client, &fields, completeness == PCK_NONE ? PCK_E_NOT_EVALUATED : (int32_t)verdict,
	                   (int32_t)completeness | (fields.number[6] != 0 ? PCK_STALE : 0));
}

PCK_API int32_t PCK_CALL pck_check(pck_client *client, const pck_request *request, char *out, uint32_t cap,
                                   uint32_t *need, int32_t *state)
{
	pck_request own;
	int32_t sound = pck_give_nothing(out, cap, need);
	int32_t result;

	if (state != NULL)
		*state = PCK_COMPLETENESS_UNKNOWN;
	result = pck_begin(client);
	if (result != PCK_OK)
		return result;
	result = take_out(client, sound);
	if (result == PCK_OK)
		result = pck_take_request(&own, request, 1, client->deadline_ms, &client->error);
	if (result == PCK_OK)
		result = send_check(client, &own);
	if (result == PCK_OK)
		result = read_check(client);
	if (result == PCK_OK)
		result = pck_give_answer(client, out, cap, need, state);
	if (result == PCK_E_NOT_EVALUATED)
		pck_error_set(&client->error, "the server could judge nothing of the document");
	return pck_end(client, result);
}

/* Sends a body that is finished, and frees it.  PCK_OK: `fields` holds the response. */
static int32_t send_body(struct pck_client *client, const char *path, struct pck_body *body, int32_t result,
                         int repeatable, uint32_t deadline_ms, const char *kinds, struct pck_fields *fields)
{
	if (result == PCK_OK)
		result = pck_call(client, path, body, repeatable, deadline_ms);
	pck_bytes_free(&body->tail);
	return result == PCK_OK ? read_reply(client, kinds, fields) : result;
}

/* What CommitResponse and VoidResponse say. */
static void give_counts(const struct pck_fields *fields, uint32_t *lines, uint64_t *history_position)
{
	if (lines != NULL)
		*lines = (uint32_t)fields->number[1];
	if (history_position != NULL)
		*history_position = fields->number[2];
}

PCK_API int32_t PCK_CALL pck_commit(pck_client *client, const pck_request *request, uint32_t *committed_lines,
                                    uint64_t *history_position)
{
	struct pck_body body = {0};
	struct pck_fields fields = {0};
	pck_request own;
	int32_t result;

	give_counts(&fields, committed_lines, history_position);
	result = pck_begin(client);
	if (result != PCK_OK)
		return result;
	result = pck_take_request(&own, request, 0, client->deadline_ms, &client->error);
	if (result == PCK_OK) {
		result = put_document(client, &body, &own);
		if (result == PCK_OK)
			result = put_sender(client, &body);
		result = send_body(client, SERVICE "Commit", &body, result, 1, own.deadline_ms, "nn", &fields);
	}
	if (result == PCK_OK)
		give_counts(&fields, committed_lines, history_position);
	return pck_end(client, result);
}

static int32_t put_void(struct pck_body *body, const struct pck_client *client, const pck_void_request *request)
{
	int32_t result = pck_wire_string(body, 1, request->patient_id);
	uint32_t i;

	if (result == PCK_OK)
		result = pck_wire_string(body, 2, request->encounter_id);
	for (i = 0; result == PCK_OK && i < request->order_id_count; i++)
		result = pck_wire_string(body, 3, request->order_ids[i]);
	if (result == PCK_OK)
		result = pck_wire_string(body, 4, request->item_code);
	if (result == PCK_OK)
		result = pck_wire_string(body, 5, request->reason);
	if (result == PCK_OK)
		result = pck_wire_string(body, 6, client->station_id);
	return result;
}

PCK_API int32_t PCK_CALL pck_void(pck_client *client, const pck_void_request *request, uint32_t *voided_lines,
                                  uint64_t *history_position)
{
	struct pck_body body = {0};
	struct pck_fields fields = {0};
	pck_void_request own;
	int32_t result;

	give_counts(&fields, voided_lines, history_position);
	result = pck_begin(client);
	if (result != PCK_OK)
		return result;
	result = pck_take_void(&own, request, client->deadline_ms, &client->error);
	if (result == PCK_OK)
		result = send_body(client, SERVICE "Void", &body, put_void(&body, client, &own), 1, own.deadline_ms,
		                   "nn", &fields);
	if (result == PCK_OK)
		give_counts(&fields, voided_lines, history_position);
	return pck_end(client, result);
}

PCK_API int32_t PCK_CALL pck_feedback(pck_client *client, const pck_request *request, char *out, uint32_t cap,
                                      uint32_t *need, uint32_t *recorded, uint32_t *unmatched)
{
	struct pck_body body = {0};
	struct pck_fields fields = {0};
	pck_request own;
	int32_t sound = pck_give_nothing(out, cap, need);
	int32_t result;

	if (recorded != NULL)
		*recorded = 0;
	if (unmatched != NULL)
		*unmatched = 0;
	result = pck_begin(client);
	if (result != PCK_OK)
		return result;
	result = take_out(client, sound);
	if (result == PCK_OK)
		result = pck_take_request(&own, request, 0, client->deadline_ms, &client->error);
	if (result == PCK_OK) {
		result = put_document(client, &body, &own);
		if (result == PCK_OK)
			result = pck_wire_string(&body, 4, client->station_id);
		result = send_body(client, SERVICE "Feedback", &body, result, 0, own.deadline_ms, "bnn", &fields);
	}
	if (result == PCK_OK)
		result = keep_answer(client, &fields, PCK_OK, PCK_COMPLETENESS_UNKNOWN);
	if (result == PCK_OK) {
		if (recorded != NULL)
			*recorded = (uint32_t)fields.number[2];
		if (unmatched != NULL)
			*unmatched = (uint32_t)fields.number[3];
		result = pck_give_answer(client, out, cap, need, NULL);
	}
	return pck_end(client, result);
}

static int32_t put_history(struct pck_client *client, struct pck_body *body, const pck_history_request *request)
{
	int32_t result = pck_wire_string(body, 1, request->patient_id);

	if (result == PCK_OK)
		result = pck_wire_string(body, 2, request->since);
	if (result == PCK_OK)
		result = pck_wire_number(body, 3, request->limit);
	return result == PCK_OK ? pck_wire_number(body, 4, take_encoding(client, request->encoding)) : result;
}

PCK_API int32_t PCK_CALL pck_recent_history(pck_client *client, const pck_history_request *request, char *out,
                                            uint32_t cap, uint32_t *need)
{
	struct pck_body body = {0};
	struct pck_fields fields = {0};
	pck_history_request own;
	int32_t sound = pck_give_nothing(out, cap, need);
	int32_t result = pck_begin(client);

	if (result != PCK_OK)
		return result;
	result = take_out(client, sound);
	if (result == PCK_OK)
		result = pck_take_history(&own, request, client->deadline_ms, &client->error);
	if (result == PCK_OK)
		result = send_body(client, SERVICE "RecentHistoryDocument", &body, put_history(client, &body, &own), 1,
		                   own.deadline_ms, "b", &fields);
	if (result == PCK_OK)
		result = keep_answer(client, &fields, PCK_OK, PCK_COMPLETENESS_UNKNOWN);
	if (result == PCK_OK)
		result = pck_give_answer(client, out, cap, need, NULL);
	return pck_end(client, result);
}

static int32_t put_review(struct pck_client *client, struct pck_body *body, const pck_review_request *request)
{
	int32_t result = pck_wire_string(body, 1, request->check_id);

	return result == PCK_OK ? pck_wire_number(body, 2, take_encoding(client, request->encoding)) : result;
}

/* A state that is newer than the header is passed on; none at all is no answer. */
static int32_t keep_review(struct pck_client *client, const struct pck_fields *fields, int32_t *review)
{
	uint64_t state = fields->number[2];
	int32_t result;

	if (state == PCK_REVIEW_UNKNOWN || state > INT16_MAX) {
		pck_error_set(&client->error, "the reply has review state %llu", (unsigned long long)state);
		return PCK_E_BAD_REPLY;
	}
	result = keep_answer(client, fields, PCK_OK, PCK_COMPLETENESS_UNKNOWN);
	if (result == PCK_OK && review != NULL)
		*review = (int32_t)state;
	return result;
}

PCK_API int32_t PCK_CALL pck_review_status(pck_client *client, const pck_review_request *request, char *out,
                                           uint32_t cap, uint32_t *need, int32_t *review)
{
	struct pck_body body = {0};
	struct pck_fields fields = {0};
	pck_review_request own;
	int32_t sound = pck_give_nothing(out, cap, need);
	int32_t result;

	if (review != NULL)
		*review = PCK_REVIEW_UNKNOWN;
	result = pck_begin(client);
	if (result != PCK_OK)
		return result;
	result = take_out(client, sound);
	if (result == PCK_OK)
		result = pck_take_review(&own, request, client->deadline_ms, &client->error);
	if (result == PCK_OK)
		result = send_body(client, SERVICE "ReviewStatus", &body, put_review(client, &body, &own), 1,
		                   own.deadline_ms, "bn", &fields);
	if (result == PCK_OK)
		result = keep_review(client, &fields, review);
	if (result == PCK_OK)
		result = pck_give_answer(client, out, cap, need, NULL);
	return pck_end(client, result);
}
