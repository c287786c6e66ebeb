/*
 * From nothing to the first answer: loads the library, opens a client and asks once.  Prints the
 * milliseconds.
 *
 *   first LIBRARY IP:PORT [CA CERT KEY]
 */
#include "measure.h"

#include "precheck.h"

#include <dlfcn.h>

int main(int argc, char **argv)
{
	pck_options options = {.struct_size = sizeof options, .deadline_ms = 5000, .station_id = "bench"};
	pck_request request = {.struct_size = sizeof request, .format = PCK_FORMAT_NHSA_3101, .document = "ddddddddddddddddd"};
	static char answer[65536];
	int32_t (*open)(const pck_options *, pck_client **, char *, uint32_t);
	int32_t (*check)(pck_client *, const pck_request *, char *, uint32_t, uint32_t *, int32_t *);
	pck_client *client;
	void *library;
	int64_t began_ns;
	double opened_ms;

	require(argc == 3 || argc == 6, "usage: first LIBRARY IP:PORT [CA CERT KEY]");
	request.document_len = (uint32_t)strlen(request.document);
	options.servers = argv[2];
	if (argc == 6) {
		options.tls_ca_file = argv[3];
		options.tls_cert_file = argv[4];
		options.tls_key_file = argv[5];
	}
	began_ns = now_ns();
	library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	require(library != NULL, "cannot load");
	*(void **)&open = dlsym(library, "pck_open");
	*(void **)&check = dlsym(library, "pck_check");
	require(open != NULL && check != NULL, "not the library");
	require(open(&options, &client, NULL, 0) == PCK_OK, "cannot open");
	opened_ms = (double)(now_ns() - began_ns) / 1e6;
	require(check(client, &request, answer, sizeof answer, NULL, NULL) == PCK_PASS, "no answer");
	(void)printf("{\"opened_ms\": %.3f, \"first_ms\": %.3f, \"resident_kib\": %ld}\n", opened_ms,
	             (double)(now_ns() - began_ns) / 1e6, resident_kib());
	return 0;
}
