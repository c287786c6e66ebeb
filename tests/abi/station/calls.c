/* Many checks, and every answer compared. */
#include "station.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 16
#define ANSWER_BYTES (1 << 20)
#define SMALL_EVERY 16 /* calls, of which one has a buffer that is too small */

struct test_case {
	uint32_t format, encoding;
	int32_t result, state;
	const char *id;
	const char *document;
	uint32_t document_len;
	const char *answer;
	uint32_t answer_len;
};

static struct test_case *cases;
static uint32_t case_count;
static atomic_int wrong;

static uint32_t read_number(FILE *file)
{
	uint8_t bytes[4];

	CHECK(fread(bytes, 1, 4, file) == 4);
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Two zero bytes follow, so that it is a string in every encoding. */
static char *read_bytes(FILE *file, uint32_t *len)
{
	char *data;

	*len = read_number(file);
	data = calloc(1, *len + 2);
	CHECK(data != NULL && fread(data, 1, *len, file) == *len);
	return data;
}

static void read_cases(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint32_t i, unused;

	CHECK(file != NULL);
	case_count = read_number(file);
	cases = calloc(case_count, sizeof *cases);
	CHECK(cases != NULL && case_count > 0);
	for (i = 0; i < case_count; i++) {
		cases[i].format = read_number(file);
		cases[i].encoding = read_number(file);
		cases[i].result = (int32_t)read_number(file);
		cases[i].state = (int32_t)read_number(file);
		cases[i].id = read_bytes(file, &unused);
		cases[i].document = read_bytes(file, &cases[i].document_len);
		cases[i].answer = read_bytes(file, &cases[i].answer_len);
	}
	fclose(file);
}

static void compare(const struct test_case *wanted, int32_t result, int32_t state, const char *answer, uint32_t need,
                    const char *error)
{
	uint32_t zero_len = wanted->encoding == PCK_ENCODING_UTF16 ? 2 : 1;
	uint32_t wanted_need = wanted->answer_len == 0 ? 0 : wanted->answer_len + zero_len;

	/* Without an answer there is an empty one. */
	if (result == wanted->result && state == wanted->state && need == wanted_need &&
	    memcmp(answer, wanted->answer, wanted->answer_len + zero_len) == 0)
		return;
	if (atomic_fetch_add(&wrong, 1) < 5) {
		printf("%s: result %ld (%s), state %ld, need %lu; wanted %ld, %ld, %lu; %s\n", wanted->id, (long)result,
		       pck_result_name(result), (long)state, (unsigned long)need, (long)wanted->result,
		       (long)wanted->state, (unsigned long)wanted_need, error);
		fflush(stdout);
	}
}

struct worker {
	pck_options options;
	char flat_options[1024];
	int number, threads, calls;
};

static void check_once(pck_client *client, const struct test_case *wanted, char *out, uint32_t cap)
{
	pck_request request = {.struct_size = sizeof request};
	char error[PCK_ERROR_BYTES_MAX];
	uint32_t need = 0;
	int32_t result, state = 0;

	request.format = wanted->format;
	request.encoding = wanted->encoding;
	request.document = wanted->document;
	request.document_len = wanted->document_len;
	request.request_id = wanted->id;
	result = pck_check(client, &request, out, cap, &need, &state);
	if (result == PCK_E_BUFFER && need <= ANSWER_BYTES)
		result = pck_last_answer(client, out, ANSWER_BYTES, &need, &state);
	pck_last_error(client, error, sizeof error, NULL);
	compare(wanted, result, state, out, need, error);
}

static void check_flat(int32_t handle, const struct test_case *wanted, char *out, uint32_t cap)
{
	char error[PCK_ERROR_BYTES_MAX];
	int32_t need = 0, state = 0;
	int32_t result;

	if (wanted->encoding == PCK_ENCODING_GBK) {
		result = pck_flat_check_a(handle, (int32_t)wanted->format, wanted->document, wanted->id, 0, out,
		                          (int32_t)cap, &need, &state);
		if (result == PCK_E_BUFFER)
			result = pck_flat_last_answer_a(handle, out, ANSWER_BYTES, &need, &state);
	} else {
		uint16_t id[64] = {0};
		size_t i;

		for (i = 0; wanted->id[i] != '\0'; i++)
			id[i] = (uint8_t)wanted->id[i];
		result = pck_flat_check_w(handle, (int32_t)wanted->format, (const uint16_t *)wanted->document, id, 0,
		                          (uint16_t *)out, (int32_t)cap / 2, &need, &state);
		if (result == PCK_E_BUFFER)
			result = pck_flat_last_answer_w(handle, (uint16_t *)out, ANSWER_BYTES / 2, &need, &state);
		need *= 2;
	}
	pck_flat_last_error_a(handle, error, sizeof error);
	compare(wanted, result, state, out, (uint32_t)need, error);
}

static THREAD_RESULT work(void *argument)
{
	const struct worker *worker = argument;
	char *out = malloc(ANSWER_BYTES);
	char error[PCK_ERROR_BYTES_MAX];
	pck_client *client;
	int32_t handle;
	int n;

	if (pck_open(&worker->options, &client, error, sizeof error) != PCK_OK) {
		printf("pck_open: %s\n", error);
		CHECK(!"opened");
	}
	if (pck_flat_open_a(worker->flat_options, &handle, error, sizeof error) != PCK_OK) {
		printf("pck_flat_open_a: %s\n", error);
		CHECK(!"opened");
	}
	CHECK(out != NULL);
	for (n = worker->number; n < worker->calls; n += worker->threads) {
		const struct test_case *wanted = &cases[(uint32_t)n % case_count];
		uint32_t cap = n % SMALL_EVERY == 0 ? 8 : ANSWER_BYTES;
		int is_flat = wanted->encoding != PCK_ENCODING_UTF8 && n / (int)case_count % 2 == 1;

		/* What a call leaves unwritten must not pass for its answer. */
		memset(out, 'x', wanted->answer_len + 2);
		if (is_flat)
			check_flat(handle, wanted, out, cap);
		else
			check_once(client, wanted, out, cap);
	}
	pck_free(client);
	CHECK(pck_flat_close(handle) == PCK_OK);
	free(out);
	return 0;
}

void run_calls(int count, char **arguments)
{
	static struct worker workers[THREADS_MAX];
	static const char *const tls_names[] = {"tls_ca_file", "tls_server_name", "tls_cert_file", "tls_key_file"};
	thread_id threads[THREADS_MAX];
	struct worker model = {.options = {.struct_size = sizeof model.options}};
	int i;

	CHECK(count >= 4);
	read_cases(arguments[1]);
	model.threads = atoi(arguments[2]);
	model.calls = atoi(arguments[3]);
	CHECK(model.threads >= 1 && model.threads <= THREADS_MAX);
	model.options.servers = arguments[0];
	model.options.deadline_ms = PATIENT_MS;
	model.options.station_id = "station";
	model.options.tls_ca_file = count > 4 ? arguments[4] : NULL;
	model.options.tls_server_name = count > 5 ? arguments[5] : NULL;
	model.options.tls_cert_file = count > 7 ? arguments[6] : NULL;
	model.options.tls_key_file = count > 7 ? arguments[7] : NULL;
	snprintf(model.flat_options, sizeof model.flat_options, "servers=%s;deadline_ms=%d;station_id=station", arguments[0],
	         PATIENT_MS);
	for (i = 4; i < count; i++) {
		size_t len = strlen(model.flat_options);

		snprintf(model.flat_options + len, sizeof model.flat_options - len, ";%s=%s", tls_names[i - 4], arguments[i]);
	}
	for (i = 0; i < model.threads; i++) {
		workers[i] = model;
		workers[i].number = i;
		threads[i] = start_thread(work, &workers[i]);
	}
	for (i = 0; i < model.threads; i++)
		join_thread(threads[i]);
	printf("%d calls, %d wrong\n", model.calls, atomic_load(&wrong));
	CHECK(atomic_load(&wrong) == 0);
}
