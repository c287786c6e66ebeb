#include "grpc.h"

#include <string.h>

/* A reply buffer that grew larger than this is given back before the next call. */
#define KEPT_BYTES_MAX (256 * 1024)

#define HTTP_OK 200

void pck_grpc_prefix(uint8_t prefix[PCK_GRPC_PREFIX_BYTES], uint32_t message_len)
{
	prefix[0] = 0;
	prefix[1] = (uint8_t)(message_len >> 24);
	prefix[2] = (uint8_t)(message_len >> 16);
	prefix[3] = (uint8_t)(message_len >> 8);
	prefix[4] = (uint8_t)message_len;
}

void pck_reply_reset(struct pck_reply *reply, uint32_t message_max)
{
	struct pck_bytes message = reply->message;

	if (message.capacity > KEPT_BYTES_MAX)
		pck_bytes_free(&message);
	message.len = 0;
	memset(reply, 0, sizeof *reply);
	reply->message = message;
	reply->message_max = message_max;
	reply->grpc_status = -1;
}

static int name_is(const uint8_t *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

/* A status is at most three digits; -1 for anything else. */
static int32_t number_of(const uint8_t *value, size_t len)
{
	int32_t number = 0;
	size_t i;

	if (len == 0 || len > 3)
		return -1;
	for (i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return -1;
		number = number * 10 + (value[i] - '0');
	}
	return number;
}

static int32_t hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Invalid escapes stay as they are, as the gRPC specification asks. */
static void percent_decode(char *to, size_t cap, const uint8_t *from, size_t len)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < len && n + 1 < cap; i++) {
		uint8_t c = from[i];

		if (c == '%' && i + 2 < len && hex_digit(from[i + 1]) >= 0 && hex_digit(from[i + 2]) >= 0) {
			c = (uint8_t)(hex_digit(from[i + 1]) << 4 | hex_digit(from[i + 2]));
			i += 2;
		}
		to[n++] = c != 0 ? (char)c : ' ';
	}
	to[n] = '\0';
}

void pck_reply_header(struct pck_reply *reply, const uint8_t *name, size_t name_len,
                      const uint8_t *value, size_t value_len)
{
	static const char grpc_type[] = "application/grpc";

	if (name_is(name, name_len, ":status")) {
		reply->http_status = number_of(value, value_len);
	} else if (name_is(name, name_len, "content-type")) {
		reply->content_type_ok = value_len >= sizeof grpc_type - 1 &&
		                         memcmp(value, grpc_type, sizeof grpc_type - 1) == 0;
	} else if (name_is(name, name_len, "grpc-status")) {
		reply->grpc_status = number_of(value, value_len);
	} else if (name_is(name, name_len, "grpc-message")) {
		percent_decode(reply->text, sizeof reply->text, value, value_len);
	}
}

void pck_reply_data(struct pck_reply *reply, const uint8_t *data, size_t len)
{
	while (len > 0 && reply->prefix_len < PCK_GRPC_PREFIX_BYTES) {
		reply->prefix[reply->prefix_len++] = *data++;
		len--;
		if (reply->prefix_len < PCK_GRPC_PREFIX_BYTES)
			continue;
		reply->message_len = (uint32_t)reply->prefix[1] << 24 | (uint32_t)reply->prefix[2] << 16 |
		                     (uint32_t)reply->prefix[3] << 8 | reply->prefix[4];
		if (reply->prefix[0] != 0)
			reply->broken = PCK_E_BAD_REPLY;
		else if (reply->message_len > reply->message_max)
			reply->broken = PCK_E_ANSWER_LIMIT;
	}
	if (len == 0 || reply->broken != PCK_OK)
		return;
	if (len > reply->message_len - reply->message.len) {
		reply->broken = PCK_E_BAD_REPLY;
		return;
	}
	/* Grown by what came, never by what the prefix promises. */
	reply->broken = pck_bytes_append(&reply->message, data, len);
}

int32_t pck_grpc_result(int32_t status)
{
	static const int32_t results[] = {
		PCK_OK,              /*  0 OK                  */
		PCK_E_CANCELLED,     /*  1 CANCELLED           */
		PCK_E_SERVER,        /*  2 UNKNOWN             */
		PCK_E_REJECTED,      /*  3 INVALID_ARGUMENT    */
		PCK_E_TIMEOUT,       /*  4 DEADLINE_EXCEEDED   */
		PCK_E_UNSUPPORTED,   /*  5 NOT_FOUND           */
		PCK_E_REJECTED,      /*  6 ALREADY_EXISTS      */
		PCK_E_DENIED,        /*  7 PERMISSION_DENIED   */
		PCK_E_UNAVAILABLE,   /*  8 RESOURCE_EXHAUSTED  */
		PCK_E_REJECTED,      /*  9 FAILED_PRECONDITION */
		PCK_E_SERVER,        /* 10 ABORTED             */
		PCK_E_REJECTED,      /* 11 OUT_OF_RANGE        */
		PCK_E_UNSUPPORTED,   /* 12 UNIMPLEMENTED       */
		PCK_E_SERVER,        /* 13 INTERNAL            */
		PCK_E_UNAVAILABLE,   /* 14 UNAVAILABLE         */
		PCK_E_SERVER,        /* 15 DATA_LOSS           */
		PCK_E_DENIED,        /* 16 UNAUTHENTICATED     */
	};

	if (status < 0 || status >= (int32_t)(sizeof results / sizeof results[0]))
		return PCK_E_SERVER;
	return results[status];
}

/* A proxy answered in place of the gRPC server: the mapping of the gRPC specification. */
static int32_t http_result(int32_t http_status)
{
	switch (http_status) {
	case 401:
	case 403:
		return PCK_E_DENIED;
	case 404:
		return PCK_E_UNSUPPORTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return PCK_E_UNAVAILABLE;
	default:
		return PCK_E_BAD_REPLY;
	}
}

int32_t pck_reply_result(const struct pck_reply *reply, struct pck_error *error)
{
	if (reply->broken == PCK_E_ANSWER_LIMIT) {
		pck_error_set(error, "the answer is %lu bytes long, the limit is %lu",
		              (unsigned long)reply->message_len, (unsigned long)reply->message_max);
		return reply->broken;
	}
	if (reply->broken != PCK_OK) {
		pck_error_set(error, reply->broken == PCK_E_MEMORY ? "out of memory" : "the reply is no gRPC message");
		return reply->broken;
	}
	if (reply->grpc_status > 0) {
		pck_error_set(error, "server: gRPC status %ld: %s", (long)reply->grpc_status, reply->text);
		return pck_grpc_result(reply->grpc_status);
	}
	if (reply->http_status != HTTP_OK) {
		pck_error_set(error, "HTTP status %ld instead of a gRPC reply", (long)reply->http_status);
		return http_result(reply->http_status);
	}
	if (reply->grpc_status < 0 || !reply->content_type_ok) {
		pck_error_set(error, "the reply is not gRPC");
		return PCK_E_BAD_REPLY;
	}
	if (reply->prefix_len < PCK_GRPC_PREFIX_BYTES || reply->message.len != reply->message_len) {
		pck_error_set(error, "the reply ended before its message did");
		return PCK_E_BAD_REPLY;
	}
	return PCK_OK;
}
