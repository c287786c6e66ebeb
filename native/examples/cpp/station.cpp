/*
 * station.cpp - a doctor's station in C++11: sends documents, acts on every outcome, sends feedback.
 *
 *   c++ -std=c++11 -I native/include native/examples/cpp/station.cpp -L native/build -lprecheck -o station
 *   LD_LIBRARY_PATH=native/build ./station 10.1.2.3:50051,10.1.2.4:50051 prescription.json herbs.gbk feedback.json
 *
 * What it does, and what it prints, is that of ../c/station.c; the owner of the handle is precheck.hpp.
 */
#include "precheck.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

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

namespace {

constexpr int not_checked = 1;
constexpr int not_begun = 2;

struct file {
	std::string name;
	precheck::document document;
	bool is_feedback = false;
};

bool contains(const std::string &text, const char *part)
{
	return text.find(part) != std::string::npos;
}

/* Reads a document and says what it is.  A real station knows: it has just written it. */
file read_file(const std::string &path)
{
	std::ifstream stream(path, std::ios::binary);
	file read;

	if (!stream)
		throw std::runtime_error(path + ": cannot be read");
	read.name = path.substr(path.find_last_of("/\\") + 1);
	std::string &text = read.document.text;
	text.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
	const bool is_gbk = path.size() > 4 && path.compare(path.size() - 4, 4, ".gbk") == 0;
	read.document.encoding = is_gbk ? PCK_ENCODING_GBK : PCK_ENCODING_UTF8;
	read.is_feedback = contains(text, "\"warns\"") || contains(text, "\"feedback\"");
	if (contains(text, "\"warns\""))
		read.document.format = PCK_FORMAT_NHSA_3103;
	else if (!contains(text, "\"trig_scen\"") && !contains(text, "\"trigScen\""))
		read.document.format = PCK_FORMAT_PRECHECK_JSON;
	else
		read.document.format =
		    contains(text, "\"infno\": \"3102\"") ? PCK_FORMAT_NHSA_3102 : PCK_FORMAT_NHSA_3101;
	return read;
}

/* Turns GBK into UTF-8, to print it; what cannot be turned is left as it is. */
std::string utf8_of_gbk(const std::string &text)
{
#if defined(_WIN32)
	const int length = static_cast<int>(text.size());
	const int units = MultiByteToWideChar(936, 0, text.data(), length, nullptr, 0);
	std::wstring wide(static_cast<std::size_t>(units), L'\0');
	MultiByteToWideChar(936, 0, text.data(), length, &wide[0], units);
	const int bytes = WideCharToMultiByte(CP_UTF8, 0, wide.data(), units, nullptr, 0, nullptr, nullptr);
	std::string utf8(static_cast<std::size_t>(bytes), '\0');
	WideCharToMultiByte(CP_UTF8, 0, wide.data(), units, &utf8[0], bytes, nullptr, nullptr);
	return utf8;
#else
	const iconv_t conversion = iconv_open("UTF-8", "GB18030");
	std::string utf8(text.size() * 3, '\0');
	char *from = const_cast<char *>(text.data()), *to = &utf8[0];
	std::size_t left = text.size(), room = utf8.size();
	const bool is_done = conversion != reinterpret_cast<iconv_t>(-1) &&
	                     iconv(conversion, &from, &left, &to, &room) != static_cast<std::size_t>(-1);

	if (conversion != reinterpret_cast<iconv_t>(-1))
		iconv_close(conversion);
	utf8.resize(utf8.size() - room);
	return is_done ? utf8 : text;
#endif
}

/*
 * Takes the JSON text that stands under `name` at or after `at`, which moves behind it; false if there is none.
 * A HIS has a JSON reader and takes that; for the few texts of this example a search is enough.
 */
bool next_text(const std::string &answer, std::size_t &at, const std::string &name, std::string &out)
{
	const std::string key = "\"" + name + "\":\"";

	at = answer.find(key, at);
	if (at == std::string::npos)
		return false;
	out.clear();
	for (at += key.size(); at < answer.size() && answer[at] != '"'; at++) {
		if (answer[at] == '\\' && at + 1 < answer.size())
			at++;
		out += answer[at];
	}
	return true;
}

/* Why nothing was checked, for the doctor; the reason itself is for the log and the information department. */
const char *class_of(int32_t result)
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

/* A variable of the environment; empty where it is not set. */
std::string from_environment(const char *name)
{
	const char *value = std::getenv(name);

	return value != nullptr ? value : "";
}

class station {
public:
	explicit station(precheck::client &client) : client_(client)
	{
	}

	/* Checks a document, or sends it as the feedback that it is.  Returns PCK_OK, or why it was not done. */
	int32_t handle(const file &given)
	{
		if (given.is_feedback) {
			std::cout << given.name << ":\n";
			return send_feedback(given.document);
		}
		precheck::document document = given.document;
		document.request_id = from_environment("STATION_REQUEST_ID");
		precheck::answer answer = client_.check(document);
		if (given.document.encoding == PCK_ENCODING_GBK)
			answer.text = utf8_of_gbk(answer.text);
		const int32_t left = act(given, answer);
		if (answer.result != PCK_BLOCK) /* saved; what was not checked is in the history all the same */
			after_saving(given.document);
		return left;
	}

private:
	/* What a station does with each outcome.  The rule that matters: not checked is never "no finding". */
	int32_t act(const file &given, const precheck::answer &answer)
	{
		static const char *const verdicts[] = {"通过 PASS", "提醒 WARN", "拦截 BLOCK"};

		if (!answer.checked()) {
			std::cout << given.name << ": 未审核 " << answer.name() << " · " << class_of(answer.result) << "\n"
			          << "  原因：" << answer.error << "\n"
			          << "  医生：可以保存，处方标记为“未审核”\n";
			return answer.result;
		}
		std::cout << given.name << ": " << verdicts[answer.result] << " · "
		          << (answer.is_complete() ? "全部规则已判断" : "部分未判断")
		          << (answer.is_stale() ? " · 规则或历史可能不是最新" : "") << "\n";
		if (answer.result == PCK_PASS)
			return PCK_OK;
		return show_findings(answer, given.document.format != PCK_FORMAT_PRECHECK_JSON);
	}

	/* Shows each finding to the doctor and sends what the doctor did about them. */
	int32_t show_findings(const precheck::answer &answer, bool is_national)
	{
		const bool goes_back = answer.result == PCK_BLOCK;
		std::string entries, id, text;
		std::size_t at = 0;
		int count = 0;

		while (next_text(answer.text, at, is_national ? "jr_id" : "finding_id", id) &&
		       next_text(answer.text, at, is_national ? "vola_cont" : "message", text)) {
			std::cout << "  [" << ++count << "] " << text << "\n";
			entries += (count > 1 ? "," : "") + ("{\"finding_id\":\"" + id + "\",\"disposition\":\"") +
			           (goes_back ? "went_back" : "continued") + "\",\"reason\":\"" +
			           (goes_back ? "" : "已核对病历，确需使用") + "\"}";
		}
		if (count == 0)
			return PCK_OK;
		std::cout << "  医生：" << (goes_back ? "返回修改" : "写明理由，继续") << "\n";
		return send_feedback({"{\"feedback\":[" + entries + "]}", PCK_FORMAT_PRECHECK_JSON});
	}

	/* Sends what the doctor did; says how much of it was recorded. */
	int32_t send_feedback(const precheck::document &document)
	{
		const precheck::receipt receipt = client_.feedback(document);

		if (receipt.done())
			std::cout << "  反馈：" << receipt.recorded << " 条已记录，" << receipt.unmatched << " 条不认识\n";
		else
			std::cout << "  反馈没有送到 " << receipt.name() << "\n  原因：" << receipt.error << "\n";
		return receipt.done() ? PCK_OK : receipt.result;
	}

	/*
	 * What follows a check once the prescription is saved: commit; later perhaps a look at the history and a void.
	 * A real station does each when it happens; this one, all of it where STATION_PATIENT is set.
	 */
	void after_saving(const precheck::document &document)
	{
		const std::string patient = from_environment("STATION_PATIENT");

		if (patient.empty())
			return;
		const precheck::change saved = client_.commit(document);
		std::cout << "  保存：" << saved.result << " " << saved.lines << " " << saved.history_position << "\n";
		const precheck::reply history = client_.recent_history(patient);
		std::cout << "  历史：" << history.result << " " << history.text << "\n";
		const precheck::review review = client_.review_status("01ARZ3NDEKTSV4RRFFQ69G5FAV");
		std::cout << "  药师：" << review.result << " " << review.status << "\n";
		const precheck::change gone = client_.void_lines(patient, "visit-1", {"line-1", "line-2"});
		std::cout << "  作废：" << gone.result << " " << gone.lines << " " << gone.history_position << "\n";
	}

	precheck::client &client_;
};

precheck::client open_client(const std::string &servers)
{
	const char *deadline_ms = std::getenv("STATION_DEADLINE_MS");
	precheck::options options(servers);

	options.station_id = "example";
	options.deadline_ms = deadline_ms != nullptr ? static_cast<uint32_t>(std::strtoul(deadline_ms, nullptr, 10)) : 0;
	options.profile = from_environment("STATION_PROFILE");
	options.tls_ca_file = from_environment("STATION_TLS_CA");
	options.tls_server_name = from_environment("STATION_TLS_SERVER_NAME");
	options.tls_cert_file = from_environment("STATION_TLS_CERT");
	options.tls_key_file = from_environment("STATION_TLS_KEY");
	return precheck::client(options);
}

} /* namespace */

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 3) {
		std::cerr << "usage: station SERVERS FILE...\n";
		return not_begun;
	}
	try {
		precheck::client client = open_client(argv[1]);
		for (int n = 2; n < argc; n++) {
			const int32_t result = station(client).handle(read_file(argv[n]));
			if (result != PCK_OK)
				status = not_checked;
			if (result <= -900) /* the client is of no more use */
				client = open_client(argv[1]);
		}
	} catch (const std::exception &problem) {
		std::cout.flush();
		std::cerr << problem.what() << "\n";
		return not_begun;
	}
	return status;
}
