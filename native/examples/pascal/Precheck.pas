unit Precheck;

{ The C client of Precheck for Delphi and Free Pascal: precheck.h, and an owner of the handle.

  Delphi 7 and later, Free Pascal in Delphi mode. The library must have the program's own bitness.
  Documents are bytes: UTF-8 or GBK, as the program has them. A program whose texts are UnicodeStrings passes
  their bytes with EncodingUtf16 and takes the answer's bytes as a UnicodeString. }

{$IFDEF FPC}{$MODE DELPHI}{$MODESWITCH ADVANCEDRECORDS-}{$DEFINE HAS_RAW_BYTES}{$ENDIF}
{$IFDEF UNICODE}{$DEFINE HAS_RAW_BYTES}{$ENDIF}
{$A8}

interface

uses
  SysUtils;

const
  ResultPass = 0;
  ResultWarn = 1;
  ResultBlock = 2;
  ResultOk = 0;
  ResultBuffer = -5;
  ResultRejected = -10;
  ResultNotEvaluated = -107;
  { From here on down the client is of no more use: free it and open another. }
  ResultUnusable = -900;

  FormatPrecheckJson = 1;
  FormatNhsa3101 = 2;
  FormatNhsa3102 = 3;
  FormatNhsa3103 = 4;

  EncodingUtf8 = 1;
  EncodingGbk = 2;
  EncodingUtf16 = 3;

type
  { Bytes in whatever encoding: only the server and the caller know it, and no code page is applied to them. }
  TBytesText = {$IFDEF HAS_RAW_BYTES}RawByteString{$ELSE}AnsiString{$ENDIF};
  { Characters, to be shown and put together. }
  TText = {$IFDEF HAS_RAW_BYTES}UnicodeString{$ELSE}WideString{$ENDIF};

  EPrecheck = class(Exception);
  { The library is missing, of the other bitness, or lacks a function: nothing can be checked. }
  EPrecheckLibrary = class(EPrecheck);

  { How to reach the servers; what is empty has its default. Files are PEM; Servers is required. }
  TPrecheckOptions = record
    Servers, StationId, Profile, TlsCaFile, TlsServerName, TlsCertFile, TlsKeyFile: TText;
    DeadlineMs: Cardinal;
  end;

  { What a check came to. A negative result is NOT CHECKED, never "no finding". }
  TPrecheckAnswer = record
    Result: Integer;
    State: Integer;
    Text: TBytesText;  { in the document's layout and encoding; empty where there is none }
    Error: TText;      { why nothing was checked; empty where something was }
  end;

  { What became of feedback; with a negative result it was not recorded. }
  TPrecheckReceipt = record
    Result: Integer;
    Recorded: Cardinal;
    Unmatched: Cardinal;
    Error: TText;
  end;

  { What became of a change of a patient's history; with a negative result nothing is known to be done. }
  TPrecheckChange = record
    Result: Integer;
    Lines: Cardinal;
    HistoryPosition: Int64;
    Error: TText;
  end;

  { What the server tells; Review is PCK_REVIEW_..., and only 2 is a pharmacist's pass. }
  TPrecheckReply = record
    Result: Integer;
    Review: Integer;
    Text: TText;
    Error: TText;
  end;

  { An open client, for one thread at a time; Cancel alone may come from another. }
  TPrecheck = class
  private
    FClient: Pointer;
    FBuffer: TBytesText;
    function LastError(Code: Integer): TText;
    procedure Fetch(var Reply: TPrecheckReply; Need: Cardinal);
  public
    { Opens a client; touches no network. Raises EPrecheck for a mistake in the options, and
      EPrecheckLibrary where the library cannot be used. }
    constructor Create(const Given: TPrecheckOptions);
    destructor Destroy; override;
    { Judges one document. A repeat with the same RequestId and document is answered with the recorded decision.
      Raises nothing for what a server or a network does. }
    function Check(const Document: TBytesText; Format, Encoding: Cardinal; const RequestId: TText = ''): TPrecheckAnswer;
    { Sends what the doctor did about findings. The acknowledgement's text is not fetched. }
    function Feedback(const Document: TBytesText; Format, Encoding: Cardinal): TPrecheckReceipt;
    { Commits the lines of a document that was saved into the patient's history. }
    function Commit(const Document: TBytesText; Format, Encoding: Cardinal): TPrecheckChange;
    { Takes lines out of the patient's history; without order ids every line of the encounter. }
    function VoidLines(const PatientId, EncounterId: TText; const OrderIds: array of TText;
      const ItemCode, Reason: TText): TPrecheckChange;
    { Tells what the next check counts with: JSON, newest first. Limit 0 is the server's most. }
    function RecentHistory(const PatientId, Since: TText; Limit: Cardinal): TPrecheckReply;
    { Tells what became of a decision that a pharmacist had to review. }
    function ReviewStatus(const CheckId: TText): TPrecheckReply;
    procedure Cancel;
  end;

{ The name of a result, as PCK_E_TIMEOUT. }
function ResultName(Code: Integer): TText;

{ Whether everything was judged; whether by rules past their expiry or by a history that may lag. Functions, because
  records of Delphi 7 have no methods. }
function IsComplete(const Answer: TPrecheckAnswer): Boolean;
function IsStale(const Answer: TPrecheckAnswer): Boolean;

implementation

uses
  {$IFDEF MSWINDOWS}Windows{$ELSE}dynlibs{$ENDIF};

const
  FirstBufferBytes = 4096;
  ErrorBytesMax = 512;
  LibraryName = {$IFDEF MSWINDOWS}'precheck.dll'{$ELSE}'libprecheck.so'{$ENDIF};

type
  PPckOptions = ^TPckOptions;
  TPckOptions = record
    StructSize, DeadlineMs, MaxAnswerBytes, IdleMs: Cardinal;
    Reserved: array [0 .. 3] of Cardinal;
    Servers, StationId, Profile, TlsCaFile, TlsServerName, TlsCertFile, TlsKeyFile: PAnsiChar;
  end;

  PPckRequest = ^TPckRequest;
  TPckRequest = record
    StructSize, Format, Encoding, DeadlineMs, DocumentLen: Cardinal;
    Reserved: array [0 .. 2] of Cardinal;
    Document: Pointer;
    RequestId: PAnsiChar;
  end;

  PPckVoidRequest = ^TPckVoidRequest;
  TPckVoidRequest = record
    StructSize, DeadlineMs, OrderIdCount: Cardinal;
    Reserved: array [0 .. 2] of Cardinal;
    PatientId, EncounterId: PAnsiChar;
    OrderIds: Pointer;
    ItemCode, Reason: PAnsiChar;
  end;

  PPckHistoryRequest = ^TPckHistoryRequest;
  TPckHistoryRequest = record
    StructSize, DeadlineMs, Encoding, Limit: Cardinal;
    Reserved: array [0 .. 3] of Cardinal;
    PatientId, Since: PAnsiChar;
  end;

  PPckReviewRequest = ^TPckReviewRequest;
  TPckReviewRequest = record
    StructSize, DeadlineMs, Encoding: Cardinal;
    Reserved: array [0 .. 4] of Cardinal;
    CheckId: PAnsiChar;
  end;

{ stdcall on Windows; elsewhere the C convention. Records go by pointer: what `const` passes differs by compiler.
  Found when the program starts, not linked to: without the library the program runs, and nothing is checked. }
var
  LibraryProblem: string;
  pck_result_name: function(Code: Integer): PAnsiChar;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_open: function(Options: PPckOptions; out Client: Pointer; Error: PAnsiChar; ErrorCap: Cardinal): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_check: function(Client: Pointer; Request: PPckRequest; Answer: PAnsiChar; Cap: Cardinal;
    out Need: Cardinal; out State: Integer): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_last_answer: function(Client: Pointer; Answer: PAnsiChar; Cap: Cardinal; out Need: Cardinal;
    out State: Integer): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_feedback: function(Client: Pointer; Request: PPckRequest; Answer: PAnsiChar; Cap: Cardinal;
    Need: PCardinal; out Recorded, Unmatched: Cardinal): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_commit: function(Client: Pointer; Request: PPckRequest; out Lines: Cardinal; out Position: Int64): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_void: function(Client: Pointer; Request: PPckVoidRequest; out Lines: Cardinal; out Position: Int64): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_recent_history: function(Client: Pointer; Request: PPckHistoryRequest; Answer: PAnsiChar; Cap: Cardinal;
    out Need: Cardinal): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_review_status: function(Client: Pointer; Request: PPckReviewRequest; Answer: PAnsiChar; Cap: Cardinal;
    out Need: Cardinal; out Review: Integer): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_last_error: function(Client: Pointer; Text: PAnsiChar; Cap: Cardinal; Need: PCardinal): Integer;
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_cancel: procedure(Client: Pointer);
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};
  pck_free: procedure(Client: Pointer);
    {$IFDEF MSWINDOWS}stdcall{$ELSE}cdecl{$ENDIF};

procedure LoadPrecheck;
var
  Handle: {$IFDEF MSWINDOWS}THandle{$ELSE}TLibHandle{$ENDIF};

  function Found(const Name: AnsiString): Pointer;
  begin
    Result := GetProcAddress(Handle, PAnsiChar(Name));
    if Result = nil then
      LibraryProblem := LibraryName + ': no function ' + string(Name);
  end;

begin
  Handle := LoadLibrary(LibraryName);
  if Handle = 0 then
  begin
    LibraryProblem := LibraryName + ': ' + {$IFDEF MSWINDOWS}SysErrorMessage(GetLastError){$ELSE}GetLoadErrorStr{$ENDIF};
    Exit;
  end;
  @pck_result_name := Found('pck_result_name');
  @pck_open := Found('pck_open');
  @pck_check := Found('pck_check');
  @pck_last_answer := Found('pck_last_answer');
  @pck_feedback := Found('pck_feedback');
  @pck_commit := Found('pck_commit');
  @pck_void := Found('pck_void');
  @pck_recent_history := Found('pck_recent_history');
  @pck_review_status := Found('pck_review_status');
  @pck_last_error := Found('pck_last_error');
  @pck_cancel := Found('pck_cancel');
  @pck_free := Found('pck_free');
end;

function Stated(const Text: TBytesText): PAnsiChar;
begin
  if Text = '' then
    Result := nil
  else
    Result := PAnsiChar(Text);
end;

function TextUpToZero(const Buffer: TBytesText): TText;
begin
  Result := UTF8Decode(Copy(Buffer, 1, Pos(AnsiChar(#0), Buffer) - 1));
end;

function ResultName(Code: Integer): TText;
begin
  Result := TText(AnsiString(pck_result_name(Code)));
end;

function IsComplete(const Answer: TPrecheckAnswer): Boolean;
begin
  Result := Answer.State and $FF = 1;
end;

function IsStale(const Answer: TPrecheckAnswer): Boolean;
begin
  Result := Answer.State and $100 <> 0;
end;

constructor TPrecheck.Create(const Given: TPrecheckOptions);
var
  Options: TPckOptions;
  Servers8, StationId8, Profile8, TlsCaFile8, TlsServerName8, TlsCertFile8, TlsKeyFile8, Why: TBytesText;
  Code: Integer;
begin
  inherited Create;
  if LibraryProblem <> '' then
    raise EPrecheckLibrary.Create(LibraryProblem);
  FillChar(Options, SizeOf(Options), 0);
  Options.StructSize := SizeOf(Options);
  Options.DeadlineMs := Given.DeadlineMs;
  { Kept in variables: the library copies them, and they must be there until it has. }
  Servers8 := UTF8Encode(Given.Servers);
  StationId8 := UTF8Encode(Given.StationId);
  Profile8 := UTF8Encode(Given.Profile);
  TlsCaFile8 := UTF8Encode(Given.TlsCaFile);
  TlsServerName8 := UTF8Encode(Given.TlsServerName);
  TlsCertFile8 := UTF8Encode(Given.TlsCertFile);
  TlsKeyFile8 := UTF8Encode(Given.TlsKeyFile);
  Options.Servers := Stated(Servers8);
  Options.StationId := Stated(StationId8);
  Options.Profile := Stated(Profile8);
  Options.TlsCaFile := Stated(TlsCaFile8);
  Options.TlsServerName := Stated(TlsServerName8);
  Options.TlsCertFile := Stated(TlsCertFile8);
  Options.TlsKeyFile := Stated(TlsKeyFile8);
  SetLength(Why, ErrorBytesMax);
  Code := pck_open(@Options, FClient, PAnsiChar(Why), ErrorBytesMax);
  if Code <> ResultOk then
    raise EPrecheck.Create(string(ResultName(Code) + ': ' + TextUpToZero(Why)));
  SetLength(FBuffer, FirstBufferBytes);
end;

destructor TPrecheck.Destroy;
begin
  if FClient <> nil then
    pck_free(FClient);
  inherited Destroy;
end;

function MakeRequest(const Document: TBytesText; Format, Encoding: Cardinal): TPckRequest;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.StructSize := SizeOf(Result);
  Result.Format := Format;
  Result.Encoding := Encoding;
  { The document is not copied: it must stay until the call returns, and as a parameter of the caller it does. }
  Result.Document := PAnsiChar(Document);
  Result.DocumentLen := Length(Document);
end;

function TPrecheck.Check(const Document: TBytesText; Format, Encoding: Cardinal;
  const RequestId: TText): TPrecheckAnswer;
var
  RequestId8: TBytesText;
  Request: TPckRequest;
  Need, ZeroBytes: Cardinal;
begin
  Request := MakeRequest(Document, Format, Encoding);
  RequestId8 := UTF8Encode(RequestId);
  Request.RequestId := Stated(RequestId8);
  Result.Result := pck_check(FClient, @Request, PAnsiChar(FBuffer), Length(FBuffer), Need, Result.State);
  if Result.Result = ResultBuffer then
  begin
    SetLength(FBuffer, Need);
    Result.Result := pck_last_answer(FClient, PAnsiChar(FBuffer), Length(FBuffer), Need, Result.State);
  end;
  ZeroBytes := 1;
  if Encoding = EncodingUtf16 then
    ZeroBytes := 2;
  Result.Text := '';
  if (Need >= ZeroBytes) and (Need <= Cardinal(Length(FBuffer))) then
    Result.Text := Copy(FBuffer, 1, Need - ZeroBytes);
  Result.Error := LastError(Result.Result);
end;

function TPrecheck.Feedback(const Document: TBytesText; Format, Encoding: Cardinal): TPrecheckReceipt;
var
  Request: TPckRequest;
begin
  Request := MakeRequest(Document, Format, Encoding);
  Result.Result := pck_feedback(FClient, @Request, nil, 0, nil, Result.Recorded, Result.Unmatched);
  if Result.Result = ResultBuffer then
    Result.Result := ResultOk;
  Result.Error := LastError(Result.Result);
end;

function TPrecheck.Commit(const Document: TBytesText; Format, Encoding: Cardinal): TPrecheckChange;
var
  Request: TPckRequest;
begin
  Request := MakeRequest(Document, Format, Encoding);
  Result.Result := pck_commit(FClient, @Request, Result.Lines, Result.HistoryPosition);
  Result.Error := LastError(Result.Result);
end;

function TPrecheck.VoidLines(const PatientId, EncounterId: TText; const OrderIds: array of TText;
  const ItemCode, Reason: TText): TPrecheckChange;
var
  Request: TPckVoidRequest;
  PatientId8, EncounterId8, ItemCode8, Reason8: TBytesText;
  Ids: array of TBytesText;
  Table: array of PAnsiChar;
  Place: Integer;
begin
  FillChar(Request, SizeOf(Request), 0);
  Request.StructSize := SizeOf(Request);
  PatientId8 := UTF8Encode(PatientId);
  EncounterId8 := UTF8Encode(EncounterId);
  ItemCode8 := UTF8Encode(ItemCode);
  Reason8 := UTF8Encode(Reason);
  Request.PatientId := Stated(PatientId8);
  Request.EncounterId := Stated(EncounterId8);
  Request.ItemCode := Stated(ItemCode8);
  Request.Reason := Stated(Reason8);
  Request.OrderIdCount := Length(OrderIds);
  SetLength(Ids, Length(OrderIds));
  SetLength(Table, Length(OrderIds));
  for Place := 0 to High(OrderIds) do
  begin
    Ids[Place] := UTF8Encode(OrderIds[Place]);
    Table[Place] := PAnsiChar(Ids[Place]);
  end;
  if Length(Table) > 0 then
    Request.OrderIds := @Table[0];
  Result.Result := pck_void(FClient, @Request, Result.Lines, Result.HistoryPosition);
  Result.Error := LastError(Result.Result);
end;

function TPrecheck.RecentHistory(const PatientId, Since: TText; Limit: Cardinal): TPrecheckReply;
var
  Request: TPckHistoryRequest;
  PatientId8, Since8: TBytesText;
  Need: Cardinal;
begin
  FillChar(Request, SizeOf(Request), 0);
  Request.StructSize := SizeOf(Request);
  Request.Limit := Limit;
  PatientId8 := UTF8Encode(PatientId);
  Since8 := UTF8Encode(Since);
  Request.PatientId := Stated(PatientId8);
  Request.Since := Stated(Since8);
  Result.Review := 0;
  Result.Result := pck_recent_history(FClient, @Request, PAnsiChar(FBuffer), Length(FBuffer), Need);
  Fetch(Result, Need);
end;

function TPrecheck.ReviewStatus(const CheckId: TText): TPrecheckReply;
var
  Request: TPckReviewRequest;
  CheckId8: TBytesText;
  Need: Cardinal;
begin
  FillChar(Request, SizeOf(Request), 0);
  Request.StructSize := SizeOf(Request);
  CheckId8 := UTF8Encode(CheckId);
  Request.CheckId := Stated(CheckId8);
  Result.Result := pck_review_status(FClient, @Request, PAnsiChar(FBuffer), Length(FBuffer), Need, Result.Review);
  Fetch(Result, Need);
end;

procedure TPrecheck.Fetch(var Reply: TPrecheckReply; Need: Cardinal);
var
  State: Integer;
begin
  if Reply.Result = ResultBuffer then
  begin
    SetLength(FBuffer, Need);
    Reply.Result := pck_last_answer(FClient, PAnsiChar(FBuffer), Length(FBuffer), Need, State);
  end;
  Reply.Text := '';
  if (Need >= 1) and (Need <= Cardinal(Length(FBuffer))) then
    Reply.Text := UTF8Decode(Copy(FBuffer, 1, Need - 1));
  Reply.Error := LastError(Reply.Result);
end;

procedure TPrecheck.Cancel;
begin
  pck_cancel(FClient);
end;

function TPrecheck.LastError(Code: Integer): TText;
var
  Why: TBytesText;
begin
  Result := '';
  if Code >= 0 then
    Exit;
  Why := '';
  SetLength(Why, ErrorBytesMax);
  pck_last_error(FClient, PAnsiChar(Why), ErrorBytesMax, nil);
  Result := TextUpToZero(Why);
end;

initialization
  LoadPrecheck;

end.
