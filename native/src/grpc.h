/*
 * A unary gRPC reply, assembled from what HTTP/2 brings.  No I/O: bytes and headers go in, a
 * result comes out, so that it can be tested and fuzzed alone.
 *
 *   headers   :status, content-type
 *   data      one message: a flag byte (0, not compressed), a length of four bytes, the message
 *   trailers  grpc-status, grpc-message (percent-encoded)
 */
#ifndef PCK_GRPC_H
#define PCK_GRPC_H

#include "base.h"

#define PCK_GRPC_PREFIX_BYTES 5

struct pck_reply {
	struct pck_bytes message;
	uint32_t message_max;
	uint32_t message_len;                   /* as the prefix says           */
	uint8_t prefix[PCK_GRPC_PREFIX_BYTES];
	uint32_t prefix_len;
	int32_t http_status;                    /* 0: none yet                  */
	int32_t grpc_status;                    /* -1: none yet                 */
	int content_type_ok;
	char text[PCK_ERROR_BYTES_MAX];         /* grpc-message, decoded        */
	int32_t broken;                         /* PCK_OK, or why to stop       */
};

/* Writes the prefix of a message. */
void pck_grpc_prefix(uint8_t prefix[PCK_GRPC_PREFIX_BYTES], uint32_t message_len);

/* Makes ready for a new reply; keeps the buffer's memory unless it is large. */
void pck_reply_reset(struct pck_reply *reply, uint32_t message_max);
void pck_reply_header(struct pck_reply *reply, const uint8_t *name, size_t name_len,
                      const uint8_t *value, size_t value_len);
/* Takes bytes of the body.  What is wrong with them is noted in `broken`. */
void pck_reply_data(struct pck_reply *reply, const uint8_t *data, size_t len);

/* When the reply has ended: PCK_OK if it carries one message, else why not. */
int32_t pck_reply_result(const struct pck_reply *reply, struct pck_error *error);

/* The result that stands for a gRPC status other than OK.  The one place where they are mapped. */
int32_t pck_grpc_result(int32_t status);

#endif
