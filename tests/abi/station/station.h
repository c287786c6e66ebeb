/*
 * A doctor's station for the tests: the same source on Windows (x64 and x86) and on Linux.  Each of its modes
 * is one file; main.c says how it is called.
 */
#ifndef STATION_H
#define STATION_H

#include "system.h"

#include "precheck_flat.h"

#define PATIENT_MS 60000

/* Where TLS finds its files; all NULL is plaintext. */
struct tls_files {
	const char *ca, *name, *cert, *key;
};

/* Opens a client, or ends the program. */
pck_client *open_client(const char *servers, struct tls_files tls, uint32_t deadline_ms, uint32_t answer_bytes_max);
/* Checks a document in UTF-8; a deadline of 0 is the client's. */
int32_t check_text(pck_client *client, const char *document, uint32_t deadline_ms, char *out, uint32_t cap);

/* The modes.  `count` arguments are those behind the mode's name. */
void run_calls(int count, char **arguments);
void run_host(int count, char **arguments, const char *program);
void run_obey(void);
void run_growth(int count, char **arguments);

#endif
