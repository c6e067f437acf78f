"use strict";
// Everything that is shown comes from devices and users: it becomes text, never markup.

const TOKEN = "otarig-token";
const REGION = "otarig-region";
const EVERY_MS = 1000;
const STATES = ["SUCCEEDED", "IN_PROGRESS", "QUEUED", "WAITING", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED"];
const TONES = {
  SUCCEEDED: "good", COMPLETED: "good", IN_PROGRESS: "busy",
  FAILED: "bad", REJECTED: "bad", TIMED_OUT: "bad", ABORTED: "bad",
};
const ENDED = ["COMPLETED", "CANCELED", "DELETION_IN_PROGRESS"];
const field = (id) => document.getElementById(id);

// -- the token: out of the address into this tab, so that no copied address has it ------------------

function takeToken() {
  const told = new URLSearchParams(location.hash.slice(1)).get("token");
  if (told) {
    sessionStorage.setItem(TOKEN, told);
    history.replaceState(null, "", location.pathname);
  }
}

// Without a choice the first region is meant.
const region = () => sessionStorage.getItem(REGION);

async function ask(method, path, body) {
  if (region() !== null) path += `${path.includes("?") ? "&" : "?"}region=${encodeURIComponent(region())}`;
  const headers = { "X-Otarig-Token": sessionStorage.getItem(TOKEN) ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store", credentials: "omit", redirect: "error",
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
  return answer;
}

// -- words ------------------------------------------------------------------------------------------

const number = (value) => value.toLocaleString("en");
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
const words = (state) => state.toLowerCase().replaceAll("_", " ");
const percent = (part, whole) => (whole ? Math.round((1000 * part) / whole) / 10 : 0);
const moment = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB");
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
const stateOf = (job) => (job.aborted ? "ABORTED" : job.status);
const countOf = (job, state) => (state === "WAITING" ? job.pace.waiting : job.counts[state] ?? 0);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// What a text of a device or a user would do unseen, such as turning the direction of writing, is
// shown as a code; and the text stands by itself.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const visible = (text) => text.replace(UNSEEN, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
const foreign = (text, className = "") => make("bdi", { className, textContent: visible(text) });

function say(id, text) {
  if (field(id).textContent !== text) field(id).textContent = text;
}

const shown = new Map();
// Rebuild a part only when its data are others: what somebody has selected there stays selected.
function show(id, data, build) {
  const text = JSON.stringify(data);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  field(id).replaceChildren(...build(data));
}

// -- jobs -------------------------------------------------------------------------------------------

function segments(job) {
  return STATES.filter((state) => countOf(job, state)).map((state) => {
    const segment = make("i", { className: `s-${state}` });
    segment.style.flexGrow = countOf(job, state);
    return segment;
  });
}

function inWords(job) {
  const counts = STATES.filter((state) => countOf(job, state));
  return counts.map((state) => `${number(countOf(job, state))} ${words(state)}`).join(", ") || "no things";
}

function word(state) {
  return make("span", { className: `word ${TONES[state] ?? "open"}`, textContent: words(state) });
}

const entries = new Map();

function entryOf(jobId) {
  if (!entries.has(jobId)) {
    const link = make("a", { href: `#job=${encodeURIComponent(jobId)}` });
    entries.set(jobId, { item: make("li", {}, link), link, text: "" });
  }
  return entries.get(jobId);
}

function showJobs(fleet) {
  const { jobs } = fleet;
  const items = jobs.map((job) => {
    const entry = entryOf(job.job_id);
    const text = JSON.stringify(job);
    if (entry.text !== text) {
      entry.text = text;
      const bar = make("span", { className: "bar" }, ...segments(job));
      const head = make("span", { className: "head" }, make("b", { textContent: job.job_id }), word(stateOf(job)));
      const counts = make("span", { className: "quiet", textContent: inWords(job) });
      entry.link.replaceChildren(head, bar, counts);
    }
    entry.link.setAttribute("aria-current", String(job.job_id === selected));
    return entry.item;
  });
  const list = field("jobs");
  if (items.length !== list.children.length || items.some((item, at) => list.children[at] !== item)) {
    list.replaceChildren(...items);
  }
  for (const jobId of entries.keys()) if (!jobs.some((job) => job.job_id === jobId)) entries.delete(jobId);
  showRegions(fleet);
  field("new").hidden = false;
  field("no-jobs").hidden = jobs.length > 0;
  field("more-jobs").hidden = fleet.job_count === jobs.length;
  say("more-jobs", `and ${number(fleet.job_count - jobs.length)} older ones`);
  say("summary", `${plural(fleet.job_count, "job")}, ${plural(fleet.thing_count, "thing")}, ${fleet.region}`);
}

function showRegions({ region: here, regions }) {
  field("regions").hidden = regions.length < 2;
  show("region", regions, () => regions.map((name) => make("option", { textContent: name })));
  if (document.activeElement !== field("region")) field("region").value = here;
}

// -- one job ----------------------------------------------------------------------------------------

let selected = null;
let only = null;
let arriving = false;

function showDetail(detail) {
  const { job } = detail;
  const state = stateOf(job);
  say("job-title", job.job_id);
  say("job-status", words(state));
  field("job-status").className = `word ${TONES[state] ?? "open"}`;
  const targets = job.target_count === 1 ? job.targets[0] : plural(job.target_count, "target");
  const end = job.completed_at === null ? "" : `, ended ${moment(job.completed_at)}`;
  say("job-about", `${words(job.selection)}, ${targets}, made ${moment(job.created_at)}${end}`);
  show("job-description", job.description, (text) => (text ? [foreign(text)] : []));
  show("job-comment", [job.reason_code, job.comment], (texts) => {
    const told = texts.filter(Boolean).join(": ");
    return told ? [foreign(told, job.aborted ? "aborted" : "")] : [];
  });
  field("cancel").hidden = ENDED.includes(job.status);
  show("job-bar", [job.counts, job.pace.waiting], () => segments(job));
  field("job-bar").setAttribute("aria-label", inWords(job));
  showStates(job);
  showPace(detail);
  showAbort(job);
  showFailures(detail.failures);
  showThings(detail);
  field("detail").hidden = false;
  // On a narrow screen it is below the list, out of sight of who has just chosen it.
  if (arriving && matchMedia("(max-width: 52rem)").matches) field("detail").scrollIntoView();
  arriving = false;
}

function showStates(job) {
  const counts = STATES.map((state) => [state, countOf(job, state)]);
  const due = counts.filter(([state, count]) => count || ["SUCCEEDED", "IN_PROGRESS", "QUEUED", "FAILED"].includes(state));
  show("states", [due, job.things, only], () => due.map(([state, count]) => {
    const name = make("span", {}, make("i", { className: `dot s-${state}` }), words(state));
    const share = make("span", { textContent: `${percent(count, job.things)} %` });
    const head = make("span", { className: "head" }, make("b", { textContent: number(count) }), share);
    const button = make("button", { type: "button", disabled: state === "WAITING" }, head, name);
    button.dataset.state = state;
    button.setAttribute("aria-pressed", String(state === only));
    return make("li", {}, button);
  }));
}

function showPace({ job, now, queued_last_minute: queued, ended_last_minute: ended }) {
  const { pace } = job;
  const going = pace.next_at !== null;
  say("pace-rate", going ? number(pace.rate) : number(queued));
  say("pace-unit", going ? "things a minute" : "things queued in the last minute");
  const wait = Math.max(0, Math.ceil((pace.next_at ?? 0) - now));
  const over = pace.waiting ? "The rollout has not begun." : "The rollout is over.";
  say("pace-next", going ? `Next ${number(pace.next_rate)} in ${number(wait)} s; at most ${number(pace.maximum)} a minute.` : over);
  say("pace-done", `${number(pace.notified)} notified, ${number(pace.waiting)} waiting`);
  say("pace-minute", `Last minute: ${number(queued)} queued, ${number(ended)} ended`);
}

function showAbort(job) {
  const state = job.aborted ? "The job has been aborted." : "";
  say("abort-state", state || (job.abort.length ? "" : "There is no abort rule."));
  field("abort-state").className = job.aborted ? "aborted" : "";
  show("abort", job.abort, (rules) => rules.map((rule) => {
    const now = percent(rule.failed, rule.executed);
    // Full is where the rule strikes.
    const meter = make("meter", { min: 0, max: rule.threshold, value: now, high: 0.75 * rule.threshold, optimum: 0 });
    meter.setAttribute("aria-label", `${now} % ${words(rule.failure)}`);
    const which = rule.failure === "ALL" ? "failed, rejected or timed out" : words(rule.failure);
    const text = `${now} % of ${number(rule.executed)} ended ${which}; cancels at ${rule.threshold} % from ${number(rule.minimum)} ended on`;
    return make("li", {}, meter, make("span", { className: "quiet", textContent: text }));
  }));
}

function showFailures(failures) {
  field("no-failures").hidden = failures.length > 0;
  field("failures-table").hidden = failures.length === 0;
  show("failures", failures, () => failures.map((failure) => make("tr", {},
    make("td", {}, failure.reason === null ? make("span", { className: "quiet", textContent: "none given" }) : foreign(failure.reason, "mono")),
    make("td", {}, word(failure.status)),
    make("td", { className: "number", textContent: number(failure.things) }))));
}

function showThings({ things }) {
  const which = only === null ? "" : ` that are ${words(only)}`;
  say("things-about", things.length ? `The last ${number(things.length)}${which} to change, newest first.` : `There are none${which}.`);
  field("things-table").hidden = things.length === 0;
  show("things", things, () => things.map((thing) => {
    const attempt = thing.attempt > 1 ? [make("span", { className: "quiet", textContent: ` attempt ${number(thing.attempt)}` })] : [];
    return make("tr", {},
      make("td", {}, foreign(thing.thing, "mono")),
      make("td", {}, word(thing.status), ...attempt),
      make("td", {}, foreign(thing.details)),
      make("td", { className: "when", textContent: clock(thing.changed_at) }));
  }));
}

// -- looking again and again --------------------------------------------------------------------------

let fleet = null;
let turn = 0;
let timer = null;

function lose(text) {
  say("live", text);
  field("live").classList.add("lost");
}

async function refresh() {
  const mine = ++turn;
  clearTimeout(timer);
  try {
    const wanted = selected;
    const query = only === null ? "" : `?status=${only}`;
    const [all, detail] = await Promise.all([
      ask("GET", "jobs"),
      wanted === null ? null : ask("GET", `jobs/${encodeURIComponent(wanted)}${query}`).catch((error) => {
        if (error.status === 404) return null;
        throw error;
      }),
    ]);
    if (mine !== turn) return;
    fleet = all;
    field("live").classList.remove("lost");
    say("live", `Live, ${clock(all.now)}`);
    showJobs(all);
    if (detail === null) field("detail").hidden = true;
    else showDetail(detail);
  } catch (error) {
    if (mine !== turn) return;
    if (error.status === 400 && region() !== null) {
      // Of a serve that had more regions.
      sessionStorage.removeItem(REGION);
      return refresh();
    }
    if (error.status === 401) {
      lose("This is not the address of this run: open the one that serve shows.");
      return;
    }
    lose(error.status ? `serve refuses: ${error.message}` : "serve does not answer; asking again …");
  }
  if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

function select() {
  const chosen = new URLSearchParams(location.hash.slice(1)).get("job");
  if (chosen !== selected) {
    only = null;
    arriving = chosen !== null;
  }
  selected = chosen;
  if (fleet) showJobs(fleet);
  refresh();
}

// -- making and canceling jobs ------------------------------------------------------------------------

const list = (text) => text.split(/[\s,]+/).filter(Boolean);

function jobOf(form) {
  const value = (name) => form.elements[name].value.trim();
  const arn = (kind) => (name) => `${fleet.arn_prefix}${kind}/${name}`;
  const body = {
    targets: [...list(value("things")).map(arn("thing")), ...list(value("groups")).map(arn("thinggroup"))],
    document: value("document"),
    targetSelection: form.elements.continuous.checked ? "CONTINUOUS" : "SNAPSHOT",
  };
  if (value("description")) body.description = value("description");
  if (value("perMinute")) body.jobExecutionsRolloutConfig = { maximumPerMinute: Number(value("perMinute")) };
  if (value("abortPercentage")) {
    body.abortConfig = {
      criteriaList: [{
        failureType: value("abortType"), action: "CANCEL",
        thresholdPercentage: Number(value("abortPercentage")),
        minNumberOfExecutedThings: Number(value("abortMinimum") || 1),
      }],
    };
  }
  return body;
}

// A form in a dialog: `send` does what it is for, what is refused is said in it.
function dialog(name, send) {
  const box = field(`${name}-dialog`);
  const form = field(`${name}-form`);
  const alert = form.querySelector(".alert");
  form.querySelector(".close").addEventListener("click", () => box.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    alert.textContent = "";
    try {
      await send(form);
      box.close();
      form.reset();
    } catch (error) {
      alert.textContent = error.message;
    }
    button.disabled = false;
    refresh();
  });
  return () => {
    alert.textContent = "";
    box.showModal();
  };
}

const openNew = dialog("new", async (form) => {
  const jobId = form.elements.jobId.value.trim();
  await ask("PUT", `jobs/${encodeURIComponent(jobId)}`, jobOf(form));
  location.hash = `job=${encodeURIComponent(jobId)}`;
});
let canceling = null;
const openCancel = dialog("cancel", async (form) => {
  const comment = form.elements.comment.value.trim();
  const path = `jobs/${encodeURIComponent(canceling)}/cancel?force=${form.elements.force.checked}`;
  await ask("PUT", path, comment ? { comment } : {});
});

field("new").addEventListener("click", openNew);
field("cancel").addEventListener("click", () => {
  canceling = selected;
  say("cancel-title", `Cancel ${canceling}?`);
  openCancel();
});
field("region").addEventListener("change", (event) => {
  sessionStorage.setItem(REGION, event.target.value);
  event.target.blur();
  if (location.hash) location.hash = "";
  else refresh();
});
field("states").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  only = only === button.dataset.state ? null : button.dataset.state;
  refresh();
});
addEventListener("hashchange", () => {
  takeToken();
  select();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
takeToken();
select();
