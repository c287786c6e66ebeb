/*
 * precheck_flat.h - precheck.h for hosts that can declare no structure: VB6 and PowerBuilder.
 *
 * If it is not in this file or in precheck.h it is not API.  What precheck.h says of results, threads,
 * time and limits holds here too; only the way in differs: strings and 32-bit integers, by value or
 * by reference.  There is no structure, no 64-bit integer, no BSTR, no string that is returned.
 *
 * Text.  Each function that takes text exists twice.  The one with _a takes and gives GBK, the text of
 * a Chinese Windows (VB6 `As String`; PowerBuilder `alias for "...;ansi"`), the one with _w UTF-16 in
 * the machine's byte order (PowerBuilder without `;ansi`; StrPtr() in VB6).  Every text that goes in
 * ends with a zero; NULL is the empty text.  Documents and answers pass through the _a functions as
 * they are, and the server reads them as GB 18030.  Other text is converted by Windows' own tables
 * (code page 936); where there is no Windows it must be ASCII, and what comes out otherwise is `?`.
 *
 * Buffers.  `out` is a string that the host has filled to `cap` characters before the call (VB6
 * String$(cap, 0), PowerBuilder Space(cap)); what it gets ends with a zero.  `cap` and `*need` count
 * bytes in _a and 16-bit units in _w, with the zero.  By the rule of precheck.h text that does not fit
 * is PCK_E_BUFFER, and pck_flat_last_answer_*() fetches it.  `out` may be NULL if `cap` is 0, and every
 * pointer to an integer may be NULL.
 *
 * Handles.  A handle stands for one client.  It is a number from 1 to 32767, so that it fits where a
 * pointer would not.  A process has at most PCK_FLAT_CLIENTS_MAX of them at a time.  A number that is
 * no open handle is PCK_E_ARGUMENT; one that was closed stays invalid for the next 500 openings.
 *
 * Integers are 32 bits wide (VB6 and PowerBuilder `Long`), and those by reference are written as such.
 * Of `handle` and `format` only the low 16 bits are read, and every result and state fits into 16 bits
 * with its sign, so that a host which wrote `Integer` there is understood all the same.
 */
#ifndef PRECHECK_FLAT_H
#define PRECHECK_FLAT_H

#include "precheck.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PCK_FLAT_CLIENTS_MAX            64
#define PCK_FLAT_OPTIONS_BYTES_MAX    8192  /* the options of pck_flat_open_*() as UTF-8               */
#define PCK_FLAT_ORDER_IDS_BYTES_MAX 65536  /* the order ids of pck_flat_void_*() as UTF-8             */

/*
 * Makes a client, as pck_open() does.  `options` are the fields of pck_options, in any order:
 *
 *   servers=10.1.2.3:50051,10.1.2.4:50051;station_id=ward-3;deadline_ms=500
 *
 * Their names are those of pck_options; a name that is not there, or comes twice, is PCK_E_ARGUMENT.
 * Blanks around names and values are dropped, and no value can hold a semicolon.  On success *handle is
 * the client's; otherwise it is 0, and `error` gets the reason, cut to `error_cap` characters with its
 * zero.  PCK_E_BUSY: there are PCK_FLAT_CLIENTS_MAX clients already.
 */
PCK_API int32_t PCK_CALL pck_flat_open_a(const char *options, int32_t *handle, char *error, int32_t error_cap);
PCK_API int32_t PCK_CALL pck_flat_open_w(const uint16_t *options, int32_t *handle, uint16_t *error, int32_t error_cap);

/*
 * Judges one document, as pck_check() does; *state is that of precheck.h.  An empty `request_id` is one
 * that the library makes; `deadline_ms` 0 is the client's.
 */
PCK_API int32_t PCK_CALL pck_flat_check_a(int32_t handle, int32_t format, const char *document,
                                          const char *request_id, int32_t deadline_ms,
                                          char *out, int32_t cap, int32_t *need, int32_t *state);
PCK_API int32_t PCK_CALL pck_flat_check_w(int32_t handle, int32_t format, const uint16_t *document,
                                          const uint16_t *request_id, int32_t deadline_ms,
                                          uint16_t *out, int32_t cap, int32_t *need, int32_t *state);

/*
 * The answer of the last call, its result and state, as pck_last_answer() does.  Take the one of the two
 * that the call was made by: another is PCK_E_ARGUMENT.
 */
PCK_API int32_t PCK_CALL pck_flat_last_answer_a(int32_t handle, char *out, int32_t cap,
                                                int32_t *need, int32_t *state);
PCK_API int32_t PCK_CALL pck_flat_last_answer_w(int32_t handle, uint16_t *out, int32_t cap,
                                                int32_t *need, int32_t *state);

/* Commits the current lines of a document, as pck_commit() does. */
PCK_API int32_t PCK_CALL pck_flat_commit_a(int32_t handle, int32_t format, const char *document,
                                           int32_t deadline_ms, int32_t *committed_lines);
PCK_API int32_t PCK_CALL pck_flat_commit_w(int32_t handle, int32_t format, const uint16_t *document,
                                           int32_t deadline_ms, int32_t *committed_lines);

/*
 * Takes committed lines out of the patient's history, as pck_void() does.  `order_ids` is one id, or
 * several with a comma between them, or "*" for every line of the encounter; empty is PCK_E_ARGUMENT,
 * so that a forgotten id does not take everything.  Blanks around an id are dropped.  `item_code` and
 * `reason` may be empty.
 */
PCK_API int32_t PCK_CALL pck_flat_void_a(int32_t handle, const char *patient_id, const char *encounter_id,
                                         const char *order_ids, const char *item_code, const char *reason,
                                         int32_t deadline_ms, int32_t *voided_lines);
PCK_API int32_t PCK_CALL pck_flat_void_w(int32_t handle, const uint16_t *patient_id, const uint16_t *encounter_id,
                                         const uint16_t *order_ids, const uint16_t *item_code,
                                         const uint16_t *reason, int32_t deadline_ms, int32_t *voided_lines);

/* Records what the doctor did about findings, as pck_feedback() does. */
PCK_API int32_t PCK_CALL pck_flat_feedback_a(int32_t handle, int32_t format, const char *document,
                                             int32_t deadline_ms, char *out, int32_t cap, int32_t *need,
                                             int32_t *recorded, int32_t *unmatched);
PCK_API int32_t PCK_CALL pck_flat_feedback_w(int32_t handle, int32_t format, const uint16_t *document,
                                             int32_t deadline_ms, uint16_t *out, int32_t cap, int32_t *need,
                                             int32_t *recorded, int32_t *unmatched);

/* Tells what a patient's stored history holds, as pck_recent_history() does; `since` may be empty. */
PCK_API int32_t PCK_CALL pck_flat_recent_history_a(int32_t handle, const char *patient_id, const char *since,
                                                   int32_t limit, int32_t deadline_ms,
                                                   char *out, int32_t cap, int32_t *need);
PCK_API int32_t PCK_CALL pck_flat_recent_history_w(int32_t handle, const uint16_t *patient_id,
                                                   const uint16_t *since, int32_t limit, int32_t deadline_ms,
                                                   uint16_t *out, int32_t cap, int32_t *need);

/* Tells what became of a review, as pck_review_status() does. */
PCK_API int32_t PCK_CALL pck_flat_review_status_a(int32_t handle, const char *check_id, int32_t deadline_ms,
                                                  char *out, int32_t cap, int32_t *need, int32_t *review);
PCK_API int32_t PCK_CALL pck_flat_review_status_w(int32_t handle, const uint16_t *check_id, int32_t deadline_ms,
                                                  uint16_t *out, int32_t cap, int32_t *need, int32_t *review);

/*
 * What went wrong in the last call on this handle, as pck_last_error() does, but cut to `cap` characters
 * with its zero.
 */
PCK_API int32_t PCK_CALL pck_flat_last_error_a(int32_t handle, char *out, int32_t cap);
PCK_API int32_t PCK_CALL pck_flat_last_error_w(int32_t handle, uint16_t *out, int32_t cap);

/*
 * Makes a call that another thread is blocked in return PCK_E_CANCELLED, as pck_cancel() does.  May be
 * called from any thread, until pck_flat_close() begins.  Returns PCK_OK.
 */
PCK_API int32_t PCK_CALL pck_flat_cancel(int32_t handle);

/*
 * Closes the connection and frees the client.  Returns PCK_OK; PCK_E_BUSY if another thread is inside
 * it, which then stays open.
 */
PCK_API int32_t PCK_CALL pck_flat_close(int32_t handle);

#ifdef __cplusplus
}
#endif

#endif /* PRECHECK_FLAT_H */
