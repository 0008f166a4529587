// Silences: the list, and the form that makes, changes and renews one.

import { request } from "./api.js";
import { badge, byId, dot, empty, h, icon, memory, note, problem, reconcile } from "./dom.js";
import { ago, clock, duration, instant, localInput, plural } from "./format.js";
import { matcherText, operator, parseMatchers } from "./links.js";

const ORDER = ["active", "pending", "expired"];

/** Silences by state; a silence ends by itself, so "expire" is enough. */
export class SilencesView {
  constructor() {
    this.counts = h("span", { class: "muted small", role: "status" });
    this.expired = h("input", { type: "checkbox", onchange: () => this.draw() });
    this.list = h("div", { class: "stack" });
    this.silences = null;
    this.root = h("div", null,
      h("div", { class: "bar filters" }, h("label", { class: "check" }, this.expired, "Show expired"), h("span", { class: "grow" }), this.counts,
        h("a", { class: "btn primary small", href: "#/silences/new" }, icon("plus"), "New silence")),
      this.list);
  }

  async load() {
    this.silences = await request("/alertmgr/api/v2/silences");
    this.draw();
  }

  draw() {
    if (this.silences === null) return;
    const shown = this.silences.filter((s) => this.expired.checked || s.status.state !== "expired");
    shown.sort((a, b) => ORDER.indexOf(a.status.state) - ORDER.indexOf(b.status.state) || b.endsAt.localeCompare(a.endsAt));
    const count = (state) => this.silences.filter((s) => s.status.state === state).length;
    this.counts.textContent = ORDER.map((state) => `${count(state)} ${state}`).join(" · ");
    if (shown.length === 0) {
      this.list.replaceChildren(empty("No silence", "Nothing is kept quiet: every alert reaches its receiver.", "silence"));
      return;
    }
    this.list.querySelector(":scope > .empty")?.remove();
    reconcile(this.list, shown, {
      key: (s) => s.id,
      signature: (s) => JSON.stringify([s.status.state, s.endsAt, s.comment, s.matchers]),
      draw: (s) => this.card(s),
    });
  }

  card(silence) {
    const { state } = silence.status;
    const [from, to] = [instant(silence.startsAt), instant(silence.endsAt)];
    const time = (ms) => h("time", { "data-at": ms, title: clock(ms) }, ago(ms));
    const acts = h("span", { class: "acts" },
      h("a", { class: "btn small", href: `#/silences/${silence.id}` }, state === "expired" ? "Silence again" : "Change"));
    if (state !== "expired") acts.append(this.expireButton(silence));
    return h("section", { class: "panel" }, h("div", { class: state === "expired" ? "item quiet-state" : "item" },
      h("div", { class: "item-head" },
        badge(state, { active: "info", pending: "warn" }[state]), h("h3", null, silence.comment || "(no comment)"),
        h("span", { class: "muted small" }, "by ", silence.createdBy), acts),
      h("div", { class: "chips" }, silence.matchers.map((m) => h("span", { class: "chip" }, h("b", null, m.name, operator(m)), JSON.stringify(m.value)))),
      h("div", { class: "facts" },
        h("span", null, state === "pending" ? "starts " : "started ", time(from)), h("span", null, state === "expired" ? "ended " : "ends ", time(to)),
        h("span", null, `for ${duration((to - from) / 1000)}`), h("span", { class: "mono" }, silence.id.slice(0, 8)))));
  }

  /** Two clicks, no dialog: the first one arms the button for a few seconds. */
  expireButton(silence) {
    const button = h("button", { type: "button", class: "btn small" }, "Expire");
    let armed = 0;
    button.addEventListener("click", async () => {
      if (!armed) {
        button.textContent = "Expire now?";
        button.classList.add("danger");
        armed = setTimeout(() => {
          armed = 0;
          button.textContent = "Expire";
          button.classList.remove("danger");
        }, 4000);
        return;
      }
      clearTimeout(armed);
      armed = 0;
      button.disabled = true;
      try {
        await request(`/alertmgr/api/v2/silence/${silence.id}`, { method: "DELETE" });
        await this.load();
      } catch (error) {
        button.disabled = false;
        button.textContent = "Expire";
        byId("problem").replaceChildren(problem(error));
      }
    });
    return button;
  }
}

const LENGTHS = [["30m", 1800], ["1h", 3600], ["2h", 7200], ["4h", 14400], ["8h", 28800], ["1d", 86400], ["3d", 259200], ["1w", 604800]];

/** Make a silence (`filter` fills in its matchers), or change the one called `id`. */
export class SilenceForm {
  constructor({ id, filter }) {
    this.id = id;
    this.loaded = id === null;
    this.box = h("div", { class: "matchers" });
    this.complaint = h("div", { "aria-live": "assertive" });
    this.preview = h("div", { class: "small muted", role: "status" });
    this.author = h("input", { id: "author", required: true, autocomplete: "username", value: memory.get("author", "") });
    this.comment = h("textarea", { id: "comment", rows: "2", required: true, placeholder: "Why, and until what is done" });
    const now = Date.now();
    this.from = h("input", { type: "datetime-local", id: "starts", step: "1", required: true, value: localInput(now) });
    this.to = h("input", { type: "datetime-local", id: "ends", step: "1", required: true, value: localInput(now + 7200_000) });
    this.submit = h("button", { class: "btn primary", type: "submit" }, icon("silence"), id ? "Save" : "Silence");
    const lengths = h("div", { class: "seg", role: "group", "aria-label": "Length" }, LENGTHS.map(([name, seconds]) =>
      h("button", { type: "button", onclick: () => (this.to.value = localInput((Date.parse(this.from.value) || Date.now()) + seconds * 1000)) }, name)));
    let given = [];
    try {
      given = filter ? parseMatchers(filter) : [];
    } catch (error) {
      this.complaint.replaceChildren(note("warn", "The address has a filter that can’t be read.", error.message));
    }
    for (const matcher of given.length ? given : [{ name: "", value: "" }]) this.add(matcher);
    this.form = h("form", { class: "panel-body form" },
      h("fieldset", { class: "field" }, h("legend", { class: "label" }, "Alerts with all of these labels"), this.box,
        h("div", { class: "bar" }, h("button", { type: "button", class: "btn small", onclick: () => this.add({ name: "", value: "" }).focus() }, icon("plus"), "Label"), this.preview)),
      h("div", { class: "two" }, h("div", { class: "field" }, h("label", { for: "starts" }, "Starts"), this.from), h("div", { class: "field" }, h("label", { for: "ends" }, "Ends"), this.to)),
      h("div", null, lengths),
      h("div", { class: "field" }, h("label", { for: "author" }, "Your name"), this.author),
      h("div", { class: "field" }, h("label", { for: "comment" }, "Comment"), this.comment),
      this.complaint,
      h("div", { class: "bar" }, this.submit, h("a", { class: "btn", href: "#/silences" }, "Cancel")));
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.save()));
    this.form.addEventListener("change", () => this.look());
    this.root = h("section", { class: "panel", "aria-label": id ? "Change a silence" : "New silence" }, h("div", { class: "panel-head" }, h("h2", null, id ? "Change a silence" : "New silence")), this.form);
  }

  /** A row for one matcher; its name field. */
  add(matcher) {
    const name = h("input", { class: "mono", "aria-label": "Label", placeholder: "label", value: matcher.name, required: true, spellcheck: "false", autocomplete: "off" });
    const op = h("select", { class: "mono", "aria-label": "Comparison" }, ["=", "!=", "=~", "!~"].map((o) => h("option", { value: o }, o)));
    op.value = operator(matcher);
    const value = h("input", { class: "mono", "aria-label": "Value", placeholder: "value", value: matcher.value, spellcheck: "false", autocomplete: "off" });
    const row = h("div", { class: "matcher" }, name, op, value,
      h("button", { type: "button", class: "iconbtn", "aria-label": "Remove this label", onclick: () => (row.remove(), this.look()) }, icon("cross")));
    this.box.append(row);
    return name;
  }

  matchers() {
    return [...this.box.children].map((row) => {
      const [name, op, value] = row.children;
      return { name: name.value.trim(), value: value.value, isEqual: !op.value.startsWith("!"), isRegex: op.value.endsWith("~") };
    });
  }

  /** Load the silence that is changed (once), then show how many alerts it covers now. */
  async load() {
    if (!this.loaded) {
      const silence = await request(`/alertmgr/api/v2/silence/${this.id}`);
      this.loaded = true;
      this.box.replaceChildren();
      for (const matcher of silence.matchers) this.add(matcher);
      this.comment.value = silence.comment;
      this.author.value ||= silence.createdBy;
      if (silence.status.state === "expired") this.id = null;
      else {
        this.from.value = localInput(instant(silence.startsAt));
        this.to.value = localInput(instant(silence.endsAt));
      }
    }
    await this.look();
  }

  async look() {
    const matchers = this.matchers();
    if (matchers.length === 0 || matchers.some((m) => m.name === "")) {
      this.preview.textContent = "";
      return;
    }
    const params = new URLSearchParams({ active: "true", silenced: "true", inhibited: "true" });
    for (const m of matchers) params.append("filter", matcherText(m));
    try {
      const alerts = await request(`/alertmgr/api/v2/alerts?${params}`);
      const names = [...new Set(alerts.map((a) => a.labels.alertname))];
      this.preview.replaceChildren(dot("unknown", ""), ` Covers ${plural(alerts.length, "alert")} now${names.length ? `: ${names.slice(0, 4).join(", ")}${names.length > 4 ? " …" : ""}` : ""}`);
    } catch (error) {
      this.preview.textContent = error.detail || error.message;
    }
  }

  async save() {
    const matchers = this.matchers();
    const [startsAt, endsAt] = [Date.parse(this.from.value), Date.parse(this.to.value)];
    if (matchers.length === 0) return this.fail("A silence needs at least one label.");
    if (!(endsAt > startsAt)) return this.fail("It ends before it starts.", this.to);
    if (endsAt <= Date.now()) return this.fail("It would already be over.", this.to);
    memory.set("author", this.author.value);
    this.submit.disabled = true;
    try {
      await request("/alertmgr/api/v2/silences", {
        json: { ...(this.id ? { id: this.id } : {}), matchers, startsAt: new Date(startsAt).toISOString(), endsAt: new Date(endsAt).toISOString(), createdBy: this.author.value, comment: this.comment.value },
      });
      location.hash = "#/silences";
    } catch (error) {
      this.complaint.replaceChildren(problem(error));
    } finally {
      this.submit.disabled = false;
    }
    return undefined;
  }

  fail(text, field) {
    this.complaint.replaceChildren(note("bad", text));
    field?.focus();
  }
}
