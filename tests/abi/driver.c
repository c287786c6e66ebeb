/*
 * A C program that uses the whole header, built from the library's sources with AddressSanitizer and
 * UndefinedBehaviorSanitizer (client_shim/build.py --sanitize).
 *
 *   driver-sanitized SERVER DEAD BREAKING     (each IP:PORT)
 *
 * SERVER does what documents say (tests/abi/servers.py), nothing listens at DEAD, BREAKING closes each
 * connection in the middle of a request.  Prints the number of calls and "ok", or what was wrong.
 */
#define _POSIX_C_SOURCE 200809L

#include "precheck_flat.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENT_MS 30000
#define ROUNDS 100

static int calls;

/* Linked with --wrap: the allocation that makes this count negative fails, and only that one. */
static int allocations_until_failure = INT_MAX;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	return allocations_until_failure-- == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allocations_until_failure-- == 0 ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return allocations_until_failure-- == 0 ? NULL : __real_realloc(old, size);
}

#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void fail(const char *condition, int line)
{
	printf("line %d: %s\n", line, condition);
	exit(1);
}

static pck_client *open_client(const char *servers, uint32_t deadline_ms)
{
	/* On the heap and exactly as long as said: a read beyond it is seen. */
	pck_options *options = calloc(1, sizeof *options);
	char *copy = malloc(strlen(servers) + 1);
	pck_client *client = NULL;

	memcpy(copy, servers, strlen(servers) + 1);
	options->struct_size = sizeof *options;
	options->servers = copy;
	options->deadline_ms = deadline_ms;
	options->station_id = "driver";
	CHECK(pck_open(options, &client, NULL, 0) == PCK_OK);
	free(copy);
	free(options);
	return client;
}

/* A document on the heap, without a zero byte behind it. */
static int32_t check(pck_client *client, const char *text, size_t padding, char *out, uint32_t cap, uint32_t *need)
{
	pck_request request;
	size_t len = strlen(text);
	char *document = malloc(len + padding);
	int32_t completeness = -1;
	int32_t result;

	memcpy(document, text, len);
	if (padding > 0) {
		memset(document + len, 'x', padding);
		document[len] = '\n';
	}
	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	request.format = PCK_FORMAT_NHSA_3101;
	request.document = document;
	request.document_len = (uint32_t)(len + padding);
	result = pck_check(client, &request, out, cap, need, &completeness);
	CHECK(completeness >= 0);
	free(document);
	calls++;
	return result;
}

static void outcomes(pck_client *client)
{
	static const char refused[] = "{\"status\": \"INVALID_ARGUMENT\", \"message\": \"too long to fit\"}";
	char out[32];
	char *large;
	uint32_t need;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		CHECK(check(client, "{\"verdict\": 1, \"answer\": \"abc\"}", 0, out, sizeof out, &need) == PCK_WARN);
		CHECK(need == 4 && strcmp(out, "abc") == 0);
		CHECK(check(client, "{\"verdict\": 2, \"completeness\": 2}", 0, NULL, 0, NULL) == PCK_E_BUFFER);
		CHECK(pck_last_answer(client, out, 1, NULL, NULL) == PCK_BLOCK);
		CHECK(check(client, "{\"completeness\": 3}", 0, out, 1, &need) == PCK_E_NOT_EVALUATED);
		CHECK(check(client, refused, 0, out, sizeof out, &need) == PCK_E_REJECTED);
		CHECK(pck_last_error(client, out, sizeof out, &need) == PCK_E_BUFFER && need > sizeof out);
		CHECK(check(client, "", 0, out, sizeof out, &need) == PCK_E_ARGUMENT);
	}
	CHECK(check(client, "{\"answer_bytes\": 900000}", 3000000, out, sizeof out, &need) == PCK_E_BUFFER);
	large = malloc(need);
	CHECK(pck_last_answer(client, large, need, &need, NULL) == PCK_PASS);
	CHECK(need == 900001 && large[900000] == '\0');
	free(large);
}

static void other_calls(pck_client *client)
{
	static const char *const order_ids[] = {"r1", "r2", "r3"};
	pck_request request = {.struct_size = sizeof request, .format = PCK_FORMAT_NHSA_3103};
	pck_void_request voiding = {.struct_size = sizeof voiding, .order_id_count = 3, .order_ids = order_ids};
	uint32_t lines, need, recorded, unmatched;
	uint64_t position;
	char out[8];
	int i;

	voiding.patient_id = "p";
	voiding.encounter_id = "e";
	request.document = "{\"lines\": 2, \"position\": 9, \"answer\": \"ok\", \"recorded\": 1}";
	request.document_len = (uint32_t)strlen(request.document);
	for (i = 0; i < ROUNDS; i++, calls += 3) {
		CHECK(pck_commit(client, &request, &lines, &position) == PCK_OK && lines == 2 && position == 9);
		CHECK(pck_void(client, &voiding, &lines, NULL) == PCK_OK && lines == 3);
		CHECK(pck_feedback(client, &request, out, sizeof out, &need, &recorded, &unmatched) == PCK_OK);
		CHECK(recorded == 1 && unmatched == 0 && strcmp(out, "ok") == 0);
	}
}

/* UTF-16, and the calls that bring a document of the server's. */
static void wide_calls(pck_client *client)
{
	static const uint16_t wide[] = {'{', '"', 'a', 'n', 's', 'w', 'e', 'r', '"', ':', '"', 0x836f, 0xd842, 0xdfb7, '"', '}'};
	static const uint16_t half[] = {'{', 0xd842};
	pck_request request = {.struct_size = sizeof request, .format = 1, .encoding = PCK_ENCODING_UTF16};
	pck_history_request history = {.struct_size = sizeof history, .patient_id = "p", .since = "{\"answer\": \"ok\"}"};
	pck_review_request review = {.struct_size = sizeof review, .check_id = "{\"answer\": \"ok\", \"state\": 2}"};
	uint32_t need;
	int32_t state;
	char out[8];
	int i;

	for (i = 0; i < ROUNDS; i++, calls += 5) {
		request.document = wide;
		request.document_len = sizeof wide;
		CHECK(pck_check(client, &request, out, 7, &need, NULL) == PCK_E_BUFFER && need == 8);
		CHECK(pck_last_answer(client, out, sizeof out, NULL, NULL) == PCK_PASS && memcmp(out, wide + 11, 6) == 0);
		request.document = half;
		request.document_len = sizeof half;
		CHECK(pck_check(client, &request, out, sizeof out, &need, NULL) == PCK_E_REJECTED);
		history.encoding = review.encoding = i % 2 == 0 ? PCK_ENCODING_UTF8 : PCK_ENCODING_UTF16;
		CHECK(pck_recent_history(client, &history, out, sizeof out, &need) == PCK_OK && need == (i % 2 == 0 ? 3 : 6));
		CHECK(pck_review_status(client, &review, out, sizeof out, NULL, &state) == PCK_OK && state == PCK_REVIEW_PASSED);
	}
}

static void flat_calls(const char *server)
{
	static const uint16_t wide[] = {'{', '}', 0};
	static const char refused[] = "{\"status\": \"INTERNAL\", \"message\": \"\\u836f\\ud842\\udfb7\"}";
	char options[128], out[8], error[PCK_ERROR_BYTES_MAX];
	uint16_t wide_out[8];
	int32_t handle, need, state, lines;
	int i;

	snprintf(options, sizeof options, "servers=%s; deadline_ms=%d", server, PATIENT_MS);
	for (i = 0; i < ROUNDS; i++, calls += 6) {
		CHECK(pck_flat_open_a(options, &handle, error, sizeof error) == PCK_OK && error[0] == '\0');
		CHECK(pck_flat_check_a(handle, 1, "{\"answer\": \"abc\"}", "", 0, out, 4, &need, &state) == PCK_PASS);
		CHECK(need == 4 && state == PCK_COMPLETE && strcmp(out, "abc") == 0);
		CHECK(pck_flat_check_w(handle, 1, wide, NULL, 0, wide_out, 1, &need, &state) == PCK_PASS && need == 1);
		CHECK(pck_flat_void_a(handle, "p", "e", "a, b,c", "", "", 0, &lines) == PCK_OK && lines == 3);
		CHECK(pck_flat_void_a(handle, "p", "e", "", "", "", 0, &lines) == PCK_E_ARGUMENT && lines == 0);
		CHECK(pck_flat_check_a(handle, 1, refused, "", 0, out, sizeof out, NULL, NULL) == PCK_E_SERVER);
		CHECK(pck_flat_last_error_a(handle, error, sizeof error) == PCK_OK && strchr(error, '?') != NULL);
		CHECK(pck_flat_last_error_w(handle, wide_out, 8) == PCK_OK && wide_out[7] == 0);
		CHECK(pck_flat_recent_history_a(handle, "p", "{}", 0, 0, out, sizeof out, &need) == PCK_OK && need == 1);
		CHECK(pck_flat_close(handle) == PCK_OK && pck_flat_close(handle) == PCK_E_ARGUMENT);
		CHECK(pck_flat_open_a("servers", &handle, error, 5) == PCK_E_ARGUMENT && handle == 0 && strlen(error) == 4);
	}
}

/* SIGPIPE is left as it is: a library that raises it kills this program. */
static void failing_servers(const char *dead, const char *breaking)
{
	char both[128];
	pck_client *client;
	uint32_t need;
	int i;

	snprintf(both, sizeof both, "%s,%s", dead, breaking);
	client = open_client(both, PATIENT_MS);
	for (i = 0; i < ROUNDS / 4; i++)
		CHECK(check(client, "{}", 4000000, NULL, 0, &need) == PCK_E_UNREACHABLE && need == 0);
	pck_free(client);
}

/* What a client that ran out of memory still does. */
static void exhausted_client(pck_client *client)
{
	pck_request request = {.struct_size = sizeof request, .format = 1, .document = "{}", .document_len = 2};
	pck_void_request voiding = {.struct_size = sizeof voiding, .patient_id = "p", .encounter_id = "e"};
	pck_history_request history = {.struct_size = sizeof history, .patient_id = "p"};
	pck_review_request review = {.struct_size = sizeof review, .check_id = "c"};
	char why[PCK_ERROR_BYTES_MAX];
	int i;

	for (i = 0; i < 2; i++) {
		CHECK(pck_check(client, &request, NULL, 0, NULL, NULL) == PCK_E_MEMORY);
		CHECK(pck_commit(client, &request, NULL, NULL) == PCK_E_MEMORY);
		CHECK(pck_void(client, &voiding, NULL, NULL) == PCK_E_MEMORY);
		CHECK(pck_feedback(client, &request, NULL, 0, NULL, NULL, NULL) == PCK_E_MEMORY);
		CHECK(pck_recent_history(client, &history, NULL, 0, NULL) == PCK_E_MEMORY);
		CHECK(pck_review_status(client, &review, NULL, 0, NULL, NULL) == PCK_E_MEMORY);
		CHECK(pck_last_answer(client, NULL, 0, NULL, NULL) == PCK_E_MEMORY);
		CHECK(pck_last_error(client, why, sizeof why, NULL) == PCK_OK && strcmp(why, "out of memory") == 0);
	}
}

/* Opening and a first call; leaves the client in `*client`, NULL where there is none. */
static int32_t first_call(const char *server, uint32_t encoding, pck_client **client)
{
	static const char narrow[] = "{\"verdict\": 1, \"answer\": \"abc\"}";
	pck_options options = {.struct_size = sizeof options, .servers = server, .deadline_ms = PATIENT_MS};
	pck_request request = {.struct_size = sizeof request, .format = 1, .encoding = encoding};
	uint16_t wide[sizeof narrow];
	char out[32];
	int32_t result = pck_open(&options, client, NULL, 0);
	size_t i;

	for (i = 0; i < sizeof narrow; i++)
		wide[i] = (uint8_t)narrow[i];
	request.document = encoding == PCK_ENCODING_UTF16 ? (const void *)wide : narrow;
	request.document_len = (uint32_t)(strlen(narrow) * (encoding == PCK_ENCODING_UTF16 ? 2 : 1));
	CHECK((result == PCK_OK) == (*client != NULL));
	if (result == PCK_OK)
		result = pck_check(*client, &request, out, sizeof out, NULL, NULL);
	CHECK(result == PCK_E_MEMORY ||
	      (result == PCK_WARN && memcmp(out, encoding == PCK_ENCODING_UTF16 ? "a\0b\0c\0\0" : "abc", 4) == 0));
	return result;
}

/* The same through the flat entry; frees the client itself. */
static int32_t first_flat_call(const char *server)
{
	char options[128], out[8];
	int32_t handle, lines;
	int32_t result;

	snprintf(options, sizeof options, "servers=%s; deadline_ms=%d", server, PATIENT_MS);
	result = pck_flat_open_a(options, &handle, out, sizeof out);
	CHECK((result == PCK_OK) == (handle != 0));
	if (result == PCK_OK)
		result = pck_flat_void_a(handle, "p", "e", "a,b", "", "", 0, &lines);
	CHECK(result == PCK_E_MEMORY || (result == PCK_OK && lines == 2));
	if (handle != 0 && result == PCK_E_MEMORY)
		CHECK(pck_flat_commit_a(handle, 1, "{}", 0, &lines) == PCK_E_MEMORY);
	CHECK(handle == 0 || pck_flat_close(handle) == PCK_OK);
	return result;
}

/* Fails every allocation of opening and of a first call in turn. */
static void running_out_of_memory(const char *server, uint32_t encoding)
{
	pck_client *client = NULL;
	int32_t result = PCK_E_MEMORY;
	int is_over = 0;
	int failures = 0;
	int n;

	for (n = 0; !is_over; n++) {
		allocations_until_failure = n;
		result = encoding != 0 ? first_call(server, encoding, &client) : first_flat_call(server);
		is_over = allocations_until_failure >= 0;
		allocations_until_failure = INT_MAX;
		if (result == PCK_E_MEMORY && client != NULL)
			exhausted_client(client);
		failures += result == PCK_E_MEMORY;
		pck_free(client);
		client = NULL;
	}
	CHECK(result >= PCK_OK && failures > 10);
}

static atomic_int ended;

static void *call_and_wait(void *client)
{
	CHECK(check(client, "{\"sleep_s\": 25}", 0, NULL, 0, NULL) == PCK_E_CANCELLED);
	atomic_store(&ended, 1);
	return NULL;
}

static void cancelling(pck_client *client)
{
	struct timespec pause = {0, 50 * 1000 * 1000};
	pthread_t thread;
	int i;

	for (i = 0; i < 5; i++) {
		atomic_store(&ended, 0);
		CHECK(pthread_create(&thread, NULL, call_and_wait, client) == 0);
		/* Too early, it has no effect; so it is repeated until the call has ended. */
		while (!atomic_load(&ended)) {
			nanosleep(&pause, NULL);
			pck_cancel(client);
		}
		pthread_join(thread, NULL);
	}
}

static int threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;

	while (readdir(tasks) != NULL)
		count++;
	closedir(tasks);
	return count;
}

int main(int argc, char **argv)
{
	pck_client *client;
	struct sigaction before, after;
	char out[32];
	int threads_before;
	int i;

	CHECK(argc == 4);
	threads_before = threads();
	CHECK(sigaction(SIGPIPE, NULL, &before) == 0 && before.sa_handler == SIG_DFL);
	client = open_client(argv[1], PATIENT_MS);
	outcomes(client);
	other_calls(client);
	wide_calls(client);
	flat_calls(argv[1]);
	CHECK(threads() == threads_before);
	cancelling(client);
	pck_free(client);
	running_out_of_memory(argv[1], PCK_ENCODING_UTF8);
	running_out_of_memory(argv[1], PCK_ENCODING_UTF16);
	running_out_of_memory(argv[1], 0); /* the flat entry */

	failing_servers(argv[2], argv[3]);
	client = open_client(argv[1], 20);
	for (i = 0; i < 10; i++)
		CHECK(check(client, "{\"sleep_s\": 1}", 0, out, sizeof out, NULL) == PCK_E_TIMEOUT);
	pck_free(client);
	for (i = 0; i < ROUNDS; i++)
		pck_free(open_client(argv[1], 0));
	CHECK(sigaction(SIGPIPE, NULL, &after) == 0 && after.sa_handler == SIG_DFL);
	printf("%d calls\nok\n", calls);
	return 0;
}
