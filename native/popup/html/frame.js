/* popup.html's side of the messages: asks come from the window that holds this one, and answers go to their origin. */
(function () {
  "use strict";

  const owner = window.parent !== window ? window.parent : window.opener;

  window.addEventListener("message", (event) => {
    const asked = event.data;
    if (owner === null || event.source !== owner || !asked || asked.type !== "precheck-popup-show") return;
    const tell = (type, more) => owner.postMessage(Object.assign({ type, id: asked.id }, more), event.origin);
    PrecheckPopup.show(asked.answer, { result: asked.result, state: asked.state || 0 }).then(
      ({ choice, feedback }) => tell("precheck-popup-chosen", { choice, feedback }),
      (error) => tell("precheck-popup-failed", { error: String(error.message) })
    );
  });
  /* It says nothing of anybody, so it may go to whoever holds this window. */
  if (owner !== null) owner.postMessage({ type: "precheck-popup-ready" }, "*");
})();
