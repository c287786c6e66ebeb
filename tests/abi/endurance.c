/*
 * Many calls with every outcome, and calls without memory.  Built from the library's sources twice
 * (client_shim/build.py --sanitize): with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer, and
 * without, for valgrind; both count what they hold.
 *
 *   endurance leaks CALLS SERVER BREAKING DEAD TLS_SERVER CA CERT KEY
 *   endurance starve STRIDE SERVER TLS_SERVER CA CERT KEY
 *
 * The servers do what documents say (tests/abi/servers.py); BREAKING closes each connection in the middle of
 * a request, nothing listens at DEAD.  STRIDE: of the allocations during TLS, every so manieth fails.
 */
#define _GNU_SOURCE

#include "precheck_flat.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENT_MS 30000
#define HASTY_MS 3

/* Linked with --wrap: the allocation that makes this count negative fails; and all after it, if they shall. */
static int allocations_until_failure = INT_MAX;
static int all_after_it;
static int failed;

/* Allocated and not freed yet, by what is linked into this program. */
static long held;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

static int fails(void)
{
	int now = allocations_until_failure == 0;

	if (allocations_until_failure > 0 && allocations_until_failure < INT_MAX)
		allocations_until_failure--;
	else if (now && !all_after_it)
		allocations_until_failure = INT_MAX;
	failed |= now;
	return now;
}

static void *counted(void *made)
{
	held += made != NULL;
	return made;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails())
		return NULL;
	return old == NULL ? counted(__real_malloc(size)) : __real_realloc(old, size);
}

void __wrap_free(void *old)
{
	held -= old != NULL;
	__real_free(old);
}

#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void fail(const char *condition, int line)
{
	printf("line %d: %s\n", line, condition);
	exit(1);
}

static int open_files(void)
{
	DIR *files = opendir("/proc/self/fd");
	int count = 0;

	CHECK(files != NULL);
	while (readdir(files) != NULL)
		count++;
	closedir(files);
	return count;
}

struct tls_files {
	const char *ca, *cert, *key;
};

static const struct tls_files plaintext;

static int32_t open_client(const char *servers, uint32_t deadline_ms, struct tls_files tls, pck_client **client)
{
	pck_options options = {.struct_size = sizeof options, .servers = servers, .deadline_ms = deadline_ms};

	options.station_id = "endurance";
	options.tls_ca_file = tls.ca;
	options.tls_cert_file = tls.cert;
	options.tls_key_file = tls.key;
	return pck_open(&options, client, NULL, 0);
}

static pck_request request_of(const char *text)
{
	pck_request request = {.struct_size = sizeof request, .format = PCK_FORMAT_NHSA_3101};

	request.document = text;
	request.document_len = (uint32_t)strlen(text);
	return request;
}

/* ---- every call once ---- */

#define WARNS "{\"verdict\": 1, \"answer\": \"abc\"}"
#define COUNTS "{\"lines\": 2, \"position\": 9, \"answer\": \"ok\", \"recorded\": 1}"

static int32_t check(pck_client *client)
{
	pck_request request = request_of(WARNS);
	char out[8];

	return pck_check(client, &request, out, sizeof out, NULL, NULL);
}

static int32_t check_utf16(pck_client *client)
{
	pck_request request = {.struct_size = sizeof request, .format = 1, .encoding = PCK_ENCODING_UTF16};
	uint16_t wide[sizeof WARNS];
	uint16_t out[8];
	size_t i;

	for (i = 0; i < sizeof WARNS; i++)
		wide[i] = (uint8_t)WARNS[i];
	request.document = wide;
	request.document_len = sizeof wide - 2;
	return pck_check(client, &request, (char *)out, sizeof out, NULL, NULL);
}

static int32_t check_large(pck_client *client)
{
	pck_request request = request_of("{\"verdict\": 1, \"answer_bytes\": 300000}");
	char out[8];
	int32_t result = pck_check(client, &request, out, sizeof out, NULL, NULL);

	return result == PCK_E_BUFFER ? PCK_WARN : result;
}

static int32_t check_refused(pck_client *client)
{
	pck_request request = request_of("{\"status\": \"INVALID_ARGUMENT\", \"message\": \"x\"}");
	int32_t result = pck_check(client, &request, NULL, 0, NULL, NULL);

	return result == PCK_E_REJECTED ? PCK_OK : result;
}

static int32_t check_nothing(pck_client *client)
{
	pck_request request = request_of("{\"completeness\": 3}");
	char out[8];
	int32_t result = pck_check(client, &request, out, sizeof out, NULL, NULL);

	return result == PCK_E_NOT_EVALUATED ? PCK_OK : result;
}

static int32_t commit(pck_client *client)
{
	pck_request request = request_of(COUNTS);
	uint32_t lines;

	return pck_commit(client, &request, &lines, NULL);
}

static int32_t voiding(pck_client *client)
{
	static const char *const order_ids[] = {"r1", "r2"};
	pck_void_request request = {.struct_size = sizeof request, .patient_id = "p", .encounter_id = "e"};

	request.order_ids = order_ids;
	request.order_id_count = 2;
	return pck_void(client, &request, NULL, NULL);
}

static int32_t feedback(pck_client *client)
{
	pck_request request = request_of(COUNTS);
	char out[8];

	request.format = PCK_FORMAT_NHSA_3103;
	return pck_feedback(client, &request, out, sizeof out, NULL, NULL, NULL);
}

static int32_t recent_history(pck_client *client)
{
	pck_history_request request = {.struct_size = sizeof request, .patient_id = "p", .since = "{\"answer\": \"ok\"}"};
	char out[8];

	request.encoding = PCK_ENCODING_UTF16;
	return pck_recent_history(client, &request, out, sizeof out, NULL);
}

static int32_t review_status(pck_client *client)
{
	pck_review_request request = {.struct_size = sizeof request, .check_id = "{\"answer\": \"ok\", \"state\": 2}"};
	char out[8];

	return pck_review_status(client, &request, out, sizeof out, NULL, NULL);
}

static const struct entry {
	const char *name;
	int32_t (*call)(pck_client *client);
	int32_t result;
} entries[] = {
	{"pck_check", check, PCK_WARN},
	{"pck_check, UTF-16", check_utf16, PCK_WARN},
	{"pck_check, large answer", check_large, PCK_WARN},
	{"pck_check, refused", check_refused, PCK_OK},
	{"pck_check, nothing judged", check_nothing, PCK_OK},
	{"pck_commit", commit, PCK_OK},
	{"pck_void", voiding, PCK_OK},
	{"pck_feedback", feedback, PCK_OK},
	{"pck_recent_history", recent_history, PCK_OK},
	{"pck_review_status", review_status, PCK_OK},
};
#define ENTRIES ((int)(sizeof entries / sizeof entries[0]))

/* ---- the flat entry ---- */

static const uint16_t flat_document[] = {'{', '}', 0};

static int32_t flat_check_a(int32_t handle)
{
	char out[8];

	return pck_flat_check_a(handle, 1, WARNS, "", 0, out, sizeof out, NULL, NULL);
}

static int32_t flat_check_w(int32_t handle)
{
	uint16_t out[8];

	return pck_flat_check_w(handle, 1, flat_document, flat_document, 0, out, 8, NULL, NULL);
}

static int32_t flat_commit(int32_t handle)
{
	return pck_flat_commit_w(handle, 1, flat_document, 0, NULL);
}

static int32_t flat_void(int32_t handle)
{
	return pck_flat_void_a(handle, "p", "e", "a, b", "", "", 0, NULL);
}

static int32_t flat_feedback(int32_t handle)
{
	char out[8];

	return pck_flat_feedback_a(handle, PCK_FORMAT_NHSA_3103, COUNTS, 0, out, sizeof out, NULL, NULL, NULL);
}

static int32_t flat_history(int32_t handle)
{
	uint16_t out[8];

	return pck_flat_recent_history_w(handle, flat_document, flat_document, 0, 0, out, 8, NULL);
}

static int32_t flat_review(int32_t handle)
{
	char out[8];

	return pck_flat_review_status_a(handle, "{\"state\": 2}", 0, out, sizeof out, NULL, NULL);
}

static const struct flat_entry {
	const char *name;
	int32_t (*call)(int32_t handle);
	int32_t result;
} flat_entries[] = {
	{"pck_flat_check_a", flat_check_a, PCK_WARN},
	{"pck_flat_check_w", flat_check_w, PCK_PASS},
	{"pck_flat_commit_w", flat_commit, PCK_OK},
	{"pck_flat_void_a", flat_void, PCK_OK},
	{"pck_flat_feedback_a", flat_feedback, PCK_OK},
	{"pck_flat_recent_history_w", flat_history, PCK_OK},
	{"pck_flat_review_status_a", flat_review, PCK_OK},
};
#define FLAT_ENTRIES ((int)(sizeof flat_entries / sizeof flat_entries[0]))

/* ---- leaks ---- */

struct places {
	const char *server, *breaking, *dead, *tls_server;
	struct tls_files files;
};

static void expect(const char *name, int32_t result, int32_t wanted)
{
	if (result == wanted)
		return;
	printf("%s: %s, not %s\n", name, pck_result_name(result), pck_result_name(wanted));
	exit(1);
}

static int flat_round(const char *server)
{
	char options[128];
	int32_t handle;
	int i;

	(void)snprintf(options, sizeof options, "servers=%s;deadline_ms=%d", server, PATIENT_MS);
	expect("pck_flat_open_a", pck_flat_open_a(options, &handle, NULL, 0), PCK_OK);
	for (i = 0; i < FLAT_ENTRIES; i++)
		expect(flat_entries[i].name, flat_entries[i].call(handle), flat_entries[i].result);
	expect("pck_flat_close", pck_flat_close(handle), PCK_OK);
	return FLAT_ENTRIES;
}

/* Servers that fail, time out, or are not there. */
static int failing_round(const struct places *places)
{
	pck_request slow = request_of("{\"sleep_s\": 1}");
	pck_request document = request_of("{}");
	char servers[256];
	pck_client *client;

	(void)snprintf(servers, sizeof servers, "%s,%s", places->dead, places->breaking);
	CHECK(open_client(servers, PATIENT_MS, plaintext, &client) == PCK_OK);
	expect("failing servers", pck_check(client, &document, NULL, 0, NULL, NULL), PCK_E_UNREACHABLE);
	pck_free(client);
	(void)snprintf(servers, sizeof servers, "%s,%s", places->breaking, places->server);
	CHECK(open_client(servers, PATIENT_MS, plaintext, &client) == PCK_OK);
	expect("the second server", check(client), PCK_WARN);
	slow.deadline_ms = HASTY_MS;
	expect("a slow server", pck_check(client, &slow, NULL, 0, NULL, NULL), PCK_E_TIMEOUT);
	expect("after it", check(client), PCK_WARN);
	pck_free(client);
	CHECK(open_client(places->server, PATIENT_MS, places->files, &client) == PCK_OK);
	expect("TLS to plaintext", pck_check(client, &document, NULL, 0, NULL, NULL), PCK_E_TLS);
	pck_free(client);
	return 5;
}

/* Until so many calls were made, with clients that live as long as this. */
static long long_life(const struct places *places, long wanted)
{
	pck_client *clients[2];
	long calls = 0;
	long round;
	int i;

	CHECK(open_client(places->server, PATIENT_MS, plaintext, &clients[0]) == PCK_OK);
	CHECK(open_client(places->tls_server, PATIENT_MS, places->files, &clients[1]) == PCK_OK);
	for (round = 0; calls < wanted; round++) {
		for (i = 0; i < 2 * ENTRIES; i++, calls++)
			expect(entries[i / 2].name, entries[i / 2].call(clients[i % 2]), entries[i / 2].result);
		if (round % 5 == 0)
			calls += flat_round(places->server);
		if (round % 25 == 0)
			calls += failing_round(places);
	}
	pck_free(clients[0]);
	pck_free(clients[1]);
	return calls;
}

static void leaks(long wanted, const struct places *places)
{
	int files = open_files();
	long calls = long_life(places, wanted);

	CHECK(open_files() == files);
	CHECK(held == 0);
	printf("%ld calls\nok\n", calls);
}

/* ---- without memory ---- */

static int points;

/* One entry on a client of its own, with the allocation `n` of it failing.  Returns whether one failed. */
static int starve_entry(const struct entry *entry, const char *server, struct tls_files tls, int n)
{
	pck_client *client = NULL;
	char why[PCK_ERROR_BYTES_MAX];
	int32_t result;

	CHECK(open_client(server, PATIENT_MS, tls, &client) == PCK_OK);
	failed = 0;
	allocations_until_failure = n;
	result = entry->call(client);
	allocations_until_failure = INT_MAX;
	if (result != entry->result)
		expect(entry->name, result, PCK_E_MEMORY);
	CHECK(result >= 0 || (pck_last_error(client, why, sizeof why, NULL) == PCK_OK && why[0] != '\0'));
	CHECK(failed || result == entry->result);
	points += failed;
	pck_free(client);
	return failed;
}

static int starve_opening(const char *server, struct tls_files tls, int n)
{
	pck_client *client = (pck_client *)&client;
	int32_t result;

	failed = 0;
	allocations_until_failure = n;
	result = open_client(server, PATIENT_MS, tls, &client);
	allocations_until_failure = INT_MAX;
	CHECK((result == PCK_OK) == (client != NULL));
	CHECK(result == PCK_OK || result == PCK_E_MEMORY);
	CHECK(failed || result == PCK_OK);
	points += failed;
	pck_free(client);
	return failed;
}

static int starve_flat(const struct flat_entry *entry, const char *server, int n)
{
	char options[128], why[64];
	int32_t handle;
	int32_t result;

	(void)snprintf(options, sizeof options, "servers=%s;deadline_ms=%d", server, PATIENT_MS);
	failed = 0;
	allocations_until_failure = n;
	result = pck_flat_open_a(options, &handle, why, sizeof why);
	CHECK((result == PCK_OK) == (handle != 0));
	if (result == PCK_OK)
		result = entry->call(handle);
	allocations_until_failure = INT_MAX;
	if (result != entry->result)
		expect(entry->name, result, PCK_E_MEMORY);
	CHECK(failed || result == entry->result);
	points += failed;
	CHECK(handle == 0 || pck_flat_close(handle) == PCK_OK);
	return failed;
}

static void starve(int stride, const char *server, const char *tls_server, struct tls_files files)
{
	int files_before = open_files();
	int i, n;

	for (all_after_it = 0; all_after_it < 2; all_after_it++) {
		for (i = 0; i < ENTRIES; i++) {
			for (n = 0; starve_entry(&entries[i], server, plaintext, n); n++)
				;
			CHECK(n > 10);
		}
		for (i = 0; i < FLAT_ENTRIES; i++) {
			for (n = 0; starve_flat(&flat_entries[i], server, n); n++)
				;
			CHECK(n > 10);
		}
		for (n = 0; starve_opening(server, plaintext, n); n++)
			;
		for (n = 0; starve_opening(server, files, n); n++)
			;
		CHECK(n > 10);
		for (n = 0; starve_entry(&entries[0], tls_server, files, n); n += stride)
			;
	}
	CHECK(open_files() == files_before);
	CHECK(held == 0);
	printf("%d points\nok\n", points);
}

int main(int argc, char **argv)
{
	if (argc == 10 && strcmp(argv[1], "leaks") == 0) {
		const struct places places = {argv[3], argv[4], argv[5], argv[6], {argv[7], argv[8], argv[9]}};

		leaks(atol(argv[2]), &places);
		return 0;
	}
	CHECK(argc == 8 && strcmp(argv[1], "starve") == 0);
	starve(atoi(argv[2]), argv[3], argv[4], (struct tls_files){argv[5], argv[6], argv[7]});
	return 0;
}
