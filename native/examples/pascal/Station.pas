program Station;

{ A doctor's station in Delphi or Free Pascal: sends documents, acts on every outcome, sends feedback.

    dcc32 -CC Station.pas                                        (Delphi)
    fpc -Mdelphi -Fl../../build -k-rpath=../../build Station.pas  (Free Pascal on Linux)
    Station SERVERS FILE...

  What it does, and what it prints, is that of ../c/station.c; the wrapper is Precheck.pas. This file is in UTF-8. }

{$IFDEF FPC}{$MODE DELPHI}{$CODEPAGE UTF8}{$ENDIF}
{$APPTYPE CONSOLE}

uses
  {$IFDEF UNIX}cwstring,{$ENDIF}
  Classes,
  SysUtils,
  Precheck;

const
  NotChecked = 1;
  NotBegun = 2;
  CodePageGbk = 936;

type
  { A document and what it is. A real station knows: it has just written it. }
  TDocument = record
    Name: string;
    Bytes: TBytesText;
    Format: Cardinal;
    Encoding: Cardinal;
    IsFeedback: Boolean;
  end;

var
  Output8: TStream;

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
var
  Gbk: RawByteString;
begin
  if Encoding <> EncodingGbk then
  begin
    Result := UTF8Decode(Text);
    Exit;
  end;
  Gbk := Text;
  SetCodePage(Gbk, CodePageGbk, False);
  Result := TText(Gbk);
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
    Result := '报文有误，请信息科按原因修改'
  else if Code = ResultNotEvaluated then
    Result := '没有可判断的内容，原因见答复'
  else if Code > -100 then
    Result := '调用方式有误，再调一次也一样，请联系信息科'
  else if Code > ResultUnusable then
    Result := '暂时没有审核，可以稍后再审'
  else
    Result := '客户端已不能使用，关闭后重新打开';
end;

{ Sends what the doctor did; says how much of it was recorded. }
function SendFeedback(Client: TPrecheck; const Document: TBytesText; Format, Encoding: Cardinal): Integer;
var
  Receipt: TPrecheckReceipt;
begin
  Receipt := Client.Feedback(Document, Format, Encoding);
  if Receipt.Result = ResultOk then
    Print('  反馈：' + TText(IntToStr(Receipt.Recorded)) + ' 条已记录，' + TText(IntToStr(Receipt.Unmatched)) +
      ' 条不认识')
  else
  begin
    Print('  反馈没有送到 ' + ResultName(Receipt.Result));
    Print('  原因：' + Receipt.Error);
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
  Done := '"disposition":"continued","reason":"已核对病历，确需使用"';
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
    Print('  医生：返回修改')
  else
    Print('  医生：写明理由，继续');
  Result := SendFeedback(Client, UTF8Encode('{"feedback":[' + Entries + ']}'), FormatPrecheckJson, EncodingUtf8);
end;

{ What a station does with each outcome. The rule that matters: negative is never "no finding". }
function Act(Client: TPrecheck; const Document: TDocument; const Answer: TPrecheckAnswer): Integer;
var
  Line: TText;
begin
  if Answer.Result < 0 then
  begin
    Print(TText(Document.Name) + ': 未审核 ' + ResultName(Answer.Result) + ' · ' + ClassOf(Answer.Result));
    Print('  原因：' + Answer.Error);
    Print('  医生：可以保存，处方标记为“未审核”');
    Result := Answer.Result;
    Exit;
  end;
  case Answer.Result of
    ResultPass: Line := '通过 PASS';
    ResultWarn: Line := '提醒 WARN';
  else
    Line := '拦截 BLOCK';
  end;
  if Answer.IsComplete then
    Line := Line + ' · 全部规则已判断'
  else
    Line := Line + ' · 部分未判断';
  if Answer.IsStale then
    Line := Line + ' · 规则或历史可能不是最新';
  Print(TText(Document.Name) + ': ' + Line);
  Result := ResultOk;
  if Answer.Result = ResultPass then
    Exit;
  Result := ShowFindings(Client, Decoded(Answer.Text, Document.Encoding), Document.Format <> FormatPrecheckJson,
    Answer.Result = ResultBlock);
end;

{ Checks a document, or sends it as the feedback that it is. Returns ResultOk, or why it was not done. }
function Handle(Client: TPrecheck; const Document: TDocument): Integer;
begin
  if Document.IsFeedback then
  begin
    Print(TText(Document.Name) + ':');
    Result := SendFeedback(Client, Document.Bytes, Document.Format, Document.Encoding);
  end
  else
    Result := Act(Client, Document, Client.Check(Document.Bytes, Document.Format, Document.Encoding));
end;

function OpenClient: TPrecheck;
begin
  Result := TPrecheck.Create(TText(ParamStr(1)), 'example',
    StrToIntDef(GetEnvironmentVariable('STATION_DEADLINE_MS'), 0),
    TText(GetEnvironmentVariable('STATION_TLS_CA')));
end;

function Run: Integer;
var
  Client: TPrecheck;
  Number, Code: Integer;
begin
  Result := 0;
  Client := OpenClient;
  try
    for Number := 2 to ParamCount do
    begin
      Code := Handle(Client, ReadDocument(ParamStr(Number)));
      if Code <> ResultOk then
        Result := NotChecked;
      if Code <= ResultUnusable then
      begin
        FreeAndNil(Client);
        Client := OpenClient;
      end;
    end;
  finally
    Client.Free;
  end;
end;

begin
  if ParamCount < 2 then
  begin
    WriteLn(ErrOutput, 'usage: station SERVERS FILE...');
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
    on Problem: EPrecheck do
    begin
      WriteLn(ErrOutput, Problem.Message);
      ExitCode := NotBegun;
    end;
  end;
  Output8.Free;
end.
