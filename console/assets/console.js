// Makes the page nicer; everything works without it.
"use strict";
(() => {
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  // Times in the zone of who reads them; the exact value stays on hover.
  function times(root) {
    for (const el of root.querySelectorAll("time:not([data-local])")) {
      const at = new Date(el.dateTime);
      const today = at.toDateString() === new Date().toDateString();
      el.textContent = (today ? clock : day).format(at);
      el.title = full.format(at) + "\n" + el.title;
      el.dataset.local = "";
    }
    for (const el of root.querySelectorAll("[hidden][data-copy]")) el.hidden = !navigator.clipboard;
  }

  // Puts a new live part in the place of the old one, if it differs, and
  // keeps the focus and what was opened.
  const shown = new WeakMap();
  const parsed = (html) => {
    const t = document.createElement("template");
    t.innerHTML = html;
    return t.innerHTML.trim();
  };
  const said = (root) => new Set([...root.querySelectorAll("[data-news]")].map((el) => el.dataset.news));
  function show(live, html) {
    const next = parsed(html);
    if (shown.get(live) === next) return;
    shown.set(live, next);
    const before = said(live);
    const focus = live.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...live.querySelectorAll("details[id][open]")].map((d) => d.id);
    const closed = [...live.querySelectorAll("details[id]:not([open])")].map((d) => d.id);
    live.innerHTML = html;
    for (const id of open) if (document.getElementById(id)) document.getElementById(id).open = true;
    for (const id of closed) if (document.getElementById(id)) document.getElementById(id).open = false;
    times(live);
    const news = [...said(live)].filter((text) => !before.has(text)); // for whoever does not see it
    if (news.length) document.getElementById("news").textContent = news.join(". ");
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  // Looks for news while the page is looked at, and stops when nobody answers.
  function watch(live) {
    const every = Number(live.dataset.live);
    let failures = 0;
    const ask = async () => {
      if (!document.hidden) {
        try {
          const r = await fetch(location.href, { headers: { "X-Console-Part": "live", Accept: "text/html" }, cache: "no-store", redirect: "error" });
          if (!r.ok || !(r.headers.get("Content-Type") || "").startsWith("text/html")) throw r;
          const html = await r.text();
          if (!live.contains(document.activeElement) || document.activeElement.id) show(live, html);
          failures = 0;
        } catch (e) {
          if (++failures > 5 || (e.status >= 400 && e.status < 500)) return;
        }
      }
      setTimeout(ask, every * 2 ** failures);
    };
    setTimeout(ask, every);
  }

  const post = (url, body, part) => fetch(url, { method: "POST", body, cache: "no-store", redirect: "error",
    headers: { "Content-Type": "application/x-www-form-urlencoded", Accept: "text/html", ...(part && { "X-Console-Part": "live" }) } });
  const fields = (form) => new URLSearchParams(new FormData(form));

  // Test and preview: the result appears beside the form.
  async function attempt(button) {
    const live = document.getElementById("live");
    button.setAttribute("aria-busy", "true");
    try {
      const r = await post(button.formAction, fields(button.form), true);
      show(live, await r.text());
    } catch {
      live.textContent = "No answer. Check your connection and try again.";
    }
    button.removeAttribute("aria-busy");
    live.scrollIntoView({ block: "nearest" });
  }

  function generate(input) {
    const bytes = crypto.getRandomValues(new Uint8Array(32));
    input.value = "whsec_" + btoa(String.fromCharCode(...bytes));
    input.focus();
    input.select();
  }

  // Recovering: step after step, until it is done or stopped.
  async function recover(live) {
    let form;
    while ((form = live.querySelector("form")) && live.dataset.recover) {
      form.querySelector("#continue")?.setAttribute("hidden", "");
      let html;
      try {
        const r = await post(form.action, fields(form), true);
        if (!r.ok) throw r;
        html = await r.text();
      } catch {
        form.querySelector("#continue")?.removeAttribute("hidden");
        return;
      }
      if (!live.dataset.recover) return;
      show(live, html);
      if (!live.querySelector("#stop")) break;
    }
  }

  document.addEventListener("click", async (e) => {
    const el = e.target.closest("[data-try], [data-generate], [data-copy], #stop");
    if (!el) return;
    if (el.dataset.copy) {
      await navigator.clipboard.writeText(document.getElementById(el.dataset.copy).textContent);
      const was = el.innerHTML;
      el.textContent = "Copied";
      setTimeout(() => (el.innerHTML = was), 1500);
    } else if (el.id === "stop") {
      delete document.getElementById("live").dataset.recover;
    } else {
      e.preventDefault();
      if ("try" in el.dataset) attempt(el);
      else generate(document.getElementById("secret"));
    }
  });

  // The test follows the chosen event until it was chosen itself.
  document.addEventListener("change", (e) => {
    const test = document.getElementById("test_event");
    if (e.target === test) test.dataset.chosen = "";
    if (e.target.name === "events" && test && !("chosen" in test.dataset)) test.value = e.target.value;
  });

  // What "Automatic" is for another URL is known when that was sent.
  document.addEventListener("input", (e) => {
    if (e.target.id === "url") document.getElementById("format").options[0].text = "Automatic";
  });

  // Once is enough.
  document.addEventListener("submit", (e) => {
    if (e.target.dataset.sent) return e.preventDefault();
    e.target.dataset.sent = "1";
    e.submitter?.setAttribute("aria-busy", "true");
    const local = e.target.querySelector("[data-local][type=datetime-local]");
    if (local?.value) {
      const utc = document.createElement("input");
      utc.type = "hidden";
      utc.name = local.name;
      utc.value = new Date(local.value).toISOString();
      local.removeAttribute("name");
      e.target.append(utc);
    }
  });
  addEventListener("pageshow", (e) => {
    if (e.persisted) for (const f of document.forms) delete f.dataset.sent;
  });

  for (const live of document.querySelectorAll("[data-live]")) shown.set(live, live.innerHTML.trim());
  times(document);
  const live = document.querySelector("[data-live]");
  if (live) watch(live);
  const steps = document.querySelector("[data-recover]");
  if (steps) recover(steps);
  document.getElementById("problems")?.focus();
  const custom = document.getElementById("custom");
  if (custom) {
    document.querySelector(".zone").textContent = "(your time)";
    document.getElementById("since_time").addEventListener("input", () => (custom.checked = true));
  }
  const made = document.querySelector("[data-made]");
  if (made) {
    const to = new URL(made.dataset.made, location.href);
    for (const a of document.querySelectorAll("a[href]:not([href^='#'])")) a.href = a.href; // they are relative to here
    history.replaceState(null, "", to); // a reload makes no second one
  }
})();
