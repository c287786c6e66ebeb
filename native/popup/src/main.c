/*
 * precheck-popup.exe - the window as a program, for hosts that can start one but load no library.
 *
 *   precheck-popup.exe [options] [ANSWER.json]
 *
 * Exit status: what pck_popup_show() returns; EXIT_USAGE for a command line or a file that cannot be read.  The
 * feedback document goes to --feedback FILE, or to standard output.
 *
 * With --servers it also sends the feedback, by the precheck.dll that stands beside it.  What is not sent or written is
 * told in a message box too: no one at a station reads standard error.  Without a window there is no feedback, so no
 * script waits for that box.
 */
#include "precheck_popup.h"

#include "encoding.h"
#include "model.h"
#include "popup_texts.h"
#include "text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <shellapi.h> /* needs windows.h before it */

#define EXIT_USAGE (-299)
#define ERROR_BYTES 512

static const char USAGE[] =
	"usage: precheck-popup.exe [options] [ANSWER.json]\n"
	"  --result N        what pck_check() returned; needed for what was not checked; default: as the answer says\n"
	"  --state N         what pck_check() said of the answer's state\n"
	"  --encoding NAME   utf8 (default), gbk, utf16: of the answer and of the feedback\n"
	"  --feedback FILE   where the feedback document goes; default: standard output\n"
	"  --parent HWND     the window that waits meanwhile, as a number\n"
	"  --servers LIST    sends the feedback there by precheck.dll, as pck_open() wants it\n"
	"  --ca FILE         the servers' certificate authority, PEM: TLS\n"
	"  --cert FILE, --key FILE   the station's own certificate, PEM\n"
	"  --station ID      the station, for the servers' records\n";

struct options {
	int32_t result, state;
	uint32_t encoding;
	const wchar_t *answer, *feedback;
	void *parent;
	const wchar_t *servers, *ca, *certificate, *key, *station;
};

static bool number_of(const wchar_t *text, long long *number)
{
	wchar_t *end;

	*number = wcstoll(text, &end, 10);
	return *text != L'\0' && *end == L'\0';
}

static bool encoding_of(const wchar_t *name, uint32_t *encoding)
{
	static const wchar_t *const NAMES[] = {L"", L"utf8", L"gbk", L"utf16"};

	for (uint32_t i = 1; i < sizeof NAMES / sizeof NAMES[0]; i++)
		if (wcscmp(name, NAMES[i]) == 0) {
			*encoding = i;
			return true;
		}
	return false;
}

static bool option(struct options *options, const wchar_t *name, const wchar_t *value)
{
	static const struct {
		const wchar_t *name;
		size_t offset;
	} TEXTS[] = {
		{L"--feedback", offsetof(struct options, feedback)}, {L"--servers", offsetof(struct options, servers)},
		{L"--ca", offsetof(struct options, ca)},             {L"--cert", offsetof(struct options, certificate)},
		{L"--key", offsetof(struct options, key)},           {L"--station", offsetof(struct options, station)},
	};
	long long number;

	for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
		if (wcscmp(name, TEXTS[i].name) == 0) {
			memcpy((char *)options + TEXTS[i].offset, &value, sizeof value);
			return true;
		}
	if (wcscmp(name, L"--encoding") == 0)
		return encoding_of(value, &options->encoding);
	if (!number_of(value, &number))
		return false;
	if (wcscmp(name, L"--result") == 0)
		options->result = (int32_t)number;
	else if (wcscmp(name, L"--state") == 0)
		options->state = (int32_t)number;
	else if (wcscmp(name, L"--parent") == 0)
		options->parent = (void *)(INT_PTR)number;
	else
		return false;
	return true;
}

static bool read_command_line(struct options *options, int argc, wchar_t **argv)
{
	for (int i = 1; i < argc; i++) {
		if (wcsncmp(argv[i], L"--", 2) == 0) {
			if (i + 1 == argc || !option(options, argv[i], argv[i + 1]))
				return false;
			i++;
		} else if (options->answer == NULL) {
			options->answer = argv[i];
		} else {
			return false;
		}
	}
	return options->answer != NULL || options->result < 0;
}

/* Reads a whole file; NULL if that cannot be. */
static char *read_file(const wchar_t *path, uint32_t *len)
{
	FILE *file = _wfopen(path, L"rb");
	char *data = NULL;
	long size = -1;

	if (file != NULL && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0 && size <= PCK_POPUP_ANSWER_BYTES_MAX && fseek(file, 0, SEEK_SET) == 0)
		data = malloc((size_t)size + 1);
	if (data != NULL && fread(data, 1, (size_t)size, file) != (size_t)size) {
		free(data);
		data = NULL;
	}
	if (file != NULL)
		fclose(file);
	*len = data != NULL ? (uint32_t)size : 0;
	return data;
}

/* Writes the feedback, without its zero, to the file or to standard output. */
static bool write_feedback(const wchar_t *path, const char *feedback, uint32_t need, uint32_t encoding)
{
	DWORD len = need > 0 ? need - (encoding == PCK_ENCODING_UTF16 ? 2 : 1) : 0;
	DWORD written = 0;
	HANDLE to = GetStdHandle(STD_OUTPUT_HANDLE);
	bool whole;

	if (path != NULL)
		to = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	/* Started from a desktop there is no standard output; nobody asked for it then. */
	if (to == NULL || to == INVALID_HANDLE_VALUE)
		return path == NULL;
	whole = WriteFile(to, feedback, len, &written, NULL) && written == len;
	if (path != NULL)
		CloseHandle(to);
	return whole;
}

/* ---- sending, by a library that is looked up when it is wanted: this program itself opens no connection ---- */

typedef int32_t(PCK_CALL *open_function)(const pck_options *, pck_client **, char *, uint32_t);
typedef int32_t(PCK_CALL *feedback_function)(pck_client *, const pck_request *, char *, uint32_t, uint32_t *, uint32_t *,
                                             uint32_t *);
typedef int32_t(PCK_CALL *error_function)(pck_client *, char *, uint32_t, uint32_t *);
typedef void(PCK_CALL *free_function)(pck_client *);

struct library {
	open_function open;
	feedback_function feedback;
	error_function last_error;
	free_function free;
};

static bool look_up(HMODULE module, const char *name, void *function)
{
	FARPROC found = GetProcAddress(module, name);

	memcpy(function, &found, sizeof found);
	return found != NULL;
}

/* Only from the folder of this program: a precheck.dll of the current folder is nobody's. */
static bool load_library(struct library *library)
{
	wchar_t path[MAX_PATH + sizeof "precheck.dll"];
	DWORD len = GetModuleFileNameW(NULL, path, MAX_PATH);
	wchar_t *name = len > 0 && len < MAX_PATH ? wcsrchr(path, L'\\') : NULL;
	HMODULE module;

	if (name == NULL)
		return false;
	wcscpy(name + 1, L"precheck.dll");
	module = LoadLibraryW(path);
	return module != NULL && look_up(module, "pck_open", &library->open) &&
	       look_up(module, "pck_feedback", &library->feedback) &&
	       look_up(module, "pck_last_error", &library->last_error) && look_up(module, "pck_free", &library->free);
}

/* Has the feedback recorded; otherwise returns what pck_feedback() would, and says why in English. */
static int32_t send_feedback(const struct options *options, const char *feedback, uint32_t need, char *why)
{
	struct library library;
	pck_options where = {.struct_size = sizeof where};
	pck_request request = {.struct_size = sizeof request, .encoding = options->encoding};
	pck_client *client = NULL;
	const wchar_t *const wide[] = {options->servers, options->ca, options->certificate, options->key, options->station};
	char *texts[sizeof wide / sizeof wide[0]] = {NULL};
	uint32_t ignored;
	int32_t result;

	why[0] = '\0';
	if (!load_library(&library)) {
		strcpy(why, "precheck.dll does not stand beside precheck-popup.exe, or cannot be loaded");
		return PCK_E_INTERNAL;
	}
	for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
		texts[i] = wide[i] != NULL ? popup_narrow(wide[i]) : NULL;
	where.servers = texts[0];
	where.tls_ca_file = texts[1];
	where.tls_cert_file = texts[2];
	where.tls_key_file = texts[3];
	where.station_id = texts[4];
	request.document = feedback;
	request.document_len = need - (options->encoding == PCK_ENCODING_UTF16 ? 2 : 1);
	/* The window's two layouts begin differently. */
	request.format = strncmp(feedback, "{\"infno\"", 8) == 0 ? PCK_FORMAT_NHSA_3103 : PCK_FORMAT_PRECHECK_JSON;
	if (options->encoding == PCK_ENCODING_UTF16)
		request.format = memcmp(feedback, L"{\"infno\"", 16) == 0 ? PCK_FORMAT_NHSA_3103 : PCK_FORMAT_PRECHECK_JSON;
	result = library.open(&where, &client, why, ERROR_BYTES);
	if (result == PCK_OK) {
		result = library.feedback(client, &request, NULL, 0, &ignored, NULL, NULL);
		/* The answer to it is not wanted: that no buffer was given is no failure. */
		if (result == PCK_E_BUFFER)
			result = PCK_OK;
		if (result != PCK_OK)
			library.last_error(client, why, ERROR_BYTES, &ignored);
		library.free(client);
	}
	for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
		free(texts[i]);
	return result;
}

static void complain(const char *text)
{
	HANDLE to = GetStdHandle(STD_ERROR_HANDLE);
	DWORD written;

	if (to != NULL && to != INVALID_HANDLE_VALUE)
		WriteFile(to, text, (DWORD)strlen(text), &written, NULL);
}

/* Tells the doctor what became of the feedback, and waits until it is read. */
static void tell(HWND parent, struct popup_text *text)
{
	char *utf8 = popup_text_take(text);
	wchar_t *said = utf8 != NULL ? popup_wide(utf8) : NULL;
	wchar_t *title = popup_wide(TEXT_TITLE);

	if (said != NULL && title != NULL)
		MessageBoxW(parent, said, title, MB_OK | MB_ICONWARNING | MB_SETFOREGROUND);
	free(title);
	free(said);
	free(utf8);
}

/* Hands the feedback on, to the file and to the servers; the doctor's choice stands whatever becomes of it. */
static void hand_on(const struct options *options, const char *feedback, uint32_t need)
{
	struct popup_text text = {0};
	char why[ERROR_BYTES], code[sizeof "-2147483648"];
	int32_t result;

	if (!write_feedback(options->feedback, feedback, need, options->encoding)) {
		complain("precheck-popup: the feedback cannot be written\n");
		popup_text_add(&text, TEXT_FEEDBACK_NOT_WRITTEN);
		tell(options->parent, &text);
	}
	if (options->servers == NULL)
		return;
	result = send_feedback(options, feedback, need, why);
	if (result == PCK_OK)
		return;
	complain("precheck-popup: the feedback was not recorded: ");
	complain(why);
	complain("\n");
	snprintf(code, sizeof code, "%d", (int)result);
	popup_text_fill(&text, TEXT_FEEDBACK_NOT_SENT, popup_cause_of(result), code, NULL);
	tell(options->parent, &text);
}

/* Shows the answer; `*feedback` grows until it holds what may come. */
static int32_t show(const struct options *options, const char *answer, uint32_t len, char **feedback, uint32_t *need)
{
	uint32_t cap = 0;
	int32_t result;

	for (;;) {
		result = pck_popup_show(options->parent, options->result, options->state, options->encoding, answer, len, *feedback,
		                        cap, need);
		if (result != PCK_E_BUFFER)
			return result;
		cap = *need;
		free(*feedback);
		*feedback = malloc(cap);
		if (*feedback == NULL)
			return PCK_E_MEMORY;
	}
}

int WINAPI wWinMain(HINSTANCE instance, HINSTANCE previous, wchar_t *command_line, int how)
{
	struct options options = {.encoding = PCK_ENCODING_UTF8};
	char *answer = NULL, *feedback = NULL;
	uint32_t len = 0, need = 0;
	int argc;
	wchar_t **argv = CommandLineToArgvW(GetCommandLineW(), &argc);
	int32_t result;

	(void)instance, (void)previous, (void)command_line, (void)how;
	if (argv == NULL || !read_command_line(&options, argc, argv)) {
		complain(USAGE);
		return EXIT_USAGE;
	}
	if (options.answer != NULL && (answer = read_file(options.answer, &len)) == NULL) {
		complain("precheck-popup: the answer's file cannot be read\n");
		return EXIT_USAGE;
	}
	result = show(&options, answer, len, &feedback, &need);
	if (result >= 0 && need > 0)
		hand_on(&options, feedback, need);
	free(feedback);
	free(answer);
	LocalFree(argv);
	return result;
}
