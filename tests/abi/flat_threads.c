/*
 * Two threads of a host of precheck_flat.h: one opens (and is refused, and closes and opens again) while the
 * other calls on handles of its own.  Built with ThreadSanitizer by test_flat_threads.py.
 *
 *   flat-threads ROUNDS      exit status 0: every call of the other thread was let in
 */
#include "precheck_flat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define OPTIONS "servers=127.0.0.1:9"

static int32_t handles[PCK_FLAT_CLIENTS_MAX];
static atomic_int running = 1;
static long wrong;

static int32_t open_one(int32_t *handle)
{
	return pck_flat_open_a(OPTIONS, handle, NULL, 0);
}

/* Every slot is taken but the last: an open looks at all of them, and sometimes finds none. */
static void *opens(void *rounds)
{
	for (long i = 0; i < *(long *)rounds; i++) {
		int32_t one, none;

		if (open_one(&one) != PCK_OK)
			wrong++;
		for (int k = 0; k < 20; k++)
			if (open_one(&none) != PCK_E_BUSY)
				wrong++;
		if (pck_flat_close(one) != PCK_OK)
			wrong++;
	}
	atomic_store(&running, 0);
	return NULL;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	long calls = 0, refused = 0;
	pthread_t opener;

	for (int i = 0; i < PCK_FLAT_CLIENTS_MAX - 1; i++)
		if (open_one(&handles[i]) != PCK_OK)
			return 2;
	if (pthread_create(&opener, NULL, opens, &rounds) != 0)
		return 2;
	while (atomic_load(&running))
		for (int i = 0; i < PCK_FLAT_CLIENTS_MAX - 1; i++, calls++)
			if (pck_flat_last_error_a(handles[i], NULL, 0) != PCK_OK)
				refused++;
	pthread_join(opener, NULL);
	for (int i = 0; i < PCK_FLAT_CLIENTS_MAX - 1; i++)
		if (pck_flat_close(handles[i]) != PCK_OK)
			wrong++;
	printf("%ld calls, %ld refused, %ld opens and closes wrong\n", calls, refused, wrong);
	return calls == 0 || refused > 0 || wrong > 0;
}
