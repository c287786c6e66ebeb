/*
 * What a process holds after many calls, good and failing: handles, and memory that is its alone.  A tenth of
 * the calls is made before the first count: what is loaded at first use stays.
 *
 * LEAK is what the station itself shall lose at every call, for a test that shows that it would be seen.
 */
#include "station.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASTY_MS 3
#define FRESH_EVERY 25 /* good calls, of which one comes from a client of its own */

struct places {
	const char *server, *breaking, *dead, *tls_server;
	struct tls_files tls;
};

static const struct tls_files plaintext;
static size_t leak_bytes;
static void *volatile leaked;

static void expect(pck_client *client, int32_t result, int32_t wanted)
{
	char why[PCK_ERROR_BYTES_MAX];

	if (result != wanted) {
		pck_last_error(client, why, sizeof why, NULL);
		printf("%s, not %s: %s\n", pck_result_name(result), pck_result_name(wanted), why);
	}
	CHECK(result == wanted);
	if (leak_bytes > 0) {
		leaked = malloc(leak_bytes);
		CHECK(leaked != NULL);
		memset(leaked, 1, leak_bytes);
	}
}

static void good_call(const struct places *places, pck_client *const *kept, int n)
{
	int is_tls = n % 2;
	pck_client *client = kept[is_tls];
	char out[64];

	if (n / 2 % FRESH_EVERY == 0)
		client = open_client(is_tls ? places->tls_server : places->server, is_tls ? places->tls : plaintext,
		                     PATIENT_MS, 0);
	expect(client, check_text(client, "{\"verdict\": 1, \"answer\": \"abc\"}", 0, out, sizeof out), PCK_WARN);
	if (client != kept[is_tls])
		pck_free(client);
}

/* On a client of its own, so that no breaker spares it a failure. */
static void failing_call(const struct places *places, int n)
{
	const char *server = places->server;
	struct tls_files tls = plaintext;
	const char *document = "{}";
	uint32_t deadline_ms = PATIENT_MS;
	int32_t wanted = PCK_E_UNREACHABLE;
	pck_client *client;

	switch (n % 5) {
	case 0:
		server = places->dead;
		break;
	case 1:
		server = places->breaking;
		break;
	case 2:
		document = "{\"sleep_s\": 1}";
		deadline_ms = HASTY_MS;
		wanted = PCK_E_TIMEOUT;
		break;
	case 3:
		tls = places->tls;
		wanted = PCK_E_TLS;
		break;
	default:
		document = "{\"status\": \"INVALID_ARGUMENT\", \"message\": \"x\"}";
		wanted = PCK_E_REJECTED;
	}
	client = open_client(server, tls, PATIENT_MS, 0);
	expect(client, check_text(client, document, deadline_ms, NULL, 0), wanted);
	pck_free(client);
}

static void make_calls(const struct places *places, pck_client *const *kept, int good, int failing)
{
	int i;

	for (i = 0; i < good; i++)
		good_call(places, kept, i);
	for (i = 0; i < failing; i++)
		failing_call(places, i);
}

static void tell(const char *when)
{
	printf("%s: %d handles, %lld KiB\n", when, open_handles(), (long long)private_bytes() / 1024);
	fflush(stdout);
}

void run_growth(int count, char **arguments)
{
	struct places places;
	pck_client *kept[2];
	int good, failing;

	CHECK(count == 11);
	good = atoi(arguments[0]);
	failing = atoi(arguments[1]);
	leak_bytes = (size_t)atoi(arguments[2]);
	places = (struct places){arguments[3], arguments[4], arguments[5], arguments[6],
	                         {arguments[7], arguments[8], arguments[9], arguments[10]}};
	kept[0] = open_client(places.server, plaintext, PATIENT_MS, 0);
	kept[1] = open_client(places.tls_server, places.tls, PATIENT_MS, 0);
	make_calls(&places, kept, good / 10, failing / 10);
	tell("warm");
	make_calls(&places, kept, good, failing);
	tell("after");
	pck_free(kept[0]);
	pck_free(kept[1]);
}
