Attribute VB_Name = "Station"
' Station.bas - a doctor's station in VB6: sends documents, acts on every outcome, sends feedback.
'
'   Station.exe SERVERS FILE...
'
' What it does, and what it prints, is that of ../c/station.c. To see the output, make the program a console one:
'   LINK.EXE /EDIT /SUBSYSTEM:CONSOLE Station.exe
'
' NOT COMPILED by whoever wrote it; see Precheck.bas.
Option Explicit

Private Const NOT_CHECKED As Long = 1
Private Const NOT_BEGUN As Long = 2
Private Const AD_TYPE_TEXT As Long = 2

' Ends with an exit code, which End cannot. Not for the IDE: it would end that.
Private Declare Sub ExitProcess Lib "kernel32" (ByVal exit_code As Long)

Private console As Object
Private handle As Long

Public Sub Main()
    Dim arguments() As String
    Dim number As Long
    Dim result As Long
    Dim status As Long
    Set console = CreateObject("Scripting.FileSystemObject").GetStandardStream(1)
    arguments = Split(Trim$(Command$), " ")
    If UBound(arguments) < 1 Then
        console.WriteLine "usage: station SERVERS FILE..."
        ExitProcess NOT_BEGUN
    End If
    If Not OpenClient(arguments(0)) Then ExitProcess NOT_BEGUN
    For number = 1 To UBound(arguments)
        result = HandleFile(arguments(number))
        If result <> PCK_OK Then status = NOT_CHECKED
        If result <= PCK_UNUSABLE Then
            pck_flat_close handle
            If Not OpenClient(arguments(0)) Then Exit For
        End If
    Next
    pck_flat_close handle
    ExitProcess status
End Sub

Private Function OpenClient(ByVal servers As String) As Boolean
    Dim options As String
    Dim problem As String
    Dim result As Long
    options = "servers=" & servers & ";station_id=example"
    If Environ$("STATION_DEADLINE_MS") <> "" Then options = options & ";deadline_ms=" & Environ$("STATION_DEADLINE_MS")
    If Environ$("STATION_TLS_CA") <> "" Then options = options & ";tls_ca_file=" & Environ$("STATION_TLS_CA")
    result = PrecheckOpen(options, handle, problem)
    If result = NO_LIBRARY Then
        console.WriteLine "未审核 " & ClassOf(result)
        console.WriteLine "  原因：" & problem
        console.WriteLine "  医生：可以保存，处方标记为“未审核”"
    ElseIf result <> PCK_OK Then
        console.WriteLine problem
    End If
    OpenClient = result = PCK_OK
End Function

' Reads a text in UTF-8, or in GBK where the file is called *.gbk. A real station has just written it.
Private Function ReadText(ByVal path As String) As String
    Dim stream As Object
    Set stream = CreateObject("ADODB.Stream")
    stream.Type = AD_TYPE_TEXT
    If LCase$(Right$(path, 4)) = ".gbk" Then stream.Charset = "gb18030" Else stream.Charset = "utf-8"
    stream.Open
    stream.LoadFromFile path
    ReadText = stream.ReadText
    stream.Close
End Function

' Checks a document, or sends it as the feedback that it is. Returns PCK_OK, or why it was not done.
Private Function HandleFile(ByVal path As String) As Long
    Dim document As String
    Dim file_name As String
    Dim layout As Long
    document = ReadText(path)
    file_name = Mid$(path, InStrRev(path, "\") + 1)
    If Has(document, """warns""") Then
        layout = PCK_FORMAT_NHSA_3103
    ElseIf Not Has(document, """trig_scen""") And Not Has(document, """trigScen""") Then
        layout = PCK_FORMAT_PRECHECK_JSON
    ElseIf Has(document, """infno"": ""3102""") Then
        layout = PCK_FORMAT_NHSA_3102
    Else
        layout = PCK_FORMAT_NHSA_3101
    End If
    If Has(document, """warns""") Or Has(document, """feedback""") Then
        console.WriteLine file_name & ":"
        HandleFile = SendFeedback(document, layout)
    Else
        HandleFile = Act(file_name, layout, PrecheckCheck(handle, layout, document))
    End If
End Function

Private Function Has(ByVal document As String, ByVal part As String) As Boolean
    Has = InStr(1, document, part, vbBinaryCompare) > 0
End Function

' What a station does with each outcome. The rule that matters: negative is never "no finding".
Private Function Act(ByVal file_name As String, ByVal layout As Long, ByRef answer As PrecheckAnswer) As Long
    Dim text_line As String
    If answer.Result < 0 Then
        console.WriteLine file_name & ": 未审核 " & answer.Result & " · " & ClassOf(answer.Result)
        console.WriteLine "  原因：" & answer.Problem
        console.WriteLine "  医生：可以保存，处方标记为“未审核”"
        Act = answer.Result
        Exit Function
    End If
    text_line = file_name & ": " & Choose(answer.Result + 1, "通过 PASS", "提醒 WARN", "拦截 BLOCK")
    If (answer.State And PCK_COMPLETENESS_MASK) = PCK_COMPLETE Then
        text_line = text_line & " · 全部规则已判断"
    Else
        text_line = text_line & " · 部分未判断"
    End If
    If (answer.State And PCK_STALE) <> 0 Then text_line = text_line & " · 规则或历史可能不是最新"
    console.WriteLine text_line
    If answer.Result <> PCK_PASS Then
        Act = ShowFindings(answer.Text, layout <> PCK_FORMAT_PRECHECK_JSON, answer.Result = PCK_BLOCK)
    End If
End Function

' Why nothing was checked, for the doctor; the reason is for the log and the information department.
Private Function ClassOf(ByVal result As Long) As String
    If result = PCK_E_REJECTED Then
        ClassOf = "报文有误，请信息科按原因修改"
    ElseIf result = PCK_E_NOT_EVALUATED Then
        ClassOf = "没有可判断的内容，原因见答复"
    ElseIf result > -100 Then
        ClassOf = "调用方式有误，再调一次也一样，请联系信息科"
    ElseIf result > PCK_UNUSABLE Then
        ClassOf = "暂时没有审核，可以稍后再审"
    ElseIf result = NO_LIBRARY Then
        ClassOf = "客户端没有装好，请联系信息科"
    Else
        ClassOf = "客户端已不能使用，关闭后重新打开"
    End If
End Function

' Shows each finding to the doctor and sends what the doctor did about them.
Private Function ShowFindings(ByVal answer As String, ByVal is_national As Boolean, ByVal goes_back As Boolean) As Long
    Dim entries As String
    Dim done As String
    Dim id As String
    Dim message As String
    Dim place As Long
    Dim count As Long
    done = """disposition"":""continued"",""reason"":""已核对病历，确需使用"""
    If goes_back Then done = """disposition"":""went_back"",""reason"":"""""
    place = 1
    Do While NextText(answer, place, IIf(is_national, "jr_id", "finding_id"), id)
        If Not NextText(answer, place, IIf(is_national, "vola_cont", "message"), message) Then Exit Do
        count = count + 1
        console.WriteLine "  [" & count & "] " & message
        If count > 1 Then entries = entries & ","
        entries = entries & "{""finding_id"":""" & id & """," & done & "}"
    Loop
    If count = 0 Then Exit Function
    console.WriteLine "  医生：" & IIf(goes_back, "返回修改", "写明理由，继续")
    ShowFindings = SendFeedback("{""feedback"":[" & entries & "]}", PCK_FORMAT_PRECHECK_JSON)
End Function

' Takes the JSON text that stands under a name at or after place, which moves behind it; False if there is none.
' A HIS has a JSON reader and takes that; for the few texts of this example a search is enough.
Private Function NextText(ByVal answer As String, ByRef place As Long, ByVal key_name As String, ByRef found As String) As Boolean
    Dim key As String
    Dim letter As String
    key = """" & key_name & """:"""
    found = ""
    place = InStr(place, answer, key, vbBinaryCompare)
    If place = 0 Then
        place = Len(answer) + 1
        Exit Function
    End If
    place = place + Len(key)
    Do While place <= Len(answer)
        letter = Mid$(answer, place, 1)
        If letter = """" Then Exit Do
        If letter = "\" Then
            place = place + 1
            letter = Mid$(answer, place, 1)
        End If
        found = found & letter
        place = place + 1
    Loop
    NextText = True
End Function

' Sends what the doctor did; says how much of it was recorded.
Private Function SendFeedback(ByVal document As String, ByVal layout As Long) As Long
    Dim recorded As Long
    Dim unmatched As Long
    Dim problem As String
    Dim result As Long
    result = PrecheckFeedback(handle, layout, document, recorded, unmatched, problem)
    If result = PCK_OK Then
        console.WriteLine "  反馈：" & recorded & " 条已记录，" & unmatched & " 条不认识"
    Else
        console.WriteLine "  反馈没有送到 " & result
        console.WriteLine "  原因：" & problem
    End If
    SendFeedback = result
End Function
