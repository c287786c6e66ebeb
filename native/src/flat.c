/*
 * A handle is (generation << 6 | slot).  A slot's `state` is its handle, 0 if it is free, and ENTERED where a
 * thread is in it: who has set ENTERED may look at the client, put one in, or take it out.  Both stand in one
 * word, so that a slot is entered only by its own handle, and taken only while it is free: neither an open
 * that looks for a slot nor a number of an earlier client is ever in the way of somebody else's call.
 */
#include "flat.h"
#include "text.h"

#include <string.h>

#define SLOT_BITS 6
#define GENERATION_MAX 511
#define ENTERED 0x10000 /* above every handle */

_Static_assert(PCK_FLAT_CLIENTS_MAX == 1 << SLOT_BITS, "a handle has SLOT_BITS for the slot");
_Static_assert((GENERATION_MAX << SLOT_BITS | (PCK_FLAT_CLIENTS_MAX - 1)) == INT16_MAX, "a handle fits into 16 bits");

static struct pck_flat_slot slots[PCK_FLAT_CLIENTS_MAX];

/* Goes from one state to the same with ENTERED; else gives the state that was found. */
static int enter_from(struct pck_flat_slot *slot, int state, int *found)
{
	*found = state;
	return atomic_compare_exchange_strong(&slot->state, found, state | ENTERED);
}

void pck_flat_leave(struct pck_flat_slot *slot)
{
	atomic_fetch_and(&slot->state, PCK_FLAT_LOW_HALF);
}

static struct pck_flat_slot *slot_of(int handle)
{
	return &slots[handle & (PCK_FLAT_CLIENTS_MAX - 1)];
}

int32_t pck_flat_enter(int32_t given, struct pck_flat_slot **entered)
{
	int handle = given & PCK_FLAT_LOW_HALF;
	int found;

	*entered = NULL;
	if (handle == 0)
		return PCK_E_ARGUMENT;
	if (!enter_from(slot_of(handle), handle, &found))
		return found == (handle | ENTERED) ? PCK_E_BUSY : PCK_E_ARGUMENT;
	*entered = slot_of(handle);
	return PCK_OK;
}

/* ---- text in ---- */

static size_t units_of(int wide, const void *text)
{
	const uint16_t *unit = text;

	if (!wide)
		return strlen(text);
	while (*unit != 0)
		unit++;
	return (size_t)(unit - (const uint16_t *)text);
}

/* Makes zero-terminated UTF-8 of at most `max` bytes.  Returns PCK_OK, PCK_E_MEMORY or PCK_E_ARGUMENT. */
static int32_t take_text(struct pck_bytes *to, const char *name, int wide, const void *text, size_t max,
                         struct pck_error *error)
{
	size_t units = text != NULL ? units_of(wide, text) : 0;
	struct pck_bytes wider = {0};
	int32_t result = PCK_OK;
	size_t at;

	/* No character takes more bytes in GBK, or more units in UTF-16, than bytes in UTF-8. */
	if (units > max)
		result = PCK_E_DOCUMENT_LIMIT;
	else if (wide)
		result = pck_text_from_utf16(to, text, 2 * units, max, &at);
	else if (units > 0)
		result = pck_gbk_to_utf16(&wider, text, units);
	if (result == PCK_OK && !wide)
		result = pck_text_from_utf16(to, wider.data, wider.len, max, &at);
	pck_bytes_free(&wider);
	if (result == PCK_E_DOCUMENT_LIMIT) {
		pck_error_set(error, "%s is longer than %lu bytes", name, (unsigned long)max);
		return PCK_E_ARGUMENT;
	}
	if (result == PCK_TEXT_BROKEN) {
		pck_error_set(error, "%s is not %s", name, wide ? "UTF-16" : pck_gbk_name);
		return PCK_E_ARGUMENT;
	}
	return result == PCK_OK ? pck_bytes_append(to, "", 1) : result;
}

char *pck_flat_text(struct pck_flat_call *call, const char *name, const void *text, size_t max)
{
	struct pck_bytes *to = &call->text[call->text_count++];

	if (call->result == PCK_OK)
		call->result = take_text(to, name, call->wide, text, max, &call->slot->client->error);
	return call->result == PCK_OK && to->data[0] != '\0' ? (char *)to->data : NULL;
}

/* ---- a call ---- */

int32_t pck_flat_begin(struct pck_flat_call *call, int32_t handle, int wide)
{
	memset(call, 0, sizeof *call);
	call->wide = wide;
	call->result = pck_flat_enter(handle, &call->slot);
	if (call->result != PCK_OK)
		return call->result;
	/* A call that is refused here brought no answer. */
	call->slot->client->answer = NULL;
	call->slot->client->error.text[0] = '\0';
	call->slot->wide = wide;
	return PCK_OK;
}

uint32_t pck_flat_number(struct pck_flat_call *call, const char *name, int32_t number)
{
	if (call->result == PCK_OK && number < 0) {
		pck_error_set(&call->slot->client->error, "%s is %ld", name, (long)number);
		call->result = PCK_E_ARGUMENT;
	}
	return number > 0 ? (uint32_t)number : 0;
}

uint32_t pck_flat_cap(struct pck_flat_call *call, const void *out, int32_t cap)
{
	uint32_t units = pck_flat_number(call, "cap", cap);

	if (call->result == PCK_OK && out == NULL && cap > 0) {
		pck_error_set(&call->slot->client->error, "out is NULL and cap is not 0");
		call->result = PCK_E_ARGUMENT;
	}
	return call->wide ? 2 * units : units;
}

void pck_flat_document(struct pck_flat_call *call, pck_request *request, int32_t format, const void *document,
                       int32_t deadline_ms)
{
	size_t units = document != NULL ? units_of(call->wide, document) : 0;
	size_t bytes = call->wide ? 2 * units : units;

	memset(request, 0, sizeof *request);
	request->struct_size = sizeof *request;
	request->format = (uint32_t)format & PCK_FLAT_LOW_HALF;
	request->encoding = call->wide ? PCK_ENCODING_UTF16 : PCK_ENCODING_GBK;
	request->deadline_ms = pck_flat_number(call, "deadline_ms", deadline_ms);
	request->document = document;
	request->document_len = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

int32_t pck_flat_end(struct pck_flat_call *call, int32_t result)
{
	int i;

	if (result == PCK_E_MEMORY) {
		pck_error_set(&call->slot->client->error, "out of memory");
		call->slot->client->dead = result;
	}
	for (i = 0; i < call->text_count; i++)
		pck_bytes_free(&call->text[i]);
	pck_flat_leave(call->slot);
	return result;
}

void pck_flat_give_number(int32_t *to, uint32_t number)
{
	if (to != NULL)
		*to = (int32_t)number;
}

void pck_flat_give_need(int32_t *need, int wide, uint32_t bytes)
{
	pck_flat_give_number(need, wide ? bytes / 2 : bytes);
}

void pck_flat_give_nothing(int wide, void *out, int32_t cap, int32_t *need)
{
	if (out != NULL && cap > 0)
		memset(out, 0, wide ? 2 : 1);
	pck_flat_give_number(need, 0);
}

/* Zero-terminated UTF-8 into the caller's buffer, cut to whole characters. */
static int32_t give_cut(int wide, const char *text, void *out, int32_t cap)
{
	struct pck_bytes wider = {0};
	struct pck_bytes narrow = {0};
	const struct pck_bytes *given = wide ? &wider : &narrow;
	size_t unit = wide ? 2 : 1;
	uint16_t last = 0;
	size_t at;
	int32_t result;

	if (out == NULL || cap <= 0)
		return PCK_OK;
	result = pck_text_to_utf16(&wider, text, strlen(text), &at);
	while (result == PCK_OK) {
		narrow.len = 0;
		if (!wide)
			result = pck_utf16_to_gbk(&narrow, wider.data, wider.len);
		if (given->len + unit <= (size_t)cap * unit)
			break;
		/* Half a surrogate pair less leaves the other half, which goes next. */
		wider.len -= 2;
	}
	if (result == PCK_OK) {
		if (wide && wider.len > 0)
			memcpy(&last, wider.data + wider.len - 2, sizeof last);
		if (last >= 0xd800 && last <= 0xdbff)
			wider.len -= 2;
		memcpy(out, given->len > 0 ? given->data : (const uint8_t *)"", given->len);
		memset((uint8_t *)out + given->len, 0, unit);
	}
	pck_bytes_free(&wider);
	pck_bytes_free(&narrow);
	return result;
}

/* ---- opening and closing ---- */

/* The fields of pck_options by their names. */
static const struct field {
	const char *name;
	size_t offset;
	int is_number;
} fields[] = {
	{"servers", offsetof(pck_options, servers), 0},
	{"station_id", offsetof(pck_options, station_id), 0},
	{"profile", offsetof(pck_options, profile), 0},
	{"deadline_ms", offsetof(pck_options, deadline_ms), 1},
	{"max_answer_bytes", offsetof(pck_options, max_answer_bytes), 1},
	{"idle_ms", offsetof(pck_options, idle_ms), 1},
	{"tls_ca_file", offsetof(pck_options, tls_ca_file), 0},
	{"tls_server_name", offsetof(pck_options, tls_server_name), 0},
	{"tls_cert_file", offsetof(pck_options, tls_cert_file), 0},
	{"tls_key_file", offsetof(pck_options, tls_key_file), 0},
};
#define FIELDS (sizeof fields / sizeof fields[0])

char *pck_flat_trimmed(char *text)
{
	char *last = text + strlen(text);

	while (last > text && last[-1] == ' ')
		*--last = '\0';
	while (*text == ' ')
		text++;
	return text;
}

static int parse_number(const char *text, uint32_t *number)
{
	uint64_t value = 0;
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 10 || text[len] != '\0')
		return -1;
	while (*text != '\0')
		value = value * 10 + (uint64_t)(*text++ - '0');
	*number = (uint32_t)value;
	return value <= UINT32_MAX ? 0 : -1;
}

/* "name=value", into the structure; `seen` has a place for each of the fields. */
static int32_t take_option(pck_options *options, char *text, int *seen, struct pck_error *error)
{
	char *equals = strchr(text, '=');
	const char *name;
	const char *value;
	uint8_t *place;
	uint32_t number;
	size_t i;

	if (equals == NULL) {
		pck_error_set(error, "options: `%s` is not name=value", pck_flat_trimmed(text));
		return PCK_E_ARGUMENT;
	}
	*equals = '\0';
	name = pck_flat_trimmed(text);
	value = pck_flat_trimmed(equals + 1);
	for (i = 0; i < FIELDS && strcmp(fields[i].name, name) != 0; i++)
		;
	if (i == FIELDS || seen[i]++) {
		pck_error_set(error, "options: `%s` %s", name, i == FIELDS ? "is no field of pck_options" : "comes twice");
		return PCK_E_ARGUMENT;
	}
	place = (uint8_t *)options + fields[i].offset;
	if (!fields[i].is_number) {
		memcpy(place, &value, sizeof value);
		return PCK_OK;
	}
	if (parse_number(value, &number) != 0) {
		pck_error_set(error, "options: %s is `%s`, not a number", name, value);
		return PCK_E_ARGUMENT;
	}
	memcpy(place, &number, sizeof number);
	return PCK_OK;
}

/* The pointers in `options` are into `text`. */
static int32_t take_options(pck_options *options, char *text, struct pck_error *error)
{
	int seen[FIELDS] = {0};
	int32_t result = PCK_OK;

	memset(options, 0, sizeof *options);
	options->struct_size = sizeof *options;
	while (result == PCK_OK && *text != '\0') {
		size_t len = strcspn(text, ";");
		char *next = text[len] == ';' ? text + len + 1 : text + len;

		text[len] = '\0';
		if (*pck_flat_trimmed(text) != '\0')
			result = take_option(options, text, seen, error);
		text = next;
	}
	return result;
}

/* A free slot, entered; NULL if there is none. */
static struct pck_flat_slot *free_slot(void)
{
	size_t i;
	int found;

	for (i = 0; i < PCK_FLAT_CLIENTS_MAX; i++)
		if (enter_from(&slots[i], 0, &found))
			return &slots[i];
	return NULL;
}

static int32_t open_client(pck_client **client, int wide, const void *text, struct pck_error *error)
{
	struct pck_bytes bytes = {0};
	pck_options options;
	int32_t result = take_text(&bytes, "options", wide, text, PCK_FLAT_OPTIONS_BYTES_MAX, error);

	if (result == PCK_OK)
		result = take_options(&options, (char *)bytes.data, error);
	if (result == PCK_OK)
		result = pck_open(&options, client, error->text, sizeof error->text);
	else if (result == PCK_E_MEMORY)
		pck_error_set(error, "out of memory");
	pck_bytes_free(&bytes);
	return result;
}

static int32_t flat_open(int wide, const void *options, int32_t *handle, void *out, int32_t cap)
{
	struct pck_error error = {""};
	struct pck_flat_slot *slot;
	int32_t result;

	if (out != NULL && cap > 0)
		pck_flat_give_nothing(wide, out, cap, NULL);
	if (handle == NULL)
		return PCK_E_ARGUMENT;
	*handle = 0;
	slot = free_slot();
	if (slot == NULL) {
		pck_error_set(&error, "there are %d clients already", PCK_FLAT_CLIENTS_MAX);
		result = PCK_E_BUSY;
	} else {
		result = open_client(&slot->client, wide, options, &error);
	}
	if (result == PCK_OK) {
		slot->generation = slot->generation % GENERATION_MAX + 1;
		*handle = slot->generation << SLOT_BITS | (int32_t)(slot - slots);
		atomic_fetch_or(&slot->state, *handle);
	}
	if (slot != NULL)
		pck_flat_leave(slot);
	(void)give_cut(wide, error.text, out, cap);
	return result;
}

PCK_API int32_t PCK_CALL pck_flat_open_a(const char *options, int32_t *handle, char *error, int32_t error_cap)
{
	return flat_open(0, options, handle, error, error_cap);
}

PCK_API int32_t PCK_CALL pck_flat_open_w(const uint16_t *options, int32_t *handle, uint16_t *error, int32_t error_cap)
{
	return flat_open(1, options, handle, error, error_cap);
}

PCK_API int32_t PCK_CALL pck_flat_close(int32_t handle)
{
	struct pck_flat_slot *slot;
	int32_t result = pck_flat_enter(handle, &slot);

	if (result != PCK_OK)
		return result;
	pck_free(slot->client);
	slot->client = NULL;
	atomic_store(&slot->state, 0);
	return PCK_OK;
}

PCK_API int32_t PCK_CALL pck_flat_cancel(int32_t handle)
{
	struct pck_flat_slot *slot = slot_of(handle);
	int wanted = handle & PCK_FLAT_LOW_HALF;

	if (wanted == 0 || (atomic_load(&slot->state) & PCK_FLAT_LOW_HALF) != wanted)
		return PCK_E_ARGUMENT;
	pck_cancel(slot->client);
	return PCK_OK;
}

/* ---- about the last call ---- */

static int32_t flat_last_error(int wide, int32_t handle, void *out, int32_t cap)
{
	struct pck_flat_slot *slot;
	int32_t result;

	pck_flat_give_nothing(wide, out, cap, NULL);
	result = pck_flat_enter(handle, &slot);
	if (result != PCK_OK)
		return result;
	result = give_cut(wide, slot->client->error.text, out, cap);
	pck_flat_leave(slot);
	return result;
}

PCK_API int32_t PCK_CALL pck_flat_last_error_a(int32_t handle, char *out, int32_t cap)
{
	return flat_last_error(0, handle, out, cap);
}

PCK_API int32_t PCK_CALL pck_flat_last_error_w(int32_t handle, uint16_t *out, int32_t cap)
{
	return flat_last_error(1, handle, out, cap);
}
