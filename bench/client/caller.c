/*
 * Calls pck_check() of the library that stations load, and measures.
 *
 *   caller IP:PORT CALLS [CA CERT KEY]
 */
#include "measure.h"

#include "precheck.h"

int main(int argc, char **argv)
{
	pck_options options = {.struct_size = sizeof options, .deadline_ms = 5000, .station_id = "bench"};
	pck_request request = {.struct_size = sizeof request, .format = PCK_FORMAT_NHSA_3101};
	static char document[DOCUMENT_BYTES];
	static char answer[65536];
	pck_client *client;
	int64_t *samples;
	int64_t began_cpu_us = 0;
	uint32_t need;
	int calls, i;

	require(argc == 3 || argc == 6, "usage: caller IP:PORT CALLS [CA CERT KEY]");
	calls = atoi(argv[2]);
	samples = malloc((size_t)calls * sizeof *samples);
	require(calls > 0 && samples != NULL, "how many calls?");
	options.servers = argv[1];
	if (argc == 6) {
		options.tls_ca_file = argv[3];
		options.tls_cert_file = argv[4];
		options.tls_key_file = argv[5];
	}
	require(pck_open(&options, &client, NULL, 0) == PCK_OK, "cannot open");
	memset(document, 'd', sizeof document);
	request.document = document;
	request.document_len = sizeof document;
	for (i = -WARM_UP_CALLS; i < calls; i++) {
		int64_t began_ns = now_ns();
		int32_t result;

		if (i == 0)
			began_cpu_us = cpu_us();
		result = pck_check(client, &request, answer, sizeof answer, &need, NULL);
		if (i >= 0)
			samples[i] = now_ns() - began_ns;
		require(result == PCK_PASS && need == ANSWER_BYTES + 1 && answer[0] == 'a', "a wrong answer");
	}
	report(samples, calls, cpu_us() - began_cpu_us, resident_kib());
	pck_free(client);
	free(samples);
	return 0;
}
