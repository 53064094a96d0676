// Times in the visitor's zone, shown and typed, the live tail, and "/" for the search field. Only textContent is written.
"use strict";

const localTime = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});

function localize(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    each.title = each.textContent;
    each.textContent = localTime.format(at);
  }
}

function cell(label, content) {
  const made = document.createElement("td");
  made.dataset.label = label;
  if (typeof content === "string") made.textContent = content; else made.append(content);
  return made;
}

function row(alert) {
  const time = document.createElement("time");
  time.dateTime = alert.time;
  time.textContent = alert.time;
  const link = document.createElement("a");
  link.href = "/alerts/" + encodeURIComponent(alert.id);
  link.append(time);
  const severity = document.createElement("span");
  severity.className = "severity " + alert.priority;
  severity.textContent = alert.priority;
  const made = document.createElement("tr");
  made.append(
    cell("Time", link), cell("Priority", severity), cell("Rule", alert.rule), cell("Where", alert.where),
    cell("Output", alert.output), cell("Decided", alert.decided),
  );
  localize(made);
  return made;
}

function follow(place) {
  const MOST_ROWS = 200, ROWS_A_FRAME = 25;
  const body = place.querySelector("tbody");
  const rate = document.getElementById("rate");
  const pause = document.getElementById("pause");
  let paused = false, hidden = 0, begun = Date.now(), seen = 0, waiting = [], scheduled = false;

  // A few rows a frame, so that a click never waits for hundreds.
  function paint() {
    scheduled = false;
    if (paused) return;
    body.prepend(...waiting.splice(0, ROWS_A_FRAME).reverse().map(row));
    while (body.rows.length > MOST_ROWS) body.lastElementChild.remove();
    schedule();
  }
  function schedule() {
    if (scheduled || paused || !waiting.length) return;
    scheduled = true;
    requestAnimationFrame(paint);
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Continue" : "Pause";
    schedule();
  });
  const source = new EventSource(place.dataset.source);
  source.onmessage = (event) => {
    const news = JSON.parse(event.data);
    const count = news.rows.length + news.skipped;
    seen += count;
    hidden += paused ? count : news.skipped;
    if (!paused) {
      waiting.push(...news.rows);
      const late = Math.max(0, waiting.length - MOST_ROWS); // as in a tab that is not shown
      waiting.splice(0, late);
      hidden += late;
      schedule();
    }
    const seconds = (Date.now() - begun) / 1000;
    rate.textContent = (seen / Math.max(seconds, 1)).toFixed(1) + " a second; " + hidden + " not shown";
  };
  // Only this is read aloud: the rate changes twice a second.
  const connection = document.getElementById("connection");
  source.onopen = () => { connection.textContent = ""; };
  // After a refusal, such as at the end of a session, a browser does not try again.
  source.onerror = () => {
    const ended = source.readyState === EventSource.CLOSED;
    connection.textContent = ended ? "no alerts are shown any more; load the page again" : "connection lost; reconnecting";
  };
}

localize(document);
const zone = document.querySelector("form[role=search] input[name=zone]");
if (zone) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || ""; // of the times that are typed
const place = document.getElementById("tail");
if (place) follow(place);
document.addEventListener("keydown", (event) => {
  const field = document.getElementById("condition");
  if (event.key === "/" && field && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    field.focus();
  }
});
