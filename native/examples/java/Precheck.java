/*
 * Precheck.java - the C client of Precheck for Java 8 and later: precheck.h by JNA, and an owner of the handle.
 *
 * The library must have the JVM's own bitness: a 32-bit precheck.dll for a 32-bit JVM. It is looked for in
 * jna.library.path, in the system's paths, and as a resource of the class path.
 */
import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** An open client, for one thread at a time; {@link #cancel} alone may come from another. */
public final class Precheck implements AutoCloseable {
    public static final int PASS = 0, WARN = 1, BLOCK = 2, OK = 0;
    public static final int E_BUFFER = -5, E_REJECTED = -10, E_NOT_EVALUATED = -107;
    /** From here on down the client is of no more use: close it and open another. */
    public static final int UNUSABLE = -900;
    public static final int FORMAT_PRECHECK_JSON = 1, FORMAT_NHSA_3101 = 2, FORMAT_NHSA_3102 = 3, FORMAT_NHSA_3103 = 4;
    public static final int ENCODING_UTF8 = 1, ENCODING_GBK = 2;
    static final int ERROR_BYTES_MAX = 512, FIRST_BUFFER_BYTES = 4096;

    /** precheck.h; what is not named here is not used. */
    interface Api extends Library {
        String pck_result_name(int result);

        int pck_open(Options options, PointerByReference client, byte[] error, int errorCap);

        int pck_check(Pointer client, Request request, byte[] out, int cap, IntByReference need, IntByReference state);

        int pck_last_answer(Pointer client, byte[] out, int cap, IntByReference need, IntByReference state);

        int pck_feedback(Pointer client, Request request, byte[] out, int cap, IntByReference need,
                IntByReference recorded, IntByReference unmatched);

        int pck_commit(Pointer client, Request request, IntByReference lines, LongByReference historyPosition);

        int pck_void(Pointer client, VoidRequest request, IntByReference lines, LongByReference historyPosition);

        int pck_recent_history(Pointer client, HistoryRequest request, byte[] out, int cap, IntByReference need);

        int pck_review_status(Pointer client, ReviewRequest request, byte[] out, int cap, IntByReference need,
                IntByReference review);

        int pck_last_error(Pointer client, byte[] out, int cap, IntByReference need);

        void pck_cancel(Pointer client);

        void pck_free(Pointer client);
    }

    /** On 32-bit Windows the functions are stdcall; elsewhere there is one convention, and the option changes nothing. */
    static final Map<String, ?> CONVENTION = Platform.isWindows()
            ? Collections.singletonMap(Library.OPTION_CALLING_CONVENTION, Function.ALT_CONVENTION)
            : Collections.<String, Object>emptyMap();
    /** Where the library is missing or of the other bitness, the first use of this class throws UnsatisfiedLinkError. */
    static final Api API = Native.load("precheck", Api.class, CONVENTION);

    /** pck_options; JNA wants the fields public. */
    public static class Options extends Structure {
        public int struct_size, deadline_ms, max_answer_bytes, idle_ms;
        public int[] reserved = new int[4];
        public Pointer servers, station_id, profile, tls_ca_file, tls_server_name, tls_cert_file, tls_key_file;

        @Override
        protected List<String> getFieldOrder() {
            return Arrays.asList("struct_size", "deadline_ms", "max_answer_bytes", "idle_ms", "reserved", "servers",
                    "station_id", "profile", "tls_ca_file", "tls_server_name", "tls_cert_file", "tls_key_file");
        }
    }

    /** pck_request. */
    public static class Request extends Structure {
        public int struct_size, format, encoding, deadline_ms, document_len;
        public int[] reserved = new int[3];
        public Pointer document, request_id;

        @Override
        protected List<String> getFieldOrder() {
            return Arrays.asList("struct_size", "format", "encoding", "deadline_ms", "document_len", "reserved",
                    "document", "request_id");
        }
    }

    /** pck_void_request. */
    public static class VoidRequest extends Structure {
        public int struct_size, deadline_ms, order_id_count;
        public int[] reserved = new int[3];
        public Pointer patient_id, encounter_id, order_ids, item_code, reason;

        @Override
        protected List<String> getFieldOrder() {
            return Arrays.asList("struct_size", "deadline_ms", "order_id_count", "reserved", "patient_id", "encounter_id",
                    "order_ids", "item_code", "reason");
        }
    }

    /** pck_history_request. */
    public static class HistoryRequest extends Structure {
        public int struct_size, deadline_ms, encoding, limit;
        public int[] reserved = new int[4];
        public Pointer patient_id, since;

        @Override
        protected List<String> getFieldOrder() {
            return Arrays.asList("struct_size", "deadline_ms", "encoding", "limit", "reserved", "patient_id", "since");
        }
    }

    /** pck_review_request. */
    public static class ReviewRequest extends Structure {
        public int struct_size, deadline_ms, encoding;
        public int[] reserved = new int[5];
        public Pointer check_id;

        @Override
        protected List<String> getFieldOrder() {
            return Arrays.asList("struct_size", "deadline_ms", "encoding", "reserved", "check_id");
        }
    }

    /** How to reach the servers; what is not set has its default. Files are PEM; `servers` is required. */
    public static final class Settings {
        public String servers, stationId, profile, tlsCaFile, tlsServerName, tlsCertFile, tlsKeyFile;
        public int deadlineMs;
    }

    /** What a check came to. A negative result is NOT CHECKED, never "no finding". */
    public static final class Answer {
        public final int result, state;
        /** In the document's layout; empty where there is none. */
        public final String text;
        /** Why nothing was checked; empty where something was. */
        public final String error;

        Answer(int result, int state, String text, String error) {
            this.result = result;
            this.state = state;
            this.text = text;
            this.error = error;
        }

        public boolean isComplete() {
            return (state & 0xff) == 1;
        }

        public boolean isStale() {
            return (state & 0x100) != 0;
        }
    }

    /** What became of feedback; with a negative result it was not recorded. */
    public static final class Receipt {
        public final int result, recorded, unmatched;
        public final String error;

        Receipt(int result, int recorded, int unmatched, String error) {
            this.result = result;
            this.recorded = recorded;
            this.unmatched = unmatched;
            this.error = error;
        }
    }

    /** What became of a change of a patient's history; with a negative result nothing is known to be done. */
    public static final class Change {
        public final int result, lines;
        public final long historyPosition;
        public final String error;

        Change(int result, int lines, long historyPosition, String error) {
            this.result = result;
            this.lines = lines;
            this.historyPosition = historyPosition;
            this.error = error;
        }
    }

    /** What the server tells; review is PCK_REVIEW_..., and only 2 is a pharmacist's pass. */
    public static final class Reply {
        public final int result, review;
        public final String text, error;

        Reply(int result, int review, String text, String error) {
            this.result = result;
            this.review = review;
            this.text = text;
            this.error = error;
        }
    }

    private Pointer client;
    private byte[] buffer = new byte[FIRST_BUFFER_BYTES];

    /** Opens a client; touches no network. Throws IllegalArgumentException for a mistake in the options. */
    public Precheck(Settings given) {
        Options options = new Options();
        options.struct_size = options.size();
        options.deadline_ms = given.deadlineMs;
        options.servers = utf8(given.servers);
        options.station_id = utf8(given.stationId);
        options.profile = utf8(given.profile);
        options.tls_ca_file = utf8(given.tlsCaFile);
        options.tls_server_name = utf8(given.tlsServerName);
        options.tls_cert_file = utf8(given.tlsCertFile);
        options.tls_key_file = utf8(given.tlsKeyFile);
        PointerByReference opened = new PointerByReference();
        byte[] why = new byte[ERROR_BYTES_MAX];
        int result = API.pck_open(options, opened, why, why.length);
        if (result != OK)
            throw new IllegalArgumentException(nameOf(result) + ": " + text(why, StandardCharsets.UTF_8));
        client = opened.getValue();
    }

    public static String nameOf(int result) {
        return API.pck_result_name(result);
    }

    /** Judges one document. Never throws for what a server or a network does. */
    public Answer check(byte[] document, int format, int encoding) {
        return check(document, format, encoding, null);
    }

    /** A repeat with the same request id and document is answered with the recorded decision. */
    public Answer check(byte[] document, int format, int encoding, String requestId) {
        IntByReference need = new IntByReference(), state = new IntByReference();
        Request request = request(document, format, encoding);
        request.request_id = utf8(requestId);
        int result = API.pck_check(client, request, buffer, buffer.length, need, state);
        if (result == E_BUFFER) {
            buffer = new byte[need.getValue()];
            result = API.pck_last_answer(client, buffer, buffer.length, need, state);
        }
        int length = Math.min(Math.max(0, need.getValue() - 1), buffer.length);
        Charset charset = encoding == ENCODING_GBK ? Charset.forName("GB18030") : StandardCharsets.UTF_8;
        return new Answer(result, state.getValue(), new String(buffer, 0, length, charset), lastError(result));
    }

    /** Sends what the doctor did about findings. The acknowledgement's text is not fetched. */
    public Receipt feedback(byte[] document, int format, int encoding) {
        IntByReference recorded = new IntByReference(), unmatched = new IntByReference();
        Request request = request(document, format, encoding);
        int result = API.pck_feedback(client, request, null, 0, null, recorded, unmatched);
        if (result == E_BUFFER)
            result = OK;
        return new Receipt(result, recorded.getValue(), unmatched.getValue(), lastError(result));
    }

    /** Commits the lines of a document that was saved into the patient's history. */
    public Change commit(byte[] document, int format, int encoding) {
        IntByReference lines = new IntByReference();
        LongByReference position = new LongByReference();
        int result = API.pck_commit(client, request(document, format, encoding), lines, position);
        return new Change(result, lines.getValue(), position.getValue(), lastError(result));
    }

    /** Takes lines out of the patient's history; without order ids every line of the encounter. */
    public Change voidLines(String patientId, String encounterId, List<String> orderIds, String itemCode, String reason) {
        VoidRequest request = new VoidRequest();
        Memory[] ids = new Memory[orderIds.size()]; // kept until the call returned
        request.struct_size = request.size();
        request.patient_id = utf8(patientId);
        request.encounter_id = utf8(encounterId);
        request.item_code = utf8(itemCode);
        request.reason = utf8(reason);
        request.order_id_count = ids.length;
        if (ids.length > 0) {
            Memory table = new Memory((long) Native.POINTER_SIZE * ids.length);
            for (int n = 0; n < ids.length; n++) {
                ids[n] = memory((orderIds.get(n) + "\0").getBytes(StandardCharsets.UTF_8));
                table.setPointer((long) Native.POINTER_SIZE * n, ids[n]);
            }
            request.order_ids = table;
        }
        IntByReference lines = new IntByReference();
        LongByReference position = new LongByReference();
        int result = API.pck_void(client, request, lines, position);
        return new Change(result, lines.getValue(), position.getValue(), lastError(result));
    }

    /** Tells what the next check counts with: JSON, newest first. Limit 0 is the server's most; since may be null. */
    public Reply recentHistory(String patientId, String since, int limit) {
        HistoryRequest request = new HistoryRequest();
        IntByReference need = new IntByReference();
        request.struct_size = request.size();
        request.limit = limit;
        request.patient_id = utf8(patientId);
        request.since = utf8(since);
        return fetched(API.pck_recent_history(client, request, buffer, buffer.length, need), 0, need);
    }

    /** Tells what became of a decision that a pharmacist had to review. */
    public Reply reviewStatus(String checkId) {
        ReviewRequest request = new ReviewRequest();
        IntByReference need = new IntByReference(), review = new IntByReference();
        request.struct_size = request.size();
        request.check_id = utf8(checkId);
        int result = API.pck_review_status(client, request, buffer, buffer.length, need, review);
        return fetched(result, review.getValue(), need);
    }

    private Reply fetched(int result, int review, IntByReference need) {
        if (result == E_BUFFER) {
            buffer = new byte[need.getValue()];
            result = API.pck_last_answer(client, buffer, buffer.length, need, null);
        }
        int length = Math.min(Math.max(0, need.getValue() - 1), buffer.length);
        return new Reply(result, review, new String(buffer, 0, length, StandardCharsets.UTF_8), lastError(result));
    }

    public void cancel() {
        API.pck_cancel(client);
    }

    @Override
    public void close() {
        API.pck_free(client);
        client = null;
    }

    /** A request that holds a copy of the document: what it points to lives as long as it does. */
    private static Request request(byte[] document, int format, int encoding) {
        Request request = new Request();
        request.struct_size = request.size();
        request.format = format;
        request.encoding = encoding;
        request.document = memory(document);
        request.document_len = document.length;
        return request;
    }

    private String lastError(int result) {
        if (result >= 0)
            return "";
        byte[] why = new byte[ERROR_BYTES_MAX];
        API.pck_last_error(client, why, why.length, null);
        return text(why, StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes, Charset charset) {
        int length = 0;
        while (length < bytes.length && bytes[length] != 0)
            length++;
        return new String(bytes, 0, length, charset);
    }

    private static Memory utf8(String text) {
        return text == null || text.isEmpty() ? null : memory((text + "\0").getBytes(StandardCharsets.UTF_8));
    }

    private static Memory memory(byte[] bytes) {
        Memory copy = new Memory(Math.max(1, bytes.length));
        copy.write(0, bytes, 0, bytes.length);
        return copy;
    }
}
