// What the person's page does with script; it works without. One file, no
// addresses but our own.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  // wait follows the verification: once something is new, the page is fetched
  // again and takes the place of this one's content.
  let round = 0;
  async function wait() {
    const mine = ++round;
    for (let failures = 0; mine === round && document.body.dataset.wait; ) {
      const { wait: url, revision } = document.body.dataset;
      try {
        const asked = Date.now();
        const answer = await fetch(url + "?rev=" + revision, { cache: "no-store" });
        if (mine !== round) return;
        if (answer.status === 403) return location.reload();
        if (!answer.ok) throw new Error(answer.status);
        failures = 0;
        show($("#offline"), false);
        if (String((await answer.json()).rev) !== revision) await refresh();
        else if (Date.now() - asked < 1000) await pause(5000); // nothing is waited for
      } catch {
        show($("#offline"), ++failures > 1);
        await pause(Math.min(1000 * 2 ** failures, 15000));
      }
    }
  }

  async function refresh() {
    const answer = await fetch(location.href, { cache: "no-store" });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = next.querySelector("main");
    if (!main) return location.reload();
    for (const name of ["wait", "revision", "ends", "kind"]) {
      if (name in next.body.dataset) document.body.dataset[name] = next.body.dataset[name];
      else delete document.body.dataset[name];
    }
    if (main.innerHTML === $("main").dataset.shown) return;
    document.title = next.title;
    $("main").innerHTML = main.innerHTML;
    prepare();
    $("main h1")?.focus();
  }

  function show(element, yes) {
    if (element) element.hidden = !yes;
  }

  // serves says what the vendor's page would miss on this device: "" for nothing.
  async function misses(need) {
    if (need === "webrtc" && (!navigator.mediaDevices?.getUserMedia || !window.RTCPeerConnection)) return "no-webrtc";
    if (!navigator.mediaDevices?.enumerateDevices) return "";
    try {
      const devices = await navigator.mediaDevices.enumerateDevices();
      return devices.some((one) => one.kind === "videoinput") ? "" : "no-camera";
    } catch {
      return ""; // the vendor's page asks again
    }
  }

  // sending keeps a second press from sending a form twice, and tells a device that
  // cannot serve the vendor before anything is opened. Whoever presses again is let
  // through: the check is a guess.
  async function sending(event) {
    const form = event.target;
    const need = form.dataset.camera;
    const button = event.submitter;
    if (form.dataset.sent) return event.preventDefault();
    if (need && !form.dataset.told && button && !("unchecked" in button.dataset)) {
      event.preventDefault();
      const missing = await misses(need);
      form.dataset.told = "yes";
      if (missing) return show($("#" + missing), true);
      return form.requestSubmit(button);
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 20000);
  }

  async function copy() {
    const button = $("#copy");
    try {
      await navigator.clipboard.writeText($("#link").textContent);
    } catch {
      getSelection().selectAllChildren($("#link"));
      if (!document.execCommand("copy")) return;
    }
    button.textContent = button.dataset.copied;
  }

  let ends;
  function prepare() {
    $("main").dataset.shown = $("main").innerHTML;
    for (const form of document.querySelectorAll("form")) form.addEventListener("submit", sending);
    show($("#copy"), true);
    $("#copy")?.addEventListener("click", copy);
    for (const late of document.querySelectorAll("[data-after]"))
      setTimeout(() => show(late, true), 1000 * late.dataset.after);
    clearTimeout(ends);
    if (document.body.dataset.ends) ends = setTimeout(refresh, 1000 * document.body.dataset.ends);
  }

  // A page out of the browser's memory shows what was.
  addEventListener("pageshow", (event) => {
    for (const form of document.querySelectorAll("form")) delete form.dataset.sent;
    if (event.persisted) location.reload();
  });
  prepare();
  wait();
})();
