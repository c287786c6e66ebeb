$PBExportHeader$n_precheck.sru
$PBExportComments$The C client of Precheck: the declarations of precheck_flat.h, and the calls around them
forward
global type n_precheck from nonvisualobject
end type
end forward

global type n_precheck from nonvisualobject
end type
global n_precheck n_precheck

type prototypes
// For PowerBuilder 10 and later, whose strings are UTF-16: the functions with _w, without ";ansi".
// For PowerBuilder 9 and earlier, whose strings are GBK, replace every _w by _a.
// precheck.dll must be the x86 one for a 32-bit program. A "ref string" is filled by Space(n) before the call.
//
// NOT COMPILED by whoever wrote it: there is no PowerBuilder on the machines that build this product. The
// declarations are compared with precheck_flat.h by a test, name by name and parameter by parameter.
Function long pck_flat_open_w (string options, ref long handle, ref string error_text, long error_cap) Library "precheck.dll"
Function long pck_flat_check_w (long handle, long format, string document, string request_id, long deadline_ms, ref string out, long cap, ref long need, ref long state) Library "precheck.dll"
Function long pck_flat_last_answer_w (long handle, ref string out, long cap, ref long need, ref long state) Library "precheck.dll"
Function long pck_flat_commit_w (long handle, long format, string document, long deadline_ms, ref long committed_lines) Library "precheck.dll"
Function long pck_flat_void_w (long handle, string patient_id, string encounter_id, string order_ids, string item_code, string reason, long deadline_ms, ref long voided_lines) Library "precheck.dll"
Function long pck_flat_feedback_w (long handle, long format, string document, long deadline_ms, ref string out, long cap, ref long need, ref long recorded, ref long unmatched) Library "precheck.dll"
Function long pck_flat_recent_history_w (long handle, string patient_id, string since, long limit, long deadline_ms, ref string out, long cap, ref long need) Library "precheck.dll"
Function long pck_flat_review_status_w (long handle, string check_id, long deadline_ms, ref string out, long cap, ref long need, ref long review) Library "precheck.dll"
Function long pck_flat_last_error_w (long handle, ref string out, long cap) Library "precheck.dll"
Function long pck_flat_cancel (long handle) Library "precheck.dll"
Function long pck_flat_close (long handle) Library "precheck.dll"
// The popup's window, of precheck_popup.dll: sizes in bytes, 2 * Len(), encoding PCK_ENCODING_UTF16. of_popup calls it;
// whoever shows findings another way needs neither. PowerBuilder 9 and earlier: encoding 2, and Len() alone.
Function long pck_popup_show (long parent, long result, long state, long encoding, string answer, long answer_len, ref string feedback, long cap, ref long need) Library "precheck_popup.dll"
end prototypes

type variables
// Judged. A negative result is NOT CHECKED, never "no finding".
constant long PCK_PASS = 0
constant long PCK_WARN = 1
constant long PCK_BLOCK = 2
constant long PCK_OK = 0
constant long PCK_E_BUFFER = -5
constant long PCK_E_REJECTED = -10
constant long PCK_E_NOT_EVALUATED = -107
// From here on down the client is of no more use: close it and open another.
constant long PCK_UNUSABLE = -900

// Not of the library, which could not be loaded: NOT CHECKED.
constant long NO_LIBRARY = -1000

constant long PCK_FORMAT_PRECHECK_JSON = 1
constant long PCK_FORMAT_NHSA_3101 = 2
constant long PCK_FORMAT_NHSA_3102 = 3
constant long PCK_FORMAT_NHSA_3103 = 4

constant long PCK_ENCODING_UTF16 = 3

constant long PCK_POPUP_CONTINUE = 0
constant long PCK_POPUP_GO_BACK = 1
constant long PCK_POPUP_CONTINUE_NOT_CHECKED = 2

constant long PCK_COMPLETENESS_MASK = 255
constant long PCK_COMPLETE = 1
constant long PCK_STALE = 256

private:
constant long FIRST_BUFFER_CHARACTERS = 4096
constant long ERROR_CHARACTERS = 512
constant long FIRST_FEEDBACK_CHARACTERS = 32768
long il_handle
// Of the last of_check, for of_popup.
long il_state
end variables

forward prototypes
public function long of_open (string as_options, ref string as_problem)
public function long of_check (long al_format, string as_document, ref string as_answer, ref boolean ab_complete, ref boolean ab_stale, ref string as_problem)
public function long of_feedback (long al_format, string as_document, ref long al_recorded, ref long al_unmatched, ref string as_problem)
public function long of_popup (long al_parent, long al_result, string as_answer, ref string as_feedback, ref string as_problem)
public subroutine of_close ()
private function string of_last_problem (long al_result)
private function string of_library_problem (string as_library, runtimeerror aerr_library)
end prototypes

public function long of_open (string as_options, ref string as_problem);// Opens a client: options as "servers=10.1.2.3:50051,10.1.2.4:50051;station_id=ward-3". Returns PCK_OK, or a
// mistake in the options with the reason in as_problem.
long ll_result
string ls_problem

ls_problem = Space(ERROR_CHARACTERS)
// Every call can be the first that needs the library, or the first that needs a function which an older library lacks:
// where it is missing, of the other bitness or too old, that is a runtime error, which would end the program. In each
// function here it becomes a result like the others, and nothing is checked.
try
	ll_result = pck_flat_open_w(as_options, il_handle, ls_problem, ERROR_CHARACTERS)
catch (RuntimeError lerr_library)
	il_handle = 0
	as_problem = of_library_problem("precheck.dll", lerr_library)
	return NO_LIBRARY
end try
as_problem = ""
if ll_result <> PCK_OK then as_problem = ls_problem
return ll_result
end function

public function long of_check (long al_format, string as_document, ref string as_answer, ref boolean ab_complete, ref boolean ab_stale, ref string as_problem);// Judges one document. Returns PCK_PASS, PCK_WARN or PCK_BLOCK; negative is NOT CHECKED, with the reason in as_problem.
long ll_result, ll_need, ll_state
string ls_buffer

as_answer = ""
ab_complete = false
ab_stale = false
il_state = 0
ls_buffer = Space(FIRST_BUFFER_CHARACTERS)
try
	ll_result = pck_flat_check_w(il_handle, al_format, as_document, "", 0, ls_buffer, FIRST_BUFFER_CHARACTERS, ll_need, ll_state)
	if ll_result = PCK_E_BUFFER then
		// The answer waits; the server is not asked again.
		ls_buffer = Space(ll_need)
		ll_result = pck_flat_last_answer_w(il_handle, ls_buffer, ll_need, ll_need, ll_state)
	end if
catch (RuntimeError lerr_library)
	as_problem = of_library_problem("precheck.dll", lerr_library)
	return NO_LIBRARY
end try
if ll_need > 0 then as_answer = ls_buffer
il_state = ll_state
// The low byte tells how much was judged; PCK_STALE beside it, that rules or history may be old.
ab_complete = (Mod(ll_state, PCK_COMPLETENESS_MASK + 1) = PCK_COMPLETE)
ab_stale = (Mod(Truncate(ll_state / PCK_STALE, 0), 2) = 1)
as_problem = of_last_problem(ll_result)
return ll_result
end function

public function long of_feedback (long al_format, string as_document, ref long al_recorded, ref long al_unmatched, ref string as_problem);// Sends what the doctor did about findings. Returns PCK_OK, or why it was not recorded.
long ll_result, ll_need
string ls_buffer

ls_buffer = Space(FIRST_BUFFER_CHARACTERS)
try
	ll_result = pck_flat_feedback_w(il_handle, al_format, as_document, 0, ls_buffer, FIRST_BUFFER_CHARACTERS, ll_need, al_recorded, al_unmatched)
catch (RuntimeError lerr_library)
	as_problem = of_library_problem("precheck.dll", lerr_library)
	return NO_LIBRARY
end try
// The acknowledgement is not needed: PCK_E_BUFFER says only that it was not fetched.
if ll_result = PCK_E_BUFFER then ll_result = PCK_OK
as_problem = of_last_problem(ll_result)
return ll_result
end function

public function long of_popup (long al_parent, long al_result, string as_answer, ref string as_feedback, ref string as_problem);// Shows what of_check has just returned in the popup's window, also NOT CHECKED, until the doctor has chosen; al_parent,
// a Handle(), waits meanwhile. Returns PCK_POPUP_..., and what is to be sent by of_feedback, empty where there is nothing.
// Where it is negative nothing was chosen, and nothing may be taken for chosen.
long ll_choice, ll_need
string ls_buffer

as_feedback = ""
as_problem = ""
ls_buffer = Space(FIRST_FEEDBACK_CHARACTERS)
try
	ll_choice = pck_popup_show(al_parent, al_result, il_state, PCK_ENCODING_UTF16, as_answer, 2 * Len(as_answer), ls_buffer, 2 * FIRST_FEEDBACK_CHARACTERS, ll_need)
	if ll_choice = PCK_E_BUFFER then
		// Nothing was shown yet.
		ls_buffer = Space(ll_need / 2)
		ll_choice = pck_popup_show(al_parent, al_result, il_state, PCK_ENCODING_UTF16, as_answer, 2 * Len(as_answer), ls_buffer, ll_need, ll_need)
	end if
catch (RuntimeError lerr_library)
	as_problem = of_library_problem("precheck_popup.dll", lerr_library)
	return NO_LIBRARY
end try
if ll_choice >= 0 and ll_need > 0 then as_feedback = ls_buffer
return ll_choice
end function

public subroutine of_close ();long ll_handle

// A library that cannot be called holds nothing that could be closed.
if il_handle = 0 then return
ll_handle = il_handle
il_handle = 0
try
	pck_flat_close(ll_handle)
catch (RuntimeError lerr_library)
	return
end try
end subroutine

private function string of_last_problem (long al_result);string ls_problem

if al_result >= 0 then return ""
ls_problem = Space(ERROR_CHARACTERS)
try
	pck_flat_last_error_w(il_handle, ls_problem, ERROR_CHARACTERS)
catch (RuntimeError lerr_library)
	return of_library_problem("precheck.dll", lerr_library)
end try
return ls_problem
end function

private function string of_library_problem (string as_library, runtimeerror aerr_library);// What NO_LIBRARY means, for the log: the doctor is told by the result.
return as_library + ": " + aerr_library.GetMessage()
end function

on n_precheck.create
call super::create
TriggerEvent(this, "constructor")
end on

on n_precheck.destroy
TriggerEvent(this, "destructor")
call super::destroy
end on

event destructor;of_close()
end event
