/*
 * check.c - a doctor's station in one file: sends one document and acts on what comes back.
 *
 *   cc -I native/include check.c -L native/build -lprecheck -o check
 *   ./check 127.0.0.1:50051 prescription.json [gbk]
 *
 * A document is our own JSON, or the national 3101 message if it has a "trig_scen".
 * Exit status: the result (0 pass, 1 warn, 2 block), or 3: not checked.
 */
#include "precheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES (64 * 1024)
#define NOT_CHECKED 3

/* Reads a file as a whole; NULL if it cannot be read. */
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

/* What a station does with each outcome.  The rule that matters: negative is never "no finding". */
static int act(pck_client *client, int32_t result, int32_t completeness, const char *answer)
{
	char why[PCK_ERROR_BYTES_MAX];

	if (result < 0) {
		pck_last_error(client, why, sizeof why, NULL);
		printf("NOT CHECKED (%s): %s\n", pck_result_name(result), why);
		printf("the order may be saved, marked as not checked%s\n",
		       result > -100 ? "; the caller must be corrected" : "; check it again before dispensing");
		if (answer[0] != '\0')
			printf("%s\n", answer);
		return NOT_CHECKED;
	}
	printf("%s%s\n", result == PCK_PASS ? "PASS" : result == PCK_WARN ? "WARN" : "BLOCK",
	       completeness == PCK_PARTIAL ? " (PARTIAL: the answer names what could not be judged)" : "");
	if (result == PCK_WARN)
		printf("show the findings; the doctor may go back or go on\n");
	else if (result == PCK_BLOCK)
		printf("show the findings; the order must be changed\n");
	printf("%s\n", answer);
	return result;
}

/* Sends the document; `*answer` has ANSWER_BYTES and grows if that is not enough. */
static int32_t check(pck_client *client, const pck_request *request, char **answer, int32_t *completeness)
{
	uint32_t need;
	int32_t result = pck_check(client, request, *answer, ANSWER_BYTES, &need, completeness);

	if (result == PCK_E_BUFFER) {
		char *larger = realloc(*answer, need);

		if (larger == NULL)
			return result;
		*answer = larger;
		result = pck_last_answer(client, *answer, need, &need, completeness);
	}
	return result;
}

int main(int argc, char **argv)
{
	pck_options options;
	pck_request request;
	pck_client *client;
	char why[PCK_ERROR_BYTES_MAX];
	char *document;
	char *answer;
	int32_t result, completeness;
	int status;

	if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "gbk") != 0)) {
		fprintf(stderr, "usage: check HOST:PORT FILE.json [gbk]\n");
		return NOT_CHECKED;
	}
	memset(&request, 0, sizeof request);
	request.struct_size = sizeof request;
	document = read_file(argv[2], &request.document_len);
	answer = calloc(1, ANSWER_BYTES);
	if (document == NULL || answer == NULL) {
		fprintf(stderr, "%s: cannot be read\n", argv[2]);
		return NOT_CHECKED;
	}
	request.document = document;
	request.encoding = argc == 4 ? PCK_ENCODING_GBK : PCK_ENCODING_UTF8;
	request.format = strstr(document, "\"trig_scen\"") != NULL ? PCK_FORMAT_NHSA_3101 : PCK_FORMAT_PRECHECK_JSON;

	memset(&options, 0, sizeof options);
	options.struct_size = sizeof options;
	options.servers = argv[1];
	options.station_id = "example";
	result = pck_open(&options, &client, why, sizeof why);
	if (result != PCK_OK) {
		fprintf(stderr, "%s: %s\n", pck_result_name(result), why);
		return NOT_CHECKED;
	}
	result = check(client, &request, &answer, &completeness);
	status = act(client, result, completeness, answer);
	pck_free(client);
	free(answer);
	free(document);
	return status;
}
