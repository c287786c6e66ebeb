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

    /// <summary>An open client, for one thread at a time; Cancel alone may come from another.</summary>
    public sealed class Client : IDisposable
    {
        const int ErrorBytesMax = 512;
        ClientHandle handle;
        byte[] buffer = new byte[4096];

        /// <summary>Opens a client; touches no network. Throws OpenException.</summary>
        public Client(string servers, string stationId, uint deadlineMs, string tlsCaFile)
        {
            Native.Options options = new Native.Options();
            byte[] why = new byte[ErrorBytesMax];

            options.StructSize = (uint)Marshal.SizeOf(typeof(Native.Options));
            options.DeadlineMs = deadlineMs;
            try
            {
                options.Servers = Utf8(servers);
                options.StationId = Utf8(stationId);
                options.TlsCaFile = Utf8(tlsCaFile);
                int result = Native.pck_open(ref options, out handle, why, (uint)why.Length);
                if (result != Precheck.Result.Ok)
                    throw new OpenException(result, FromUtf8(why));
            }
            finally
            {
                Marshal.FreeHGlobal(options.Servers);
                Marshal.FreeHGlobal(options.StationId);
                Marshal.FreeHGlobal(options.TlsCaFile);
            }
        }

        /// <summary>Judges one document. Never throws for what a server or a network does.</summary>
        public Answer Check(string document, Format format)
        {
            Answer answer = new Answer();
            uint need = 0;

            answer.Result = WithRequest(document, format, delegate(ref Native.Request request)
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

            receipt.Result = WithRequest(document, format, delegate(ref Native.Request request)
            {
                return Native.pck_feedback(handle, ref request, null, 0, IntPtr.Zero,
                                           out receipt.Recorded, out receipt.Unmatched);
            });
            if (receipt.Result == Precheck.Result.Buffer)
                receipt.Result = Precheck.Result.Ok;
            receipt.Error = LastError(receipt.Result);
            return receipt;
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
        static int WithRequest(string document, Format format, Call call)
        {
            byte[] bytes = Encoding.Unicode.GetBytes(document);
            GCHandle pinned = GCHandle.Alloc(bytes, GCHandleType.Pinned);
            Native.Request request = new Native.Request();

            request.StructSize = (uint)Marshal.SizeOf(typeof(Native.Request));
            request.Format = (uint)format;
            request.Encoding = Native.Utf16;
            request.DocumentLen = (uint)bytes.Length;
            request.Document = pinned.AddrOfPinnedObject();
            try
            {
                return call(ref request);
            }
            finally
            {
                pinned.Free();
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
