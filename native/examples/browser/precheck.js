/*
 * Precheck for a page: what the C client is for a program, over the HTTP gateway.  Needs popup/html/texts.js and
 * popup/html/model.js.
 *
 *   const client = PrecheckClient({ servers: ["http://10.1.2.3:8080", "http://10.1.2.4:8080"] });
 *   const { result, partial, stale, answer, error } = await client.check(message, "3101");
 *
 * `result` has the numbers of precheck.h: 0 PASS, 1 WARN, 2 BLOCK; every negative one is NOT CHECKED and must
 * never look like "no finding".  `partial` and `stale` are said by the answer.  A check never throws for what a
 * server or a network does, and never takes longer than its deadline.
 *
 * The rules are those of the C client (native/src/call.c): the first of the servers that has not failed lately is
 * asked; where it fails the next one is asked at once, and where it is silent for its share of the time, beside
 * it, under the same request id, and the first answer counts.  A server that failed is left alone for a second,
 * then twice as long after each failed probe, up to a minute.  As a last resort all are asked.
 */
var PrecheckClient = (function () {
  "use strict";

  const DEADLINE_MS_DEFAULT = 800;
  const PROBE_MS_MAX = 100;
  const OPEN_MS_FIRST = 1000;
  const OPEN_MS_MAX = 60000;

  const E_TIMEOUT = -100;
  const E_BAD_REPLY = -104;
  /* After these another server may do better; after any other result it would say the same. */
  const FAILURES = new Set([E_TIMEOUT, -101 /* UNREACHABLE */, -103 /* UNAVAILABLE */, E_BAD_REPLY, -105 /* SERVER */]);
  const PATHS = {
    check: { json: "/v1/check", 3101: "/nhsa/3101", 3102: "/nhsa/3102" },
    feedback: { json: "/v1/feedback", 3101: "/nhsa/3103", 3102: "/nhsa/3103" },
  };

  /** crypto.randomUUID() is only for pages on https://, which a hospital's page often is not. */
  function requestId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function failed(result, error) {
    return { result, partial: false, stale: false, answer: null, error };
  }

  /** Asks one server; never throws. */
  async function ask(server, path, body, headers, signal) {
    let status = 0;
    let text = "";
    try {
      const response = await fetch(server + path, { method: "POST", body, headers, signal, cache: "no-store" });
      text = await response.text();
      status = response.status;
    } catch (error) {
      return { status: 0, answer: null, error: server + ": 连不上（" + error.message + "）" };
    }
    let answer = null;
    try {
      answer = JSON.parse(text);
    } catch (error) {
      /* A proxy's page, perhaps: resultOf() calls it what it is. */
    }
    const why = (answer && (answer.error || answer.err_msg)) || "HTTP " + status;
    return { status, answer, error: status === 200 && answer !== null ? "" : server + ": " + why };
  }

  /** What a server's reply to a check means. */
  function judged({ status, answer, error }) {
    try {
      const result = PrecheckPopup.resultOf(status, answer);
      if (status !== 200 || answer === null) return failed(result, error);
      const head = answer.output ? answer.output.ext : answer;
      const partial = head.completeness === "PARTIAL";
      return { result, partial, stale: head.stale === true, answer, error };
    } catch (unread) {
      return failed(E_BAD_REPLY, "答复不是审核服务的（" + unread.message + "）");
    }
  }

  return function (options) {
    const servers = options.servers.map((address) => ({ address, openMs: 0, untilMs: 0 }));
    const deadlineMs = options.deadlineMs || DEADLINE_MS_DEFAULT;
    const common = { "Content-Type": "application/json; charset=utf-8" };
    if (options.stationId) common["Precheck-Station"] = options.stationId;
    if (options.profile) common["Precheck-Profile"] = options.profile;

    function hasFailed(server) {
      const now = performance.now();
      if (server.openMs > 0 && now < server.untilMs) return;
      server.openMs = server.openMs === 0 ? OPEN_MS_FIRST : Math.min(2 * server.openMs, OPEN_MS_MAX);
      server.untilMs = now + server.openMs;
    }

    /** The servers in the order to ask them; the first is a probe if it failed a while ago. */
    function order() {
      const closed = servers.filter((server) => server.openMs === 0);
      const preferred = servers.slice(0, closed.length > 0 ? servers.indexOf(closed[0]) : 0);
      const probe = preferred.find((server) => performance.now() >= server.untilMs);
      const rest = servers.filter((server) => server.openMs > 0 && server !== probe);
      return (probe ? [probe] : []).concat(closed, rest);
    }

    function check(message, format) {
      const body = typeof message === "string" ? message : JSON.stringify(message);
      const headers = Object.assign({ "Precheck-Request-Id": requestId() }, common);
      const path = PATHS.check[format || "json"];
      const end = performance.now() + deadlineMs;
      const waiting = order();
      const running = new Map(); /* server -> how to stop asking it */
      let newest = null; /* the server that was asked last */
      let last = null;
      let timer = 0;

      return new Promise((resolve) => {
        function settle(outcome) {
          clearTimeout(timer);
          clearTimeout(deadline);
          for (const controller of running.values()) controller.abort();
          running.clear();
          resolve(outcome);
        }

        function silence() {
          for (const server of running.keys()) hasFailed(server);
        }

        async function beginNext() {
          clearTimeout(timer);
          silence();
          const server = waiting.shift();
          const controller = new AbortController();
          const share = Math.max(0, end - performance.now()) / (waiting.length + 1);
          running.set(server, controller);
          newest = server;
          if (waiting.length > 0) timer = setTimeout(beginNext, server.openMs > 0 ? Math.min(share, PROBE_MS_MAX) : share);
          const outcome = judged(await ask(server.address, path, body, headers, controller.signal));
          if (running.get(server) !== controller) return; /* settled meanwhile */
          running.delete(server);
          if (!FAILURES.has(outcome.result)) {
            server.openMs = 0;
            settle(outcome);
            return;
          }
          hasFailed(server);
          last = outcome;
          /* An older one that fails beside it takes nothing from the newest's share of the time. */
          if (waiting.length > 0 && server === newest) beginNext();
          else if (running.size === 0) settle(last);
        }

        const deadline = setTimeout(() => {
          silence();
          settle(failed(E_TIMEOUT, "在 " + deadlineMs + " 毫秒内没有答复"));
        }, deadlineMs);
        beginNext();
      });
    }

    /**
     * Sends what the doctor chose; says whether it was recorded.  Never sent twice: a server may have recorded what it
     * did not acknowledge.
     */
    async function feedback(document, format) {
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(), deadlineMs);
      const path = PATHS.feedback[format || "json"];
      /* What must not be sent twice is no probe of a server that has failed. */
      const server = servers.find((one) => one.openMs === 0) || order()[0];
      const replied = await ask(server.address, path, JSON.stringify(document), common, controller.signal);
      clearTimeout(timer);
      return { recorded: replied.status === 200, error: replied.error };
    }

    return { check, feedback };
  };
})();
