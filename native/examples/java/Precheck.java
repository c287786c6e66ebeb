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

        int pck_last_error(Pointer client, byte[] out, int cap, IntByReference need);

        void pck_cancel(Pointer client);

        void pck_free(Pointer client);
    }

    /** On 32-bit Windows the functions are stdcall; elsewhere there is one convention, and the option changes nothing. */
    static final Map<String, ?> CONVENTION = Platform.isWindows()
            ? Collections.singletonMap(Library.OPTION_CALLING_CONVENTION, Function.ALT_CONVENTION)
            : Collections.<String, Object>emptyMap();
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
        IntByReference need = new IntByReference(), state = new IntByReference();
        Request request = request(document, format, encoding);
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
