/* The functions of precheck.h: take in what the caller gives, run the call, give out what came. */
#include "client.h"
#include "intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "/precheck.v1.Precheck/"

/* ---- opening and closing ---- */

static int32_t configure(struct pck_client *client, const pck_options *options, struct pck_error *error)
{
	int32_t result = pck_take_servers(client->servers, &client->server_count, options->servers, error);

	if (result == PCK_OK && options->tls_ca_file != NULL)
		result = pck_tls_context_open(&client->tls, options->tls_ca_file, options->tls_cert_file,
		                              options->tls_key_file, error);
	if (result != PCK_OK)
		return result;
	client->deadline_ms = options->deadline_ms;
	client->max_answer_bytes = options->max_answer_bytes;
	client->idle_ms = options->idle_ms;
	if (options->station_id != NULL)
		memcpy(client->station_id, options->station_id, strlen(options->station_id));
	if (options->profile != NULL)
		memcpy(client->profile, options->profile, strlen(options->profile));
	if (options->tls_server_name != NULL)
		memcpy(client->tls_name, options->tls_server_name, strlen(options->tls_server_name));
	if (pck_random(client->seed, sizeof client->seed) != 0) {
		pck_error_set(error, "the system gives no random numbers");
		return PCK_E_INTERNAL;
	}
	return PCK_OK;
}

static int32_t make_client(struct pck_client **made, const pck_options *options, struct pck_error *error)
{
	struct pck_client *client = calloc(1, sizeof *client);
	int32_t result;

	if (client == NULL)
		return PCK_E_MEMORY;
	atomic_flag_clear(&client->busy);
	atomic_init(&client->interrupt.cancelled, 0);
	pck_endpoints_init(client);
	if (pck_wake_open(&client->interrupt.wake) != 0) {
		pck_error_set(error, "the system gives no pipe");
		free(client);
		return PCK_E_INTERNAL;
	}
	result = configure(client, options, error);
	if (result != PCK_OK) {
		pck_free(client);
		return result;
	}
	*made = client;
	return PCK_OK;
}

PCK_API int32_t PCK_CALL pck_open(const pck_options *options, pck_client **client, char *error, uint32_t error_cap)
{
	struct pck_error why = {""};
	pck_options own;
	int32_t result;

	if (error != NULL && error_cap > 0)
		error[0] = '\0';
	if (client == NULL)
		return PCK_E_ARGUMENT;
	*client = NULL;
	result = pck_take_options(&own, options, &why);
	if (result == PCK_OK)
		result = make_client(client, &own, &why);
	if (result == PCK_E_MEMORY)
		pck_error_set(&why, "out of memory");
	if (result != PCK_OK && error != NULL && error_cap > 0)
		(void)snprintf(error, error_cap, "%s", why.text);
	return result;
}

PCK_API void PCK_CALL pck_free(pck_client *client)
{
	if (client == NULL)
		return;
	pck_endpoints_free(client);
	pck_tls_context_free(client->tls);
	pck_wake_close(&client->interrupt.wake);
	pck_bytes_free(&client->reply.message);
	free(client);
}

PCK_API void PCK_CALL pck_cancel(pck_client *client)
{
	if (client == NULL)
		return;
	atomic_store(&client->interrupt.cancelled, 1);
	pck_wake_send(&client->interrupt.wake);
}

/* ---- in and out of a call ---- */

static int32_t enter(struct pck_client *client)
{
	if (client == NULL)
		return PCK_E_ARGUMENT;
	if (atomic_flag_test_and_set(&client->busy))
		return PCK_E_BUSY;
	return PCK_OK;
}

static void leave(struct pck_client *client)
{
	atomic_flag_clear(&client->busy);
}

/* The start of a call that asks a server. */
static int32_t begin(struct pck_client *client)
{
	int32_t result = enter(client);

	if (result != PCK_OK)
		return result;
	if (client->dead != PCK_OK) {
		leave(client);
		return client->dead;
	}
	client->error.text[0] = '\0';
	client->answer = NULL;
	/* A cancel from before this call is not meant for it. */
	if (atomic_exchange(&client->interrupt.cancelled, 0))
		pck_wake_clear(&client->interrupt.wake);
	return PCK_OK;
}

/* The end of it. */
static int32_t end(struct pck_client *client, int32_t result)
{
	if (result >= PCK_OK)
		client->error.text[0] = '\0';
	else if (result == PCK_E_MEMORY)
		pck_error_set(&client->error, "out of memory");
	else if (result == PCK_E_CANCELLED && client->error.text[0] == '\0')
		pck_error_set(&client->error, "cancelled by pck_cancel()");
	if (result <= PCK_E_MEMORY)
		client->dead = result;
	leave(client);
	return result;
}

/* By the rule for buffers in precheck.h. */
static int32_t give_text(const void *text, size_t len, char *out, uint32_t cap, uint32_t *need)
{
	if (need != NULL)
		*need = (uint32_t)len + 1;
	if (len >= cap)
		return PCK_E_BUFFER;
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
	return PCK_OK;
}

static int32_t give_nothing(char *out, uint32_t cap, uint32_t *need)
{
	if (need != NULL)
		*need = 0;
	if (out == NULL)
		return cap == 0 ? PCK_OK : PCK_E_ARGUMENT;
	if (cap > 0)
		out[0] = '\0';
	return PCK_OK;
}

static int32_t give_answer(struct pck_client *client, char *out, uint32_t cap, uint32_t *need, int32_t *completeness)
{
	int32_t result = give_text(client->answer, client->answer_len, out, cap, need);

	if (result != PCK_OK) {
		pck_error_set(&client->error, "the answer takes %lu bytes, the buffer has %lu",
		              (unsigned long)client->answer_len + 1, (unsigned long)cap);
		return result;
	}
	if (completeness != NULL)
		*completeness = client->answer_completeness;
	return client->answer_result;
}

/* ---- the calls ---- */

/* Document, format and encoding have the same numbers in every message. */
static int32_t put_document(struct pck_body *body, const pck_request *request)
{
	int32_t result;

	pck_wire_document(body, request->document, request->document_len);
	result = pck_wire_number(body, 2, request->format);
	return result == PCK_OK ? pck_wire_number(body, 3, request->encoding) : result;
}

/* 16 random bytes of the client, and the number of the call. */
static void make_request_id(struct pck_client *client, char id[2 * PCK_SEED_BYTES + 24])
{
	size_t i;

	for (i = 0; i < PCK_SEED_BYTES; i++)
		(void)snprintf(id + 2 * i, 3, "%02x", client->seed[i]);
	(void)snprintf(id + 2 * i, 24, "-%llx", (unsigned long long)++client->calls);
}

static int32_t send_check(struct pck_client *client, const pck_request *request)
{
	char made_id[2 * PCK_SEED_BYTES + 24];
	const char *id = request->request_id;
	struct pck_body body = {0};
	int32_t result = put_document(&body, request);

	if (id == NULL || id[0] == '\0') {
		make_request_id(client, made_id);
		id = made_id;
	}
	if (result == PCK_OK)
		result = pck_wire_string(&body, 4, client->profile);
	if (result == PCK_OK)
		result = pck_wire_string(&body, 5, client->station_id);
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

static void keep_answer(struct pck_client *client, const struct pck_fields *fields, int32_t result,
                        int32_t completeness)
{
	client->answer = fields->bytes[1] != NULL ? fields->bytes[1] : (const uint8_t *)"";
	client->answer_len = (uint32_t)fields->len[1];
	client->answer_result = result;
	client->answer_completeness = completeness;
}

/* An empty message is not "complete, pass": completeness has no zero that a server sends. */
static int32_t read_check(struct pck_client *client)
{
	struct pck_fields fields;
	int32_t result = read_reply(client, "bnn", &fields);
	uint64_t verdict = fields.number[2];
	uint64_t completeness = fields.number[3];

	if (result != PCK_OK)
		return result;
	if (completeness < PCK_COMPLETE || completeness > PCK_NONE || verdict > PCK_BLOCK) {
		pck_error_set(&client->error, "the reply has verdict %llu and completeness %llu",
		              (unsigned long long)verdict, (unsigned long long)completeness);
		return PCK_E_BAD_REPLY;
	}
	keep_answer(client, &fields, completeness == PCK_NONE ? PCK_E_NOT_EVALUATED : (int32_t)verdict,
	            (int32_t)completeness);
	return PCK_OK;
}

PCK_API int32_t PCK_CALL pck_check(pck_client *client, const pck_request *request, char *out, uint32_t cap,
                                   uint32_t *need, int32_t *completeness)
{
	pck_request own;
	int32_t sound = give_nothing(out, cap, need);
	int32_t result;

	if (completeness != NULL)
		*completeness = PCK_COMPLETENESS_UNKNOWN;
	result = begin(client);
	if (result != PCK_OK)
		return result;
	if (sound != PCK_OK)
		pck_error_set(&client->error, "out is NULL and cap is not 0");
	result = sound;
	if (result == PCK_OK)
		result = pck_take_request(&own, request, 1, client->deadline_ms, &client->error);
	if (result == PCK_OK)
		result = send_check(client, &own);
	if (result == PCK_OK)
		result = read_check(client);
	if (result == PCK_OK)
		result = give_answer(client, out, cap, need, completeness);
	if (result == PCK_E_NOT_EVALUATED)
		pck_error_set(&client->error, "the server could judge nothing of the document");
	return end(client, result);
}

PCK_API int32_t PCK_CALL pck_last_answer(pck_client *client, char *out, uint32_t cap, uint32_t *need,
                                         int32_t *completeness)
{
	struct pck_error kept;
	int32_t sound = give_nothing(out, cap, need);
	int32_t result;

	if (completeness != NULL)
		*completeness = PCK_COMPLETENESS_UNKNOWN;
	result = enter(client);
	if (result != PCK_OK)
		return result;
	kept = client->error;
	if (client->dead != PCK_OK)
		result = client->dead;
	else if (sound != PCK_OK)
		result = sound;
	else if (client->answer == NULL)
		result = PCK_E_NO_ANSWER;
	else
		result = give_answer(client, out, cap, need, completeness);
	client->error = kept;
	leave(client);
	return result;
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
	result = begin(client);
	if (result != PCK_OK)
		return result;
	result = pck_take_request(&own, request, 0, client->deadline_ms, &client->error);
	if (result == PCK_OK) {
		result = put_document(&body, &own);
		if (result == PCK_OK)
			result = pck_wire_string(&body, 4, client->profile);
		if (result == PCK_OK)
			result = pck_wire_string(&body, 5, client->station_id);
		result = send_body(client, SERVICE "Commit", &body, result, 1, own.deadline_ms, "nn-", &fields);
	}
	if (result == PCK_OK)
		give_counts(&fields, committed_lines, history_position);
	return end(client, result);
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
	result = begin(client);
	if (result != PCK_OK)
		return result;
	result = pck_take_void(&own, request, client->deadline_ms, &client->error);
	if (result == PCK_OK)
		result = send_body(client, SERVICE "Void", &body, put_void(&body, client, &own), 1, own.deadline_ms,
		                   "nn-", &fields);
	if (result == PCK_OK)
		give_counts(&fields, voided_lines, history_position);
	return end(client, result);
}

PCK_API int32_t PCK_CALL pck_feedback(pck_client *client, const pck_request *request, char *out, uint32_t cap,
                                      uint32_t *need, uint32_t *recorded, uint32_t *unmatched)
{
	struct pck_body body = {0};
	struct pck_fields fields = {0};
	pck_request own;
	int32_t sound = give_nothing(out, cap, need);
	int32_t result;

	if (recorded != NULL)
		*recorded = 0;
	if (unmatched != NULL)
		*unmatched = 0;
	result = begin(client);
	if (result != PCK_OK)
		return result;
	if (sound != PCK_OK)
		pck_error_set(&client->error, "out is NULL and cap is not 0");
	result = sound;
	if (result == PCK_OK)
		result = pck_take_request(&own, request, 0, client->deadline_ms, &client->error);
	if (result == PCK_OK) {
		result = put_document(&body, &own);
		if (result == PCK_OK)
			result = pck_wire_string(&body, 4, client->station_id);
		result = send_body(client, SERVICE "Feedback", &body, result, 0, own.deadline_ms, "bnn", &fields);
	}
	if (result == PCK_OK) {
		if (recorded != NULL)
			*recorded = (uint32_t)fields.number[2];
		if (unmatched != NULL)
			*unmatched = (uint32_t)fields.number[3];
		keep_answer(client, &fields, PCK_OK, PCK_COMPLETENESS_UNKNOWN);
		result = give_answer(client, out, cap, need, NULL);
	}
	return end(client, result);
}

/* ---- about the library and the last call ---- */

PCK_API int32_t PCK_CALL pck_last_error(pck_client *client, char *out, uint32_t cap, uint32_t *need)
{
	int32_t sound = give_nothing(out, cap, need);
	int32_t result = enter(client);

	if (result != PCK_OK)
		return result;
	result = sound == PCK_OK ? give_text(client->error.text, strlen(client->error.text), out, cap, need) : sound;
	leave(client);
	return result;
}

PCK_API int32_t PCK_CALL pck_version(void)
{
	return PCK_VERSION;
}

#define NAMED(result) case result: return #result

PCK_API const char *PCK_CALL pck_result_name(int32_t result)
{
	switch (result) {
	NAMED(PCK_PASS);
	NAMED(PCK_WARN);
	NAMED(PCK_BLOCK);
	NAMED(PCK_E_ARGUMENT);
	NAMED(PCK_E_STRUCT);
	NAMED(PCK_E_SERVERS);
	NAMED(PCK_E_CERTIFICATE);
	NAMED(PCK_E_BUFFER);
	NAMED(PCK_E_NO_ANSWER);
	NAMED(PCK_E_BUSY);
	NAMED(PCK_E_DOCUMENT_LIMIT);
	NAMED(PCK_E_ANSWER_LIMIT);
	NAMED(PCK_E_REJECTED);
	NAMED(PCK_E_DENIED);
	NAMED(PCK_E_UNSUPPORTED);
	NAMED(PCK_E_TIMEOUT);
	NAMED(PCK_E_UNREACHABLE);
	NAMED(PCK_E_TLS);
	NAMED(PCK_E_UNAVAILABLE);
	NAMED(PCK_E_BAD_REPLY);
	NAMED(PCK_E_SERVER);
	NAMED(PCK_E_CANCELLED);
	NAMED(PCK_E_NOT_EVALUATED);
	NAMED(PCK_E_MEMORY);
	NAMED(PCK_E_INTERNAL);
	default:
		return "PCK_E_?";
	}
}
