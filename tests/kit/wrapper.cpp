/*
 * wrapper.cpp - precheck.hpp, every call of it, against a server that does what its documents say.
 *
 *   wrapper ADDRESS NOWHERE    prints what fails, then ok
 */
#include "precheck.hpp"

#include <chrono>
#include <cstdio>
#include <thread>
#include <type_traits>

static int failures;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			std::printf("line %d: %s\n", __LINE__, #condition); \
			failures++; \
		} \
	} while (0)

static precheck::document wish(const std::string &json)
{
	precheck::document document(json, PCK_FORMAT_PRECHECK_JSON);

	document.deadline_ms = 20000;
	return document;
}

static void check(precheck::client &client)
{
	precheck::answer answer = client.check(wish("{\"verdict\": 1, \"completeness\": 2, \"stale\": true, \"answer\": \"abc\"}"));

	CHECK(answer.checked() && answer.done() && answer.result == PCK_WARN && answer.name() == "PCK_WARN");
	CHECK(!answer.is_complete() && answer.is_stale());
	CHECK(answer.text == "abc" && answer.error.empty());
	answer = client.check(wish("{\"verdict\": 0}"));
	CHECK(answer.checked() && answer.is_complete() && !answer.is_stale() && answer.text.empty());
	answer = client.check(wish("{\"answer_bytes\": 100000}"));
	CHECK(answer.result == PCK_PASS && answer.text == std::string(100000, 'a'));
	answer = client.check(wish("{\"status\": \"INVALID_ARGUMENT\", \"message\": \"why\"}"));
	CHECK(!answer.checked() && answer.result == PCK_E_REJECTED && answer.text.empty());
	CHECK(answer.error.find("why") != std::string::npos);
	answer = client.check(wish("{\"completeness\": 3, \"answer\": \"nothing\"}"));
	CHECK(!answer.checked() && answer.result == PCK_E_NOT_EVALUATED && answer.text == "nothing");
	CHECK(client.check(wish("")).result == PCK_E_ARGUMENT);
}

static void in_utf16(precheck::client &client)
{
	const std::u16string text = u"{\"verdict\": 2, \"answer\": \"\u836f\"}";
	precheck::document document(std::string(reinterpret_cast<const char *>(text.data()), text.size() * 2),
	                            PCK_FORMAT_PRECHECK_JSON, PCK_ENCODING_UTF16);
	document.deadline_ms = 20000;
	const precheck::answer answer = client.check(document);
	const std::u16string expected = u"\u836f";

	CHECK(answer.result == PCK_BLOCK);
	CHECK(answer.text == std::string(reinterpret_cast<const char *>(expected.data()), expected.size() * 2));
}

static void other_calls(precheck::client &client)
{
	const precheck::receipt receipt = client.feedback(wish("{\"recorded\": 3, \"unmatched\": 1, \"answer\": \"taken\"}"));
	CHECK(receipt.done() && receipt.recorded == 3 && receipt.unmatched == 1 && receipt.text == "taken");
	CHECK(client.feedback(wish("{\"status\": \"UNAVAILABLE\"}")).result == PCK_E_UNAVAILABLE);

	const precheck::change committed = client.commit(wish("{\"lines\": 2, \"position\": 7000000000}"));
	CHECK(committed.done() && committed.lines == 2 && committed.history_position == 7000000000u);
	CHECK(client.commit(wish("{\"status\": \"INTERNAL\"}")).result == PCK_E_SERVER);

	const precheck::change voided = client.void_lines("P1", "E1", {"a", "b", "c"}, "", "{}", 20000);
	CHECK(voided.done() && voided.lines == 3);
	CHECK(client.void_lines("P1", "E1", {}, "", "{}", 20000).lines == 0);
	CHECK(client.void_lines("", "E1").result == PCK_E_ARGUMENT && !client.void_lines("", "E1").error.empty());

	const precheck::reply history = client.recent_history("P1", "{\"answer\": \"lines\"}", 5, 20000);
	CHECK(history.done() && history.text == "lines");
	CHECK(client.recent_history("P1", "{\"answer_bytes\": 50000}", 0, 20000).text.size() == 50000);
	const precheck::review review = client.review_status("{\"state\": 2, \"answer\": \"passed\"}", 20000);
	CHECK(review.done() && review.status == PCK_REVIEW_PASSED && review.text == "passed");
	CHECK(client.review_status("{\"status\": \"UNIMPLEMENTED\"}", 20000).result == PCK_E_UNSUPPORTED);
}

static void cancelled(precheck::client &client)
{
	std::thread other([&client] {
		std::this_thread::sleep_for(std::chrono::milliseconds(300));
		client.cancel();
	});
	CHECK(client.check(wish("{\"sleep_s\": 19}")).result == PCK_E_CANCELLED);
	other.join();
}

static void opened(const std::string &address)
{
	bool thrown = false;

	try {
		precheck::client client(precheck::options("localhost:1"));
	} catch (const precheck::error &problem) {
		thrown = true;
		CHECK(problem.result() == PCK_E_SERVERS);
		CHECK(std::string(problem.what()).find("PCK_E_SERVERS: ") == 0);
	}
	CHECK(thrown);
	static_assert(!std::is_copy_constructible<precheck::client>::value, "a handle has one owner");

	precheck::client first{precheck::options(address)};
	precheck::client second(std::move(first));
	CHECK(second.check(wish("{\"verdict\": 0}")).checked());
	second = precheck::client(precheck::options(address));
	CHECK(second.check(wish("{\"verdict\": 0}")).checked());
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	precheck::options options(argv[1]);
	options.station_id = "wrapper";
	precheck::client client(options);
	check(client);
	in_utf16(client);
	other_calls(client);
	cancelled(client);
	opened(argv[1]);
	precheck::client lost{precheck::options(argv[2])};
	const precheck::answer answer = lost.check(wish("{}"));
	CHECK(answer.result == PCK_E_UNREACHABLE && !answer.error.empty() && answer.state == PCK_COMPLETENESS_UNKNOWN);
	if (failures == 0)
		std::printf("ok\n");
	return failures != 0;
}
