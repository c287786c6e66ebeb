/*
 * A doctor's station for the tests: the same source on Windows (x64 and x86) and on Linux.
 *
 *   station calls SERVERS CASES THREADS CALLS [CA [NAME [CERT KEY]]]
 *       Makes CALLS checks on THREADS threads, a client for each, and compares every answer with the
 *       one in the file CASES, byte for byte.  Half of them come through precheck_flat.h, where the
 *       case is in an encoding that it speaks.
 *   station host SERVERS CHILD_MS [NAME]
 *       Does what hosts do to a library: calls with an odd stack, with floating-point exceptions
 *       unmasked, opens and closes, cancels, starts a child process.  SERVERS do what documents say.
 *       With NAME they have a certificate by CHINESE_CA that bears it.
 *
 * Prints what was done and "ok", or what was wrong.
 */
#ifndef _WIN32
#define _GNU_SOURCE /* feenableexcept */
#endif

#include "odd_call.h"
#include "precheck_flat.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <dirent.h>
#include <fenv.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>
#endif

#define PATIENT_MS 60000
#define CHINESE_CA "\xe8\xaf\x81\xe4\xb9\xa6 \xc3\xa9.pem" /* "证书 é.pem"; an argument would not be UTF-8 */
#define THREADS_MAX 16
#define ANSWER_BYTES (1 << 20)
#define SMALL_EVERY 16 /* calls, of which one has a buffer that is too small */

#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void fail(const char *condition, int line)
{
	printf("line %d: %s\n", line, condition);
	fflush(stdout);
	_Exit(1);
}

/* ---- the system ---- */

#ifdef _WIN32

typedef HANDLE thread_id;
#define THREAD_RESULT DWORD WINAPI
static thread_id start_thread(DWORD(WINAPI *run)(void *), void *argument)
{
	return CreateThread(NULL, 0, run, argument, 0, NULL);
}

static void join_thread(thread_id thread)
{
	WaitForSingleObject(thread, INFINITE);
	CloseHandle(thread);
}

static void sleep_ms(int ms)
{
	Sleep((DWORD)ms);
}

/* What a leak would make grow. */
static int handles(void)
{
	DWORD count = 0;

	CHECK(GetProcessHandleCount(GetCurrentProcess(), &count));
	return (int)count;
}

/* Starts this program again, so that it inherits whatever can be inherited. */
static void start_child(const char *program, int ms)
{
	STARTUPINFOA startup = {.cb = sizeof startup};
	PROCESS_INFORMATION child;
	char command[1024];

	snprintf(command, sizeof command, "\"%s\" sleep %d", program, ms);
	CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child));
	CloseHandle(child.hThread);
	CloseHandle(child.hProcess);
}

/* All exceptions of x87 and SSE, as Delphi's runtime leaves them. */
static void unmask(void)
{
	unsigned short word = 0x1332;
	unsigned state;

	__asm__ volatile("fnclex; fldcw %0" : : "m"(word));
	__asm__ volatile("stmxcsr %0" : "=m"(state));
	state = (state & ~0x1f80u) & ~0x3fu;
	__asm__ volatile("ldmxcsr %0" : : "m"(state));
}

#else

typedef pthread_t thread_id;
#define THREAD_RESULT void *
static thread_id start_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, run, argument) == 0);
	return thread;
}

static void join_thread(thread_id thread)
{
	pthread_join(thread, NULL);
}

static void sleep_ms(int ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

static int handles(void)
{
	DIR *open_files = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(open_files) != NULL)
		count++;
	closedir(open_files);
	return count;
}

static void start_child(const char *program, int ms)
{
	char text[16];

	snprintf(text, sizeof text, "%d", ms);
	if (fork() == 0) {
		execl(program, program, "sleep", text, (char *)NULL);
		_exit(1);
	}
}

static void unmask(void)
{
	feclearexcept(FE_ALL_EXCEPT);
	feenableexcept(FE_ALL_EXCEPT);
}

#endif

/* The words that say which exceptions are masked. */
struct float_state {
	unsigned short word;
	unsigned state;
};

static struct float_state float_state(void)
{
	struct float_state now = {0, 0};

#if defined(__i386__) || defined(__x86_64__)
	__asm__ volatile("fnstcw %0" : "=m"(now.word));
	__asm__ volatile("stmxcsr %0" : "=m"(now.state));
	now.state &= ~0x3fu; /* what happened, not what is masked */
#endif
	return now;
}

/* ---- calls ---- */

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

static int calls(int count, char **arguments)
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
	return atomic_load(&wrong) == 0;
}

/* ---- hosts ---- */

static pck_client *open_client(const char *servers, const char *ca, const char *name, uint32_t deadline_ms)
{
	pck_options options = {.struct_size = sizeof options, .servers = servers, .deadline_ms = deadline_ms};
	char error[PCK_ERROR_BYTES_MAX];
	pck_client *client;

	options.tls_ca_file = ca;
	options.tls_server_name = name;
	if (pck_open(&options, &client, error, sizeof error) != PCK_OK) {
		printf("pck_open: %s\n", error);
		CHECK(!"opened");
	}
	return client;
}

static int32_t check(pck_client *client, const char *document, char *out, uint32_t cap)
{
	pck_request request = {.struct_size = sizeof request, .format = 1};

	request.document = document;
	request.document_len = (uint32_t)strlen(document);
	return pck_check(client, &request, out, cap, NULL, NULL);
}

#ifdef ODD_CALL_STEP
#define ODD(function, ...)                                                                                             \
	do {                                                                                                           \
		const intptr_t given[ODD_CALL_ARGUMENTS_MAX] = {__VA_ARGS__};                                          \
		const intptr_t each[] = {__VA_ARGS__};                                                                 \
		returned = (int32_t)odd_call((void *)(intptr_t)(function), given, sizeof each / sizeof each[0], offset); \
	} while (0)

/* A whole conversation at every alignment that a host may have. */
static void odd_stack(const char *servers, const char *ca, const char *name)
{
	intptr_t offset;
	int32_t returned, state, handle;
	uint32_t need;
	char out[64], flat_options[256];

	snprintf(flat_options, sizeof flat_options, "servers=%s;deadline_ms=%d%s%s%s%s", servers, PATIENT_MS,
	         ca != NULL ? ";tls_ca_file=" : "", ca != NULL ? ca : "", ca != NULL ? ";tls_server_name=" : "",
	         ca != NULL ? name : "");
	for (offset = 0; offset < 16; offset += ODD_CALL_STEP) {
		pck_options options = {.struct_size = sizeof options, .servers = servers, .deadline_ms = PATIENT_MS};
		pck_request request = {.struct_size = sizeof request, .format = 1};
		pck_client *client = NULL;

		options.tls_ca_file = ca;
		options.tls_server_name = name;
		request.document = "{\"verdict\": 1, \"answer\": \"abc\"}";
		request.document_len = (uint32_t)strlen(request.document);
		ODD(pck_open, (intptr_t)&options, (intptr_t)&client, 0, 0);
		CHECK(returned == PCK_OK && client != NULL);
		ODD(pck_check, (intptr_t)client, (intptr_t)&request, (intptr_t)out, sizeof out, (intptr_t)&need,
		    (intptr_t)&state);
		CHECK(returned == PCK_WARN && need == 4 && state == PCK_COMPLETE && strcmp(out, "abc") == 0);
		ODD(pck_last_answer, (intptr_t)client, (intptr_t)out, sizeof out, (intptr_t)&need, (intptr_t)&state);
		CHECK(returned == PCK_WARN);
		ODD(pck_commit, (intptr_t)client, (intptr_t)&request, 0, 0);
		CHECK(returned == PCK_OK);
		ODD(pck_last_error, (intptr_t)client, (intptr_t)out, sizeof out, 0);
		CHECK(returned == PCK_OK);
		ODD(pck_free, (intptr_t)client);
		/* A Chinese file name is no ASCII; as UTF-8 it is not what _a takes. */
		if (ca == NULL) {
			ODD(pck_flat_open_a, (intptr_t)flat_options, (intptr_t)&handle, 0, 0);
			CHECK(returned == PCK_OK);
			ODD(pck_flat_commit_a, handle, 1, (intptr_t) "{\"lines\": 3}", 0, (intptr_t)&state);
			CHECK(returned == PCK_OK && state == 3);
			ODD(pck_flat_close, handle);
			CHECK(returned == PCK_OK);
		}
	}
	printf("odd stack\n");
}
#endif

/* Nothing divides by zero or loses a bit here, and what the host has set is as it was. */
static void unmasked(const char *servers, const char *ca, const char *name)
{
	struct float_state before, after;
	pck_client *client;
	char out[64];
	int32_t first, second;

	unmask();
	before = float_state();
	client = open_client(servers, ca, name, PATIENT_MS);
	first = check(client, "{\"verdict\": 2}", out, sizeof out);
	second = check(client, "{\"status\": \"INTERNAL\"}", out, sizeof out);
	pck_free(client);
	after = float_state();
#ifdef _WIN32
	__asm__ volatile("fninit");
#else
	fedisableexcept(FE_ALL_EXCEPT);
#endif
	CHECK(first == PCK_BLOCK && second == PCK_E_SERVER);
	CHECK(before.word == after.word && before.state == after.state);
	printf("floating-point exceptions unmasked\n");
}

static void opening_and_closing(const char *servers, const char *ca, const char *name)
{
	int before = 0;
	int i;

	for (i = 0; i < 60; i++) {
		pck_client *client = open_client(servers, ca, name, PATIENT_MS);
		char out[64];

		CHECK(check(client, "{}", out, sizeof out) == PCK_PASS);
		pck_free(client);
		if (i == 10) /* what is loaded at first use stays */
			before = handles();
	}
	CHECK(handles() <= before);
	printf("no handle is left of 50 clients\n");
}

static THREAD_RESULT check_slowly(void *client)
{
	CHECK(check(client, "{\"sleep_s\": 25}", NULL, 0) == PCK_E_CANCELLED);
	return 0;
}

static void cancelling(const char *servers, const char *ca, const char *name)
{
	pck_client *client = open_client(servers, ca, name, PATIENT_MS);
	thread_id thread = start_thread(check_slowly, client);
	char out[64];
	int i;

	/* Until it has entered, a cancel is for nobody. */
	for (i = 0; pck_last_error(client, out, sizeof out, NULL) != PCK_E_BUSY; i++) {
		CHECK(i < 10000);
		sleep_ms(1);
	}
	sleep_ms(100);
	pck_cancel(client);
	join_thread(thread);
	CHECK(check(client, "{}", out, sizeof out) == PCK_PASS);
	pck_free(client);
	printf("cancelled\n");
}

#ifdef _WIN32
/* The texts of a Chinese Windows: 医生撤销 in GBK goes to the server as UTF-8, and its words come back as GBK. */
static void chinese_texts(const char *servers)
{
	static const char reason[] = "{\"reason\": \"\xd2\xbd\xc9\xfa\xb3\xb7\xcf\xfa\"}";
	static const char refused[] = "{\"status\": \"INTERNAL\", \"message\": \"\\u533b\\u751f \\ud842\\udfb7\"}";
	static const uint16_t wide_wanted[] = {0x533b, 0x751f, ' ', 0xd842, 0xdfb7};
	char options[256], text[PCK_ERROR_BYTES_MAX];
	uint16_t wide[PCK_ERROR_BYTES_MAX];
	int32_t handle, lines;
	size_t i;

	snprintf(options, sizeof options, "servers=%s;deadline_ms=%d;station_id=\xb2\xa1\xc7\xf8", servers, PATIENT_MS);
	CHECK(pck_flat_open_a(options, &handle, text, sizeof text) == PCK_OK);
	CHECK(pck_flat_void_a(handle, "p", "e", "a,b", "", reason, 0, &lines) == PCK_OK && lines == 2);
	CHECK(pck_flat_void_a(handle, "p", "e", "a,b", "", "\xff\xff", 0, &lines) == PCK_E_ARGUMENT);
	CHECK(pck_flat_last_error_a(handle, text, sizeof text) == PCK_OK && strcmp(text, "reason is not GBK") == 0);
	CHECK(pck_flat_check_a(handle, 1, refused, "", 0, NULL, 0, NULL, NULL) == PCK_E_SERVER);
	CHECK(pck_flat_last_error_a(handle, text, sizeof text) == PCK_OK);
	CHECK(strstr(text, "\xd2\xbd\xc9\xfa ?") != NULL);
	CHECK(pck_flat_last_error_w(handle, wide, PCK_ERROR_BYTES_MAX) == PCK_OK);
	for (i = 0; wide[i] != 0 && memcmp(wide + i, wide_wanted, sizeof wide_wanted) != 0; i++)
		;
	CHECK(wide[i] != 0);
	/* Cut to whole characters. */
	for (i = 1; i < 40; i++) {
		size_t at;

		CHECK(pck_flat_last_error_a(handle, text, (int32_t)i) == PCK_OK && strlen(text) < i);
		for (at = 0; text[at] != '\0'; at += (uint8_t)text[at] >= 0x81 ? 2 : 1)
			CHECK((uint8_t)text[at] < 0x81 || text[at + 1] != '\0');
	}
	CHECK(pck_flat_close(handle) == PCK_OK);
	printf("Chinese texts\n");
}
#endif

/* The server must see the connection end, although a child lives that would have inherited it. */
static void child(const char *program, const char *servers, const char *ca, const char *name, int ms)
{
	pck_client *client = open_client(servers, ca, name, PATIENT_MS);
	char out[64];

	CHECK(check(client, "{\"answer\": \"child\"}", out, sizeof out) == PCK_PASS);
	start_child(program, ms);
	pck_free(client);
	printf("child started\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "sleep") == 0) {
		sleep_ms(atoi(argv[2]));
		return 0;
	}
	CHECK(argc >= 4);
	if (strcmp(argv[1], "calls") == 0) {
		if (!calls(argc - 2, argv + 2))
			return 1;
	} else {
		const char *name = argc > 4 ? argv[4] : NULL;
		const char *ca = name != NULL ? CHINESE_CA : NULL;

		CHECK(strcmp(argv[1], "host") == 0);
#ifdef ODD_CALL_STEP
		odd_stack(argv[2], ca, name);
#endif
		unmasked(argv[2], ca, name);
		opening_and_closing(argv[2], ca, name);
		cancelling(argv[2], ca, name);
#ifdef _WIN32
		if (ca == NULL)
			chinese_texts(argv[2]);
#endif
		child(argv[0], argv[2], ca, name, atoi(argv[3]));
	}
	printf("ok\n");
	return 0;
}
