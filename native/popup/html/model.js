/*
 * From an answer to what a doctor sees, and from the choice to the feedback document: what src/model.c is for Windows.
 * The tests hold the two against each other.
 *
 * What cannot be read as it should is an error, never something left out: a page without one of the findings, or with
 * a choice that a finding forbids, would be worse than none.
 */
var PrecheckPopup = (function () {
  "use strict";

  const T = PRECHECK_POPUP_TEXTS;
  const RESULT = { PASS: 0, WARN: 1, BLOCK: 2, NOT_EVALUATED: -107 };
  const COMPLETENESS = { COMPLETE: 1, PARTIAL: 2, NONE: 3 };
  const COMPLETENESS_MASK = 0xff;
  const STALE = 0x100;
  const ACTION = { HINT: 0, WARN: 1, WARN_REASON: 2, REVIEW: 3, BLOCK: 4 };
  const UNJUDGED = 5;
  const TAGS = [T.action_hint, T.action_warn, T.action_reason, T.action_review, T.action_block, T.action_unjudged];
  const REASON_CHARACTERS_MAX = 500;
  const FEEDBACK_ENTRIES_MAX = 1000;

  /** The answer cannot be read, or says what this version does not know. */
  class AnswerError extends Error {}

  function fill(pattern, ...values) {
    return pattern.replace(/\{\}/g, () => (values.length > 0 ? String(values.shift()) : "{}"));
  }

  function demand(holds, what) {
    if (!holds) throw new AnswerError("precheck answer: " + what);
  }

  function member(object, name) {
    return typeof object === "object" && object !== null && Object.prototype.hasOwnProperty.call(object, name)
      ? object[name]
      : undefined;
  }

  function textAt(object, name) {
    const value = member(object, name);
    demand(typeof value === "string" && !value.includes("\0"), name + " is no text");
    return value;
  }

  function optionalAt(object, name) {
    const value = member(object, name);
    return value === undefined || value === null ? "" : textAt(object, name);
  }

  function arrayAt(object, name) {
    const value = member(object, name);
    demand(Array.isArray(value), name + " is no list");
    return value;
  }

  function textsAt(object, name) {
    const texts = arrayAt(object, name);
    demand(
      texts.every((text) => typeof text === "string" && !text.includes("\0")),
      name + " has something else than texts"
    );
    return texts;
  }

  function numberAt(object, name, most) {
    const value = member(object, name);
    demand(Number.isInteger(value) && value >= 0 && value <= most, name + " is no number, or too large");
    return value;
  }

  function truthAt(object, name) {
    const value = member(object, name);
    demand(typeof value === "boolean", name + " is neither true nor false");
    return value;
  }

  function choiceAt(object, name, choices) {
    const value = textAt(object, name);
    demand(Object.prototype.hasOwnProperty.call(choices, value), name + " is unknown: " + value);
    return choices[value];
  }

  function unique(list) {
    return Array.from(new Set(list));
  }

  /** The two layouts, where they differ. */
  const OWN = {
    id: "finding_id",
    lineName: "item_name",
    more: (finding) => finding,
    lines: (finding, violating) => arrayAt(finding, violating ? "violating" : "related"),
    gapLine: (gap) => member(gap, "line"),
  };
  const NATIONAL = {
    id: "jr_id",
    lineName: "hilist_name",
    more: (finding) => member(finding, "ext"),
    lines: (finding, violating) =>
      arrayAt(finding, "judge_result_detail_dtos")
        .filter((detail) => (textAt(detail, "vola_item_type") === "1") === violating)
        .map((detail) => member(detail, "ext")),
    gapLine: (gap) => gap,
  };

  function lineName(layout, line) {
    const position = numberAt(line, "position", 0xffffffff);
    return (position > 0 ? fill(T.entry_line, position) : "") + textAt(line, layout.lineName);
  }

  function findingsById(layout, findings) {
    const byId = new Map();
    for (const finding of findings) byId.set(textAt(finding, layout.id), finding);
    return byId;
  }

  function readOverrides(reading, entry, findings) {
    entry.mayContinue = entry.action !== ACTION.BLOCK;
    if (entry.action === ACTION.HINT || !reading.checked) return false;
    let twoSignatures = false;
    for (const finding of findings) {
      const override = member(reading.layout.more(finding), "override");
      const reasons = textsAt(override, "reasons");
      const characters = numberAt(override, "reason_characters_min", REASON_CHARACTERS_MAX);
      if (numberAt(override, "signatures", 0xffffffff) > 1) twoSignatures = true;
      if (!truthAt(override, "allowed")) entry.mayContinue = false;
      if (entry.action >= ACTION.WARN_REASON || reasons.length > 0 || characters > 0) entry.reasonRequired = true;
      entry.reasonCharactersMin = Math.max(entry.reasonCharactersMin, characters);
      entry.reasons.push(...reasons);
    }
    entry.reasons = unique(entry.reasons);
    if (!entry.mayContinue) entry.reasonRequired = false;
    else if (entry.reasonRequired && entry.reasons.length === 0) entry.reasons = T.reasons_common;
    return twoSignatures;
  }

  function newEntry(number, action, title) {
    return {
      action,
      title: fill(T.entry_title, number, TAGS[action], title),
      text: "",
      more: [],
      sources: "",
      mayContinue: true,
      reasonRequired: false,
      reasonCharactersMin: 0,
      reasons: [],
      findingIds: [],
    };
  }

  function readEntry(reading, shown, number) {
    const { layout, byId } = reading;
    const entry = newEntry(number, choiceAt(shown, "action", ACTION), textAt(shown, "title"));
    entry.findingIds = textsAt(shown, "finding_ids");
    demand(entry.findingIds.length > 0, "an entry without findings");
    const findings = entry.findingIds.map((id) => {
      demand(byId.has(id), "an entry with a finding that is not told");
      return byId.get(id);
    });
    const twoSignatures = readOverrides(reading, entry, findings);
    entry.text = textAt(shown, "text");
    for (const violating of [true, false]) {
      const names = unique([].concat(...findings.map((f) => layout.lines(f, violating))).map((l) => lineName(layout, l)));
      const label = violating ? T.entry_violating : T.entry_related;
      if (names.length > 0) entry.more.push(label + names.join(T.list_separator));
    }
    const amount = optionalAt(shown, "amount");
    if (amount !== "") entry.more.push(fill(T.entry_amount, amount));
    const waysOut = textsAt(shown, "ways_out");
    if (waysOut.length > 0) entry.more.push(T.entry_ways_out + waysOut.join(T.list_separator));
    if (twoSignatures) entry.more.push(T.entry_two_signatures);
    const sources = textsAt(shown, "sources");
    const basis = unique(findings.map((f) => optionalAt(layout.more(f), "basis_text")).filter((text) => text !== ""));
    entry.sources = (sources.length > 0 ? [T.entry_sources + sources.join("\n")] : [])
      .concat(basis.map((text) => T.entry_basis + text))
      .join("\n");
    return entry;
  }

  /** What nobody judged, one text for each: what is missing, and gaps; those that follow each other for one reason are one. */
  function unjudged(layout, display, gaps) {
    const told = [];
    for (const missing of display === undefined ? [] : arrayAt(display, "missing")) {
      const rules = textsAt(missing, "rules");
      told.push(textAt(missing, "text") + (rules.length > 0 ? fill(T.entry_rules, rules.join(T.name_separator)) : ""));
    }
    let last = null;
    for (const gap of gaps) {
      const text = textAt(gap, "text");
      const candidate = layout.gapLine(gap);
      const line = member(candidate, "position") !== undefined ? candidate : null;
      if (line !== null && last === text) told[told.length - 1] += T.name_separator + lineName(layout, line);
      else told.push(line === null ? text : text + T.reason_joint + lineName(layout, line));
      last = line === null ? null : text;
    }
    return told;
  }

  function sayNotChecked(model, result) {
    const known = Object.prototype.hasOwnProperty.call(T.results, String(result));
    model.headline = T.headline_not_checked;
    model.notes = [T.note_not_checked, fill(T.note_cause, known ? T.results[String(result)] : T.results.other, result)];
    model.mayContinue = true;
    model.continueText = T.button_continue_not_checked;
  }

  function sayChecked(model, verdict, partial, stale, unjudgedCount) {
    const count = (holds) => model.entries.filter(holds).length;
    const problems = count((entry) => entry.action !== ACTION.HINT && entry.action !== UNJUDGED);
    const hints = count((entry) => entry.action === ACTION.HINT);
    const reason = model.entries.some((entry) => entry.reasonRequired);
    let pattern;
    demand(problems > 0 || verdict === RESULT.PASS, "it warns of nothing that could be shown");
    model.mayContinue = verdict !== RESULT.BLOCK && model.entries.every((entry) => entry.mayContinue);
    model.continueText = T.button_continue;
    model.notes = [];
    if (!model.mayContinue) {
      pattern = T.headline_block;
      model.notes.push(T.note_block);
    } else if (problems > 0 && model.gravest === ACTION.REVIEW) {
      pattern = T.headline_review;
      model.continueText = T.button_continue_review;
    } else if (reason) {
      pattern = T.headline_reason;
      model.continueText = T.button_continue_reason;
    } else if (problems > 0) {
      pattern = T.headline_warn;
    } else if (hints > 0) {
      pattern = T.headline_hint;
    } else {
      pattern = partial ? T.headline_partial : T.headline_pass;
    }
    model.headline = fill(pattern, problems > 0 ? problems : hints);
    if (partial) model.notes.push(unjudgedCount > 0 ? fill(T.note_partial, unjudgedCount) : T.note_partial_untold);
    if (stale) model.notes.push(T.note_stale);
  }

  function emptyModel() {
    return {
      checked: false,
      national: false,
      warnType: "1",
      mayContinue: true,
      gravest: UNJUDGED,
      continueText: "",
      headline: "",
      notes: [],
      footer: "",
      entries: [],
    };
  }

  function readAnswer(root, result, state) {
    const model = emptyModel();
    const output = member(root, "output");
    const head = output !== undefined ? member(output, "ext") : root;
    const layout = output !== undefined ? NATIONAL : OWN;
    demand((state & COMPLETENESS_MASK) <= COMPLETENESS.NONE, "a state of a later version");
    const completeness = Math.max(choiceAt(head, "completeness", COMPLETENESS), state & COMPLETENESS_MASK);
    const stale = (state & STALE) !== 0 || member(head, "stale") === true;
    model.national = output !== undefined;
    model.warnType = member(head, "transaction") === "3102" ? "2" : "1";
    model.checked = result >= 0 && completeness !== COMPLETENESS.NONE;
    let told = [];
    if (model.checked || member(head, "display") !== undefined) {
      const display = member(head, "display");
      const gaps = arrayAt(head, "not_evaluated");
      const findings = output !== undefined ? arrayAt(output, "result") : arrayAt(root, "findings");
      const reading = { layout, checked: model.checked, byId: findingsById(layout, findings) };
      model.entries = arrayAt(display, "findings").map((shown, index) => readEntry(reading, shown, index + 1));
      model.gravest = model.entries.length > 0 ? Math.max(...model.entries.map((entry) => entry.action)) : UNJUDGED;
      told = unjudged(layout, display, gaps);
    }
    if (told.length > 0) {
      const entry = newEntry(model.entries.length + 1, UNJUDGED, T.entry_unjudged);
      entry.more = told;
      model.entries.push(entry);
    }
    const checkId = optionalAt(head, "check_id");
    const revision = optionalAt(head, "revision");
    if (checkId !== "") model.footer = fill(T.footer, checkId, revision);
    if (!model.checked) {
      sayNotChecked(model, result < 0 ? result : RESULT.NOT_EVALUATED);
    } else {
      const verdict = Math.max(choiceAt(head, "verdict", RESULT), result);
      demand(verdict <= RESULT.BLOCK, "an unknown verdict");
      sayChecked(model, verdict, completeness === COMPLETENESS.PARTIAL || told.length > 0, stale, told.length);
    }
    return model;
  }

  /**
   * Reads an answer: its text or its value, what the check returned (0, 1, 2, or negative: not checked) and its state
   * (0 where it is not known).  Throws AnswerError.
   */
  function read(answer, result, state) {
    try {
      let root = answer;
      if (typeof answer === "string") {
        try {
          root = JSON.parse(answer);
        } catch (error) {
          throw new AnswerError("precheck answer: " + error.message);
        }
      }
      return readAnswer(root, result, state);
    } catch (error) {
      /* That nothing was checked can be said whatever the answer looks like. */
      if (!(error instanceof AnswerError) || result >= 0) throw error;
      const model = emptyModel();
      sayNotChecked(model, result);
      return model;
    }
  }

  function composed(entry, reason) {
    if (!entry.reasonRequired) return T.reason_not_asked;
    const words = reason.words.trim();
    if (reason.chosen === null) return words;
    return words === "" ? reason.chosen : reason.chosen + T.reason_joint + words;
  }

  /** Whether a reason is none without words of the doctor's own, as "其他" is not. */
  function wantsWords(chosen) {
    if (chosen === null) return true;
    return (
      T.reasons_in_words_begin.some((text) => chosen.startsWith(text)) ||
      T.reasons_in_words_have.some((text) => chosen.includes(text))
    );
  }

  /** Says what an entry's reason still lacks; null if nothing. `reason` is {chosen: a reason or null, words}. */
  function lacks(model, index, reason) {
    const entry = model.entries[index];
    const whole = composed(entry, reason);
    if (!entry.reasonRequired) return null;
    if (whole.length > REASON_CHARACTERS_MAX) return fill(T.reason_too_long, index + 1, REASON_CHARACTERS_MAX);
    if (whole === "") return fill(T.missing_reason, index + 1);
    const charactersMin = Math.max(entry.reasonCharactersMin, 1);
    if (wantsWords(reason.chosen) && reason.words.trim().length < charactersMin)
      return fill(T.missing_words, index + 1, charactersMin);
    return null;
  }

  /** Makes the feedback document; null where there is nothing to report. `reasons` has one for every entry. */
  function feedback(model, goOn, reasons) {
    if (!model.checked) return null;
    const told = [];
    model.entries.forEach((entry, index) => {
      const reason = goOn ? composed(entry, reasons[index]) : "";
      for (const id of entry.findingIds) told.push({ id, reason });
    });
    if (told.length === 0) return null;
    const kept = told.slice(0, FEEDBACK_ENTRIES_MAX);
    if (!model.national) {
      const disposition = goOn ? "continued" : "went_back";
      return { feedback: kept.map(({ id, reason }) => ({ finding_id: id, disposition, reason })) };
    }
    const warns = kept.map(({ id, reason }) => ({ warn_rslt_id: id, dspo_way: goOn ? "1" : "2", dspo_way_rea: reason }));
    return { infno: "3103", input: { data: { warn_type: model.warnType, warns } } };
  }

  /**
   * What `result` is after a call over HTTP: the status, 0 where no answer came at all, and the text or value of the
   * body.  Negative is NOT CHECKED, with the numbers of precheck.h.
   */
  function resultOf(status, answer) {
    const failures = { 0: -101, 400: -10, 403: -11, 404: -12, 405: -12, 408: -100, 413: -8, 415: -10, 429: -103, 503: -103 };
    if (status === 504) return -100;
    if (status !== 200) return Object.prototype.hasOwnProperty.call(failures, status) ? failures[status] : -105;
    try {
      const root = typeof answer === "string" ? JSON.parse(answer) : answer;
      const output = member(root, "output");
      const head = output !== undefined ? member(output, "ext") : root;
      if (choiceAt(head, "completeness", COMPLETENESS) === COMPLETENESS.NONE) return RESULT.NOT_EVALUATED;
      const verdict = choiceAt(head, "verdict", RESULT);
      return verdict >= 0 ? verdict : -104;
    } catch (error) {
      return -104;
    }
  }

  return { AnswerError, ACTION, UNJUDGED, CONTINUE: 0, GO_BACK: 1, CONTINUE_NOT_CHECKED: 2, read, lacks, feedback, resultOf };
})();
