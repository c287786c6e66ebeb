#include "intake.h"

#include <stdio.h>
#include <string.h>

/* A struct_size beyond this is no size but garbage. */
#define STRUCT_BYTES_MAX 4096

/* Formats and encodings that this header does not name are the server's to judge, up to here. */
#define NUMBER_MAX 255

/* "255.255.255.255:65535", "[...]:65535" */
#define SERVER_BYTES_MAX 60

/* How long a structure was in the first header: up to its last field then.  Never to be changed. */
#define UP_TO(structure, field) (offsetof(structure, field) + sizeof(((structure *)0)->field))
#define OPTIONS_BYTES_MIN UP_TO(pck_options, tls_key_file)
#define REQUEST_BYTES_MIN UP_TO(pck_request, request_id)
#define VOID_BYTES_MIN UP_TO(pck_void_request, reason)
#define HISTORY_BYTES_MIN UP_TO(pck_history_request, since)
#define REVIEW_BYTES_MIN UP_TO(pck_review_request, check_id)

/* A structure as the caller knows it, into one of `size` bytes as we know it; what it lacks is zero. */
static int32_t take_struct(void *to, const void *from, size_t size, size_t min, struct pck_error *error)
{
	uint32_t given;
	size_t i;

	if (from == NULL) {
		pck_error_set(error, "the structure is NULL");
		return PCK_E_ARGUMENT;
	}
	memcpy(&given, from, sizeof given);
	if (given < min || given > STRUCT_BYTES_MAX) {
		pck_error_set(error, "struct_size is %lu, not %lu", (unsigned long)given, (unsigned long)size);
		return PCK_E_STRUCT;
	}
	for (i = size; i < given; i++) {
		if (((const uint8_t *)from)[i] != 0) {
			pck_error_set(error, "a field that this library does not know is set (byte %lu)", (unsigned long)i);
			return PCK_E_STRUCT;
		}
	}
	memset(to, 0, size);
	memcpy(to, from, given < size ? given : size);
	return PCK_OK;
}

static int32_t check_reserved(const uint32_t *reserved, size_t count, struct pck_error *error)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (reserved[i] != 0) {
			pck_error_set(error, "reserved[%lu] is not zero", (unsigned long)i);
			return PCK_E_STRUCT;
		}
	}
	return PCK_OK;
}

static int32_t check_number(const char *name, uint32_t value, uint32_t min, uint32_t max, struct pck_error *error)
{
	if (value >= min && value <= max)
		return PCK_OK;
	pck_error_set(error, "%s is %lu, allowed are %lu to %lu", name, (unsigned long)value, (unsigned long)min,
	              (unsigned long)max);
	return PCK_E_ARGUMENT;
}

/* NULL is allowed unless `required`. */
static int32_t check_string(const char *name, const char *text, size_t max, int required, struct pck_error *error)
{
	size_t step;

	if (text == NULL || text[0] == '\0') {
		if (!required)
			return PCK_OK;
		pck_error_set(error, "%s is missing", name);
		return PCK_E_ARGUMENT;
	}
	if (memchr(text, 0, max + 1) == NULL) {
		pck_error_set(error, "%s is longer than %lu bytes", name, (unsigned long)max);
		return PCK_E_ARGUMENT;
	}
	for (; *text != '\0'; text += step) {
		step = pck_utf8_step(text);
		if (step == 0) {
			pck_error_set(error, "%s is not UTF-8", name);
			return PCK_E_ARGUMENT;
		}
	}
	return PCK_OK;
}

/* "50051", `len` bytes; 0 if it is no port. */
static uint32_t parse_port(const char *text, size_t len)
{
	uint32_t port = 0;
	size_t i;

	if (len < 1 || len > 5)
		return 0;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (uint32_t)(text[i] - '0');
	}
	return port <= UINT16_MAX ? port : 0;
}

/* "1.2.3.4:50051" or "[::1]:50051", `len` bytes. */
static int parse_server(const char *text, size_t len, struct pck_address *address)
{
	char host[SERVER_BYTES_MAX + 1];
	int bracketed = len > 0 && text[0] == '[';
	size_t colon = len;
	size_t host_len;
	uint32_t port;

	while (colon > 0 && text[colon - 1] != ':')
		colon--;
	if (colon == 0 || len > SERVER_BYTES_MAX)
		return -1;
	port = parse_port(text + colon, len - colon);
	host_len = colon - 1;
	if (bracketed) {
		if (host_len < 2 || text[host_len - 1] != ']')
			return -1;
		text++;
		host_len -= 2;
	}
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	/* Without brackets it is unclear where an IPv6 address ends. */
	if (port == 0 || pck_net_parse_ip(host, address) != 0 || bracketed != (address->ip_len == 16))
		return -1;
	address->port = (uint16_t)port;
	(void)snprintf(address->text, sizeof address->text, bracketed ? "[%s]:%lu" : "%s:%lu", address->ip_text,
	               (unsigned long)port);
	return 0;
}

int32_t pck_take_servers(struct pck_address *made, uint32_t *count, const char *servers, struct pck_error *error)
{
	const char *at = servers;

	*count = 0;
	if (servers == NULL || servers[0] == '\0') {
		pck_error_set(error, "servers is missing");
		return PCK_E_SERVERS;
	}
	for (;;) {
		size_t len;

		while (*at == ' ')
			at++;
		len = strcspn(at, ", ");
		if (*count == PCK_SERVERS_MAX) {
			pck_error_set(error, "servers: more than %d", PCK_SERVERS_MAX);
			return PCK_E_SERVERS;
		}
		if (parse_server(at, len, &made[*count]) != 0) {
			pck_error_set(error, "servers: `%.*s` is no IP address and port, as 10.1.2.3:50051 or "
			              "[fd00::1]:50051 (names are not resolved)",
			              (int)(len < SERVER_BYTES_MAX ? len : SERVER_BYTES_MAX), at);
			return PCK_E_SERVERS;
		}
		(*count)++;
		at += len;
		while (*at == ' ')
			at++;
		if (*at == '\0')
			return PCK_OK;
		if (*at++ != ',') {
			pck_error_set(error, "servers: a comma is missing before `%.*s`", SERVER_BYTES_MAX, at - 1);
			return PCK_E_SERVERS;
		}
	}
}

static void set_default(uint32_t *value, uint32_t instead)
{
	if (*value == 0)
		*value = instead;
}

int32_t pck_take_options(pck_options *options, const pck_options *given, struct pck_error *error)
{
	int32_t result = take_struct(options, given, sizeof *options, OPTIONS_BYTES_MIN, error);

	if (result == PCK_OK)
		result = check_reserved(options->reserved, 4, error);
	if (result == PCK_OK)
		result = check_number("deadline_ms", options->deadline_ms, 0, PCK_DEADLINE_MS_MAX, error);
	if (result == PCK_OK)
		result = check_number("max_answer_bytes", options->max_answer_bytes, 0, PCK_ANSWER_BYTES_MAX, error);
	if (result == PCK_OK)
		result = check_string("station_id", options->station_id, PCK_ID_BYTES_MAX, 0, error);
	if (result == PCK_OK)
		result = check_string("profile", options->profile, PCK_ID_BYTES_MAX, 0, error);
	if (result == PCK_OK)
		result = check_string("tls_server_name", options->tls_server_name, PCK_ID_BYTES_MAX, 0, error);
	if (result != PCK_OK)
		return result;
	/* A forgotten CA file must not turn TLS off in silence. */
	if (options->tls_ca_file == NULL &&
	    (options->tls_server_name != NULL || options->tls_cert_file != NULL || options->tls_key_file != NULL)) {
		pck_error_set(error, "the tls_ fields need tls_ca_file");
		return PCK_E_ARGUMENT;
	}
	if ((options->tls_cert_file == NULL) != (options->tls_key_file == NULL)) {
		pck_error_set(error, "tls_cert_file and tls_key_file need each other");
		return PCK_E_ARGUMENT;
	}
	set_default(&options->deadline_ms, PCK_DEADLINE_MS_DEFAULT);
	set_default(&options->max_answer_bytes, PCK_ANSWER_BYTES_DEFAULT);
	set_default(&options->idle_ms, PCK_IDLE_MS_DEFAULT);
	return PCK_OK;
}

int32_t pck_take_request(pck_request *own, const pck_request *given, int with_id, uint32_t deadline_ms,
                         struct pck_error *error)
{
	int32_t result = take_struct(own, given, sizeof *own, REQUEST_BYTES_MIN, error);

	if (result == PCK_OK)
		result = check_reserved(own->reserved, 3, error);
	if (result == PCK_OK)
		result = check_number("format", own->format, 1, NUMBER_MAX, error);
	if (result == PCK_OK)
		result = check_number("encoding", own->encoding, 0, NUMBER_MAX, error);
	if (result == PCK_OK)
		result = check_number("deadline_ms", own->deadline_ms, 0, PCK_DEADLINE_MS_MAX, error);
	if (result == PCK_OK)
		result = check_string("request_id", own->request_id, PCK_ID_BYTES_MAX, 0, error);
	if (result != PCK_OK)
		return result;
	if (own->document == NULL || own->document_len == 0) {
		pck_error_set(error, "document is missing");
		return PCK_E_ARGUMENT;
	}
	/* UTF-16 may take twice what is sent; that is counted when it is converted. */
	if (own->document_len / (own->encoding == PCK_ENCODING_UTF16 ? 2 : 1) > PCK_DOCUMENT_BYTES_MAX) {
		pck_error_set(error, "the document has %lu bytes, the limit is %lu", (unsigned long)own->document_len,
		              (unsigned long)PCK_DOCUMENT_BYTES_MAX);
		return PCK_E_DOCUMENT_LIMIT;
	}
	if (own->request_id != NULL && !with_id) {
		pck_error_set(error, "request_id is for pck_check() only");
		return PCK_E_ARGUMENT;
	}
	set_default(&own->deadline_ms, deadline_ms);
	return PCK_OK;
}

int32_t pck_take_history(pck_history_request *own, const pck_history_request *given, uint32_t deadline_ms,
                         struct pck_error *error)
{
	int32_t result = take_struct(own, given, sizeof *own, HISTORY_BYTES_MIN, error);

	if (result == PCK_OK)
		result = check_reserved(own->reserved, 4, error);
	if (result == PCK_OK)
		result = check_number("encoding", own->encoding, 0, NUMBER_MAX, error);
	if (result == PCK_OK)
		result = check_number("deadline_ms", own->deadline_ms, 0, PCK_DEADLINE_MS_MAX, error);
	if (result == PCK_OK)
		result = check_string("patient_id", own->patient_id, PCK_TEXT_BYTES_MAX, 1, error);
	if (result == PCK_OK)
		result = check_string("since", own->since, PCK_TEXT_BYTES_MAX, 0, error);
	if (result == PCK_OK)
		set_default(&own->deadline_ms, deadline_ms);
	return result;
}

int32_t pck_take_review(pck_review_request *own, const pck_review_request *given, uint32_t deadline_ms,
                        struct pck_error *error)
{
	int32_t result = take_struct(own, given, sizeof *own, REVIEW_BYTES_MIN, error);

	if (result == PCK_OK)
		result = check_reserved(own->reserved, 5, error);
	if (result == PCK_OK)
		result = check_number("encoding", own->encoding, 0, NUMBER_MAX, error);
	if (result == PCK_OK)
		result = check_number("deadline_ms", own->deadline_ms, 0, PCK_DEADLINE_MS_MAX, error);
	if (result == PCK_OK)
		result = check_string("check_id", own->check_id, PCK_ID_BYTES_MAX, 1, error);
	if (result == PCK_OK)
		set_default(&own->deadline_ms, deadline_ms);
	return result;
}

int32_t pck_take_void(pck_void_request *own, const pck_void_request *given, uint32_t deadline_ms,
                      struct pck_error *error)
{
	int32_t result = take_struct(own, given, sizeof *own, VOID_BYTES_MIN, error);
	uint32_t i;

	if (result == PCK_OK)
		result = check_reserved(own->reserved, 3, error);
	if (result == PCK_OK)
		result = check_number("deadline_ms", own->deadline_ms, 0, PCK_DEADLINE_MS_MAX, error);
	if (result == PCK_OK)
		result = check_number("order_id_count", own->order_id_count, 0, PCK_ORDER_IDS_MAX, error);
	if (result == PCK_OK)
		result = check_string("patient_id", own->patient_id, PCK_TEXT_BYTES_MAX, 1, error);
	if (result == PCK_OK)
		result = check_string("encounter_id", own->encounter_id, PCK_TEXT_BYTES_MAX, 1, error);
	if (result == PCK_OK)
		result = check_string("item_code", own->item_code, PCK_TEXT_BYTES_MAX, 0, error);
	if (result == PCK_OK)
		result = check_string("reason", own->reason, PCK_TEXT_BYTES_MAX, 0, error);
	if (result == PCK_OK && own->order_id_count > 0 && own->order_ids == NULL) {
		pck_error_set(error, "order_ids is missing");
		result = PCK_E_ARGUMENT;
	}
	/* An empty one would void the whole encounter. */
	for (i = 0; result == PCK_OK && i < own->order_id_count; i++)
		result = check_string("one of order_ids", own->order_ids[i], PCK_TEXT_BYTES_MAX, 1, error);
	if (result == PCK_OK)
		set_default(&own->deadline_ms, deadline_ms);
	return result;
}
