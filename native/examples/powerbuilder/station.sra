$PBExportHeader$station.sra
$PBExportComments$A doctor's station: sends documents, acts on every outcome, sends feedback
forward
global type station from application
end type
global transaction sqlca
global dynamicdescriptionarea sqlda
global dynamicstagingarea sqlsa
global error error
global message message
end forward

global type station from application
string appname = "station"
end type
global station station

type variables
private:
n_precheck inv_client
integer ii_output
end variables

forward prototypes
private function long of_handle (string as_path)
private function long of_act (string as_name, long al_format, long al_result, string as_answer, boolean ab_complete, boolean ab_stale, string as_problem)
private function long of_show_findings (string as_answer, boolean ab_national, boolean ab_back)
private function long of_send_feedback (string as_document, long al_format)
private function string of_class (long al_result)
private function boolean of_next_text (string as_answer, ref long al_place, string as_name, ref string as_text)
private function string of_read (string as_path)
private subroutine of_print (string as_line)
private function boolean of_open (string as_servers)
end prototypes

private function long of_handle (string as_path);// Checks a document, or sends it as the feedback that it is. Returns PCK_OK, or why it was not done.
// A real station knows what it has just written; here it is told by its look.
long ll_format, ll_result
boolean lb_complete, lb_stale
string ls_document, ls_name, ls_answer, ls_problem

ls_document = of_read(as_path)
ls_name = Mid(as_path, LastPos(as_path, "\") + 1)
if Pos(ls_document, '"warns"') > 0 then
	ll_format = inv_client.PCK_FORMAT_NHSA_3103
elseif Pos(ls_document, '"trig_scen"') = 0 and Pos(ls_document, '"trigScen"') = 0 then
	ll_format = inv_client.PCK_FORMAT_PRECHECK_JSON
elseif Pos(ls_document, '"infno": "3102"') > 0 then
	ll_format = inv_client.PCK_FORMAT_NHSA_3102
else
	ll_format = inv_client.PCK_FORMAT_NHSA_3101
end if
if Pos(ls_document, '"warns"') > 0 or Pos(ls_document, '"feedback"') > 0 then
	of_print(ls_name + ":")
	return of_send_feedback(ls_document, ll_format)
end if
ll_result = inv_client.of_check(ll_format, ls_document, ls_answer, lb_complete, lb_stale, ls_problem)
return of_act(ls_name, ll_format, ll_result, ls_answer, lb_complete, lb_stale, ls_problem)
end function

private function long of_act (string as_name, long al_format, long al_result, string as_answer, boolean ab_complete, boolean ab_stale, string as_problem);// What a station does with each outcome. The rule that matters: negative is never "no finding".
string ls_line

if al_result < 0 then
	of_print(as_name + ": 未审核 " + String(al_result) + " · " + of_class(al_result))
	of_print("  原因：" + as_problem)
	of_print("  医生：可以保存，处方标记为“未审核”")
	return al_result
end if
choose case al_result
	case inv_client.PCK_PASS
		ls_line = "通过 PASS"
	case inv_client.PCK_WARN
		ls_line = "提醒 WARN"
	case else
		ls_line = "拦截 BLOCK"
end choose
if ab_complete then
	ls_line = ls_line + " · 全部规则已判断"
else
	ls_line = ls_line + " · 部分未判断"
end if
if ab_stale then ls_line = ls_line + " · 规则或历史可能不是最新"
of_print(as_name + ": " + ls_line)
if al_result = inv_client.PCK_PASS then return inv_client.PCK_OK
return of_show_findings(as_answer, al_format <> inv_client.PCK_FORMAT_PRECHECK_JSON, al_result = inv_client.PCK_BLOCK)
end function

private function long of_show_findings (string as_answer, boolean ab_national, boolean ab_back);// Shows each finding to the doctor and sends what the doctor did about them.
long ll_place, ll_count
string ls_id_name, ls_text_name, ls_id, ls_text, ls_entries, ls_done

ls_id_name = "finding_id"
ls_text_name = "message"
if ab_national then
	ls_id_name = "jr_id"
	ls_text_name = "vola_cont"
end if
ls_done = '"disposition":"continued","reason":"已核对病历，确需使用"'
if ab_back then ls_done = '"disposition":"went_back","reason":""'
ll_place = 1
do while of_next_text(as_answer, ll_place, ls_id_name, ls_id)
	if not of_next_text(as_answer, ll_place, ls_text_name, ls_text) then exit
	ll_count ++
	of_print("  [" + String(ll_count) + "] " + ls_text)
	if ll_count > 1 then ls_entries = ls_entries + ","
	ls_entries = ls_entries + '{"finding_id":"' + ls_id + '",' + ls_done + '}'
loop
if ll_count = 0 then return inv_client.PCK_OK
if ab_back then
	of_print("  医生：返回修改")
else
	of_print("  医生：写明理由，继续")
end if
return of_send_feedback('{"feedback":[' + ls_entries + ']}', inv_client.PCK_FORMAT_PRECHECK_JSON)
end function

private function long of_send_feedback (string as_document, long al_format);// Sends what the doctor did; says how much of it was recorded.
long ll_result, ll_recorded, ll_unmatched
string ls_problem

ll_result = inv_client.of_feedback(al_format, as_document, ll_recorded, ll_unmatched, ls_problem)
if ll_result = inv_client.PCK_OK then
	of_print("  反馈：" + String(ll_recorded) + " 条已记录，" + String(ll_unmatched) + " 条不认识")
else
	of_print("  反馈没有送到 " + String(ll_result))
	of_print("  原因：" + ls_problem)
end if
return ll_result
end function

private function string of_class (long al_result);// Why nothing was checked, for the doctor; the reason is for the log and the information department.
if al_result = inv_client.PCK_E_REJECTED then return "报文有误，请信息科按原因修改"
if al_result = inv_client.PCK_E_NOT_EVALUATED then return "没有可判断的内容，原因见答复"
if al_result > -100 then return "调用方式有误，再调一次也一样，请联系信息科"
if al_result > inv_client.PCK_UNUSABLE then return "暂时没有审核，可以稍后再审"
if al_result = inv_client.NO_LIBRARY then return "客户端没有装好，请联系信息科"
return "客户端已不能使用，关闭后重新打开"
end function

private function boolean of_next_text (string as_answer, ref long al_place, string as_name, ref string as_text);// Takes the JSON text that stands under a name at or after al_place, which moves behind it; false if there is none.
// A HIS has a JSON reader and takes that; for the few texts of this example a search is enough.
string ls_key, ls_letter

as_text = ""
ls_key = '"' + as_name + '":"'
al_place = Pos(as_answer, ls_key, al_place)
if al_place = 0 then
	al_place = Len(as_answer) + 1
	return false
end if
al_place = al_place + Len(ls_key)
do while al_place <= Len(as_answer)
	ls_letter = Mid(as_answer, al_place, 1)
	if ls_letter = '"' then exit
	if ls_letter = "\" then
		al_place ++
		ls_letter = Mid(as_answer, al_place, 1)
	end if
	as_text = as_text + ls_letter
	al_place ++
loop
return true
end function

private function string of_read (string as_path);// Reads a text in UTF-8, or in GBK (the system's code page) where the file is called *.gbk.
integer li_file
blob lblb_bytes

li_file = FileOpen(as_path, StreamMode!, Read!, Shared!)
if li_file < 0 then return ""
FileReadEx(li_file, lblb_bytes)
FileClose(li_file)
if Lower(Right(as_path, 4)) = ".gbk" then return String(lblb_bytes, EncodingANSI!)
return String(lblb_bytes, EncodingUTF8!)
end function

private subroutine of_print (string as_line);// PowerBuilder programs have no console: what the other examples print goes to station.out, in UTF-8.
FileWriteEx(ii_output, as_line)
end subroutine

private function boolean of_open (string as_servers);long ll_result
string ls_options, ls_problem, ls_values[]
ContextKeyword lcxk_environment

ls_options = "servers=" + as_servers + ";station_id=example"
GetContextService("Keyword", lcxk_environment)
if lcxk_environment.GetContextKeywords("STATION_DEADLINE_MS", ls_values) > 0 then ls_options = ls_options + ";deadline_ms=" + ls_values[1]
if lcxk_environment.GetContextKeywords("STATION_TLS_CA", ls_values) > 0 then ls_options = ls_options + ";tls_ca_file=" + ls_values[1]
inv_client = create n_precheck
ll_result = inv_client.of_open(ls_options, ls_problem)
if ll_result = inv_client.PCK_OK then return true
if ll_result = inv_client.NO_LIBRARY then
	of_print("未审核 " + of_class(ll_result))
	of_print("  原因：" + ls_problem)
	of_print("  医生：可以保存，处方标记为“未审核”")
else
	of_print(ls_problem)
end if
return false
end function

on station.create
appname = "station"
message = create message
sqlca = create transaction
sqlda = create dynamicdescriptionarea
sqlsa = create dynamicstagingarea
error = create error
end on

on station.destroy
destroy(sqlca)
destroy(sqlda)
destroy(sqlsa)
destroy(error)
destroy(message)
end on

event open;// station.exe SERVERS FILE...: what it does, and what it prints, is that of ../c/station.c.
// A PowerBuilder program has no exit code to give: the lines of the output say what was not checked.
// NOT COMPILED by whoever wrote it; see n_precheck.sru.
string ls_rest, ls_servers, ls_path
long ll_result, ll_blank

ii_output = FileOpen("station.out", LineMode!, Write!, LockWrite!, Replace!, EncodingUTF8!)
ls_rest = Trim(commandline)
ll_blank = Pos(ls_rest, " ")
if ll_blank = 0 then
	of_print("usage: station SERVERS FILE...")
	FileClose(ii_output)
	halt close
end if
ls_servers = Left(ls_rest, ll_blank - 1)
ls_rest = Trim(Mid(ls_rest, ll_blank + 1))
if not of_open(ls_servers) then ls_rest = ""
do while ls_rest <> ""
	ll_blank = Pos(ls_rest + " ", " ")
	ls_path = Left(ls_rest, ll_blank - 1)
	ls_rest = Trim(Mid(ls_rest, ll_blank + 1))
	ll_result = of_handle(ls_path)
	if ll_result <= inv_client.PCK_UNUSABLE then
		destroy inv_client
		if not of_open(ls_servers) then exit
	end if
loop
FileClose(ii_output)
destroy inv_client
halt close
end event
