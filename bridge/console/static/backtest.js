// The editor of the backtest page: problems while typing, completion by keyboard, and the progress of a run.
// Only textContent is written; what was typed is sent as JSON and comes back as text.
"use strict";

const form = document.getElementById("backtest");
const text = form && document.getElementById("text");

// The operator API answers: a list of items, or a problem with a sentence in `detail`.
async function ask(operation, more) {
  const sent = { file: form.elements.file.value, route: form.elements.route.value, text: text.value, units: "utf-16", ...more };
  const answer = await fetch("/api/v1/backtests/" + operation, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) });
  if (answer.status === 401) return { detail: "you are signed out; copy your change, and load the page again" };
  return answer.json();
}

function replaceRange(start, end, inserted) {
  text.focus();
  text.setSelectionRange(start, end);
  // execCommand is what lets Ctrl+Z undo it; browsers without it replace the range.
  const done = inserted ? document.execCommand("insertText", false, inserted) : start === end || document.execCommand("delete");
  if (!done) {
    text.setRangeText(inserted, start, end, "end");
    text.dispatchEvent(new Event("input"));
  }
}

function element(name, className, content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

// What screen readers hear, politely and when nothing was typed for a second: one short sentence, never twice.
const heard = {
  timer: 0,
  LONGEST: 200,

  say(sentence, delay = 1000) {
    clearTimeout(this.timer);
    const short = sentence.length > this.LONGEST ? sentence.slice(0, this.LONGEST) + " …" : sentence;
    this.timer = setTimeout(() => {
      const place = document.getElementById("heard");
      if (place.textContent !== short) place.textContent = short;
    }, delay);
  },
};

const problems = {
  found: [],
  checked: "",

  mark() {
    const place = document.getElementById("marks");
    const own = this.found.filter((each) => each.start !== null).sort((a, b) => a.start - b.start);
    const parts = [];
    let at = 0;
    for (const each of own) {
      if (each.start < at) continue;
      const end = Math.max(each.end, each.start + 1);
      parts.push(text.value.slice(at, each.start), element("span", "mark " + each.severity, text.value.slice(each.start, end)));
      at = end;
    }
    place.replaceChildren(...parts, text.value.slice(at) + "\n");
    this.scroll();
  },

  scroll() {
    const place = document.getElementById("marks");
    place.scrollTop = text.scrollTop;
    place.scrollLeft = text.scrollLeft;
  },

  go(each) {
    text.focus();
    text.setSelectionRange(each.start, Math.max(each.start, each.end));
    heard.say("line " + each.line + ", " + this.sentence(each), 100);
  },

  // To the problem after the cursor, or the one before it; from the last one to the first one.
  move(step) {
    const own = this.found.filter((each) => each.start !== null).sort((a, b) => step * (a.start - b.start));
    if (own.length) this.go(own.find((each) => step * (each.start - text.selectionStart) > 0) || own[0]);
    else heard.say("no problems in this text", 100);
  },

  sentence(each) {
    return each.severity + ": " + (each.hint ? each.message + "; " + each.hint : each.message);
  },

  // The text may have changed since it was checked: then the same fix has another place.
  async apply(problem, fix) {
    if (text.value !== this.checked) {
      const checked = text.value;
      const answer = await ask("problems");
      if (text.value !== checked) return;
      this.show(answer, checked);
      const same = this.found.find((each) => each.code === problem.code && each.message === problem.message);
      fix = same && same.fixes.find((each) => each.title === fix.title);
    }
    if (fix) replaceRange(fix.start, fix.end, fix.text);
  },

  item(each) {
    const made = element("li", "card " + each.severity);
    const where = each.start === null ? each.file + ":" + each.line : "line " + each.line + ", column " + each.column;
    const head = element("p");
    head.append(element("strong", "", each.severity), " ");
    if (each.start !== null) {
      const go = element("button", "plain", where);
      go.type = "button";
      go.addEventListener("click", () => this.go(each));
      head.append(go);
    } else {
      head.append(where);
    }
    head.append(" " + each.code);
    made.append(head, element("p", "", each.hint ? each.message + "; " + each.hint : each.message));
    for (const fix of each.fixes) {
      const button = element("button", "", "Fix: " + fix.title);
      button.type = "button";
      button.addEventListener("click", () => this.apply(each, fix));
      made.append(button);
    }
    return made;
  },

  show(answer, checked) {
    const status = document.getElementById("checked");
    this.checked = checked;
    this.found = answer.items || [];
    if (!answer.items) status.textContent = answer.detail;
    else if (!this.found.length) status.textContent = "no problem found";
    else status.textContent = this.found.length + answer.more + (this.found.length + answer.more === 1 ? " problem" : " problems");
    if (answer.items && answer.usable) text.removeAttribute("aria-invalid");
    else if (answer.items) text.setAttribute("aria-invalid", "true");
    if (completion.open) { /* the options are being read */ }
    else if (!this.found.length) heard.say(answer.items ? "checked: no problems" : answer.detail);
    else heard.say(status.textContent + "; line " + this.found[0].line + ", " + this.sentence(this.found[0]));
    document.getElementById("problems").replaceChildren(...this.found.map((each) => this.item(each)));
    this.mark();
  },
};

const checking = { timer: 0, busy: false, again: false };

async function check() {
  if (checking.busy) { checking.again = true; return; }
  checking.busy = true;
  const checked = text.value;
  try {
    const answer = await ask("problems");
    if (text.value === checked) problems.show(answer, checked);
  } catch {
    document.getElementById("checked").textContent = "the console does not answer";
  } finally {
    checking.busy = false;
    if (checking.again || text.value !== checked) { checking.again = false; later(); }
  }
}

function later() {
  clearTimeout(checking.timer);
  checking.timer = setTimeout(check, 250);
}

// The text field keeps the focus; the chosen option is its active descendant. Any other move of the cursor closes the list.
const completion = {
  items: [],
  start: 0,
  place: 0,
  chosen: 0,
  asked: 0,
  PAGE: 10,

  get open() { return !document.getElementById("options").hidden; },

  async show() {
    const number = ++this.asked;
    this.place = text.selectionStart;
    const answer = await ask("completions", { offset: this.place });
    if (number !== this.asked || text.selectionStart !== this.place) return;
    this.items = answer.items || [];
    if (!this.items.length) { this.close(); this.report(answer.detail || "nothing to complete here"); return; }
    this.start = answer.start;
    const list = document.getElementById("options");
    list.replaceChildren(...this.items.map((each, index) => this.option(each, index)));
    list.hidden = false;
    text.setAttribute("aria-controls", "options");
    this.choose(0);
    heard.say(this.items.length + (this.items.length === 1 ? " completion" : " completions"), 300);
  },

  report(sentence) {
    document.getElementById("checked").textContent = sentence;
    heard.say(sentence, 100);
  },

  option(each, index) {
    const made = element("li");
    made.id = "option-" + index;
    made.setAttribute("role", "option");
    made.setAttribute("aria-posinset", String(index + 1));
    made.setAttribute("aria-setsize", String(this.items.length));
    made.append(element("code", "", each.label), " ", element("span", "quiet", each.detail));
    made.addEventListener("mousedown", () => { this.chosen = index; this.accept(); });
    return made;
  },

  choose(index) {
    const options = document.getElementById("options").children;
    this.chosen = (index + options.length) % options.length;
    for (const [at, each] of [...options].entries()) each.setAttribute("aria-selected", String(at === this.chosen));
    options[this.chosen].scrollIntoView({ block: "nearest" });
    text.setAttribute("aria-activedescendant", "option-" + this.chosen);
  },

  turn(step) {
    this.choose(Math.max(0, Math.min(this.items.length - 1, this.chosen + step)));
  },

  accept() {
    const item = this.items[this.chosen];
    this.close();
    replaceRange(this.start, text.selectionStart, item.text);
  },

  close() {
    this.asked++;
    document.getElementById("options").hidden = true;
    text.removeAttribute("aria-activedescendant");
    text.removeAttribute("aria-controls");
  },

  moved() {
    if (this.open && text.selectionStart !== this.place) this.close();
  },

  key(event) {
    if (event.isComposing) return;
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); this.show(); return; }
    if (event.key === "F8") { event.preventDefault(); problems.move(event.shiftKey ? -1 : 1); return; }
    if (!this.open || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const act = {
      ArrowDown: () => this.choose(this.chosen + 1), ArrowUp: () => this.choose(this.chosen - 1),
      PageDown: () => this.turn(this.PAGE), PageUp: () => this.turn(-this.PAGE),
      Enter: () => this.accept(), Tab: () => this.accept(), Escape: () => this.close(),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  },
};

async function watch(running) {
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    try {
      const state = await (await fetch(running.dataset.state)).json();
      document.getElementById("progress").textContent = state.done + " of " + state.all;
      document.getElementById("bar").max = Math.max(1, state.all);
      document.getElementById("bar").value = state.done;
      if (!state.running) {
        sessionStorage.setItem(running.dataset.state, text.value); // what was typed meanwhile
        location.reload();
        return;
      }
    } catch {
      document.getElementById("progress").textContent = "the console does not answer; load the page again";
      return;
    }
  }
}

if (form) {
  const typed = "/backtest/state" + location.search;
  if (sessionStorage.getItem(typed) !== null) text.value = sessionStorage.getItem(typed);
  sessionStorage.removeItem(typed);
  form.elements.zone.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  text.addEventListener("input", () => {
    problems.found = [];
    problems.mark();
    later();
    if (completion.open) completion.show();
  });
  text.addEventListener("keydown", (event) => completion.key(event));
  text.addEventListener("scroll", () => problems.scroll());
  text.addEventListener("blur", () => completion.close());
  document.getElementById("options").addEventListener("mousedown", (event) => event.preventDefault()); // the text keeps the focus
  document.addEventListener("selectionchange", () => completion.moved());
  document.getElementById("complete").addEventListener("click", () => { text.focus(); completion.show(); });
  check();
}
const running = document.getElementById("running");
if (running) watch(running);
if (location.hash === "#result") document.getElementById("result").focus();
