/*
 * Precheck.cs - the C client of Precheck for C#: precheck.h by P/Invoke, and an owner of the handle.
 *
 * Plain C# 5 and no package, so that it builds for the old .NET Framework of a station as well as for Mono and .NET.
 * precheck.dll must have the process's own bitness: x86 for an x86 process, x64 for x64 (else BadImageFormatException).
 * Texts are passed as UTF-16, which is what a C# string is: no code page is involved.
 */
using System;
using Microsoft.Win32.SafeHandles;
using System.Runtime.InteropServices;
using System.Text;

namespace Precheck
{
    /// <summary>The numbers of precheck.h.</summary>
    public static class Result
    {
        public const int Pass = 0, Warn = 1, Block = 2, Ok = 0;
        public const int Buffer = -5, Rejected = -10, NotEvaluated = -107;
        /// <summary>From here on down the client is of no more use: dispose it and open another.</summary>
        public const int Unusable = -900;

        /// <summary>The name of a result, as PCK_E_TIMEOUT.</summary>
        public static string Name(int result)
        {
            return Marshal.PtrToStringAnsi(Native.pck_result_name(result));
        }
    }

    public enum Format : uint { PrecheckJson = 1, Nhsa3101 = 2, Nhsa3102 = 3, Nhsa3103 = 4 }

    /// <summary>A mistake in the options.</summary>
    public sealed class OpenException : Exception
    {
        public OpenException(int result, string text) : base(Result.Name(result) + ": " + text) { }
    }

    /// <summary>What a check came to. A negative result is NOT CHECKED, never "no finding".</summary>
    public sealed class Answer
    {
        public int Result, State;
        /// <summary>In the document's layout; empty where there is none.</summary>
        public string Text = "";
        /// <summary>Why nothing was checked; empty where something was.</summary>
        public string Error = "";

        public bool IsComplete { get { return (State & 0xff) == 1; } }
        public bool IsStale { get { return (State & 0x100) != 0; } }
    }

    /// <summary>What became of feedback; with a negative result it was not recorded.</summary>
    public sealed class Receipt
    {
        public int Result;
        public uint Recorded, Unmatched;
        public string Error = "";
    }

    /// <summary>How to reach the servers; what is not set has its default.</summary>
    public sealed class Options
    {
        /// <summary>"10.1.2.3:50051,10.1.2.4:50051": IP addresses and ports, the preferred first. Required.</summary>
        public string Servers;
        public string StationId, Profile;
        public uint DeadlineMs;
        /// <summary>PEM files. TLS is used if an authority is set; servers may ask for the station's certificate.</summary>
        public string TlsCaFile, TlsServerName, TlsCertFile, TlsKeyFile;
    }

    /// <summary>What became of a change of a patient's history; with a negative result nothing is known to be done.</summary>
    public sealed class Change
    {
        public int Result;
        public uint Lines;
        public ulong HistoryPosition;
        public string Error = "";
    }

    /// <summary>What the server tells; Review is PCK_REVIEW_..., and only 2 is a pharmacist's pass.</summary>
    public sealed class Reply
    {
        public int Result, Review;
        public string Text = "", Error = "";
    }

    /// <summary>An open client, for one thread at a time; Cancel alone may come from another.</summary>
    public sealed class Client : IDisposable
    {
        const int ErrorBytesMax = 512;
        ClientHandle handle;
        byte[] buffer = new byte[4096];

        /// <summary>Opens a client; touches no network. Throws OpenException.</summary>
        public Client(Options given)
        {
            Native.Options options = new Native.Options();
            byte[] why = new byte[ErrorBytesMax];

            options.StructSize = (uint)Marshal.SizeOf(typeof(Native.Options));
            options.DeadlineMs = given.DeadlineMs;
            try
            {
                options.Servers = Utf8(given.Servers);
                options.StationId = Utf8(given.StationId);
                options.Profile = Utf8(given.Profile);
                options.TlsCaFile = Utf8(given.TlsCaFile);
                options.TlsServerName = Utf8(given.TlsServerName);
                options.TlsCertFile = Utf8(given.TlsCertFile);
                options.TlsKeyFile = Utf8(given.TlsKeyFile);
                int result = Native.pck_open(ref options, out handle, why, (uint)why.Length);
                if (result != Precheck.Result.Ok)
                    throw new OpenException(result, FromUtf8(why));
            }
            finally
            {
                Marshal.FreeHGlobal(options.Servers);
                Marshal.FreeHGlobal(options.StationId);
                Marshal.FreeHGlobal(options.Profile);
                Marshal.FreeHGlobal(options.TlsCaFile);
                Marshal.FreeHGlobal(options.TlsServerName);
                Marshal.FreeHGlobal(options.TlsCertFile);
                Marshal.FreeHGlobal(options.TlsKeyFile);
            }
        }

        /// <summary>
        /// Judges one document. A repeat with the same request id and document is answered with the recorded decision.
        /// Never throws for what a server or a network does.
        /// </summary>
        public Answer Check(string document, Format format, string requestId = null)
        {
            Answer answer = new Answer();
            uint need = 0;

            answer.Result = WithRequest(document, format, requestId, delegate(ref Native.Request request)
            {
                return Native.pck_check(handle, ref request, buffer, (uint)buffer.Length, out need, out answer.State);
            });
            if (answer.Result == Precheck.Result.Buffer)
            {
                buffer = new byte[need];
                answer.Result = Native.pck_last_answer(handle, buffer, need, out need, out answer.State);
            }
            if (need >= 2 && need <= buffer.Length)
                answer.Text = Encoding.Unicode.GetString(buffer, 0, (int)need - 2);
            answer.Error = LastError(answer.Result);
            return answer;
        }

        /// <summary>Sends what the doctor did about findings. The acknowledgement's text is not fetched.</summary>
        public Receipt Feedback(string document, Format format)
        {
            Receipt receipt = new Receipt();

            receipt.Result = WithRequest(document, format, null, delegate(ref Native.Request request)
            {
                return Native.pck_feedback(handle, ref request, null, 0, IntPtr.Zero,
                                           out receipt.Recorded, out receipt.Unmatched);
            });
            if (receipt.Result == Precheck.Result.Buffer)
                receipt.Result = Precheck.Result.Ok;
            receipt.Error = LastError(receipt.Result);
            return receipt;
        }

        /// <summary>Commits the lines of a document that was saved into the patient's history.</summary>
        public Change Commit(string document, Format format)
        {
            Change change = new Change();

            change.Result = WithRequest(document, format, null, delegate(ref Native.Request request)
            {
                return Native.pck_commit(handle, ref request, out change.Lines, out change.HistoryPosition);
            });
            change.Error = LastError(change.Result);
            return change;
        }

        /// <summary>Takes lines out of the patient's history; without order ids every line of the encounter.</summary>
        public Change Void(string patientId, string encounterId, string[] orderIds, string itemCode, string reason)
        {
            Change change = new Change();
            Native.VoidRequest request = new Native.VoidRequest();
            IntPtr[] ids = Array.ConvertAll<string, IntPtr>(orderIds ?? new string[0], Utf8);
            GCHandle pinned = GCHandle.Alloc(ids, GCHandleType.Pinned);

            request.StructSize = (uint)Marshal.SizeOf(typeof(Native.VoidRequest));
            request.OrderIdCount = (uint)ids.Length;
            request.OrderIds = ids.Length > 0 ? pinned.AddrOfPinnedObject() : IntPtr.Zero;
            request.PatientId = Utf8(patientId);
            request.EncounterId = Utf8(encounterId);
            request.ItemCode = Utf8(itemCode);
            request.Reason = Utf8(reason);
            try
            {
                change.Result = Native.pck_void(handle, ref request, out change.Lines, out change.HistoryPosition);
            }
            finally
            {
                pinned.Free();
                Array.ForEach(ids, Marshal.FreeHGlobal);
                Marshal.FreeHGlobal(request.PatientId);
                Marshal.FreeHGlobal(request.EncounterId);
                Marshal.FreeHGlobal(request.ItemCode);
                Marshal.FreeHGlobal(request.Reason);
            }
            change.Error = LastError(change.Result);
            return change;
        }

        /// <summary>Tells what the next check counts with: JSON, newest first. Without a limit the server's most.</summary>
        public Reply RecentHistory(string patientId, string since = null, uint limit = 0)
        {
            Reply reply = new Reply();
            Native.HistoryRequest request = new Native.HistoryRequest();
            uint need;

            request.StructSize = (uint)Marshal.SizeOf(typeof(Native.HistoryRequest));
            request.Encoding = Native.Utf16;
            request.Limit = limit;
            request.PatientId = Utf8(patientId);
            request.Since = Utf8(since);
            try
            {
                reply.Result = Native.pck_recent_history(handle, ref request, buffer, (uint)buffer.Length, out need);
            }
            finally
            {
                Marshal.FreeHGlobal(request.PatientId);
                Marshal.FreeHGlobal(request.Since);
            }
            return Fetched(reply, need);
        }

        /// <summary>Tells what became of a decision that a pharmacist had to review.</summary>
        public Reply ReviewStatus(string checkId)
        {
            Reply reply = new Reply();
            Native.ReviewRequest request = new Native.ReviewRequest();
            uint need;

            request.StructSize = (uint)Marshal.SizeOf(typeof(Native.ReviewRequest));
            request.Encoding = Native.Utf16;
            request.CheckId = Utf8(checkId);
            try
            {
                reply.Result = Native.pck_review_status(handle, ref request, buffer, (uint)buffer.Length, out need,
                                                        out reply.Review);
            }
            finally
            {
                Marshal.FreeHGlobal(request.CheckId);
            }
            return Fetched(reply, need);
        }

        Reply Fetched(Reply reply, uint need)
        {
            int state;

            if (reply.Result == Precheck.Result.Buffer)
            {
                buffer = new byte[need];
                reply.Result = Native.pck_last_answer(handle, buffer, need, out need, out state);
            }
            if (need >= 2 && need <= buffer.Length)
                reply.Text = Encoding.Unicode.GetString(buffer, 0, (int)need - 2);
            reply.Error = LastError(reply.Result);
            return reply;
        }

        public void Cancel()
        {
            Native.pck_cancel(handle);
        }

        public void Dispose()
        {
            handle.Dispose();
        }

        delegate int Call(ref Native.Request request);

        /// <summary>Makes a call with a document that stays where it is meanwhile: the library does not copy it.</summary>
        static int WithRequest(string document, Format format, string requestId, Call call)
        {
            byte[] bytes = Encoding.Unicode.GetBytes(document);
            GCHandle pinned = GCHandle.Alloc(bytes, GCHandleType.Pinned);
            Native.Request request = new Native.Request();

            request.StructSize = (uint)Marshal.SizeOf(typeof(Native.Request));
            request.Format = (uint)format;
            request.Encoding = Native.Utf16;
            request.DocumentLen = (uint)bytes.Length;
            request.Document = pinned.AddrOfPinnedObject();
            request.RequestId = Utf8(requestId);
            try
            {
                return call(ref request);
            }
            finally
            {
                pinned.Free();
                Marshal.FreeHGlobal(request.RequestId);
            }
        }

        string LastError(int result)
        {
            byte[] why = new byte[ErrorBytesMax];

            if (result >= 0)
                return "";
            Native.pck_last_error(handle, why, (uint)why.Length, IntPtr.Zero);
            return FromUtf8(why);
        }

        static IntPtr Utf8(string text)
        {
            if (string.IsNullOrEmpty(text))
                return IntPtr.Zero;
            byte[] bytes = Encoding.UTF8.GetBytes(text + "\0");
            IntPtr copy = Marshal.AllocHGlobal(bytes.Length);
            Marshal.Copy(bytes, 0, copy, bytes.Length);
            return copy;
        }

        static string FromUtf8(byte[] text)
        {
            return Encoding.UTF8.GetString(text, 0, Math.Max(0, Array.IndexOf(text, (byte)0)));
        }
    }

    /// <summary>
    /// Owns a pck_client. P/Invoke holds it for as long as a call runs, so that neither the garbage collector nor a
    /// Dispose on another thread frees the client under a call; one that was forgotten is freed by its finalizer.
    /// </summary>
    sealed class ClientHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        ClientHandle() : base(true) { }

        protected override bool ReleaseHandle()
        {
            Native.pck_free(handle);
            return true;
        }
    }

    /// <summary>precheck.h. Winapi is stdcall on 32-bit Windows, which is what the library exports there.</summary>
    static class Native
    {
        const string Library = "precheck"; // precheck.dll, libprecheck.so
        public const uint Utf16 = 3;

        [StructLayout(LayoutKind.Sequential)]
        public struct Options
        {
            public uint StructSize, DeadlineMs, MaxAnswerBytes, IdleMs;
            public uint Reserved0, Reserved1, Reserved2, Reserved3;
            public IntPtr Servers, StationId, Profile, TlsCaFile, TlsServerName, TlsCertFile, TlsKeyFile;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct Request
        {
            public uint StructSize, Format, Encoding, DeadlineMs, DocumentLen;
            public uint Reserved0, Reserved1, Reserved2;
            public IntPtr Document, RequestId;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct VoidRequest
        {
            public uint StructSize, DeadlineMs, OrderIdCount;
            public uint Reserved0, Reserved1, Reserved2;
            public IntPtr PatientId, EncounterId, OrderIds, ItemCode, Reason;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HistoryRequest
        {
            public uint StructSize, DeadlineMs, Encoding, Limit;
            public uint Reserved0, Reserved1, Reserved2, Reserved3;
            public IntPtr PatientId, Since;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct ReviewRequest
        {
            public uint StructSize, DeadlineMs, Encoding;
            public uint Reserved0, Reserved1, Reserved2, Reserved3, Reserved4;
            public IntPtr CheckId;
        }

        [DllImport(Library)]
        public static extern int pck_commit(ClientHandle client, ref Request request, out uint lines, out ulong position);

        [DllImport(Library)]
        public static extern int pck_void(ClientHandle client, ref VoidRequest request, out uint lines,
                                          out ulong position);

        [DllImport(Library)]
        public static extern int pck_recent_history(ClientHandle client, ref HistoryRequest request, byte[] answer,
                                                    uint cap, out uint need);

        [DllImport(Library)]
        public static extern int pck_review_status(ClientHandle client, ref ReviewRequest request, byte[] answer,
                                                   uint cap, out uint need, out int review);

        [DllImport(Library)]
        public static extern IntPtr pck_result_name(int result);

        [DllImport(Library)]
        public static extern int pck_open(ref Options options, out ClientHandle client, byte[] error, uint errorCap);

        [DllImport(Library)]
        public static extern int pck_check(ClientHandle client, ref Request request, byte[] answer, uint cap,
                                           out uint need, out int state);

        [DllImport(Library)]
        public static extern int pck_last_answer(ClientHandle client, byte[] answer, uint cap,
                                                 out uint need, out int state);

        [DllImport(Library)]
        public static extern int pck_feedback(ClientHandle client, ref Request request, byte[] answer, uint cap,
                                              IntPtr need, out uint recorded, out uint unmatched);

        [DllImport(Library)]
        public static extern int pck_last_error(ClientHandle client, byte[] text, uint cap, IntPtr need);

        [DllImport(Library)]
        public static extern void pck_cancel(ClientHandle client);

        [DllImport(Library)]
        public static extern void pck_free(IntPtr client);
    }
}
