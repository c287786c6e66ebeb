/*
 * precheck.hpp - the C client of Precheck for C++11: an owner of the handle, strings and answers.
 *
 * Everything is inline here and calls precheck.h, which says what holds.  What this header adds:
 *
 *   The constructor throws precheck::error for a mistake in the options.  No call throws for what a server,
 *   a network or a document does: its answer says so, and a negative result of check() is NOT CHECKED.
 *   Calls throw std::bad_alloc where the caller's own memory ends.
 *
 *   A buffer that is too small is none of the caller's business: the answer is fetched without asking twice.
 */
#ifndef PRECHECK_HPP
#define PRECHECK_HPP

#include "precheck.h"

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace precheck {

/* The name of a result, as "PCK_E_TIMEOUT". */
inline std::string name_of(int32_t result)
{
	return pck_result_name(result);
}

/* A client that cannot be opened. */
class error : public std::runtime_error {
public:
	error(int32_t result, const std::string &text) : std::runtime_error(name_of(result) + ": " + text), result_(result)
	{
	}

	int32_t result() const noexcept
	{
		return result_;
	}

private:
	int32_t result_;
};

/* How to reach the servers, as pck_options.  An empty string and 0 are the defaults. */
struct options {
	std::string servers;
	std::string station_id;
	std::string profile;
	std::string tls_ca_file;
	std::string tls_server_name;
	std::string tls_cert_file;
	std::string tls_key_file;
	uint32_t deadline_ms = 0;
	uint32_t max_answer_bytes = 0;
	uint32_t idle_ms = 0;

	options() = default;

	/* The one that is required. */
	explicit options(std::string addresses) : servers(std::move(addresses))
	{
	}
};

/* One document.  Its text stays in the encoding that it is in; so does the answer. */
struct document {
	std::string text;
	uint32_t format = PCK_FORMAT_NHSA_3101;
	uint32_t encoding = PCK_ENCODING_UTF8;
	uint32_t deadline_ms = 0;
	std::string request_id;

	document() = default;

	document(std::string content, uint32_t layout, uint32_t how = PCK_ENCODING_UTF8)
	    : text(std::move(content)), format(layout), encoding(how)
	{
	}
};

/* What a call came to. */
struct reply {
	int32_t result = PCK_E_INTERNAL;
	std::string text;  /* the answer, in the document's layout and encoding; empty where there is none     */
	std::string error; /* why it was not done, one line of UTF-8 for the log; empty where it was           */

	std::string name() const
	{
		return name_of(result);
	}

	bool done() const noexcept
	{
		return result >= 0;
	}
};

/* What a check came to.  Where checked() is false nothing was judged, and that is never "no finding". */
struct answer : reply {
	int32_t state = PCK_COMPLETENESS_UNKNOWN;

	bool checked() const noexcept
	{
		return result >= 0;
	}

	bool is_complete() const noexcept
	{
		return (state & PCK_COMPLETENESS_MASK) == PCK_COMPLETE;
	}

	bool is_stale() const noexcept
	{
		return (state & PCK_STALE) != 0;
	}
};

struct receipt : reply {
	uint32_t recorded = 0;
	uint32_t unmatched = 0;
};

struct change : reply {
	uint32_t lines = 0;
	uint64_t history_position = 0;
};

struct review : reply {
	int32_t status = PCK_REVIEW_UNKNOWN;
};

/* An open client, for one thread at a time; cancel() alone may come from another.  Can be moved, not copied. */
class client {
public:
	explicit client(const options &how)
	{
		char why[PCK_ERROR_BYTES_MAX];
		pck_options given;

		std::memset(&given, 0, sizeof given);
		given.struct_size = sizeof given;
		given.deadline_ms = how.deadline_ms;
		given.max_answer_bytes = how.max_answer_bytes;
		given.idle_ms = how.idle_ms;
		given.servers = stated(how.servers);
		given.station_id = stated(how.station_id);
		given.profile = stated(how.profile);
		given.tls_ca_file = stated(how.tls_ca_file);
		given.tls_server_name = stated(how.tls_server_name);
		given.tls_cert_file = stated(how.tls_cert_file);
		given.tls_key_file = stated(how.tls_key_file);
		const int32_t result = pck_open(&given, &handle_, why, sizeof why);
		if (result != PCK_OK)
			throw precheck::error(result, why);
	}

	~client()
	{
		pck_free(handle_);
	}

	client(client &&other) noexcept : handle_(other.handle_)
	{
		other.handle_ = nullptr;
	}

	client &operator=(client &&other) noexcept
	{
		std::swap(handle_, other.handle_);
		return *this;
	}

	client(const client &) = delete;
	client &operator=(const client &) = delete;

	answer check(const document &what)
	{
		const pck_request request = made(what);
		std::vector<char> out(first_buffer_bytes);
		uint32_t need = 0;
		answer got;

		got.result = pck_check(handle_, &request, out.data(), size(out), &need, &got.state);
		fetch(got, out, need, &got.state, what.encoding);
		return got;
	}

	receipt feedback(const document &what)
	{
		const pck_request request = made(what);
		std::vector<char> out(first_buffer_bytes);
		uint32_t need = 0;
		receipt got;

		got.result = pck_feedback(handle_, &request, out.data(), size(out), &need, &got.recorded, &got.unmatched);
		fetch(got, out, need, nullptr, what.encoding);
		return got;
	}

	change commit(const document &what)
	{
		const pck_request request = made(what);
		change got;

		got.result = pck_commit(handle_, &request, &got.lines, &got.history_position);
		got.error = last_error(got.result);
		return got;
	}

	/* No order ids: every line of the encounter. */
	change void_lines(const std::string &patient_id, const std::string &encounter_id,
	                  const std::vector<std::string> &order_ids = {}, const std::string &item_code = {},
	                  const std::string &reason = {}, uint32_t deadline_ms = 0)
	{
		std::vector<const char *> ids;
		pck_void_request request;
		change got;

		for (const std::string &id : order_ids)
			ids.push_back(id.c_str());
		std::memset(&request, 0, sizeof request);
		request.struct_size = sizeof request;
		request.deadline_ms = deadline_ms;
		request.order_id_count = static_cast<uint32_t>(ids.size());
		request.patient_id = patient_id.c_str();
		request.encounter_id = encounter_id.c_str();
		request.order_ids = ids.empty() ? nullptr : ids.data();
		request.item_code = stated(item_code);
		request.reason = stated(reason);
		got.result = pck_void(handle_, &request, &got.lines, &got.history_position);
		got.error = last_error(got.result);
		return got;
	}

	/* An empty `since` is everything; limit 0 is the server's most. */
	reply recent_history(const std::string &patient_id, const std::string &since = {}, uint32_t limit = 0,
	                     uint32_t deadline_ms = 0)
	{
		std::vector<char> out(first_buffer_bytes);
		pck_history_request request;
		uint32_t need = 0;
		reply got;

		std::memset(&request, 0, sizeof request);
		request.struct_size = sizeof request;
		request.deadline_ms = deadline_ms;
		request.limit = limit;
		request.patient_id = patient_id.c_str();
		request.since = stated(since);
		got.result = pck_recent_history(handle_, &request, out.data(), size(out), &need);
		fetch(got, out, need, nullptr, PCK_ENCODING_UTF8);
		return got;
	}

	review review_status(const std::string &check_id, uint32_t deadline_ms = 0)
	{
		std::vector<char> out(first_buffer_bytes);
		pck_review_request request;
		uint32_t need = 0;
		review got;

		std::memset(&request, 0, sizeof request);
		request.struct_size = sizeof request;
		request.deadline_ms = deadline_ms;
		request.check_id = check_id.c_str();
		got.result = pck_review_status(handle_, &request, out.data(), size(out), &need, &got.status);
		fetch(got, out, need, nullptr, PCK_ENCODING_UTF8);
		return got;
	}

	void cancel() noexcept
	{
		pck_cancel(handle_);
	}

private:
	static constexpr std::size_t first_buffer_bytes = 4096;

	static const char *stated(const std::string &text)
	{
		return text.empty() ? nullptr : text.c_str();
	}

	static uint32_t size(const std::vector<char> &out)
	{
		return static_cast<uint32_t>(out.size());
	}

	/* `what` must outlive the result, which points into it. */
	static pck_request made(const document &what)
	{
		pck_request request;

		std::memset(&request, 0, sizeof request);
		request.struct_size = sizeof request;
		request.format = what.format;
		request.encoding = what.encoding;
		request.deadline_ms = what.deadline_ms;
		request.document = what.text.data();
		/* What is longer than any length can say is too long all the same: PCK_E_DOCUMENT_LIMIT. */
		request.document_len =
		    what.text.size() > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(what.text.size());
		request.request_id = stated(what.request_id);
		return request;
	}

	/* Takes the answer over, fetching it where the buffer was too small, and the reason where there is one. */
	void fetch(reply &got, std::vector<char> &out, uint32_t need, int32_t *state, uint32_t encoding)
	{
		const uint32_t zero_bytes = encoding == PCK_ENCODING_UTF16 ? 2 : 1;

		if (got.result == PCK_E_BUFFER) {
			out.resize(need);
			got.result = pck_last_answer(handle_, out.data(), size(out), &need, state);
		}
		if (need >= zero_bytes && need <= out.size()) /* the terminating zero is no part of the text */
			got.text.assign(out.data(), need - zero_bytes);
		got.error = last_error(got.result);
	}

	std::string last_error(int32_t result)
	{
		char why[PCK_ERROR_BYTES_MAX];

		if (result >= 0 || pck_last_error(handle_, why, sizeof why, nullptr) != PCK_OK)
			return {};
		return why;
	}

	pck_client *handle_ = nullptr;
};

} /* namespace precheck */

#endif /* PRECHECK_HPP */
