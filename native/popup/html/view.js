/*
 * The popup in a page: PrecheckPopup.show(answer, {result, state}) shows it over the page and promises
 * {choice, feedback}.  In a frame of its own, popup.html does the same for messages.
 *
 * Esc goes back.  Going on takes its own button: by mouse, by Alt and its letter, or by the space bar on it.  Enter
 * never goes on, wherever the focus is.  Tab stays inside.  Nothing of an answer is ever read as HTML.
 */
(function () {
  "use strict";

  const T = PRECHECK_POPUP_TEXTS;
  const ACTION_CLASSES = ["hint", "warn", "reason", "review", "block", "unjudged"];
  const REASON_CHARACTERS_MAX = 500;
  let serial = 0;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  /** "继续(&C)" as a caption "继续(C)" and a key "c". */
  function captioned(text) {
    const key = /&(.)/.exec(text);
    return { caption: text.replace("&", ""), key: key ? key[1].toLowerCase() : "" };
  }

  /** Gives an element its key, with Alt: it presses a button and enters a field. */
  function keyed(one, key) {
    if (!key) return;
    one.dataset.key = key;
    one.setAttribute("aria-keyshortcuts", "Alt+" + key.toUpperCase());
  }

  function button(text, className) {
    const { caption, key } = captioned(text);
    const made = element("button", className, caption);
    made.type = "button";
    keyed(made, key);
    return made;
  }

  function reasonRow(entry, id) {
    const row = element("div", "precheck-ask");
    const label = element("label", "", captioned(T.reason_label).caption);
    const list = element("select");
    const moreLabel = element("label", "", captioned(T.reason_more).caption);
    const words = element("input");
    list.id = id + "-reason";
    words.id = id + "-words";
    label.htmlFor = list.id;
    moreLabel.htmlFor = words.id;
    words.type = "text";
    words.maxLength = REASON_CHARACTERS_MAX;
    words.autocomplete = "off";
    list.setAttribute("aria-required", "true");
    keyed(list, captioned(T.reason_label).key);
    keyed(words, captioned(T.reason_more).key);
    for (const text of [T.reason_choose].concat(entry.reasons, [T.reason_other])) list.add(new Option(text, text));
    row.append(label, list, moreLabel, words);
    return { row, list, words };
  }

  function entryElement(entry, id, mayContinue) {
    const made = element("section", "precheck-entry precheck-" + ACTION_CLASSES[entry.action]);
    const title = element("h2", "", entry.title);
    const sources = element("p", "precheck-sources", entry.sources);
    title.id = id + "-title";
    made.setAttribute("aria-labelledby", title.id);
    made.append(title);
    if (entry.text) made.append(element("p", "precheck-text", entry.text));
    for (const line of entry.more) made.append(element("p", "", line));
    sources.hidden = true;
    if (entry.sources) made.append(sources);
    const controls = { made, sources, list: null, words: null };
    if (entry.reasonRequired && mayContinue) {
      const { row, list, words } = reasonRow(entry, id);
      made.append(row);
      Object.assign(controls, { list, words });
    }
    return controls;
  }

  function givenReason(entry, controls) {
    if (controls.list === null) return { chosen: null, words: "" };
    const index = controls.list.selectedIndex - 1;
    return { chosen: index >= 0 && index < entry.reasons.length ? entry.reasons[index] : null, words: controls.words.value };
  }

  function build(model) {
    const id = "precheck-popup-" + ++serial;
    const cover = element("div", "precheck-cover");
    const dialog = element("div", "precheck-popup");
    const headline = element("h1", "precheck-headline precheck-" + ACTION_CLASSES[headlineAction(model)], model.headline);
    const notes = element("div", "precheck-notes");
    const panel = element("div", "precheck-panel");
    const problem = element("p", "precheck-problem");
    const buttons = element("div", "precheck-buttons");
    const sources = button(T.button_sources);
    const back = button(T.button_back, "precheck-back");
    const goOn = button(model.continueText, "precheck-continue");
    headline.id = id + "-headline";
    notes.id = id + "-notes";
    dialog.setAttribute("role", "alertdialog");
    dialog.setAttribute("aria-modal", "true");
    dialog.setAttribute("aria-labelledby", headline.id);
    dialog.setAttribute("aria-describedby", notes.id);
    dialog.lang = "zh-CN";
    for (const note of model.notes) notes.append(element("p", "", note));
    panel.tabIndex = 0;
    panel.setAttribute("role", "group");
    panel.setAttribute("aria-label", model.headline);
    problem.setAttribute("role", "alert");
    sources.setAttribute("aria-pressed", "false");
    const entries = model.entries.map((entry, index) => entryElement(entry, id + "-" + index, model.mayContinue));
    panel.append(...entries.map((controls) => controls.made));
    if (model.entries.some((entry) => entry.sources)) buttons.append(sources);
    buttons.append(element("span", "precheck-gap"), back);
    if (model.mayContinue) buttons.append(goOn);
    dialog.append(headline, notes);
    if (entries.length > 0) dialog.append(panel);
    dialog.append(problem, buttons);
    if (model.footer) dialog.append(element("p", "precheck-footer", model.footer));
    cover.append(dialog);
    return { cover, dialog, panel, problem, sources, back, goOn, entries };
  }

  function headlineAction(model) {
    if (!model.checked || !model.mayContinue) return PrecheckPopup.ACTION.BLOCK;
    return model.gravest;
  }

  function focusable(dialog) {
    return Array.from(dialog.querySelectorAll("button, select, input, [tabindex='0']"));
  }

  /** Keeps Tab inside, wherever the focus has got to. */
  function keepFocus(dialog, event) {
    const all = focusable(dialog);
    const at = all.indexOf(document.activeElement);
    const next = event.shiftKey ? (at <= 0 ? all.length - 1 : at - 1) : (at + 1) % all.length;
    event.preventDefault();
    all[next].focus();
  }

  function scrollPanel(parts, event) {
    const page = Math.max(parts.panel.clientHeight - 30, 30);
    const by = { PageUp: -page, PageDown: page }[event.key];
    if (by === undefined || document.activeElement instanceof HTMLSelectElement) return false;
    parts.panel.scrollTop += by;
    event.preventDefault();
    return true;
  }

  function onKey(parts, actions, event) {
    if (event.isComposing) return; /* the key belongs to the input method */
    if (event.key === "Escape") {
      event.preventDefault();
      actions.back();
    } else if (event.key === "Tab") {
      keepFocus(parts.dialog, event);
    } else if (event.key === "Enter") {
      /* Presses what has the focus, but never the button that goes on. */
      if (document.activeElement !== parts.back && document.activeElement !== parts.sources) event.preventDefault();
    } else if (event.altKey && !event.ctrlKey && !event.metaKey) {
      const all = focusable(parts.dialog);
      const at = all.indexOf(document.activeElement);
      const keys = all.map((one, index) => ({ one, index })).filter(({ one }) => one.dataset.key === event.key.toLowerCase());
      /* Where several have the key, the next one, as Windows does. */
      const wanted = keys.find(({ index }) => index > at) || keys[0];
      if (wanted && !event.repeat) {
        event.preventDefault();
        wanted.one.focus();
        if (wanted.one instanceof HTMLButtonElement) wanted.one.click();
      }
    } else {
      scrollPanel(parts, event);
    }
    event.stopPropagation(); /* the page's own shortcuts wait */
  }

  function showModel(model) {
    const parts = build(model);
    const before = document.activeElement;
    const reasons = () => model.entries.map((entry, index) => givenReason(entry, parts.entries[index]));
    return new Promise((resolve) => {
      function end(choice, feedback) {
        parts.cover.remove();
        if (before instanceof HTMLElement) before.focus();
        resolve({ choice, feedback });
      }
      const actions = {
        back: () => end(PrecheckPopup.GO_BACK, PrecheckPopup.feedback(model, false, [])),
        goOn: () => {
          const given = reasons();
          const index = model.checked ? given.findIndex((one, i) => PrecheckPopup.lacks(model, i, one) !== null) : -1;
          if (index >= 0) {
            const { list, words } = parts.entries[index];
            parts.problem.textContent = PrecheckPopup.lacks(model, index, given[index]);
            (list.selectedIndex > 0 ? words : list).focus();
            return;
          }
          const choice = model.checked ? PrecheckPopup.CONTINUE : PrecheckPopup.CONTINUE_NOT_CHECKED;
          end(choice, PrecheckPopup.feedback(model, true, given));
        },
        sources: () => {
          const shown = parts.sources.getAttribute("aria-pressed") !== "true";
          parts.sources.setAttribute("aria-pressed", String(shown));
          for (const entry of parts.entries) entry.sources.hidden = !shown;
        },
      };
      parts.back.addEventListener("click", actions.back);
      parts.goOn.addEventListener("click", actions.goOn);
      parts.sources.addEventListener("click", actions.sources);
      parts.cover.addEventListener("keydown", (event) => onKey(parts, actions, event));
      /* A click beside the popup is no choice, and takes no focus from it. */
      parts.cover.addEventListener("mousedown", (event) => {
        if (event.target === parts.cover) event.preventDefault();
      });
      document.body.append(parts.cover);
      (parts.entries.length > 0 ? parts.panel : parts.back).focus();
    });
  }

  /**
   * Shows an answer (its text or its value).  `result` is 0, 1, 2 as the check returned it, or negative: not checked
   * (PrecheckPopup.resultOf tells it after a call over HTTP); `state` the C library's state of the answer, 0 if unknown.
   * Resolves to {choice, feedback}: choice 0 continue, 1 go back, 2 continue though not checked; feedback the document
   * for POST /v1/feedback or /nhsa/3103, or null.  Rejects with AnswerError where the answer cannot be read: nothing was
   * shown then, and nothing chosen.
   */
  PrecheckPopup.show = function (answer, { result, state = 0 }) {
    return new Promise((resolve) => resolve(showModel(PrecheckPopup.read(answer, result, state))));
  };
})();
