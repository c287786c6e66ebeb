/*
 * Calls as a test asks for them, one line each from the standard input, and one line that answers:
 *
 *   open ANSWER_BYTES_MAX SERVERS [CA NAME]    opened
 *   check DEADLINE_MS                          RESULT TOOK_US LATE_US REASONED
 *   close                                      closed
 *
 * TOOK_US is what the call took.  LATE_US is by how much a thread that did nothing but wait for a socket, beside
 * the call, was woken too late at its worst: what the machine, not the library, kept everybody waiting.  REASONED
 * is 1 if the client has a text for its last result.
 */
#include "station.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAP_MS 2
#define LINE_BYTES 1024

/* The thread that sleeps. */
struct sleeper {
	atomic_int naps;
	atomic_int stop;
	int64_t late_us;
};

static THREAD_RESULT nap(void *argument)
{
	struct sleeper *sleeper = argument;

	while (!atomic_load(&sleeper->stop)) {
		int64_t began_us = clock_us();
		int64_t late_us;

		wait_for_quiet_socket(NAP_MS);
		late_us = clock_us() - began_us - NAP_MS * 1000;
		if (late_us > sleeper->late_us)
			sleeper->late_us = late_us;
		atomic_fetch_add(&sleeper->naps, 1);
	}
	return 0;
}

static void check_and_tell(pck_client *client, uint32_t deadline_ms)
{
	struct sleeper sleeper = {0};
	thread_id thread = start_thread(nap, &sleeper);
	char why[PCK_ERROR_BYTES_MAX];
	char out[64];
	int64_t began_us, took_us;
	int32_t result;

	while (atomic_load(&sleeper.naps) == 0)
		sleep_ms(1);
	began_us = clock_us();
	result = check_text(client, "{}", deadline_ms, out, sizeof out);
	took_us = clock_us() - began_us;
	atomic_store(&sleeper.stop, 1);
	join_thread(thread);
	CHECK(pck_last_error(client, why, sizeof why, NULL) == PCK_OK);
	printf("%s %lld %lld %d\n", pck_result_name(result), (long long)took_us, (long long)sleeper.late_us,
	       why[0] != '\0');
}

void run_obey(void)
{
	pck_client *client = NULL;
	char line[LINE_BYTES];

	open_quiet_socket();
	while (fgets(line, sizeof line, stdin) != NULL) {
		const char *words[5] = {NULL};
		char *word = strtok(line, " \r\n");
		size_t count = 0;

		for (; word != NULL && count < 5; word = strtok(NULL, " \r\n"))
			words[count++] = word;
		CHECK(count > 0);
		if (strcmp(words[0], "open") == 0) {
			struct tls_files tls = {.ca = words[3], .name = words[4]};

			CHECK(client == NULL && count >= 3);
			client = open_client(words[2], tls, 0, (uint32_t)strtoul(words[1], NULL, 10));
			printf("opened\n");
		} else if (strcmp(words[0], "check") == 0) {
			CHECK(client != NULL && count == 2);
			check_and_tell(client, (uint32_t)atoi(words[1]));
		} else {
			CHECK(strcmp(words[0], "close") == 0);
			pck_free(client);
			client = NULL;
			printf("closed\n");
		}
		fflush(stdout);
	}
}
