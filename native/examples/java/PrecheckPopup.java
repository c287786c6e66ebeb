/*
 * PrecheckPopup.java - the window that shows a doctor what a check found: precheck_popup.h by JNA.
 *
 * It may be left out: nothing else here needs it, and a station without precheck_popup.dll runs as before.
 * The library exists for Windows; it must have the JVM's own bitness, as precheck.dll.
 */
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import java.nio.charset.StandardCharsets;

/** The first use throws a LinkageError where the library cannot be loaded; so does every later one. */
public final class PrecheckPopup {
    public static final int POPUP_CONTINUE = 0, POPUP_GO_BACK = 1, POPUP_CONTINUE_NOT_CHECKED = 2;
    static final int ENCODING_UTF16 = 3, FIRST_FEEDBACK_BYTES = 65536;

    interface Api extends Library {
        int pck_popup_show(Pointer parent, int result, int state, int encoding, byte[] answer, int answer_len,
                byte[] feedback, int cap, IntByReference need);
    }

    static final Api API = Native.load("precheck_popup", Api.class, Precheck.CONVENTION);

    /** What the doctor chose. With a negative result nothing was chosen, and nothing may be taken for chosen. */
    public static final class Choice {
        public final int result;
        /** For {@link Precheck#feedback}, in the layout that belongs to the answer's; empty where nothing is to be sent. */
        public final String feedback;

        Choice(int result, String feedback) {
            this.result = result;
            this.feedback = feedback;
        }
    }

    private PrecheckPopup() {
    }

    /** Shows an answer, also one that says NOT CHECKED, until the doctor has chosen; parent (HWND, or null) waits. */
    public static Choice show(Pointer parent, Precheck.Answer answer) {
        byte[] text = answer.text.getBytes(StandardCharsets.UTF_16LE);
        byte[] feedback = new byte[FIRST_FEEDBACK_BYTES];
        IntByReference need = new IntByReference();
        int result = API.pck_popup_show(parent, answer.result, answer.state, ENCODING_UTF16, text, text.length, feedback,
                feedback.length, need);
        if (result == Precheck.E_BUFFER) { // nothing was shown yet
            feedback = new byte[need.getValue()];
            result = API.pck_popup_show(parent, answer.result, answer.state, ENCODING_UTF16, text, text.length, feedback,
                    feedback.length, need);
        }
        int length = result >= 0 ? Math.max(0, need.getValue() - 2) : 0;
        return new Choice(result, new String(feedback, 0, length, StandardCharsets.UTF_16LE));
    }
}
