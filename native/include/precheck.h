/*
 * precheck.h - the C client of Precheck, the point-of-care prescription check.
 *
 * If it is not in this file it is not API.
 *
 * Results.  Every function that returns int32_t returns one of the values below.
 * A value >= 0 means done; a negative value from pck_check() means NOT CHECKED, and must never
 * be shown as "no finding":
 *
 *   0, 1, 2        the document was judged: pass, warn, block
 *   -1 .. -99      the caller's fault; the same call again cannot help
 *   -100 .. -199   not checked; the same call may be tried again
 *   -900 ..        the client is unusable; only pck_last_error() and pck_free() are allowed
 *
 * Every result fits into 16 bits with its sign, for hosts that read no more.
 *
 * Threads.  One pck_client may be used by one thread at a time, and by different threads one
 * after the other; a second thread that enters meanwhile gets PCK_E_BUSY.  pck_cancel() is the
 * one exception.  Different clients share nothing.  The library starts no thread, installs no
 * signal handler, raises no signal, and calls nothing back.  A client must not be used in a
 * child process after fork().
 *
 * Time.  No call takes longer than its deadline (plus what the scheduler takes), whichever of
 * connecting, TLS, sending or the server stalls; but for the verification of a certificate chain,
 * within which the clock is not looked at: made up to be dear, one takes tens of milliseconds.
 * Only pck_open() reads files, and none of the functions resolves names.
 *
 * Buffers.  Text comes back in buffers of the caller: `out` with `cap` bytes.  `*need` is set to
 * the bytes the whole text takes, with its terminating zero; it is 0 where there is no text.
 * Text that fits is copied with its zero.  Otherwise the function returns PCK_E_BUFFER, and `out`
 * (if `cap` > 0) holds an empty string.  `out` may be NULL if `cap` is 0; `need` may be NULL.
 * In UTF-16 the terminating zero has two bytes, and sizes count bytes all the same.
 *
 * Structures.  Zero the structure, set struct_size to its sizeof, then set fields.  A field that
 * is 0 or NULL has its default.  Later headers may append fields: a shorter structure of an earlier
 * header is accepted, and what it lacks is zero; a longer one is accepted if what this library does
 * not know of it is zero.
 *
 * Strings are zero-terminated UTF-8 and are copied; the library keeps no pointer of the caller's
 * after a function returned.  Documents and the answers to them are in the encoding that the caller
 * states.
 *
 * Hosts that can declare no structure, as VB6 and PowerBuilder, take precheck_flat.h instead.
 */
#ifndef PRECHECK_H
#define PRECHECK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PCK_API
#if defined(_WIN32)
#define PCK_API
#elif defined(__GNUC__)
#define PCK_API __attribute__((visibility("default")))
#else
#define PCK_API
#endif
#endif

/* stdcall on 32-bit Windows, because PowerBuilder and VB6 can call nothing else. */
#ifndef PCK_CALL
#if defined(_WIN32)
#define PCK_CALL __stdcall
#else
#define PCK_CALL
#endif
#endif

/* Of this header; pck_version() tells that of the library.  major * 10000 + minor * 100 + patch. */
#define PCK_VERSION                    100

/* Judged.  The numbers never change. */
#define PCK_PASS                         0  /* nothing to hold the doctor up; hints are possible       */
#define PCK_WARN                         1  /* at least one finding to be shown                        */
#define PCK_BLOCK                        2  /* at least one finding that forbids the order             */
#define PCK_OK                           0  /* done, of the functions that judge nothing               */

/* The caller's fault; the same call again cannot help. */
#define PCK_E_ARGUMENT                 (-1)  /* a NULL or a number that this header does not allow      */
#define PCK_E_STRUCT                   (-2)  /* struct_size is wrong, or a reserved field is not zero   */
#define PCK_E_SERVERS                  (-3)  /* `servers` cannot be read                                */
#define PCK_E_CERTIFICATE              (-4)  /* a TLS file cannot be read or used                       */
#define PCK_E_BUFFER                   (-5)  /* buffer too small: done, but fetch it by pck_last_answer */
#define PCK_E_NO_ANSWER                (-6)  /* pck_last_answer(): the last call brought no answer      */
#define PCK_E_BUSY                     (-7)  /* another thread is inside this client                    */
#define PCK_E_DOCUMENT_LIMIT           (-8)  /* the document is longer than PCK_DOCUMENT_BYTES_MAX      */
#define PCK_E_ANSWER_LIMIT             (-9)  /* the answer is longer than max_answer_bytes              */
#define PCK_E_REJECTED                (-10)  /* the document or request was refused; the text says why  */
#define PCK_E_DENIED                  (-11)  /* the server does not allow this caller                   */
#define PCK_E_UNSUPPORTED             (-12)  /* this server does not know the call                      */

/* Not checked; the same call may be tried again. */
#define PCK_E_TIMEOUT                (-100)  /* the deadline passed                                     */
#define PCK_E_UNREACHABLE            (-101)  /* no server accepted a connection, or it was lost         */
#define PCK_E_TLS                    (-102)  /* TLS failed: wrong certificate, name, or protocol        */
#define PCK_E_UNAVAILABLE            (-103)  /* the server is draining, busy, or cannot record          */
#define PCK_E_BAD_REPLY              (-104)  /* the reply cannot be understood                          */
#define PCK_E_SERVER                 (-105)  /* the server failed                                       */
#define PCK_E_CANCELLED              (-106)  /* pck_cancel(), or the server cancelled                   */
#define PCK_E_NOT_EVALUATED          (-107)  /* answered, but nothing could be judged; the answer says  */

/* The client is unusable; every later call but pck_last_error() returns the same value. */
#define PCK_E_MEMORY                 (-900)  /* out of memory                                           */
#define PCK_E_INTERNAL               (-901)  /* the system refused something basic, as random numbers   */

/* Limits.  A longer string or a larger number is PCK_E_ARGUMENT, where nothing else is said. */
#define PCK_DEADLINE_MS_DEFAULT        300
#define PCK_DEADLINE_MS_MAX         600000
#define PCK_IDLE_MS_DEFAULT         240000
#define PCK_SERVERS_MAX                  8
#define PCK_DOCUMENT_BYTES_MAX    25165824  /* 24 MiB, as at the server                                */
#define PCK_ANSWER_BYTES_DEFAULT  33554432  /* 32 MiB                                                  */
#define PCK_ANSWER_BYTES_MAX     134217728  /* 128 MiB                                                 */
#define PCK_ID_BYTES_MAX               256  /* station_id, profile, request_id, check_id, each         */
#define PCK_TEXT_BYTES_MAX            2048  /* each string of pck_void_request and pck_history_request */
#define PCK_ORDER_IDS_MAX             1000
#define PCK_ERROR_BYTES_MAX            512  /* the longest error text, with its zero                   */

/*
 * Layout of a document: pck_request.format.  Other numbers up to 255 are passed on, for servers that
 * are newer than this header; so are those of the encoding.
 */
#define PCK_FORMAT_PRECHECK_JSON         1
#define PCK_FORMAT_NHSA_3101             2
#define PCK_FORMAT_NHSA_3102             3
#define PCK_FORMAT_NHSA_3103             4  /* for pck_feedback() only                                 */

/*
 * Encoding of a document, and of the answer to it: pck_request.encoding.  0 is UTF-8 too.
 *
 * GBK is passed on: the server reads it as its superset GB 18030.  UTF-16 is that of the machine's
 * byte order, as the strings of C#, Delphi, Java and PowerBuilder are; the library sends UTF-8 and
 * turns the answer back.  A byte order mark at its beginning is dropped.  A document with half a
 * surrogate pair is PCK_E_REJECTED and is not sent: nothing is replaced in a document.  An odd number
 * of bytes is PCK_E_ARGUMENT.
 */
#define PCK_ENCODING_UTF8                1
#define PCK_ENCODING_GBK                 2
#define PCK_ENCODING_UTF16               3

/*
 * The state of an answer: how much of what could apply was judged, in its low byte, and flags.  Flags
 * may be added: take the low byte by PCK_COMPLETENESS_MASK.
 */
#define PCK_COMPLETENESS_MASK         0xff
#define PCK_COMPLETENESS_UNKNOWN         0  /* there is no answer                                      */
#define PCK_COMPLETE                     1  /* everything                                              */
#define PCK_PARTIAL                      2  /* the result holds for the rest; the answer names the gap */
#define PCK_NONE                         3  /* nothing: the result is PCK_E_NOT_EVALUATED              */
#define PCK_STALE                    0x100  /* judged by rules past their expiry, or by a history that
                                             * may lag; the answer says which                          */

/* What became of a review.  Other numbers may come.  Only PCK_REVIEW_PASSED is a pharmacist's pass. */
#define PCK_REVIEW_UNKNOWN               0  /* there is no answer                                      */
#define PCK_REVIEW_PENDING               1  /* it waits for a pharmacist, or a pharmacist has it       */
#define PCK_REVIEW_PASSED                2  /* a pharmacist passed it                                  */
#define PCK_REVIEW_RETURNED              3  /* a pharmacist sent it back to the doctor                 */
#define PCK_REVIEW_LAPSED                4  /* time ran out or nobody was on duty: no pharmacist passed it */
#define PCK_REVIEW_SUPERSEDED            5  /* the prescription was changed or voided meanwhile        */
#define PCK_REVIEW_NOT_REQUIRED          6  /* nobody has to review it                                 */

/* An open client.  Made by pck_open(), released by pck_free(). */
typedef struct pck_client pck_client;

/* How to reach the servers. */
typedef struct pck_options {
	uint32_t struct_size;       /* sizeof(pck_options), as the caller sees it                      */
	uint32_t deadline_ms;       /* of one call; 0 = PCK_DEADLINE_MS_DEFAULT                        */
	uint32_t max_answer_bytes;  /* longest reply accepted; 0 = PCK_ANSWER_BYTES_DEFAULT            */
	uint32_t idle_ms;           /* a connection unused for longer is replaced before a call, since
	                             * firewalls drop such in silence; 0 = PCK_IDLE_MS_DEFAULT         */
	uint32_t reserved[4];       /* must be zero; checked                                           */
	const char *servers;        /* "10.1.2.3:50051,[fd00::1]:50051": IP addresses and ports, the
	                             * preferred first; names are not resolved.  Required              */
	const char *station_id;     /* appears in the server's records                                 */
	const char *profile;        /* the site profile to read documents by; NULL = the server's      */
	const char *tls_ca_file;    /* PEM; TLS is used if it is set, plaintext if not                 */
	const char *tls_server_name;/* name in the server's certificate; NULL = its address in `servers` */
	const char *tls_cert_file;  /* PEM, the station's own certificate, if the servers ask for it   */
	const char *tls_key_file;   /* PEM, not encrypted; needs tls_cert_file and the reverse         */
} pck_options;

/* One document. */
typedef struct pck_request {
	uint32_t struct_size;       /* sizeof(pck_request), as the caller sees it                      */
	uint32_t format;            /* PCK_FORMAT_...; required                                        */
	uint32_t encoding;          /* PCK_ENCODING_...; 0 = UTF-8                                     */
	uint32_t deadline_ms;       /* of this call; 0 = the client's                                  */
	uint32_t document_len;      /* bytes; in UTF-16 too                                            */
	uint32_t reserved[3];       /* must be zero; checked                                           */
	const void *document;       /* not copied: it must stay until the call returns.  Required      */
	const char *request_id;     /* for pck_check() only: a repeat with the same id and document is
	                             * answered with the recorded decision.  NULL = the library makes a
	                             * random one, new for every call, and retries under it by itself  */
} pck_request;

/* Lines to be taken back out of a patient's history. */
typedef struct pck_void_request {
	uint32_t struct_size;       /* sizeof(pck_void_request), as the caller sees it                 */
	uint32_t deadline_ms;       /* of this call; 0 = the client's                                  */
	uint32_t order_id_count;    /* 0 = every line of the encounter                                 */
	uint32_t reserved[3];       /* must be zero; checked                                           */
	const char *patient_id;     /* required                                                        */
	const char *encounter_id;   /* required                                                        */
	const char *const *order_ids;
	const char *item_code;      /* only lines of this code; NULL = all                             */
	const char *reason;         /* for the record                                                  */
} pck_void_request;

/* Whose stored history to tell. */
typedef struct pck_history_request {
	uint32_t struct_size;       /* sizeof(pck_history_request), as the caller sees it              */
	uint32_t deadline_ms;       /* of this call; 0 = the client's                                  */
	uint32_t encoding;          /* of the answer, PCK_ENCODING_...; 0 = UTF-8                      */
	uint32_t limit;             /* at most so many lines, and visits; 0 = the server's most        */
	uint32_t reserved[4];       /* must be zero; checked                                           */
	const char *patient_id;     /* required                                                        */
	const char *since;          /* "2026-07-01" or "2026-07-01 08:00:00": only what begins then or
	                             * later; NULL = everything                                        */
} pck_history_request;

/* Whose review to ask after. */
typedef struct pck_review_request {
	uint32_t struct_size;       /* sizeof(pck_review_request), as the caller sees it               */
	uint32_t deadline_ms;       /* of this call; 0 = the client's                                  */
	uint32_t encoding;          /* of the answer, PCK_ENCODING_...; 0 = UTF-8                      */
	uint32_t reserved[5];       /* must be zero; checked                                           */
	const char *check_id;       /* the decision, as its answer names it: check_id, in a national
	                             * answer inf_refmsgid.  Required                                  */
} pck_review_request;

/* The version of the library, in the form of PCK_VERSION.  Never fails. */
PCK_API int32_t PCK_CALL pck_version(void);

/*
 * The name of a result, as "PCK_E_TIMEOUT"; "PCK_E_?" for a number that is none.  0 is "PCK_PASS".
 * The string is constant.
 */
PCK_API const char *PCK_CALL pck_result_name(int32_t result);

/*
 * Makes a client.  Reads the TLS files, and touches no network: a server that is down shows at the
 * first call.  On success returns PCK_OK and sets *client.  Otherwise sets *client to NULL and, if
 * `error` is not NULL, writes the reason to `error`, cut to `error_cap` bytes with its zero.
 */
PCK_API int32_t PCK_CALL pck_open(const pck_options *options, pck_client **client,
                                  char *error, uint32_t error_cap);

/*
 * Judges one document.  Returns PCK_PASS, PCK_WARN or PCK_BLOCK, or a negative value: NOT CHECKED.
 *
 * `out` gets the server's answer, in the document's own layout and encoding, and *state (if not
 * NULL) PCK_COMPLETE, PCK_PARTIAL or PCK_NONE, with PCK_STALE added where that holds.  With
 * PCK_E_NOT_EVALUATED there is an answer too.  With every other negative value *state is
 * PCK_COMPLETENESS_UNKNOWN, and the answer is empty.
 *
 * A connection is made when there is none, and kept for the next call.  A kept connection that turns
 * out to be lost is replaced by a new one to the same server.  Where a new one fails too, or the
 * server says that it is unavailable, the next server is asked; where a server is silent for its
 * share of the time, the next one is asked beside it, and the first answer counts.  All of it within
 * the deadline and under the same request id.  A server that failed is marked down for a while: later
 * calls begin with the first one of `servers` that is not, and one of them tries whether it is back,
 * at little cost.  Where all are marked down, all are tried.
 */
PCK_API int32_t PCK_CALL pck_check(pck_client *client, const pck_request *request,
                                   char *out, uint32_t cap, uint32_t *need, int32_t *state);

/*
 * The answer of the last call on this client in its encoding, its result, and the *state that a check
 * gave (PCK_COMPLETENESS_UNKNOWN after other calls): for the caller whose buffer was too small.  It
 * asks no server.  PCK_E_NO_ANSWER if the last call brought none; pck_commit() and pck_void() bring
 * none.
 */
PCK_API int32_t PCK_CALL pck_last_answer(pck_client *client, char *out, uint32_t cap,
                                         uint32_t *need, int32_t *state);

/*
 * Commits the current lines of a document into the patient's history.  Repeating it changes
 * nothing.  *committed_lines: the lines that were new or changed; PCK_OK with 0 is no failure: they may
 * have been there, also because the answer to this very call was lost and the library asked again.
 * *history_position: grows with every change of the patient's history.  Both may be NULL, and are 0
 * unless PCK_OK is returned.
 */
PCK_API int32_t PCK_CALL pck_commit(pck_client *client, const pck_request *request,
                                    uint32_t *committed_lines, uint64_t *history_position);

/*
 * Takes committed lines out of the patient's history (order cancelled, charge reversed).  Lines
 * that are not in it are no error, and not counted in *voided_lines, which may be 0 for the same reason
 * as *committed_lines: PCK_OK says that they are out of it.  Both may be NULL, and are 0
 * unless PCK_OK is returned.
 */
PCK_API int32_t PCK_CALL pck_void(pck_client *client, const pck_void_request *request,
                                  uint32_t *voided_lines, uint64_t *history_position);

/*
 * Records what the doctor did about findings: a document in PCK_FORMAT_NHSA_3103 or
 * PCK_FORMAT_PRECHECK_JSON.  Returns PCK_OK.  *recorded: the entries recorded; *unmatched: those of
 * them whose finding the server never gave out.  Both may be NULL, and are 0 unless PCK_OK or
 * PCK_E_BUFFER is returned.  Not sent a second time once a server may have seen it.
 */
PCK_API int32_t PCK_CALL pck_feedback(pck_client *client, const pck_request *request,
                                      char *out, uint32_t cap, uint32_t *need,
                                      uint32_t *recorded, uint32_t *unmatched);

/*
 * Tells what a patient's stored history holds: what the next check will count with, newest first.
 * Returns PCK_OK; `out` gets a JSON document of the server's.
 */
PCK_API int32_t PCK_CALL pck_recent_history(pck_client *client, const pck_history_request *request,
                                            char *out, uint32_t cap, uint32_t *need);

/*
 * Tells what became of a decision that a pharmacist had to review.  Returns PCK_OK; *review (if not
 * NULL) is PCK_REVIEW_..., and `out` gets a JSON document of the server's.  *review is
 * PCK_REVIEW_UNKNOWN unless PCK_OK or PCK_E_BUFFER is returned.  A server that reviews nothing
 * answers PCK_E_UNSUPPORTED.
 */
PCK_API int32_t PCK_CALL pck_review_status(pck_client *client, const pck_review_request *request,
                                           char *out, uint32_t cap, uint32_t *need, int32_t *review);

/*
 * What went wrong in the last call on this client other than this one and pck_last_answer(): one
 * line of UTF-8 for the log; empty if nothing did.  Returns PCK_OK.
 */
PCK_API int32_t PCK_CALL pck_last_error(pck_client *client, char *out, uint32_t cap, uint32_t *need);

/*
 * Makes a call that another thread is blocked in return PCK_E_CANCELLED.  May be called from any
 * thread, until pck_free() begins.  If no call is running nothing happens: a later call is not
 * cancelled.  NULL is a no-op.
 */
PCK_API void PCK_CALL pck_cancel(pck_client *client);

/* Closes the connection and frees the client.  NULL is a no-op. */
PCK_API void PCK_CALL pck_free(pck_client *client);

#ifdef __cplusplus
}
#endif

#endif /* PRECHECK_H */
