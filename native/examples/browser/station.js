/*
 * The station: reads a message, checks it when the doctor saves, and does with the outcome what a station must.
 *
 *   PASS, everything judged          saved without a word
 *   PASS, but PARTIAL or STALE       saved; a mark says so, and shows it on demand
 *   WARN, BLOCK                      the popup: continue or go back
 *   negative: NOT CHECKED            the popup says so; the doctor may continue, and it is saved as not checked
 *
 * Nothing but a save after a check, or one that the doctor went on to, is ever shown as saved.
 */
(function () {
  "use strict";

  const EXAMPLE = {
    message_id: "BROWSER-1",
    time: "2026-07-06T09:10:00",
    triggers: ["charging"],
    patient: { id: "示例患者1", name: "示例患者甲", sex: "male", birth_date: "1990-05-20" },
    encounter: {
      id: "MZ-B1",
      facility_id: "H00000000001",
      facility_level: "tertiary",
      care_modes: ["outpatient"],
      visit_kind: "outpatient",
      payer: "employee",
      internet: false,
      lines: [
        { order_id: "B1-1", prescription_id: "B1", item_code: "XG01AFK079A008010100225", item_name: "克霉唑阴道片",
          item_kind: "drug", quantity: 1, price: "28.50", amount: "28.50" },
        { order_id: "B1-2", prescription_id: "B1", item_code: "001102000050000", item_name: "住院诊查费",
          item_kind: "service", quantity: 1, price: "20.00", amount: "20.00" },
      ],
    },
  };

  const asked = new URLSearchParams(location.search);
  const client = PrecheckClient({
    servers: (asked.get("servers") || "http://127.0.0.1:8080").split(","),
    deadlineMs: Number(asked.get("deadline")) || undefined,
    stationId: asked.get("station") || undefined,
    profile: asked.get("profile") || undefined,
  });
  const page = {};
  for (const id of ["patient", "lines", "save", "status", "details", "format", "file", "message"])
    page[id] = document.getElementById(id);

  function say(kind, text) {
    page.status.dataset.kind = kind;
    page.status.textContent = text;
  }

  function first(value) {
    return Array.isArray(value) ? value[0] : value;
  }

  /** What the page shows of a message: the few fields that a doctor looks at. */
  function contents(message, format) {
    if (format === "json") {
      const lines = (message.encounter && message.encounter.lines) || [];
      const patient = message.patient || {};
      return {
        patient: patient.name || patient.id || "",
        lines: lines.map((line) => [line.item_name, line.quantity, line.price, line.amount]),
      };
    }
    const data = (message.input && message.input.data) || message;
    const patient = first(data.patient_dtos) || {};
    const encounter = first(patient.fsi_encounter_dtos) || {};
    const lines = [].concat(encounter.fsi_order_dtos || []);
    return {
      patient: patient.patn_name || patient.patn_id || "",
      lines: lines.map((line) => [line.hilist_name || line.hosplist_name, line.cnt, line.pric, line.sumamt]),
    };
  }

  let checking = false;

  /** What is being checked stays as it is until its outcome is shown. */
  function freeze(isChecking) {
    checking = isChecking;
    page.message.readOnly = page.format.disabled = page.file.disabled = page.save.disabled = isChecking;
  }

  function render() {
    if (checking) return; /* `save` sees that the message is another one */
    page.lines.textContent = "";
    page.details.hidden = true;
    say("", "");
    let shown;
    try {
      shown = contents(JSON.parse(page.message.value), page.format.value);
    } catch (error) {
      page.save.disabled = true;
      page.patient.textContent = "报文不是 JSON：" + error.message;
      return;
    }
    page.patient.textContent = "患者：" + shown.patient;
    shown.lines.forEach((cells, index) => {
      const row = page.lines.insertRow();
      for (const text of [index + 1, ...cells]) row.insertCell().textContent = text === undefined ? "" : String(text);
    });
    page.save.disabled = false;
  }

  /** Shows the popup, reports what the doctor chose, and returns it: 0 continue, 1 back, 2 continue not checked. */
  async function askDoctor(outcome, format) {
    let chosen;
    try {
      chosen = await PrecheckPopup.show(outcome.answer || "", { result: outcome.result });
    } catch (error) {
      /* What forbids the order forbids it, whether or not its reasons can be shown. */
      if (outcome.result === 2) return { choice: PrecheckPopup.GO_BACK, note: "：已拦截，原因无法显示，请联系药师" };
      /* Any other answer that the popup cannot read is shown as what it is: not checked. */
      chosen = await PrecheckPopup.show("", { result: -104 });
    }
    if (chosen.feedback === null) return { choice: chosen.choice, note: "" };
    const { recorded, error } = await client.feedback(chosen.feedback, format);
    return { choice: chosen.choice, note: recorded ? "" : "；反馈没有记上（" + error + "）" };
  }

  function causeOf(result) {
    const causes = PRECHECK_POPUP_TEXTS.results;
    return causes[String(result)] || causes.other;
  }

  function noteOf(outcome) {
    return (outcome.partial ? "，部分未判断" : "") + (outcome.stale ? "，规则或病历数据可能不是最新" : "");
  }

  async function decide(outcome, format) {
    if (outcome.result === 0) {
      const doubt = outcome.partial || outcome.stale;
      say(doubt ? "doubt" : "saved", "已保存" + noteOf(outcome));
      page.details.hidden = !doubt;
      page.details.onclick = () => PrecheckPopup.show(outcome.answer, { result: 0 });
      return;
    }
    const { choice, note } = await askDoctor(outcome, format);
    if (choice === PrecheckPopup.GO_BACK) say("back", "没有保存，请修改" + note);
    else if (choice === PrecheckPopup.CONTINUE) say("doubt", "医生看过提醒后保存" + noteOf(outcome) + note);
    else say("unchecked", "已保存，未审核（" + (outcome.error || causeOf(outcome.result)) + "）");
  }

  async function save() {
    const message = page.message.value;
    const format = page.format.value;
    freeze(true);
    page.details.hidden = true;
    say("", "正在审核……");
    let error = "";
    try {
      const outcome = await client.check(message, format);
      if (page.message.value === message && page.format.value === format) await decide(outcome, format);
      else error = "审核期间报文改了，请再审核";
    } catch (unforeseen) {
      error = unforeseen.message;
    } finally {
      /* Whatever happened: never left as it is while a check runs, and never shown as saved. */
      if (page.status.dataset.kind === "") say("unchecked", "没有保存，未审核（" + (error || "没有结果") + "）");
      freeze(false);
    }
  }

  page.save.addEventListener("click", save);
  page.message.addEventListener("input", render);
  page.format.addEventListener("change", render);
  page.file.addEventListener("change", async () => {
    if (page.file.files.length === 0) return;
    page.message.value = await page.file.files[0].text();
    render();
  });
  page.message.value = JSON.stringify(EXAMPLE, null, 2);
  render();
})();
