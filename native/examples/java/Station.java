/*
 * Station.java - a doctor's station in Java: sends documents, acts on every outcome, sends feedback.
 *
 *   javac -encoding UTF-8 -cp jna.jar Precheck.java PrecheckPopup.java Station.java
 *   java -Djna.library.path=native/build -cp jna.jar:. Station [--popup] SERVERS FILE...
 *
 * What it does, and what it prints, is that of ../c/station.c; the wrapper is Precheck.java. With --popup it asks the
 * doctor by the window of PrecheckPopup.java.
 */
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

public final class Station {
    static final int NOT_CHECKED = 1, NOT_BEGUN = 2;
    static final String[] VERDICTS = {"通过 PASS", "提醒 WARN", "拦截 BLOCK"};
    static PrintStream out;
    static boolean usesPopup;

    /** A document and what it is. A real station knows: it has just written it. */
    static final class Document {
        final String name;
        final byte[] bytes;
        final int format, encoding;
        final boolean isFeedback;

        Document(Path path) throws IOException {
            name = path.getFileName().toString();
            bytes = Files.readAllBytes(path);
            encoding = name.endsWith(".gbk") ? Precheck.ENCODING_GBK : Precheck.ENCODING_UTF8;
            String ascii = new String(bytes, StandardCharsets.ISO_8859_1);
            isFeedback = ascii.contains("\"warns\"") || ascii.contains("\"feedback\"");
            if (ascii.contains("\"warns\""))
                format = Precheck.FORMAT_NHSA_3103;
            else if (!ascii.contains("\"trig_scen\"") && !ascii.contains("\"trigScen\""))
                format = Precheck.FORMAT_PRECHECK_JSON;
            else
                format = ascii.contains("\"infno\": \"3102\"") ? Precheck.FORMAT_NHSA_3102 : Precheck.FORMAT_NHSA_3101;
        }
    }

    /**
     * Finds JSON texts by their names, one behind the other.
     * A HIS has a JSON reader and takes that; for the few texts of this example a search is enough.
     */
    static final class Search {
        final String answer;
        int at;

        Search(String answer) {
            this.answer = answer;
        }

        /** The next text under a name; null if there is none. */
        String next(String name) {
            String key = "\"" + name + "\":\"";
            int begin = at < 0 ? -1 : answer.indexOf(key, at);
            if (begin < 0) {
                at = -1;
                return null;
            }
            StringBuilder text = new StringBuilder();
            for (at = begin + key.length(); at < answer.length() && answer.charAt(at) != '"'; at++) {
                if (answer.charAt(at) == '\\' && at + 1 < answer.length())
                    at++;
                text.append(answer.charAt(at));
            }
            return text.toString();
        }
    }

    /** Why nothing was checked, for the doctor; the reason is for the log and the information department. */
    static String classOf(int result) {
        if (result == Precheck.E_REJECTED)
            return "报文有误，请信息科按原因修改";
        if (result == Precheck.E_NOT_EVALUATED)
            return "没有可判断的内容，原因见答复";
        if (result > -100)
            return "调用方式有误，再调一次也一样，请联系信息科";
        if (result > Precheck.UNUSABLE)
            return "暂时没有审核，可以稍后再审";
        return "客户端已不能使用，关闭后重新打开";
    }

    /** Checks a document, or sends it as the feedback that it is. Returns OK, or why it was not done. */
    static int handle(Precheck client, Document document) {
        if (!document.isFeedback) {
            Precheck.Answer answer = client.check(document.bytes, document.format, document.encoding,
                    System.getenv("STATION_REQUEST_ID"));
            Asked asked = usesPopup && answer.result != Precheck.PASS ? new Asked(answer) : null;
            int left = act(client, document, answer, asked);
            if (answer.result != Precheck.BLOCK && !wentBack(asked)) // saved; what was not checked is in the history all the same
                afterSaving(client, document);
            return left;
        }
        out.println(document.name + ":");
        return sendFeedback(client, document.bytes, document.format, document.encoding);
    }

    /** What a station does with each outcome. The rule that matters: negative is never "no finding". */
    static int act(Precheck client, Document document, Precheck.Answer answer, Asked asked) {
        if (answer.result < 0) {
            out.println(document.name + ": 未审核 " + Precheck.nameOf(answer.result) + " · " + classOf(answer.result));
            out.println("  原因：" + answer.error);
            if (asked != null)
                asked.tell(client, document);
            if (!wentBack(asked))
                out.println("  医生：可以保存，处方标记为“未审核”");
            return answer.result;
        }
        out.println(document.name + ": " + VERDICTS[answer.result] + " · "
                + (answer.isComplete() ? "全部规则已判断" : "部分未判断")
                + (answer.isStale() ? " · 规则或历史可能不是最新" : ""));
        if (answer.result == Precheck.PASS)
            return Precheck.OK;
        int sent = asked != null ? asked.tell(client, document) : Precheck.OK;
        if (asked != null && asked.choice != null)
            return sent;
        return showFindings(client, answer, document.format != Precheck.FORMAT_PRECHECK_JSON);
    }

    /** What the doctor chose in the popup's window; where it was not shown, the station shows the answer itself. */
    static final class Asked {
        PrecheckPopup.Choice choice;
        String whyNot;

        Asked(Precheck.Answer answer) {
            try {
                choice = PrecheckPopup.show(null, answer);
                if (choice.result < 0) {
                    whyNot = String.valueOf(choice.result);
                    choice = null;
                }
            } catch (LinkageError problem) {
                whyNot = oneLine(problem);
            }
        }

        /** Prints the choice and sends the window's feedback. */
        int tell(Precheck client, Document document) {
            if (choice == null) {
                out.println("  弹窗没有显示：" + whyNot);
                return Precheck.OK;
            }
            out.println("  弹窗：" + choice.result);
            if (choice.feedback.isEmpty())
                return Precheck.OK;
            boolean isNational = document.format != Precheck.FORMAT_PRECHECK_JSON;
            return sendFeedback(client, choice.feedback.getBytes(StandardCharsets.UTF_8),
                    isNational ? Precheck.FORMAT_NHSA_3103 : Precheck.FORMAT_PRECHECK_JSON, Precheck.ENCODING_UTF8);
        }
    }

    static boolean wentBack(Asked asked) {
        return asked != null && asked.choice != null && asked.choice.result == PrecheckPopup.POPUP_GO_BACK;
    }

    /** JNA tells every place where it looked, each on a line. */
    static String oneLine(LinkageError problem) {
        return String.valueOf(problem.getMessage()).trim().replaceAll("\\s*\\n\\s*", "; ");
    }

    /** Shows each finding to the doctor and sends what the doctor did about them. */
    static int showFindings(Precheck client, Precheck.Answer answer, boolean isNational) {
        boolean goesBack = answer.result == Precheck.BLOCK;
        List<String> entries = new ArrayList<>();
        Search search = new Search(answer.text);
        for (;;) {
            String id = search.next(isNational ? "jr_id" : "finding_id");
            String text = search.next(isNational ? "vola_cont" : "message");
            if (id == null || text == null)
                break;
            entries.add("{\"finding_id\":\"" + id + "\",\"disposition\":\"" + (goesBack ? "went_back" : "continued")
                    + "\",\"reason\":\"" + (goesBack ? "" : "已核对病历，确需使用") + "\"}");
            out.println("  [" + entries.size() + "] " + text);
        }
        if (entries.isEmpty())
            return Precheck.OK;
        out.println("  医生：" + (goesBack ? "返回修改" : "写明理由，继续"));
        byte[] feedback = ("{\"feedback\":[" + String.join(",", entries) + "]}").getBytes(StandardCharsets.UTF_8);
        return sendFeedback(client, feedback, Precheck.FORMAT_PRECHECK_JSON, Precheck.ENCODING_UTF8);
    }

    /** Sends what the doctor did; says how much of it was recorded. */
    static int sendFeedback(Precheck client, byte[] document, int format, int encoding) {
        Precheck.Receipt receipt = client.feedback(document, format, encoding);
        if (receipt.result == Precheck.OK)
            out.println("  反馈：" + receipt.recorded + " 条已记录，" + receipt.unmatched + " 条不认识");
        else
            out.println("  反馈没有送到 " + Precheck.nameOf(receipt.result) + "\n  原因：" + receipt.error);
        return receipt.result;
    }

    /**
     * What follows a check once the prescription is saved: commit; later perhaps a look at the history and a void.
     * A real station does each when it happens; this one, all of it where STATION_PATIENT is set.
     */
    static void afterSaving(Precheck client, Document document) {
        String patient = System.getenv("STATION_PATIENT");
        if (patient == null)
            return;
        Precheck.Change saved = client.commit(document.bytes, document.format, document.encoding);
        out.println("  保存：" + saved.result + " " + saved.lines + " " + saved.historyPosition);
        Precheck.Reply history = client.recentHistory(patient, null, 0);
        out.println("  历史：" + history.result + " " + history.text);
        Precheck.Reply review = client.reviewStatus("01ARZ3NDEKTSV4RRFFQ69G5FAV");
        out.println("  药师：" + review.result + " " + review.review);
        Precheck.Change voided = client.voidLines(patient, "visit-1", Arrays.asList("line-1", "line-2"), null, null);
        out.println("  作废：" + voided.result + " " + voided.lines + " " + voided.historyPosition);
    }

    static Precheck openClient(String servers) {
        String deadlineMs = System.getenv("STATION_DEADLINE_MS");
        Precheck.Settings settings = new Precheck.Settings();
        settings.servers = servers;
        settings.stationId = "example";
        settings.deadlineMs = deadlineMs != null ? Integer.parseInt(deadlineMs) : 0;
        settings.profile = System.getenv("STATION_PROFILE");
        settings.tlsCaFile = System.getenv("STATION_TLS_CA");
        settings.tlsServerName = System.getenv("STATION_TLS_SERVER_NAME");
        settings.tlsCertFile = System.getenv("STATION_TLS_CERT");
        settings.tlsKeyFile = System.getenv("STATION_TLS_KEY");
        return new Precheck(settings);
    }

    /** A station whose library cannot be loaded works on, and says that nothing is checked. */
    static int withoutLibrary(LinkageError problem) {
        out.println("未审核 客户端没有装好，请联系信息科");
        out.println("  原因：" + oneLine(problem));
        out.println("  医生：可以保存，处方标记为“未审核”");
        return NOT_BEGUN;
    }

    public static void main(String[] arguments) throws Exception {
        out = new PrintStream(System.out, true, "UTF-8");
        usesPopup = arguments.length > 0 && arguments[0].equals("--popup");
        if (usesPopup)
            arguments = Arrays.copyOfRange(arguments, 1, arguments.length);
        if (arguments.length < 2) {
            System.err.println("usage: station [--popup] SERVERS FILE...");
            System.exit(NOT_BEGUN);
        }
        System.exit(run(arguments));
    }

    static int run(String[] arguments) {
        int status = 0;
        Precheck client = null;
        try {
            client = openClient(arguments[0]);
            for (int n = 1; n < arguments.length; n++) {
                int result = handle(client, new Document(Paths.get(arguments[n])));
                if (result != Precheck.OK)
                    status = NOT_CHECKED;
                if (result <= Precheck.UNUSABLE) {
                    client.close();
                    client = null;
                    client = openClient(arguments[0]);
                }
            }
        } catch (IllegalArgumentException problem) {
            System.err.println(problem.getMessage());
            status = NOT_BEGUN;
        } catch (LinkageError problem) { // no library, one of the other bitness, an older one, or no jna.jar
            status = withoutLibrary(problem);
        } catch (IOException problem) {
            System.err.println(problem.getMessage() + ": cannot be read");
            status = NOT_BEGUN;
        } finally {
            if (client != null)
                client.close();
        }
        return status;
    }
}
