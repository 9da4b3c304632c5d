// The pages work without this file. With it, the Workflows page is live: rows are drawn by the server, arrive as
// server-sent events and are put into the table in place, so that focus and open details stay where they are.
"use strict";

(() => {
  // After this long without an event the page no longer claims to be live. The server speaks every two seconds.
  const silenceLimit = 7000;

  const table = document.getElementById("workflows");
  localise(document);
  if (table && window.EventSource) {
    follow(table);
    table.addEventListener("submit", command);
  }
  document.addEventListener("submit", alter);
  document.addEventListener("click", closeBubbles);
  document.addEventListener("mouseout", forgetDismissal);
  document.addEventListener("focusout", forgetDismissal);
  document.addEventListener("keydown", (e) => { if (e.key === "Escape") closeBubbles(e); });

  function follow(table) {
    const lost = document.getElementById("lost");
    let timer;
    let source;
    const alive = () => {
      lost.hidden = true;
      clearTimeout(timer);
      timer = setTimeout(gone, silenceLimit);
    };
    const gone = () => {
      lost.hidden = false;
      // A browser gives up on a stream that was refused; begin again, or sign in again where that is why.
      if (source.readyState === EventSource.CLOSED) {
        fetch("/openapi.json", { method: "HEAD" }).then((answer) => { if (answer.status === 401) location.reload(); }).catch(() => {});
        clearTimeout(timer);
        timer = setTimeout(open, 2000);
      }
    };
    const open = () => {
      if (source) source.close();
      source = new EventSource(table.dataset.live);
      source.addEventListener("open", alive);
      source.addEventListener("error", gone);
      source.addEventListener("rows", (e) => { alive(); update(table, e.data); });
      for (const part of ["usage", "first"]) source.addEventListener(part, (e) => { alive(); draw(part, e.data); });
    };
    open();
    window.addEventListener("pagehide", () => source.close());
    window.addEventListener("pageshow", (e) => { if (e.persisted) open(); });
  }

  function update(table, html) {
    const before = statuses(table);
    const fresh = new DOMParser().parseFromString("<table>" + html + "</table>", "text/html").querySelector("tbody");
    if (!fresh) return;
    localise(fresh);
    morph(table.tBodies[0], fresh);
    const changed = [...table.tBodies[0].rows].filter((row) => before.get(row.dataset.id) !== row.dataset.status);
    if (changed.length > 0) {
      document.getElementById("announce").textContent = changed.map((row) => row.dataset.name + " is " + row.dataset.status).join(". ");
    }
  }

  // draw puts a part of the page in place. One that is over stays until the page is loaded again: nothing jumps away below
  // the pointer.
  function draw(id, html) {
    const live = document.getElementById(id);
    const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    if (!live || !fresh) return;
    if (live.firstElementChild) morph(live.firstElementChild, fresh);
    else live.append(document.importNode(fresh, true));
  }

  function statuses(table) {
    return new Map([...table.tBodies[0].rows].map((row) => [row.dataset.id, row.dataset.status]));
  }

  // morph makes the live node equal to the fresh one and touches only what differs.
  function morph(live, fresh) {
    if (live.nodeType !== fresh.nodeType || live.nodeName !== fresh.nodeName) {
      live.replaceWith(document.importNode(fresh, true));
      return;
    }
    if (live.nodeType === Node.TEXT_NODE) {
      if (live.data !== fresh.data) live.data = fresh.data;
      return;
    }
    if (live.nodeType !== Node.ELEMENT_NODE) return;
    for (const { name } of [...live.attributes]) {
      if (!fresh.hasAttribute(name) && !((name === "open" || name === "data-dismissed") && live.nodeName === "DETAILS")) live.removeAttribute(name);
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (live.getAttribute(name) !== value) live.setAttribute(name, value);
    }
    const old = [...live.childNodes];
    const now = [...fresh.childNodes];
    now.forEach((node, i) => {
      if (i < old.length) morph(old[i], node);
      else live.append(document.importNode(node, true));
    });
    old.slice(now.length).forEach((node) => node.remove());
  }

  // localise shows times in the viewer's own zone; the page itself speaks UTC.
  function localise(root) {
    const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (isNaN(at)) continue;
      time.title = time.dateTime;
      time.textContent = format.format(at);
    }
  }

  // command sends a button's form without leaving the page; the row follows by itself.
  async function command(event) {
    const form = event.target;
    if (!form.hasAttribute("data-command")) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "true";
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" } });
      if (answer.ok) {
        say("", "");
      } else {
        const problem = await answer.json().catch(() => ({}));
        say("error", (form.closest("tr").dataset.name || "") + ": " + (problem.detail || "the service answered " + answer.status) + ".");
      }
    } catch {
      say("error", "The service cannot be reached. Look at the status before you try again.");
    } finally {
      delete form.dataset.busy;
    }
  }

  // alter lets a button that only changes an edit form (one more line, one line less, a preview) do so without leaving
  // the page: the server draws the form, as it does without a script. Saving is an ordinary form.
  async function alter(event) {
    const form = event.target;
    const button = event.submitter;
    if (!form.hasAttribute("data-edit") || !button || button.value === "save") return;
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "true";
    try {
      const open = [...form.querySelectorAll("details")].map((d) => d.open);
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)), headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("edit");
      if (!fresh) {
        say("error", "The service answered " + answer.status + ". Nothing that you typed is lost.");
        return;
      }
      say("", "");
      localise(fresh);
      fresh.querySelectorAll("details").forEach((d, i) => { d.open = d.open || open[i]; });
      const said = fresh.querySelector("#said").textContent;
      const now = document.importNode(fresh, true);
      document.getElementById("edit").replaceWith(now);
      const focus = now.querySelector("[autofocus]") || now.querySelector("#preview, #faults");
      if (focus) {
        if (!focus.matches("input, select, textarea")) focus.tabIndex = -1;
        focus.focus();
      }
      // A live region speaks when its text changes, not when it arrives with one.
      const region = now.querySelector("#said");
      region.textContent = "";
      requestAnimationFrame(() => { region.textContent = said; });
    } catch {
      say("error", "The service cannot be reached. Nothing that you typed is lost.");
    } finally {
      delete form.dataset.busy;
    }
  }

  function say(kind, text) {
    const notice = document.getElementById("notice");
    notice.className = "notice " + kind;
    notice.textContent = text;
    notice.hidden = text === "";
  }

  // closeBubbles closes the list of pending edits when the viewer turns elsewhere; Escape also puts away one that is only
  // hovered or focused, until that ends.
  function closeBubbles(event) {
    for (const mark of document.querySelectorAll("details.edits")) {
      if (event.type === "keydown") {
        if (mark.open || mark.matches(":hover, :focus-within")) mark.dataset.dismissed = "";
        if (mark.open) {
          mark.open = false;
          mark.querySelector("summary").focus();
        }
      } else if (!mark.contains(event.target)) {
        mark.open = false;
      }
    }
  }

  function forgetDismissal(event) {
    const mark = event.target.closest?.("details.edits");
    if (mark && !mark.contains(event.relatedTarget)) delete mark.dataset.dismissed;
  }
})();
