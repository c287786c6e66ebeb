/*
 * Station.cs - a doctor's station in C#: sends documents, acts on every outcome, sends feedback.
 *
 *   csc Station.cs Precheck.cs PrecheckPopup.cs   (Windows, .NET Framework; /platform:x86 for a 32-bit HIS)
 *   mcs -out:station.exe *.cs && LD_LIBRARY_PATH=native/build mono station.exe [--popup] SERVERS FILE...
 *
 * What it does, and what it prints, is that of ../c/station.c; the wrapper is Precheck.cs. With --popup it asks the doctor
 * by the window of PrecheckPopup.cs.
 */
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Precheck;

static class Station
{
    const int NotChecked = 1, NotBegun = 2;
    static bool usesPopup;

    /// <summary>A document and what it is. A real station knows: it has just written it.</summary>
    sealed class Document
    {
        public string Name, Text;
        public Format Format;
        public bool IsFeedback;

        public static Document Read(string path)
        {
            Encoding encoding = path.EndsWith(".gbk") ? Encoding.GetEncoding(936) : new UTF8Encoding(false, true);
            Document read = new Document();

            read.Name = Path.GetFileName(path);
            read.Text = encoding.GetString(File.ReadAllBytes(path));
            read.IsFeedback = read.Has("\"warns\"") || read.Has("\"feedback\"");
            if (read.Has("\"warns\""))
                read.Format = Format.Nhsa3103;
            else if (!read.Has("\"trig_scen\"") && !read.Has("\"trigScen\""))
                read.Format = Format.PrecheckJson;
            else
                read.Format = read.Has("\"infno\": \"3102\"") ? Format.Nhsa3102 : Format.Nhsa3101;
            return read;
        }

        bool Has(string part)
        {
            return Text.IndexOf(part, StringComparison.Ordinal) >= 0;
        }
    }

    /// <summary>
    /// Takes the JSON text that stands under a name at or after `at`, which moves behind it; null if there is none.
    /// A HIS has a JSON reader and takes that; for the few texts of this example a search is enough.
    /// </summary>
    static string NextText(string answer, ref int at, string name)
    {
        string key = "\"" + name + "\":\"";
        StringBuilder text = new StringBuilder();

        at = answer.IndexOf(key, at, StringComparison.Ordinal);
        if (at < 0)
            return null;
        for (at += key.Length; at < answer.Length && answer[at] != '"'; at++)
        {
            if (answer[at] == '\\' && at + 1 < answer.Length)
                at++;
            text.Append(answer[at]);
        }
        return text.ToString();
    }

    /// <summary>Why nothing was checked, for the doctor; the reason is for the log and the information department.</summary>
    static string ClassOf(int result)
    {
        if (result == Result.Rejected)
            return "报文有误，请信息科按原因修改";
        if (result == Result.NotEvaluated)
            return "没有可判断的内容，原因见答复";
        if (result > -100)
            return "调用方式有误，再调一次也一样，请联系信息科";
        if (result > Result.Unusable)
            return "暂时没有审核，可以稍后再审";
        return "客户端已不能使用，关闭后重新打开";
    }

    /// <summary>Checks a document, or sends it as the feedback that it is. Returns Ok, or why it was not done.</summary>
    static int Handle(Client client, Document document)
    {
        if (!document.IsFeedback)
        {
            Answer answer = client.Check(document.Text, document.Format,
                                         Environment.GetEnvironmentVariable("STATION_REQUEST_ID"));
            string whyNoPopup = null;
            Choice choice = usesPopup && answer.Result != Result.Pass ? Ask(answer, out whyNoPopup) : null;
            int left = Act(client, document, answer, choice, whyNoPopup);
            if (answer.Result != Result.Block && !WentBack(choice)) // saved; what was not checked is in the history all the same
                AfterSaving(client, document);
            return left;
        }
        Console.WriteLine(document.Name + ":");
        return SendFeedback(client, document.Text, document.Format);
    }

    /// <summary>What a station does with each outcome. The rule that matters: negative is never "no finding".</summary>
    static int Act(Client client, Document document, Answer answer, Choice choice, string whyNoPopup)
    {
        string[] verdicts = { "通过 PASS", "提醒 WARN", "拦截 BLOCK" };

        if (answer.Result < 0)
        {
            Console.WriteLine(document.Name + ": 未审核 " + Result.Name(answer.Result) + " · " + ClassOf(answer.Result));
            Console.WriteLine("  原因：" + answer.Error);
            TellChoice(client, document, choice, whyNoPopup);
            if (!WentBack(choice))
                Console.WriteLine("  医生：可以保存，处方标记为“未审核”");
            return answer.Result;
        }
        Console.WriteLine(document.Name + ": " + verdicts[answer.Result] + " · " +
                          (answer.IsComplete ? "全部规则已判断" : "部分未判断") +
                          (answer.IsStale ? " · 规则或历史可能不是最新" : ""));
        if (answer.Result == Result.Pass)
            return Result.Ok;
        int sent = TellChoice(client, document, choice, whyNoPopup);
        if (choice != null)
            return sent;
        return ShowFindings(client, answer, document.Format != Format.PrecheckJson);
    }

    /// <summary>
    /// Asks the doctor by the popup's window; null where it was not shown, and why: then the station shows the answer
    /// itself, as it does without the window.
    /// </summary>
    static Choice Ask(Answer answer, out string whyNoPopup)
    {
        whyNoPopup = null;
        try
        {
            Choice choice = Popup.Show(IntPtr.Zero, answer);
            if (choice.Result >= 0)
                return choice;
            whyNoPopup = choice.Result.ToString();
        }
        catch (TypeLoadException problem)
        {
            whyNoPopup = problem.Message;
        }
        catch (BadImageFormatException problem)
        {
            whyNoPopup = problem.Message;
        }
        return null;
    }

    static bool WentBack(Choice choice)
    {
        return choice != null && choice.Result == Popup.GoBack;
    }

    /// <summary>Prints what the doctor chose in the window, if it was asked for, and sends the window's feedback.</summary>
    static int TellChoice(Client client, Document document, Choice choice, string whyNoPopup)
    {
        if (whyNoPopup != null)
            Console.WriteLine("  弹窗没有显示：" + whyNoPopup);
        if (choice == null)
            return Result.Ok;
        Console.WriteLine("  弹窗：" + choice.Result);
        if (choice.Feedback == "")
            return Result.Ok;
        bool isNational = document.Format != Format.PrecheckJson;
        return SendFeedback(client, choice.Feedback, isNational ? Format.Nhsa3103 : Format.PrecheckJson);
    }

    /// <summary>Shows each finding to the doctor and sends what the doctor did about them.</summary>
    static int ShowFindings(Client client, Answer answer, bool isNational)
    {
        bool goesBack = answer.Result == Result.Block;
        List<string> entries = new List<string>();
        int at = 0;

        for (;;)
        {
            string id = NextText(answer.Text, ref at, isNational ? "jr_id" : "finding_id");
            if (id == null)
                break;
            string text = NextText(answer.Text, ref at, isNational ? "vola_cont" : "message");
            if (text == null)
                break;
            entries.Add("{\"finding_id\":\"" + id + "\",\"disposition\":\"" + (goesBack ? "went_back" : "continued") +
                        "\",\"reason\":\"" + (goesBack ? "" : "已核对病历，确需使用") + "\"}");
            Console.WriteLine("  [" + entries.Count + "] " + text);
        }
        if (entries.Count == 0)
            return Result.Ok;
        Console.WriteLine("  医生：" + (goesBack ? "返回修改" : "写明理由，继续"));
        string feedback = "{\"feedback\":[" + string.Join(",", entries.ToArray()) + "]}";
        return SendFeedback(client, feedback, Format.PrecheckJson);
    }

    /// <summary>Sends what the doctor did; says how much of it was recorded.</summary>
    static int SendFeedback(Client client, string document, Format format)
    {
        Receipt receipt = client.Feedback(document, format);

        if (receipt.Result == Result.Ok)
            Console.WriteLine("  反馈：" + receipt.Recorded + " 条已记录，" + receipt.Unmatched + " 条不认识");
        else
            Console.WriteLine("  反馈没有送到 " + Result.Name(receipt.Result) + "\n  原因：" + receipt.Error);
        return receipt.Result;
    }

    /// <summary>
    /// What follows a check once the prescription is saved: commit; later perhaps a look at the history and a void.
    /// A real station does each when it happens; this one, all of it where STATION_PATIENT is set.
    /// </summary>
    static void AfterSaving(Client client, Document document)
    {
        string patient = Environment.GetEnvironmentVariable("STATION_PATIENT");

        if (string.IsNullOrEmpty(patient))
            return;
        Change saved = client.Commit(document.Text, document.Format);
        Console.WriteLine("  保存：" + saved.Result + " " + saved.Lines + " " + saved.HistoryPosition);
        Reply history = client.RecentHistory(patient);
        Console.WriteLine("  历史：" + history.Result + " " + history.Text);
        Reply review = client.ReviewStatus("01ARZ3NDEKTSV4RRFFQ69G5FAV");
        Console.WriteLine("  药师：" + review.Result + " " + review.Review);
        Change voided = client.Void(patient, "visit-1", new[] { "line-1", "line-2" }, null, null);
        Console.WriteLine("  作废：" + voided.Result + " " + voided.Lines + " " + voided.HistoryPosition);
    }

    static Client OpenClient(string servers)
    {
        string deadlineMs = Environment.GetEnvironmentVariable("STATION_DEADLINE_MS");

        return new Client(new Options
        {
            Servers = servers,
            StationId = "example",
            DeadlineMs = deadlineMs != null ? uint.Parse(deadlineMs) : 0,
            Profile = Environment.GetEnvironmentVariable("STATION_PROFILE"),
            TlsCaFile = Environment.GetEnvironmentVariable("STATION_TLS_CA"),
            TlsServerName = Environment.GetEnvironmentVariable("STATION_TLS_SERVER_NAME"),
            TlsCertFile = Environment.GetEnvironmentVariable("STATION_TLS_CERT"),
            TlsKeyFile = Environment.GetEnvironmentVariable("STATION_TLS_KEY")
        });
    }

    /// <summary>A station whose library cannot be loaded works on, and says that nothing is checked.</summary>
    static int WithoutLibrary(Exception problem)
    {
        Console.WriteLine("未审核 客户端没有装好，请联系信息科");
        Console.WriteLine("  原因：" + problem.Message);
        Console.WriteLine("  医生：可以保存，处方标记为“未审核”");
        return NotBegun;
    }

    static int Main(string[] arguments)
    {
        Client client = null;
        int status = 0;

        usesPopup = arguments.Length > 0 && arguments[0] == "--popup";
        if (usesPopup)
            arguments = new List<string>(arguments).GetRange(1, arguments.Length - 1).ToArray();
        if (arguments.Length < 2)
        {
            Console.Error.WriteLine("usage: station [--popup] SERVERS FILE...");
            return NotBegun;
        }
        // A Windows console has its own code page; what is redirected is wanted in UTF-8.
        Console.SetOut(new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { NewLine = "\n" });
        try
        {
            client = OpenClient(arguments[0]);
            for (int n = 1; n < arguments.Length; n++)
            {
                int result = Handle(client, Document.Read(arguments[n]));
                if (result != Result.Ok)
                    status = NotChecked;
                if (result <= Result.Unusable)
                {
                    client.Dispose();
                    client = OpenClient(arguments[0]);
                }
            }
        }
        catch (OpenException problem)
        {
            Console.Error.WriteLine(problem.Message);
            status = NotBegun;
        }
        catch (TypeLoadException problem) // DllNotFoundException, or a function that an older library lacks
        {
            status = WithoutLibrary(problem);
        }
        catch (BadImageFormatException problem) // a library of the other bitness
        {
            status = WithoutLibrary(problem);
        }
        catch (IOException problem)
        {
            Console.Error.WriteLine(problem.Message + ": cannot be read");
            status = NotBegun;
        }
        finally
        {
            Console.Out.Flush();
            if (client != null)
                client.Dispose();
        }
        return status;
    }
}
