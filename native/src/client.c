/* Opening and closing a client, and what every call on it begins and ends with. */
#include "client.h"
#include "intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	pck_bytes_free(&client->sent);
	pck_bytes_free(&client->converted);
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

int32_t pck_begin(struct pck_client *client)
{
	int32_t result = enter(client);

	if (result != PCK_OK)
		return result;
	if (client->dead != PCK_OK) {
		leave(client);
		return client->dead;
	}
	client->begun_us = pck_clock_us();
	client->error.text[0] = '\0';
	client->answer = NULL;
	client->wide = 0;
	/* A cancel from before this call is not meant for it. */
	if (atomic_exchange(&client->interrupt.cancelled, 0))
		pck_wake_clear(&client->interrupt.wake);
	return PCK_OK;
}

int32_t pck_end(struct pck_client *client, int32_t result)
{
	if (result >= PCK_OK)
		client->error.text[0] = '\0';
	else if (result == PCK_E_MEMORY)
		pck_error_set(&client->error, "out of memory");
	else if (result == PCK_E_CANCELLED && client->error.text[0] == '\0')
		pck_error_set(&client->error, "cancelled by pck_cancel()");
	if (result <= PCK_E_MEMORY)
		client->dead = result;
	pck_bytes_free(&client->sent);
	leave(client);
	return result;
}

/* By the rule for buffers in precheck.h; `zero_len` is 2 for UTF-16, else 1. */
static int32_t give_text(const void *text, size_t len, size_t zero_len, char *out, uint32_t cap, uint32_t *need)
{
	if (need != NULL)
		*need = (uint32_t)(len + zero_len);
	if (len + zero_len > cap)
		return PCK_E_BUFFER;
	if (len > 0)
		memcpy(out, text, len);
	memset(out + len, 0, zero_len);
	return PCK_OK;
}

int32_t pck_give_nothing(char *out, uint32_t cap, uint32_t *need)
{
	if (need != NULL)
		*need = 0;
	if (out == NULL)
		return cap == 0 ? PCK_OK : PCK_E_ARGUMENT;
	/* Empty in UTF-16 too, whatever the call's encoding will turn out to be. */
	memset(out, 0, cap < 2 ? cap : 2);
	return PCK_OK;
}

int32_t pck_give_answer(struct pck_client *client, char *out, uint32_t cap, uint32_t *need, int32_t *state)
{
	size_t zero_len = client->wide ? 2 : 1;
	int32_t result = give_text(client->answer, client->answer_len, zero_len, out, cap, need);

	if (result != PCK_OK) {
		pck_error_set(&client->error, "the answer takes %lu bytes, the buffer has %lu",
		              (unsigned long)(client->answer_len + zero_len), (unsigned long)cap);
		return result;
	}
	if (state != NULL)
		*state = client->answer_state;
	return client->answer_result;
}

/* ---- about the last call, and the library ---- */

PCK_API int32_t PCK_CALL pck_last_answer(pck_client *client, char *out, uint32_t cap, uint32_t *need,
                                         int32_t *state)
{
	struct pck_error kept;
	int32_t sound = pck_give_nothing(out, cap, need);
	int32_t result;

	if (state != NULL)
		*state = PCK_COMPLETENESS_UNKNOWN;
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
		result = pck_give_answer(client, out, cap, need, state);
	client->error = kept;
	leave(client);
	return result;
}

PCK_API int32_t PCK_CALL pck_last_error(pck_client *client, char *out, uint32_t cap, uint32_t *need)
{
	int32_t sound = pck_give_nothing(out, cap, need);
	int32_t result = enter(client);

	if (result != PCK_OK)
		return result;
	result = sound;
	if (result == PCK_OK)
		result = give_text(client->error.text, strlen(client->error.text), 1, out, cap, need);
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
