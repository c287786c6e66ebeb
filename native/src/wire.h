/*
 * The messages of proto/precheck/v1/check.proto, by hand: the few that a station sends and reads.
 * Requests are written in order of field number; in responses unknown fields are skipped, so that
 * a newer server can say more than this library knows.
 */
#ifndef PCK_WIRE_H
#define PCK_WIRE_H

#include "base.h"

/* A request: `head`, then the caller's document (not copied), then `tail`. */
struct pck_body {
	uint8_t head[16];
	size_t head_len;
	const uint8_t *document;
	size_t document_len;
	struct pck_bytes tail;
};

size_t pck_body_len(const struct pck_body *body);

void pck_wire_document(struct pck_body *body, const void *document, uint32_t len);
/* PCK_OK or PCK_E_MEMORY.  A string may be NULL, which is the empty one. */
int32_t pck_wire_number(struct pck_body *body, uint32_t field, uint64_t value);
int32_t pck_wire_string(struct pck_body *body, uint32_t field, const char *text);

/* One response: its fields 1 to PCK_WIRE_FIELDS, last one wins, absent ones zero. */
#define PCK_WIRE_FIELDS 6
struct pck_fields {
	const uint8_t *bytes[PCK_WIRE_FIELDS + 1];
	size_t len[PCK_WIRE_FIELDS + 1];
	uint64_t number[PCK_WIRE_FIELDS + 1];
};

/*
 * Reads `data`.  `kinds` has a letter for each of the fields 1, 2, 3, ...: 'b' bytes, 'n' number, '-' not
 * read; fields beyond its letters, of which there are at most PCK_WIRE_FIELDS, are not read.
 * Returns PCK_OK, or PCK_E_BAD_REPLY if it is no protobuf message of that shape.
 */
int32_t pck_wire_read(const uint8_t *data, size_t len, const char *kinds, struct pck_fields *fields);

#endif
