program Station;

{ A doctor's station in Delphi or Free Pascal: sends documents, acts on every outcome, sends feedback.

    dcc32 -CC Station.pas       (Delphi)
    fpc -Mdelphi Station.pas    (Free Pascal; on Linux LD_LIBRARY_PATH says where libprecheck.so is)
    Station [--popup] SERVERS FILE...

  What it does, and what it prints, is that of ../c/station.c; the wrapper is Precheck.pas. With --popup
  it asks the doctor by the window of PrecheckPopup.pas. This file is ASCII but for
  comments, because Delphi 7 knows no source in UTF-8: a Chinese text is a constant of the numbers of its characters. }

{$IFDEF FPC}{$MODE DELPHI}{$MODESWITCH ADVANCEDRECORDS-}{$DEFINE HAS_RAW_BYTES}{$ENDIF}
{$IFDEF UNICODE}{$DEFINE HAS_RAW_BYTES}{$ENDIF}
{$APPTYPE CONSOLE}

uses
  {$IFDEF UNIX}cwstring,{$ENDIF}
  {$IFNDEF HAS_RAW_BYTES}Windows,{$ENDIF}
  Classes,
  SysUtils,
  Precheck,
  PrecheckPopup;

const
  NotChecked = 1;
  NotBegun = 2;
  CodePageGbk = 936;

  { Texts for the doctor, each as the numbers of its UTF-16 characters; what it says stands above it. The comments may be
    UTF-8: they end with their line, and a compiler that takes them for another code page loses nothing. }
  // 报文有误，请信息科按原因修改
  DocumentIsWrong = '62A5658767098BEFFF0C8BF74FE1606F79D16309539F56E04FEE6539';
  // 没有可判断的内容，原因见答复
  NothingToJudge = '6CA1670953EF522465AD768451855BB9FF0C539F56E089C17B54590D';
  // 调用方式有误，再调一次也一样，请联系信息科
  CalledWrongly = '8C03752865B95F0F67098BEFFF0C518D8C034E006B214E5F4E006837FF0C8BF780547CFB4FE1606F79D1';
  // 暂时没有审核，可以稍后再审
  CheckLater = '668265F66CA167095BA16838FF0C53EF4EE57A0D540E518D5BA1';
  // 客户端已不能使用，关闭后重新打开
  ClientUnusable = '5BA262377AEF5DF24E0D80FD4F7F7528FF0C517395ED540E91CD65B062535F00';
  // 反馈：
  FeedbackColon = '53CD9988FF1A';
  // 条已记录，
  EntriesRecorded = '67615DF28BB05F55FF0C';
  // 条不认识
  EntriesUnmatched = '67614E0D8BA48BC6';
  // 反馈没有送到
  FeedbackNotSent = '53CD99886CA1670990015230';
  // 原因：
  ReasonColon = '539F56E0FF1A';
  // 已核对病历，确需使用
  DoctorsReason = '5DF268385BF975C55386FF0C786E97004F7F7528';
  // 医生：返回修改
  DoctorGoesBack = '533B751FFF1A8FD456DE4FEE6539';
  // 医生：写明理由，继续
  DoctorContinues = '533B751FFF1A5199660E74067531FF0C7EE77EED';
  // 未审核
  NotCheckedText = '672A5BA16838';
  // ·
  Dot = '00B7';
  // 医生：可以保存，处方标记为“未审核”
  DoctorMaySave = '533B751FFF1A53EF4EE54FDD5B58FF0C590465B968078BB04E3A201C672A5BA16838201D';
  // 通过
  Passed = '901A8FC7';
  // 提醒
  Warned = '63D09192';
  // 拦截
  Blocked = '62E6622A';
  // 全部规则已判断
  AllJudged = '516890E889C452195DF2522465AD';
  // 部分未判断
  PartlyJudged = '90E85206672A522465AD';
  // 规则或历史可能不是最新
  MayBeOld = '89C452196216538653F253EF80FD4E0D662F670065B0';
  // 保存：
  CommittedColon = '4FDD5B58FF1A';
  // 历史：
  HistoryColon = '538653F2FF1A';
  // 药师：
  PharmacistColon = '836F5E08FF1A';
  // 作废：
  VoidedColon = '4F5C5E9FFF1A';
  // 弹窗：
  PopupColon = '5F397A97FF1A';
  // 弹窗没有显示：
  PopupNotShownColon = '5F397A976CA16709663E793AFF1A';
  // 客户端没有装好，请联系信息科
  NotInstalled = '5BA262377AEF6CA1670988C5597DFF0C8BF780547CFB4FE1606F79D1';

type
  { A document and what it is. A real station knows: it has just written it. }
  TDocument = record
    Name: string;
    Bytes: TBytesText;
    Format: Cardinal;
    Encoding: Cardinal;
    IsFeedback: Boolean;
  end;

  { What the doctor chose in the popup's window; where it was not shown, the station shows the answer itself. }
  TAsked = record
    IsShown: Boolean;
    Choice: TPrecheckChoice;
    WhyNot: TText;
  end;

var
  Output8: TStream;
  UsesPopup: Boolean;

{ A text from the numbers of its UTF-16 characters, four hexadecimal digits each. }
function Chinese(const Digits: AnsiString): TText;
var
  Place: Integer;
begin
  SetLength(Result, Length(Digits) div 4);
  for Place := 1 to Length(Result) do
    Result[Place] := WideChar(StrToInt('$' + string(Copy(Digits, Place * 4 - 3, 4))));
end;

{ Prints a line in UTF-8, whatever the console's code page: what is redirected is wanted in UTF-8. }
procedure Print(const Line: TText);
var
  Whole: TBytesText;
begin
  Whole := UTF8Encode(Line + #10);
  Output8.WriteBuffer(PAnsiChar(Whole)^, Length(Whole));
end;

function Has(const Document: TDocument; const Part: TBytesText): Boolean;
begin
  Result := Pos(Part, Document.Bytes) > 0;
end;

function ReadDocument(const Path: string): TDocument;
var
  Stream: TFileStream;
begin
  Stream := TFileStream.Create(Path, fmOpenRead or fmShareDenyNone);
  try
    Result.Bytes := '';
    SetLength(Result.Bytes, Stream.Size);
    Stream.ReadBuffer(PAnsiChar(Result.Bytes)^, Stream.Size);
  finally
    Stream.Free;
  end;
  Result.Name := ExtractFileName(Path);
  Result.Encoding := EncodingUtf8;
  if ExtractFileExt(Path) = '.gbk' then
    Result.Encoding := EncodingGbk;
  Result.IsFeedback := Has(Result, '"warns"') or Has(Result, '"feedback"');
  if Has(Result, '"warns"') then
    Result.Format := FormatNhsa3103
  else if not Has(Result, '"trig_scen"') and not Has(Result, '"trigScen"') then
    Result.Format := FormatPrecheckJson
  else if Has(Result, '"infno": "3102"') then
    Result.Format := FormatNhsa3102
  else
    Result.Format := FormatNhsa3101;
end;

{ The characters of an answer, which is in the encoding of its document. }
function Decoded(const Text: TBytesText; Encoding: Cardinal): TText;
{$IFDEF HAS_RAW_BYTES}
var
  Gbk: RawByteString;
{$ENDIF}
begin
  if Encoding <> EncodingGbk then
  begin
    Result := UTF8Decode(Text);
    Exit;
  end;
{$IFDEF HAS_RAW_BYTES}
  Gbk := Text;
  SetCodePage(Gbk, CodePageGbk, False);
  Result := TText(Gbk);
{$ELSE}
  SetLength(Result, MultiByteToWideChar(CodePageGbk, 0, PAnsiChar(Text), Length(Text), nil, 0));
  MultiByteToWideChar(CodePageGbk, 0, PAnsiChar(Text), Length(Text), PWideChar(Result), Length(Result));
{$ENDIF}
end;

{ Takes the JSON text that stands under Name at or after At, which moves behind it; False if there is none.
  A HIS has a JSON reader and takes that; for the few texts of this example a search is enough. }
function NextText(const Answer: TText; var At: Integer; const Name: TText; out Text: TText): Boolean;
var
  Key: TText;
  Found: Integer;
begin
  Text := '';
  Key := '"' + Name + '":"';
  Found := Pos(Key, Copy(Answer, At, MaxInt));
  Result := Found > 0;
  if not Result then
    Exit;
  At := At + Found - 1 + Length(Key);
  while (At <= Length(Answer)) and (Answer[At] <> '"') do
  begin
    if (Answer[At] = '\') and (At < Length(Answer)) then
      Inc(At);
    Text := Text + Answer[At];
    Inc(At);
  end;
end;

{ Why nothing was checked, for the doctor; the reason is for the log and the information department. }
function ClassOf(Code: Integer): TText;
begin
  if Code = ResultRejected then
    Result := Chinese(DocumentIsWrong)
  else if Code = ResultNotEvaluated then
    Result := Chinese(NothingToJudge)
  else if Code > -100 then
    Result := Chinese(CalledWrongly)
  else if Code > ResultUnusable then
    Result := Chinese(CheckLater)
  else
    Result := Chinese(ClientUnusable);
end;

{ Sends what the doctor did; says how much of it was recorded. }
function SendFeedback(Client: TPrecheck; const Document: TBytesText; Format, Encoding: Cardinal): Integer;
var
  Receipt: TPrecheckReceipt;
begin
  Receipt := Client.Feedback(Document, Format, Encoding);
  if Receipt.Result = ResultOk then
    Print('  ' + Chinese(FeedbackColon) + TText(IntToStr(Receipt.Recorded)) + ' ' + Chinese(EntriesRecorded) +
      TText(IntToStr(Receipt.Unmatched)) + ' ' + Chinese(EntriesUnmatched))
  else
  begin
    Print('  ' + Chinese(FeedbackNotSent) + ' ' + ResultName(Receipt.Result));
    Print('  ' + Chinese(ReasonColon) + Receipt.Error);
  end;
  Result := Receipt.Result;
end;

{ Shows each finding to the doctor and sends what the doctor did about them. }
function ShowFindings(Client: TPrecheck; const Answer: TText; IsNational, GoesBack: Boolean): Integer;
var
  IdName, TextName, Id, Text, Entries, Done: TText;
  At, Count: Integer;
begin
  IdName := 'finding_id';
  TextName := 'message';
  if IsNational then
  begin
    IdName := 'jr_id';
    TextName := 'vola_cont';
  end;
  Done := '"disposition":"continued","reason":"' + Chinese(DoctorsReason) + '"';
  if GoesBack then
    Done := '"disposition":"went_back","reason":""';
  Entries := '';
  Count := 0;
  At := 1;
  while NextText(Answer, At, IdName, Id) and NextText(Answer, At, TextName, Text) do
  begin
    Inc(Count);
    Print('  [' + TText(IntToStr(Count)) + '] ' + Text);
    if Count > 1 then
      Entries := Entries + ',';
    Entries := Entries + '{"finding_id":"' + Id + '",' + Done + '}';
  end;
  Result := ResultOk;
  if Count = 0 then
    Exit;
  if GoesBack then
    Print('  ' + Chinese(DoctorGoesBack))
  else
    Print('  ' + Chinese(DoctorContinues));
  Result := SendFeedback(Client, UTF8Encode('{"feedback":[' + Entries + ']}'), FormatPrecheckJson, EncodingUtf8);
end;

function Ask(const Document: TDocument; const Answer: TPrecheckAnswer): TAsked;
begin
  Result.IsShown := False;
  Result.WhyNot := '';
  if not UsesPopup or (Answer.Result = ResultPass) then
    Exit;
  try
    Result.Choice := ShowPopup(nil, Answer, Document.Encoding);
    Result.IsShown := Result.Choice.Result >= 0;
    if not Result.IsShown then
      Result.WhyNot := TText(IntToStr(Result.Choice.Result));
  except
    on Problem: EPrecheckLibrary do
      Result.WhyNot := TText(Problem.Message);
  end;
end;

function WentBack(const Asked: TAsked): Boolean;
begin
  Result := Asked.IsShown and (Asked.Choice.Result = PopupGoBack);
end;

{ Prints what the doctor chose in the window, if it was asked for, and sends the window's feedback. }
function TellChoice(Client: TPrecheck; const Document: TDocument; const Asked: TAsked): Integer;
begin
  Result := ResultOk;
  if Asked.WhyNot <> '' then
    Print('  ' + Chinese(PopupNotShownColon) + Asked.WhyNot);
  if not Asked.IsShown then
    Exit;
  Print('  ' + Chinese(PopupColon) + TText(IntToStr(Asked.Choice.Result)));
  if Asked.Choice.Feedback = '' then
    Exit;
  if Document.Format = FormatPrecheckJson then
    Result := SendFeedback(Client, Asked.Choice.Feedback, FormatPrecheckJson, Document.Encoding)
  else
    Result := SendFeedback(Client, Asked.Choice.Feedback, FormatNhsa3103, Document.Encoding);
end;

{ What a station does with each outcome. The rule that matters: negative is never "no finding". }
function Act(Client: TPrecheck; const Document: TDocument; const Answer: TPrecheckAnswer; const Asked: TAsked): Integer;
var
  Line: TText;
begin
  if Answer.Result < 0 then
  begin
    Print(TText(Document.Name) + ': ' + Chinese(NotCheckedText) + ' ' + ResultName(Answer.Result) + ' ' +
      Chinese(Dot) + ' ' + ClassOf(Answer.Result));
    Print('  ' + Chinese(ReasonColon) + Answer.Error);
    TellChoice(Client, Document, Asked);
    if not WentBack(Asked) then
      Print('  ' + Chinese(DoctorMaySave));
    Result := Answer.Result;
    Exit;
  end;
  case Answer.Result of
    ResultPass: Line := Chinese(Passed) + ' PASS';
    ResultWarn: Line := Chinese(Warned) + ' WARN';
  else
    Line := Chinese(Blocked) + ' BLOCK';
  end;
  if IsComplete(Answer) then
    Line := Line + ' ' + Chinese(Dot) + ' ' + Chinese(AllJudged)
  else
    Line := Line + ' ' + Chinese(Dot) + ' ' + Chinese(PartlyJudged);
  if IsStale(Answer) then
    Line := Line + ' ' + Chinese(Dot) + ' ' + Chinese(MayBeOld);
  Print(TText(Document.Name) + ': ' + Line);
  Result := ResultOk;
  if Answer.Result = ResultPass then
    Exit;
  Result := TellChoice(Client, Document, Asked);
  if Asked.IsShown then
    Exit;
  Result := ShowFindings(Client, Decoded(Answer.Text, Document.Encoding), Document.Format <> FormatPrecheckJson,
    Answer.Result = ResultBlock);
end;

{ What follows a check once the prescription is saved: commit; later perhaps a look at the history and a void.
  A real station does each when it happens; this one, all of it where STATION_PATIENT is set. }
procedure AfterSaving(Client: TPrecheck; const Document: TDocument);
var
  Patient: TText;
  Change: TPrecheckChange;
  Reply: TPrecheckReply;
begin
  Patient := TText(GetEnvironmentVariable('STATION_PATIENT'));
  if Patient = '' then
    Exit;
  Change := Client.Commit(Document.Bytes, Document.Format, Document.Encoding);
  Print('  ' + Chinese(CommittedColon) + TText(Format('%d %d %d', [Change.Result, Change.Lines, Change.HistoryPosition])));
  Reply := Client.RecentHistory(Patient, '', 0);
  Print('  ' + Chinese(HistoryColon) + TText(IntToStr(Reply.Result)) + ' ' + Reply.Text);
  Reply := Client.ReviewStatus('01ARZ3NDEKTSV4RRFFQ69G5FAV');
  Print('  ' + Chinese(PharmacistColon) + TText(Format('%d %d', [Reply.Result, Reply.Review])));
  Change := Client.VoidLines(Patient, 'visit-1', ['line-1', 'line-2'], '', '');
  Print('  ' + Chinese(VoidedColon) + TText(Format('%d %d %d', [Change.Result, Change.Lines, Change.HistoryPosition])));
end;

{ Checks a document, or sends it as the feedback that it is. Returns ResultOk, or why it was not done. }
function Handle(Client: TPrecheck; const Document: TDocument): Integer;
var
  Answer: TPrecheckAnswer;
  Asked: TAsked;
begin
  if Document.IsFeedback then
  begin
    Print(TText(Document.Name) + ':');
    Result := SendFeedback(Client, Document.Bytes, Document.Format, Document.Encoding);
  end
  else
  begin
    Answer := Client.Check(Document.Bytes, Document.Format, Document.Encoding,
      TText(GetEnvironmentVariable('STATION_REQUEST_ID')));
    Asked := Ask(Document, Answer);
    Result := Act(Client, Document, Answer, Asked);
    if (Answer.Result <> ResultBlock) and not WentBack(Asked) then { saved; what was not checked is in the history all the same }
      AfterSaving(Client, Document);
  end;
end;

function OpenClient(const Servers: TText): TPrecheck;
var
  Options: TPrecheckOptions;
begin
  Options.Servers := Servers;
  Options.StationId := 'example';
  Options.DeadlineMs := StrToIntDef(GetEnvironmentVariable('STATION_DEADLINE_MS'), 0);
  Options.Profile := TText(GetEnvironmentVariable('STATION_PROFILE'));
  Options.TlsCaFile := TText(GetEnvironmentVariable('STATION_TLS_CA'));
  Options.TlsServerName := TText(GetEnvironmentVariable('STATION_TLS_SERVER_NAME'));
  Options.TlsCertFile := TText(GetEnvironmentVariable('STATION_TLS_CERT'));
  Options.TlsKeyFile := TText(GetEnvironmentVariable('STATION_TLS_KEY'));
  Result := TPrecheck.Create(Options);
end;

function Run: Integer;
var
  Client: TPrecheck;
  Servers: TText;
  Number, Code: Integer;
begin
  Result := 0;
  Servers := TText(ParamStr(1 + Ord(UsesPopup)));
  Client := OpenClient(Servers);
  try
    for Number := 2 + Ord(UsesPopup) to ParamCount do
    begin
      Code := Handle(Client, ReadDocument(ParamStr(Number)));
      if Code <> ResultOk then
        Result := NotChecked;
      if Code <= ResultUnusable then
      begin
        FreeAndNil(Client);
        Client := OpenClient(Servers);
      end;
    end;
  finally
    Client.Free;
  end;
end;

begin
  UsesPopup := ParamStr(1) = '--popup';
  if ParamCount < 2 + Ord(UsesPopup) then
  begin
    WriteLn(ErrOutput, 'usage: station [--popup] SERVERS FILE...');
    Halt(NotBegun);
  end;
  Output8 := THandleStream.Create(TTextRec(Output).Handle);
  try
    ExitCode := Run;
  except
    on Problem: EStreamError do
    begin
      WriteLn(ErrOutput, Problem.Message + ': cannot be read');
      ExitCode := NotBegun;
    end;
    on Problem: EPrecheckLibrary do { a station without the library works on, and says that nothing is checked }
    begin
      Print(Chinese(NotCheckedText) + ' ' + Chinese(NotInstalled));
      Print('  ' + Chinese(ReasonColon) + TText(Problem.Message));
      Print('  ' + Chinese(DoctorMaySave));
      ExitCode := NotBegun;
    end;
    on Problem: EPrecheck do
    begin
      WriteLn(ErrOutput, Problem.Message);
      ExitCode := NotBegun;
    end;
  end;
  Output8.Free;
end.
