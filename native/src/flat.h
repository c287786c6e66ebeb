/*
 * What the functions of precheck_flat.h share: handles, text and numbers in, text and numbers out.
 *
 * A call is begun, takes in its numbers and texts, and is ended.  The first of them that is refused is
 * kept in `result`, its reason in the client's error; whatever is taken in after it is empty.
 */
#ifndef PCK_FLAT_H
#define PCK_FLAT_H

#include "client.h"
#include "precheck_flat.h"

/* What is read of a number that a 16-bit host may pass: the rest of its 32 bits is garbage there. */
#define PCK_FLAT_LOW_HALF 0xffff

/* A handle's client.  Whoever has entered it may look at all of it. */
struct pck_flat_slot {
	atomic_int state; /* its handle, and whether it is entered */
	int generation;   /* of the handle                         */
	int wide;         /* the last call was one of _w           */
	pck_client *client;
};

/* PCK_OK: the slot is entered and must be left.  Else PCK_E_ARGUMENT or PCK_E_BUSY. */
int32_t pck_flat_enter(int32_t handle, struct pck_flat_slot **entered);
void pck_flat_leave(struct pck_flat_slot *slot);

#define PCK_FLAT_TEXTS_MAX 5
struct pck_flat_call {
	struct pck_flat_slot *slot;
	int wide;           /* text is UTF-16, else GBK            */
	int32_t result;     /* of what was taken in                */
	int text_count;
	struct pck_bytes text[PCK_FLAT_TEXTS_MAX]; /* as UTF-8      */
};

/* Unless it returns PCK_OK there is nothing to end.  The end returns the result given to it. */
int32_t pck_flat_begin(struct pck_flat_call *call, int32_t handle, int wide);
int32_t pck_flat_end(struct pck_flat_call *call, int32_t result);

/* A number that is not negative. */
uint32_t pck_flat_number(struct pck_flat_call *call, const char *name, int32_t number);
/* The size of a buffer, in bytes. */
uint32_t pck_flat_cap(struct pck_flat_call *call, const void *out, int32_t cap);
/* A text as zero-terminated UTF-8 of at most `max` bytes; NULL if it is empty. */
char *pck_flat_text(struct pck_flat_call *call, const char *name, const void *text, size_t max);
/* A document, which stays as it is. */
void pck_flat_document(struct pck_flat_call *call, pck_request *request, int32_t format, const void *document,
                       int32_t deadline_ms);

/* Cuts blanks off both ends, in place. */
char *pck_flat_trimmed(char *text);

void pck_flat_give_number(int32_t *to, uint32_t number);
/* A size in bytes, in the units of the caller. */
void pck_flat_give_need(int32_t *need, int wide, uint32_t bytes);
/* An empty answer. */
void pck_flat_give_nothing(int wide, void *out, int32_t cap, int32_t *need);

#endif
