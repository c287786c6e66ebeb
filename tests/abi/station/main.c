/*
 *   station calls SERVERS CASES THREADS CALLS [CA [NAME [CERT KEY]]]
 *       Makes CALLS checks on THREADS threads, a client for each, and compares every answer with the
 *       one in the file CASES, byte for byte.  Half of them come through precheck_flat.h, where the
 *       case is in an encoding that it speaks.
 *   station host SERVERS CHILD_MS [NAME]
 *       Does what hosts do to a library: calls with an odd stack, with floating-point exceptions
 *       unmasked, opens and closes, cancels, starts a child process.  SERVERS do what documents say.
 *       With NAME they have a certificate by CHINESE_CA that bears it.
 *   station obey
 *       Reads from its standard input what to call, and says what came of it and when (obey.c).
 *   station growth GOOD FAILING LEAK SERVER BREAKING DEAD TLS_SERVER CA NAME CERT KEY
 *       Makes so many calls, and says what the process holds before and after (growth.c).
 *
 * Prints what was done and "ok", or what was wrong.
 */
#include "station.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pck_client *open_client(const char *servers, struct tls_files tls, uint32_t deadline_ms, uint32_t answer_bytes_max)
{
	pck_options options = {.struct_size = sizeof options, .servers = servers, .deadline_ms = deadline_ms};
	char error[PCK_ERROR_BYTES_MAX];
	pck_client *client;

	options.max_answer_bytes = answer_bytes_max;
	options.tls_ca_file = tls.ca;
	options.tls_server_name = tls.name;
	options.tls_cert_file = tls.cert;
	options.tls_key_file = tls.key;
	if (pck_open(&options, &client, error, sizeof error) != PCK_OK) {
		printf("pck_open: %s\n", error);
		CHECK(!"opened");
	}
	return client;
}

int32_t check_text(pck_client *client, const char *document, uint32_t deadline_ms, char *out, uint32_t cap)
{
	pck_request request = {.struct_size = sizeof request, .format = 1, .deadline_ms = deadline_ms};

	request.document = document;
	request.document_len = (uint32_t)strlen(document);
	return pck_check(client, &request, out, cap, NULL, NULL);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "sleep") == 0 && argc == 3) {
		sleep_ms(atoi(argv[2]));
		return 0;
	}
	if (strcmp(mode, "calls") == 0)
		run_calls(argc - 2, argv + 2);
	else if (strcmp(mode, "host") == 0)
		run_host(argc - 2, argv + 2, argv[0]);
	else if (strcmp(mode, "obey") == 0)
		run_obey();
	else if (strcmp(mode, "growth") == 0)
		run_growth(argc - 2, argv + 2);
	else
		CHECK(!"a known mode");
	printf("ok\n");
	return 0;
}
