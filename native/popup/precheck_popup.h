/*
 * precheck_popup.h - the window that shows a doctor what a check found, and takes the decision.
 *
 * A library of its own, precheck_popup.dll: precheck.dll never shows anything, and a hospital
 * system that shows findings its own way needs none of this.  It opens no connection and keeps
 * nothing: answer in, choice and feedback document out.
 *
 * If it is not in this file it is not API.
 */
#ifndef PRECHECK_POPUP_H
#define PRECHECK_POPUP_H

#include "precheck.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The doctor's choice, from pck_popup_show().  What was not checked and is gone on with has a number
 * of its own, so that it is never recorded as a pass.
 */
#define PCK_POPUP_CONTINUE                0  /* go on; the reasons are in the feedback                  */
#define PCK_POPUP_GO_BACK                 1  /* back to the order: Esc, the button, or the window's cross */
#define PCK_POPUP_CONTINUE_NOT_CHECKED    2  /* go on although nothing was checked                      */

/* Nothing was chosen, and nothing may be taken for chosen.  Besides these: PCK_E_ARGUMENT, PCK_E_BUFFER
 * and PCK_E_MEMORY. */
#define PCK_POPUP_E_ANSWER             (-201)  /* the answer cannot be read, or says what this version
                                                * does not know; nothing was shown                      */
#define PCK_POPUP_E_WINDOW             (-202)  /* no window can be made here; nothing was shown           */
#define PCK_POPUP_E_CLOSED             (-203)  /* the host began to end while the window was open          */

/* Limits. */
#define PCK_POPUP_ANSWER_BYTES_MAX 134217728   /* 128 MiB, as PCK_ANSWER_BYTES_MAX                        */
#define PCK_POPUP_REASON_CHARACTERS_MAX  500   /* of one reason, in UTF-16 units; national dspo_way_rea   */
#define PCK_POPUP_FEEDBACK_ENTRIES_MAX  1000   /* findings in one feedback document, as at the server      */

/* The version of the library, in the form of PCK_VERSION.  Never fails. */
PCK_API int32_t PCK_CALL pck_popup_version(void);

/*
 * Shows what pck_check() returned, and returns what the doctor chose: one of PCK_POPUP_..., or a
 * negative value.
 *
 * `parent` is the window (HWND) that waits meanwhile; NULL: none.  `result` is what pck_check()
 * returned, `state` what it put into its last argument, `answer` with `answer_len` bytes what it wrote
 * to `out`, and `encoding` the PCK_ENCODING_... of that.  A negative `result` makes the window say NOT
 * CHECKED; the answer may then be NULL.  So does a result >= 0 whose answer says that nothing was judged.
 * A document of both layouts is read, our own JSON and the national answer.
 *
 * Where a finding forbids to go on, going back is the only choice.  Where one demands a reason, going on
 * is possible only with it.  Enter never goes on; Esc goes back.
 *
 * `feedback` gets a document for pck_feedback(), in the layout that belongs to the answer's
 * (PCK_FORMAT_PRECHECK_JSON or PCK_FORMAT_NHSA_3103), with its zero: one entry for every finding that
 * was shown, the gravest first, at most PCK_POPUP_FEEDBACK_ENTRIES_MAX.  It is plain ASCII, in UTF-16 if
 * that is `encoding`.  It is empty where there is no finding, and where nothing was checked.  *need (may
 * be NULL) is what it takes, with its zero, and 0 where it is empty.
 *
 * A buffer that might be too small is refused before anything is shown: PCK_E_BUFFER, and *need says how
 * large it has to be.  A `cap` of 65536 holds what usually comes.
 *
 * It runs on the caller's thread, and handles its messages until the doctor has chosen, as MessageBox
 * does.
 */
PCK_API int32_t PCK_CALL pck_popup_show(void *parent, int32_t result, int32_t state, uint32_t encoding,
                                        const void *answer, uint32_t answer_len,
                                        void *feedback, uint32_t cap, uint32_t *need);

#ifdef __cplusplus
}
#endif

#endif /* PRECHECK_POPUP_H */
