/*
 * What the caller gives, checked against precheck.h and copied: the library's own structure has the
 * fields that it knows, with defaults filled in.  The pointers in it are still the caller's.
 */
#ifndef PCK_INTAKE_H
#define PCK_INTAKE_H

#include "platform.h"

/* Each returns PCK_OK, or what is wrong and, in `error`, with which field. */
int32_t pck_take_options(pck_options *own, const pck_options *given, struct pck_error *error);
int32_t pck_take_request(pck_request *own, const pck_request *given, int with_id, uint32_t deadline_ms,
                         struct pck_error *error);
int32_t pck_take_history(pck_history_request *own, const pck_history_request *given, uint32_t deadline_ms,
                         struct pck_error *error);
int32_t pck_take_review(pck_review_request *own, const pck_review_request *given, uint32_t deadline_ms,
                        struct pck_error *error);
int32_t pck_take_void(pck_void_request *own, const pck_void_request *given, uint32_t deadline_ms,
                      struct pck_error *error);

/* Reads pck_options.servers into `made`, which has room for PCK_SERVERS_MAX. */
int32_t pck_take_servers(struct pck_address *made, uint32_t *count, const char *servers, struct pck_error *error);

#endif
