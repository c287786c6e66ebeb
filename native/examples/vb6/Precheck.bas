Attribute VB_Name = "Precheck"
' Precheck.bas - the C client of Precheck for VB6: the declarations of precheck_flat.h, and the calls around them.
'
' Put precheck.dll (x86) beside the program. Texts go by StrPtr() as UTF-16, which is what a VB6 string is: no code
' page is involved, and no character becomes a question mark on the way. The functions with _a take strings as
' Windows' own code page (GBK), for documents that are in it already.
'
' NOT COMPILED by whoever wrote it: there is no VB6 on the machines that build this product. The declarations are
' compared with precheck_flat.h by a test, name by name and parameter by parameter.
Option Explicit

' Judged. A negative result is NOT CHECKED, never "no finding".
Public Const PCK_PASS As Long = 0
Public Const PCK_WARN As Long = 1
Public Const PCK_BLOCK As Long = 2
Public Const PCK_OK As Long = 0
Public Const PCK_E_BUFFER As Long = -5
Public Const PCK_E_REJECTED As Long = -10
Public Const PCK_E_NOT_EVALUATED As Long = -107
' From here on down the client is of no more use: close it and open another.
Public Const PCK_UNUSABLE As Long = -900

' Not of the library, which could not be called: missing (error 53), of the other bitness (48), or too old (453). Each
' of these errors would end the program; in the functions here it becomes a result like the others: NOT CHECKED.
Public Const NO_LIBRARY As Long = -1000

Public Const PCK_FORMAT_PRECHECK_JSON As Long = 1
Public Const PCK_FORMAT_NHSA_3101 As Long = 2
Public Const PCK_FORMAT_NHSA_3102 As Long = 3
Public Const PCK_FORMAT_NHSA_3103 As Long = 4

Public Const PCK_COMPLETENESS_MASK As Long = &HFF&
Public Const PCK_COMPLETE As Long = 1
Public Const PCK_STALE As Long = &H100&

Private Const FIRST_BUFFER_CHARACTERS As Long = 4096
Private Const ERROR_CHARACTERS As Long = 512
Private Const FIRST_FEEDBACK_CHARACTERS As Long = 32768

' UTF-16, by StrPtr().
Public Declare Function pck_flat_open_w Lib "precheck.dll" (ByVal options As Long, ByRef handle As Long, ByVal error_text As Long, ByVal error_cap As Long) As Long
Public Declare Function pck_flat_check_w Lib "precheck.dll" (ByVal handle As Long, ByVal format As Long, ByVal document As Long, ByVal request_id As Long, ByVal deadline_ms As Long, ByVal out As Long, ByVal cap As Long, ByRef need As Long, ByRef state As Long) As Long
Public Declare Function pck_flat_last_answer_w Lib "precheck.dll" (ByVal handle As Long, ByVal out As Long, ByVal cap As Long, ByRef need As Long, ByRef state As Long) As Long
Public Declare Function pck_flat_commit_w Lib "precheck.dll" (ByVal handle As Long, ByVal format As Long, ByVal document As Long, ByVal deadline_ms As Long, ByRef committed_lines As Long) As Long
Public Declare Function pck_flat_void_w Lib "precheck.dll" (ByVal handle As Long, ByVal patient_id As Long, ByVal encounter_id As Long, ByVal order_ids As Long, ByVal item_code As Long, ByVal reason As Long, ByVal deadline_ms As Long, ByRef voided_lines As Long) As Long
Public Declare Function pck_flat_feedback_w Lib "precheck.dll" (ByVal handle As Long, ByVal format As Long, ByVal document As Long, ByVal deadline_ms As Long, ByVal out As Long, ByVal cap As Long, ByRef need As Long, ByRef recorded As Long, ByRef unmatched As Long) As Long
Public Declare Function pck_flat_recent_history_w Lib "precheck.dll" (ByVal handle As Long, ByVal patient_id As Long, ByVal since As Long, ByVal limit As Long, ByVal deadline_ms As Long, ByVal out As Long, ByVal cap As Long, ByRef need As Long) As Long
Public Declare Function pck_flat_review_status_w Lib "precheck.dll" (ByVal handle As Long, ByVal check_id As Long, ByVal deadline_ms As Long, ByVal out As Long, ByVal cap As Long, ByRef need As Long, ByRef review As Long) As Long
Public Declare Function pck_flat_last_error_w Lib "precheck.dll" (ByVal handle As Long, ByVal out As Long, ByVal cap As Long) As Long

' The popup's window, of precheck_popup.dll: texts by StrPtr(), their sizes in bytes (LenB()), encoding PCK_ENCODING_UTF16.
' PrecheckPopup below calls it; whoever shows findings another way needs neither.
Public Const PCK_ENCODING_UTF16 As Long = 3
Public Const PCK_POPUP_CONTINUE As Long = 0
Public Const PCK_POPUP_GO_BACK As Long = 1
Public Const PCK_POPUP_CONTINUE_NOT_CHECKED As Long = 2
Public Declare Function pck_popup_show Lib "precheck_popup.dll" (ByVal parent As Long, ByVal result As Long, ByVal state As Long, ByVal encoding As Long, ByVal answer As Long, ByVal answer_len As Long, ByVal feedback As Long, ByVal cap As Long, ByRef need As Long) As Long

' GBK, as strings. Fill a buffer by String$(cap, vbNullChar) before the call.
Public Declare Function pck_flat_open_a Lib "precheck.dll" (ByVal options As String, ByRef handle As Long, ByVal error_text As String, ByVal error_cap As Long) As Long
Public Declare Function pck_flat_check_a Lib "precheck.dll" (ByVal handle As Long, ByVal format As Long, ByVal document As String, ByVal request_id As String, ByVal deadline_ms As Long, ByVal out As String, ByVal cap As Long, ByRef need As Long, ByRef state As Long) As Long
Public Declare Function pck_flat_last_answer_a Lib "precheck.dll" (ByVal handle As Long, ByVal out As String, ByVal cap As Long, ByRef need As Long, ByRef state As Long) As Long
Public Declare Function pck_flat_commit_a Lib "precheck.dll" (ByVal handle As Long, ByVal format As Long, ByVal document As String, ByVal deadline_ms As Long, ByRef committed_lines As Long) As Long
Public Declare Function pck_flat_void_a Lib "precheck.dll" (ByVal handle As Long, ByVal patient_id As String, ByVal encounter_id As String, ByVal order_ids As String, ByVal item_code As String, ByVal reason As String, ByVal deadline_ms As Long, ByRef voided_lines As Long) As Long
Public Declare Function pck_flat_feedback_a Lib "precheck.dll" (ByVal handle As Long, ByVal format As Long, ByVal document As String, ByVal deadline_ms As Long, ByVal out As String, ByVal cap As Long, ByRef need As Long, ByRef recorded As Long, ByRef unmatched As Long) As Long
Public Declare Function pck_flat_recent_history_a Lib "precheck.dll" (ByVal handle As Long, ByVal patient_id As String, ByVal since As String, ByVal limit As Long, ByVal deadline_ms As Long, ByVal out As String, ByVal cap As Long, ByRef need As Long) As Long
Public Declare Function pck_flat_review_status_a Lib "precheck.dll" (ByVal handle As Long, ByVal check_id As String, ByVal deadline_ms As Long, ByVal out As String, ByVal cap As Long, ByRef need As Long, ByRef review As Long) As Long
Public Declare Function pck_flat_last_error_a Lib "precheck.dll" (ByVal handle As Long, ByVal out As String, ByVal cap As Long) As Long

Public Declare Function pck_flat_cancel Lib "precheck.dll" (ByVal handle As Long) As Long
Public Declare Function pck_flat_close Lib "precheck.dll" (ByVal handle As Long) As Long

' What a check came to.
Public Type PrecheckAnswer
    Result As Long
    State As Long
    Text As String       ' in the document's layout; empty where there is none
    Problem As String    ' why nothing was checked; empty where something was
End Type

' Opens a client: options as "servers=10.1.2.3:50051,10.1.2.4:50051;station_id=ward-3". Returns PCK_OK and
' the handle; or a mistake in the options, or NO_LIBRARY, with the reason in problem.
Public Function PrecheckOpen(ByVal options As String, ByRef handle As Long, ByRef problem As String) As Long
    Dim buffer As String
    On Error GoTo NoLibrary
    handle = 0
    problem = ""
    buffer = String$(ERROR_CHARACTERS, vbNullChar)
    PrecheckOpen = pck_flat_open_w(StrPtr(options), handle, StrPtr(buffer), ERROR_CHARACTERS)
    If PrecheckOpen <> PCK_OK Then problem = UpToZero(buffer)
    Exit Function
NoLibrary:
    problem = "precheck.dll: " & Err.Description
    PrecheckOpen = NO_LIBRARY
End Function

' Judges one document. Raises nothing for what a server or a network does.
Public Function PrecheckCheck(ByVal handle As Long, ByVal format As Long, ByVal document As String) As PrecheckAnswer
    Dim answer As PrecheckAnswer
    Dim buffer As String
    Dim need As Long
    On Error GoTo NoLibrary
    buffer = String$(FIRST_BUFFER_CHARACTERS, vbNullChar)
    answer.Result = pck_flat_check_w(handle, format, StrPtr(document), StrPtr(""), 0, StrPtr(buffer), Len(buffer), need, answer.State)
    If answer.Result = PCK_E_BUFFER Then
        ' The answer waits; the server is not asked again.
        buffer = String$(need, vbNullChar)
        answer.Result = pck_flat_last_answer_w(handle, StrPtr(buffer), Len(buffer), need, answer.State)
    End If
    answer.Text = UpToZero(buffer)
    answer.Problem = LastProblem(handle, answer.Result)
    PrecheckCheck = answer
    Exit Function
NoLibrary:
    answer.Result = NO_LIBRARY
    answer.State = 0
    answer.Text = ""
    answer.Problem = "precheck.dll: " & Err.Description
    PrecheckCheck = answer
End Function

' Sends what the doctor did about findings. Returns PCK_OK, or why it was not recorded, with the reason in problem.
Public Function PrecheckFeedback(ByVal handle As Long, ByVal format As Long, ByVal document As String, ByRef recorded As Long, ByRef unmatched As Long, ByRef problem As String) As Long
    Dim result As Long
    Dim need As Long
    On Error GoTo NoLibrary
    result = pck_flat_feedback_w(handle, format, StrPtr(document), 0, 0, 0, need, recorded, unmatched)
    ' The acknowledgement is not needed: PCK_E_BUFFER says only that it was not fetched.
    If result = PCK_E_BUFFER Then result = PCK_OK
    problem = LastProblem(handle, result)
    PrecheckFeedback = result
    Exit Function
NoLibrary:
    problem = "precheck.dll: " & Err.Description
    PrecheckFeedback = NO_LIBRARY
End Function

' Shows an answer in the popup's window, also one that says NOT CHECKED, until the doctor has chosen; parent (hWnd) waits
' meanwhile. Returns PCK_POPUP_..., and what is to be sent by PrecheckFeedback, empty where there is nothing. Where it
' is negative nothing was chosen, and nothing may be taken for chosen; NO_LIBRARY: precheck_popup.dll cannot be called.
Public Function PrecheckPopup(ByVal parent As Long, ByRef answer As PrecheckAnswer, ByRef feedback As String, ByRef problem As String) As Long
    Dim buffer As String
    Dim need As Long
    Dim choice As Long
    On Error GoTo NoLibrary
    feedback = ""
    problem = ""
    buffer = String$(FIRST_FEEDBACK_CHARACTERS, vbNullChar)
    choice = pck_popup_show(parent, answer.Result, answer.State, PCK_ENCODING_UTF16, StrPtr(answer.Text), LenB(answer.Text), StrPtr(buffer), LenB(buffer), need)
    If choice = PCK_E_BUFFER Then
        ' Nothing was shown yet.
        buffer = String$(need \ 2, vbNullChar)
        choice = pck_popup_show(parent, answer.Result, answer.State, PCK_ENCODING_UTF16, StrPtr(answer.Text), LenB(answer.Text), StrPtr(buffer), LenB(buffer), need)
    End If
    If choice >= 0 And need > 0 Then feedback = UpToZero(buffer)
    PrecheckPopup = choice
    Exit Function
NoLibrary:
    problem = "precheck_popup.dll: " & Err.Description
    PrecheckPopup = NO_LIBRARY
End Function

Private Function LastProblem(ByVal handle As Long, ByVal result As Long) As String
    Dim buffer As String
    If result >= 0 Then Exit Function
    buffer = String$(ERROR_CHARACTERS, vbNullChar)
    pck_flat_last_error_w handle, StrPtr(buffer), ERROR_CHARACTERS
    LastProblem = UpToZero(buffer)
End Function

Private Function UpToZero(ByVal buffer As String) As String
    Dim place As Long
    place = InStr(buffer, vbNullChar)
    If place > 0 Then UpToZero = Left$(buffer, place - 1) Else UpToZero = buffer
End Function
