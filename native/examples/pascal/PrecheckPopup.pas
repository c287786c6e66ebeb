unit PrecheckPopup;

{ The window that shows a doctor what a check found, for Delphi and Free Pascal: precheck_popup.h.

  It may be left out: nothing else here needs it, and a station without precheck_popup.dll runs as before. The library
  exists for Windows; it must have the program's own bitness, as precheck.dll. }

{$IFDEF FPC}{$MODE DELPHI}{$MODESWITCH ADVANCEDRECORDS-}{$ENDIF}

interface

uses
  Precheck;

const
  PopupContinue = 0;
  PopupGoBack = 1;
  PopupContinueNotChecked = 2;

type
  { What the doctor chose. With a negative Result nothing was chosen, and nothing may be taken for chosen. }
  TPrecheckChoice = record
    Result: Integer;
    { For TPrecheck.Feedback, in the layout that belongs to the answer's and the same encoding; empty where there is
      nothing to send. }
    Feedback: TBytesText;
  end;

{ Shows an answer, also one that says NOT CHECKED, until the doctor has chosen; Parent (HWND, or nil) waits meanwhile.
  Encoding is the answer's. Raises EPrecheckLibrary where the library cannot be used. }
function ShowPopup(Parent: Pointer; const Answer: TPrecheckAnswer; Encoding: Cardinal): TPrecheckChoice;

implementation

uses
  {$IFDEF MSWINDOWS}Windows{$ELSE}dynlibs{$ENDIF};

const
  FirstFeedbackBytes = 65536;
  LibraryName = {$IFDEF MSWINDOWS}'precheck_popup.dll'{$ELSE}'libprecheck_popup.so'{$ENDIF};

var
  pck_popup_show: function(parent: Pointer; result, state: Integer; encoding: Cardinal; answer: Pointer;
    answer_len: Cardinal; feedback: Pointer; cap: Cardinal; out need: Cardinal): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};

function ShowPopup(Parent: Pointer; const Answer: TPrecheckAnswer; Encoding: Cardinal): TPrecheckChoice;
var
  Feedback: TBytesText;
  Need, ZeroBytes: Cardinal;
begin
  if not Assigned(pck_popup_show) then
    raise EPrecheckLibrary.Create(LibraryName + ': cannot be loaded');
  ZeroBytes := 1;
  if Encoding = EncodingUtf16 then
    ZeroBytes := 2;
  Feedback := '';
  SetLength(Feedback, FirstFeedbackBytes);
  Result.Feedback := '';
  Result.Result := pck_popup_show(Parent, Answer.Result, Answer.State, Encoding, PAnsiChar(Answer.Text),
    Length(Answer.Text), PAnsiChar(Feedback), Length(Feedback), Need);
  if Result.Result = ResultBuffer then { nothing was shown yet }
  begin
    SetLength(Feedback, Need);
    Result.Result := pck_popup_show(Parent, Answer.Result, Answer.State, Encoding, PAnsiChar(Answer.Text),
      Length(Answer.Text), PAnsiChar(Feedback), Length(Feedback), Need);
  end;
  if (Result.Result >= 0) and (Need >= ZeroBytes) then
    Result.Feedback := Copy(Feedback, 1, Need - ZeroBytes);
end;

procedure LoadPopup;
var
  Handle: {$IFDEF MSWINDOWS}THandle{$ELSE}TLibHandle{$ENDIF};
begin
  Handle := LoadLibrary(LibraryName);
  if Handle <> 0 then
    @pck_popup_show := GetProcAddress(Handle, 'pck_popup_show');
end;

initialization
  LoadPopup;

end.
