/*
 * station.c - a doctor's station in one file: sends documents, acts on every outcome, sends feedback.
 *
 *   cc -I native/include native/examples/c/station.c -L native/build -lprecheck -o station
 *   LD_LIBRARY_PATH=native/build ./station 10.1.2.3:50051,10.1.2.4:50051 prescription.json herbs.gbk feedback.json
 *
 * A file is the national 3101 or 3102 message, or our own JSON, or feedback in either; one that is called
 * *.gbk is in GBK.  The environment sets the deadline (STATION_DEADLINE_MS), the site profile (STATION_PROFILE)
 * and TLS: STATION_TLS_CA, _SERVER_NAME, _CERT and _KEY, the last two where servers ask for a certificate.  STATION_REQUEST_ID is
 * the id of the request, for one document; STATION_PATIENT asks for what follows a check too: commit, history, review, void.
 * Exit status: 0 everything was checked, 1 something was not, 2 it could not begin.
 *
 * The same program in other languages stands beside this folder, with the same output.
 */
#include "precheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <iconv.h>
#endif

/*
 * The texts are UTF-8, in this file and in the program.  The mark at the file's beginning tells MSVC the one, the
 * pragma the other (as /utf-8 does); a compiler that turns them into another code page stops here.
 */
#if defined(_MSC_VER)
#pragma execution_character_set("utf-8")
#endif
typedef char texts_are_in_utf8[sizeof("中") == 4 ? 1 : -1];

#define FIRST_BUFFER_BYTES 4096
#define FINDINGS_MAX 200
#define NOT_CHECKED 1
#define NOT_BEGUN 2

/* A document as it was read. */
struct document {
	const char *name;
	char *bytes;
	uint32_t len;
	uint32_t format;
	uint32_t encoding;
	int is_feedback;
};

/* Reads a file as a whole, with a zero behind it; NULL if it cannot be read. */
static char *read_file(const char *path, uint32_t *len)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	long size = -1;

	if (file != NULL && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0 && size <= PCK_DOCUMENT_BYTES_MAX && fseek(file, 0, SEEK_SET) == 0)
		data = malloc((size_t)size + 1);
	if (data != NULL && fread(data, 1, (size_t)size, file) != (size_t)size) {
		free(data);
		data = NULL;
	}
	if (file != NULL)
		fclose(file);
	if (data != NULL) {
		data[size] = '\0';
		*len = (uint32_t)size;
	}
	return data;
}

static int contains(const struct document *document, const char *text)
{
	return strstr(document->bytes, text) != NULL;
}

/* Reads a document and says what it is.  A real station knows: it has just written it. */
static int read_document(const char *path, struct document *document)
{
	size_t len = strlen(path), name = len;

	while (name > 0 && path[name - 1] != '/' && path[name - 1] != '\\')
		name--;
	memset(document, 0, sizeof *document);
	document->name = path + name;
	document->bytes = read_file(path, &document->len);
	if (document->bytes == NULL)
		return 0;
	document->encoding = len > 4 && strcmp(path + len - 4, ".gbk") == 0 ? PCK_ENCODING_GBK : PCK_ENCODING_UTF8;
	document->is_feedback = contains(document, "\"warns\"") || contains(document, "\"feedback\"");
	if (contains(document, "\"warns\""))
		document->format = PCK_FORMAT_NHSA_3103;
	else if (!contains(document, "\"trig_scen\"") && !contains(document, "\"trigScen\""))
		document->format = PCK_FORMAT_PRECHECK_JSON;
	else
		document->format = contains(document, "\"infno\": \"3102\"") ? PCK_FORMAT_NHSA_3102 : PCK_FORMAT_NHSA_3101;
	return 1;
}

/* Turns GBK into UTF-8, to print it; NULL if that cannot be done.  Free the result. */
static char *utf8_of_gbk(const char *text)
{
	size_t len = strlen(text), room = len * 3 + 1;
	char *utf8 = malloc(room);
#if defined(_WIN32)
	int units = MultiByteToWideChar(936, 0, text, -1, NULL, 0);
	wchar_t *wide = malloc((size_t)units * sizeof *wide);

	if (utf8 != NULL && wide != NULL && units > 0) {
		MultiByteToWideChar(936, 0, text, -1, wide, units);
		WideCharToMultiByte(CP_UTF8, 0, wide, -1, utf8, (int)room, NULL, NULL);
		free(wide);
		return utf8;
	}
	free(wide);
#else
	iconv_t conversion = iconv_open("UTF-8", "GB18030");
	char *from = (char *)text, *to = utf8;

	if (utf8 != NULL && conversion != (iconv_t)-1 && iconv(conversion, &from, &len, &to, &room) != (size_t)-1) {
		*to = '\0';
		iconv_close(conversion);
		return utf8;
	}
	if (conversion != (iconv_t)-1)
		iconv_close(conversion);
#endif
	free(utf8);
	return NULL;
}

/*
 * Copies the JSON text that stands under `name` at or after `at`; returns what follows it, NULL if there is
 * none.  A HIS has a JSON reader and takes that; for the few texts of this example a search is enough.
 */
static const char *next_text(const char *at, const char *name, char *out, size_t cap)
{
	char key[64];
	size_t len = 0;

	snprintf(key, sizeof key, "\"%s\":\"", name);
	at = at != NULL ? strstr(at, key) : NULL;
	if (at == NULL)
		return NULL;
	for (at += strlen(key); *at != '"' && *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		if (len + 1 < cap)
			out[len++] = *at;
	}
	out[len] = '\0';
	return at;
}

/* Sends a document; the answer's buffer grows when it is too small.  The server is asked once. */
static int32_t check(pck_client *client, const pck_request *request, char **answer, uint32_t *cap, int32_t *state)
{
	uint32_t need;
	int32_t result = pck_check(client, request, *answer, *cap, &need, state);

	if (result == PCK_E_BUFFER) {
		char *larger = realloc(*answer, need);

		if (larger == NULL)
			return PCK_E_BUFFER;
		*answer = larger;
		*cap = need;
		result = pck_last_answer(client, *answer, *cap, &need, state);
	}
	return result;
}

/* Why nothing was checked, for the doctor; the reason itself is for the log and the information department. */
static const char *class_of(int32_t result)
{
	if (result == PCK_E_REJECTED)
		return "报文有误，请信息科按原因修改";
	if (result == PCK_E_NOT_EVALUATED)
		return "没有可判断的内容，原因见答复";
	if (result > -100)
		return "调用方式有误，再调一次也一样，请联系信息科";
	if (result > -900)
		return "暂时没有审核，可以稍后再审";
	return "客户端已不能使用，关闭后重新打开";
}

static void print_reason(pck_client *client)
{
	char why[PCK_ERROR_BYTES_MAX];

	pck_last_error(client, why, sizeof why, NULL);
	printf("  原因：%s\n", why);
}

/* Sends what the doctor did; says how much of it was recorded.  Returns the result, PCK_OK if it was sent. */
static int32_t send_feedback(pck_client *client, const pck_request *request)
{
	uint32_t recorded, unmatched;
	int32_t result = pck_feedback(client, request, NULL, 0, NULL, &recorded, &unmatched);

	/* The acknowledgement is not needed: PCK_E_BUFFER says only that it was not fetched. */
	if (result == PCK_OK || result == PCK_E_BUFFER) {
		printf("  反馈：%u 条已记录，%u 条不认识\n", (unsigned)recorded, (unsigned)unmatched);
		return PCK_OK;
	}
	printf("  反馈没有送到 %s\n", pck_result_name(result));
	print_reason(client);
	return result;
}

/* Shows each finding to the doctor and sends what the doctor did about them. */
static int32_t show_findings(pck_client *client, const char *answer, int is_national, int32_t result)
{
	static char feedback[FINDINGS_MAX * 256];
	const char *id_name = is_national ? "jr_id" : "finding_id";
	const char *text_name = is_national ? "vola_cont" : "message";
	const char *disposition = result == PCK_BLOCK ? "went_back" : "continued";
	const char *reason = result == PCK_BLOCK ? "" : "已核对病历，确需使用";
	char id[64], text[2048];
	pck_request request;
	size_t len = (size_t)snprintf(feedback, sizeof feedback, "{\"feedback\":[");
	int count = 0;

	while (count < FINDINGS_MAX && (answer = next_text(answer, id_name, id, sizeof id)) != NULL &&
	       (answer = next_text(answer, text_name, text, sizeof text)) != NULL) {
		printf("  [%d] %s\n", ++count, text);
		len += (size_t)snprintf(feedback + len, sizeof feedback - len,
		                        "%s{\"finding_id\":\"%s\",\"disposition\":\"%s\",\"reason\":\"%s\"}",
		                        count > 1 ? "," : "", id, disposition, reason);
	}
	if (count == 0)
		return PCK_OK;
	printf("  医生：%s\n", result == PCK_BLOCK ? "返回修改" : "写明理由，继续");
	len += (size_t)snprintf(feedback + len, sizeof feedback - len, "]}");
	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	request.format = PCK_FORMAT_PRECHECK_JSON;
	request.document = feedback;
	request.document_len = (uint32_t)len;
	return send_feedback(client, &request);
}

/*
 * What a station does with each outcome; returns the result that is left to be dealt with, PCK_OK if none is.
 * The rule that matters: negative is never "no finding".
 */
static int32_t act(pck_client *client, const struct document *document, int32_t result, int32_t state, const char *answer)
{
	static const char *const verdicts[] = {"通过 PASS", "提醒 WARN", "拦截 BLOCK"};
	int is_complete = (state & PCK_COMPLETENESS_MASK) == PCK_COMPLETE;

	if (result < 0) {
		printf("%s: 未审核 %s · %s\n", document->name, pck_result_name(result), class_of(result));
		print_reason(client);
		printf("  医生：可以保存，处方标记为“未审核”\n");
		return result;
	}
	printf("%s: %s · %s%s\n", document->name, verdicts[result], is_complete ? "全部规则已判断" : "部分未判断",
	       (state & PCK_STALE) != 0 ? " · 规则或历史可能不是最新" : "");
	if (result == PCK_PASS)
		return PCK_OK;
	return show_findings(client, answer, document->format != PCK_FORMAT_PRECHECK_JSON, result);
}

/* The patient's history into a buffer that grows when it is too small, as check() does. */
static int32_t recent_history(pck_client *client, const char *patient, char **answer, uint32_t *cap)
{
	pck_history_request request;
	uint32_t need;
	int32_t result, state;

	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	request.patient_id = patient;
	(*answer)[0] = '\0';
	result = pck_recent_history(client, &request, *answer, *cap, &need);
	if (result == PCK_E_BUFFER) {
		char *larger = realloc(*answer, need);

		if (larger == NULL)
			return PCK_E_BUFFER;
		*answer = larger;
		*cap = need;
		result = pck_last_answer(client, *answer, *cap, &need, &state);
	}
	return result;
}

/*
 * What follows a check once the prescription is saved: commit; later perhaps a look at the history and a void.
 * A real station does each when it happens; this one, all of it where STATION_PATIENT is set.
 */
static void after_saving(pck_client *client, const pck_request *saved, char **answer, uint32_t *cap)
{
	static const char *const orders[] = {"line-1", "line-2"};
	const char *patient = getenv("STATION_PATIENT");
	pck_review_request review;
	pck_void_request gone;
	uint64_t position = 0;
	uint32_t lines = 0;
	int32_t result, status = PCK_REVIEW_UNKNOWN;

	if (patient == NULL || patient[0] == '\0')
		return;
	result = pck_commit(client, saved, &lines, &position);
	printf("  保存：%d %u %llu\n", (int)result, (unsigned)lines, (unsigned long long)position);
	result = recent_history(client, patient, answer, cap);
	printf("  历史：%d %s\n", (int)result, *answer);
	memset(&review, 0, sizeof review);
	review.struct_size = sizeof review;
	review.check_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
	result = pck_review_status(client, &review, *answer, *cap, NULL, &status);
	printf("  药师：%d %d\n", (int)result, (int)status);
	memset(&gone, 0, sizeof gone);
	gone.struct_size = sizeof gone;
	gone.patient_id = patient;
	gone.encounter_id = "visit-1";
	gone.order_ids = orders;
	gone.order_id_count = sizeof orders / sizeof orders[0];
	lines = 0;
	position = 0;
	result = pck_void(client, &gone, &lines, &position);
	printf("  作废：%d %u %llu\n", (int)result, (unsigned)lines, (unsigned long long)position);
}

/* Checks a document, or sends it as the feedback that it is.  Returns PCK_OK, or why it was not done. */
static int32_t handle(pck_client *client, const struct document *document)
{
	uint32_t cap = FIRST_BUFFER_BYTES;
	char *answer = calloc(1, cap);
	char *readable;
	pck_request request;
	int32_t result = PCK_E_MEMORY, verdict, state;

	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	request.format = document->format;
	request.encoding = document->encoding;
	request.document = document->bytes;
	request.document_len = document->len;
	if (document->is_feedback) {
		printf("%s:\n", document->name);
		result = send_feedback(client, &request);
	} else if (answer != NULL) {
		request.request_id = getenv("STATION_REQUEST_ID");
		verdict = check(client, &request, &answer, &cap, &state);
		readable = document->encoding == PCK_ENCODING_GBK ? utf8_of_gbk(answer) : NULL;
		result = act(client, document, verdict, state, readable != NULL ? readable : answer);
		free(readable);
		request.request_id = NULL; /* it was the check's */
		if (verdict != PCK_BLOCK) /* saved; what was not checked is in the history all the same */
			after_saving(client, &request, &answer, &cap);
	}
	free(answer);
	return result;
}

static pck_client *open_client(const char *servers)
{
	const char *deadline_ms = getenv("STATION_DEADLINE_MS");
	char why[PCK_ERROR_BYTES_MAX];
	pck_options options;
	pck_client *client;
	int32_t result;

	memset(&options, 0, sizeof options);
	options.struct_size = sizeof options;
	options.servers = servers;
	options.station_id = "example";
	options.deadline_ms = deadline_ms != NULL ? (uint32_t)strtoul(deadline_ms, NULL, 10) : 0;
	options.profile = getenv("STATION_PROFILE");
	options.tls_ca_file = getenv("STATION_TLS_CA");
	options.tls_server_name = getenv("STATION_TLS_SERVER_NAME");
	options.tls_cert_file = getenv("STATION_TLS_CERT");
	options.tls_key_file = getenv("STATION_TLS_KEY");
	result = pck_open(&options, &client, why, sizeof why);
	if (result != PCK_OK)
		fprintf(stderr, "%s: %s\n", pck_result_name(result), why);
	return client;
}

int main(int argc, char **argv)
{
	struct document document;
	pck_client *client;
	int32_t result;
	int status = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: station SERVERS FILE...\n");
		return NOT_BEGUN;
	}
	client = open_client(argv[1]);
	if (client == NULL)
		return NOT_BEGUN;
	for (int n = 2; n < argc && client != NULL; n++) {
		if (!read_document(argv[n], &document)) {
			fprintf(stderr, "%s: cannot be read\n", argv[n]);
			status = NOT_BEGUN;
			break;
		}
		result = handle(client, &document);
		free(document.bytes);
		if (result != PCK_OK)
			status = NOT_CHECKED;
		if (result <= -900) { /* the client is of no more use */
			pck_free(client);
			client = open_client(argv[1]);
		}
	}
	pck_free(client);
	return status;
}
