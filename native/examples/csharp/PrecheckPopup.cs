/*
 * PrecheckPopup.cs - the window that shows a doctor what a check found: precheck_popup.h by P/Invoke.
 *
 * It may be left out: nothing else here needs it, and a station without precheck_popup.dll runs as before.
 * The library exists for Windows; it must have the process's own bitness, as precheck.dll.
 */
using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Precheck
{
    /// <summary>What the doctor chose. With a negative result nothing was chosen, and nothing may be taken for chosen.</summary>
    public sealed class Choice
    {
        public int Result;
        /// <summary>For Client.Feedback, in the layout that belongs to the answer's; empty where there is nothing to send.</summary>
        public string Feedback = "";
    }

    public static class Popup
    {
        public const int Continue = 0, GoBack = 1, ContinueNotChecked = 2;
        const int FirstFeedbackBytes = 65536;
        const uint Utf16 = 3;

        /// <summary>
        /// Shows an answer, also one that says NOT CHECKED, until the doctor has chosen; parent (HWND) waits meanwhile.
        /// Throws a TypeLoadException or BadImageFormatException where the library cannot be loaded.
        /// </summary>
        public static Choice Show(IntPtr parent, Answer answer)
        {
            Choice choice = new Choice();
            byte[] text = Encoding.Unicode.GetBytes(answer.Text);
            byte[] feedback = new byte[FirstFeedbackBytes];
            uint need;

            choice.Result = pck_popup_show(parent, answer.Result, answer.State, Utf16, text, (uint)text.Length,
                                           feedback, (uint)feedback.Length, out need);
            if (choice.Result == Precheck.Result.Buffer) // nothing was shown yet
            {
                feedback = new byte[need];
                choice.Result = pck_popup_show(parent, answer.Result, answer.State, Utf16, text, (uint)text.Length,
                                               feedback, (uint)feedback.Length, out need);
            }
            if (choice.Result >= 0 && need >= 2)
                choice.Feedback = Encoding.Unicode.GetString(feedback, 0, (int)need - 2);
            return choice;
        }

        [DllImport("precheck_popup")]
        static extern int pck_popup_show(IntPtr parent, int result, int state, uint encoding, byte[] answer,
                                         uint answer_len, byte[] feedback, uint cap, out uint need);
    }
}
