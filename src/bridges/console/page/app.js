// @ts-nocheck Browser code: the project's types are those of Node.
/**
 * The console page: shows the transcript and the running draft, sends messages.
 * The token comes in the address's fragment, is kept for this tab only and taken out of the address at once.
 */
import { buttonRow, forgetCards, showCard } from "./cards.js";
import { renderBlocks } from "./markdown.js";

const CHAT = "main";
const find = (id) => document.getElementById(id);
const ui = Object.fromEntries(
  [
    "connection",
    "new",
    "scroller",
    "messages",
    "empty",
    "draft",
    "status",
    "cards",
    "form",
    "text",
    "stop",
    "send",
    "notice",
  ].map((id) => [id, find(id)]),
);
const draftBody = find("draft-body");

const token = takeToken();
let lastSeq = "";
let workingTimer;
let noticeTimer;

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem("token") ?? "";
}

async function call(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const value = await response.json();
  if (!response.ok) throw Object.assign(new Error(value.error.message), value.error);
  return value;
}

/** Sends under one id until the bridge has it: the id makes repeating harmless. */
async function sendSurely(path, body) {
  const request = { chat: CHAT, ...body, id: crypto.randomUUID() };
  for (let attempt = 0; ; attempt++) {
    try {
      return await call(path, request);
    } catch (error) {
      if (error.retryable === false || attempt >= 8) throw error;
      await pause(500 * (attempt + 1));
    }
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- What is shown ----

function showMessage(entry) {
  if (document.getElementById(`m-${entry.seq}`)) return;
  const item = document.createElement("li");
  item.id = `m-${entry.seq}`;
  item.className = `message ${entry.role}`;
  const body = document.createElement("div");
  body.className = "body";
  if (entry.role === "user") body.textContent = entry.markdown;
  else body.append(renderBlocks(entry.blocks));
  const time = document.createElement("time");
  time.dateTime = new Date(entry.at).toISOString();
  time.textContent = new Date(entry.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  item.append(body, time);
  if (entry.buttons)
    body.append(buttonRow(entry.buttons, (data) => press({ chat: CHAT, message: entry.id }, data)));
  ui.messages.append(item);
  ui.empty.hidden = true;
  if (entry.role !== "user" && entry.turnId) endDraft();
  if (entry.role === "user") scrollToEnd();
}

function showWorking(text) {
  ui.draft.hidden = false;
  ui.stop.hidden = false;
  if (text !== undefined || ui.status.textContent === "") ui.status.textContent = text ?? "working…";
  clearTimeout(workingTimer);
  // Signs of life come every few seconds; without them nothing is said to work.
  workingTimer = setTimeout(endDraft, 15_000);
}

function showDraft(draft) {
  const status = draft.status === "waking" ? "waking up your agent…" : draft.status;
  showWorking(status || "writing…");
  draftBody.replaceChildren(draft.markdown === "" ? "" : renderBlocks(draft.blocks));
}

function endDraft() {
  clearTimeout(workingTimer);
  ui.draft.hidden = true;
  ui.stop.hidden = true;
  ui.status.textContent = "";
  draftBody.replaceChildren();
}

// Whoever reads the end sees it still when something comes, a card takes room, or the window changes. Only going up ends that.
let following = true;
let lastTop = 0;

function scrollToEnd() {
  following = true;
  ui.scroller.scrollTop = ui.scroller.scrollHeight;
}

ui.scroller.addEventListener("scroll", () => {
  const { scrollHeight, scrollTop, clientHeight } = ui.scroller;
  const atEnd = scrollHeight - scrollTop - clientHeight < 80;
  if (atEnd || scrollTop < lastTop) following = atEnd;
  lastTop = scrollTop;
});
const sizes = new ResizeObserver(() => following && scrollToEnd());
for (const element of [ui.scroller, ui.messages, ui.draft]) sizes.observe(element);

function setConnection(state, text) {
  ui.connection.dataset.state = state;
  ui.connection.textContent = text;
}

/** A complaint stays until the next action; an answer goes by itself. */
function complain(text, kind = "trouble") {
  clearTimeout(noticeTimer);
  ui.notice.textContent = text;
  ui.notice.dataset.kind = kind;
  ui.notice.hidden = text === "";
  if (kind === "answer") noticeTimer = setTimeout(() => complain(""), 6_000);
}

// ---- What comes in ----

const HANDLERS = {
  message: showMessage,
  draft: showDraft,
  working: () => showWorking(undefined),
  card: (card) => showCard(ui.cards, card, press),
  hello: () => forgetCards(ui.cards),
};

function handleFrame(frame) {
  const name = /^event: (\w+)$/m.exec(frame)?.[1];
  const data = /^data: (.*)$/m.exec(frame)?.[1];
  if (!name || !data || !Object.hasOwn(HANDLERS, name)) return;
  const id = /^id: (\d+)$/m.exec(frame)?.[1];
  HANDLERS[name](JSON.parse(data));
  if (id) lastSeq = id;
}

/** EventSource can't send a token, so the stream is read by fetch. */
async function listen() {
  for (;;) {
    try {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(lastSeq === "" ? {} : { "last-event-id": lastSeq }),
      };
      const response = await fetch(`/api/events?chat=${CHAT}`, { headers });
      if (response.status === 401) {
        setConnection("denied", "no access");
        complain("This address lacks its token. Open the link that `npm start` or `nemoclaw status` shows.");
        ui.send.disabled = true;
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      setConnection("online", "connected");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const frames = text.split("\n\n");
        text = frames.pop();
        frames.forEach(handleFrame);
      }
    } catch {
      // The service restarts; the stream resumes after the last entry.
    }
    setConnection("connecting", "reconnecting…");
    await pause(1_000);
  }
}

// ---- What goes out ----

async function send() {
  const text = ui.text.value.trim();
  if (text === "" || ui.send.disabled) return;
  ui.text.value = "";
  complain("");
  try {
    await sendSurely("/api/messages", { text });
  } catch (error) {
    complain(`Not sent: ${error.message}`);
    if (ui.text.value === "") ui.text.value = text;
  }
}

/** A press is one wish: the same id, however often it is sent. */
async function press({ chat, message }, data) {
  complain("");
  try {
    const { text } = await sendSurely("/api/tap", { chat, message, data });
    complain(text, "answer");
  } catch (error) {
    complain(error.message);
  }
}

async function command(path, button) {
  button.disabled = true;
  try {
    await sendSurely(path, {});
  } catch (error) {
    complain(error.message);
  }
  button.disabled = false;
}

ui.form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});
ui.text.addEventListener("keydown", (event) => {
  // On a phone Enter makes a new line, as people expect there.
  const phone = matchMedia("(pointer: coarse)").matches;
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || phone) return;
  event.preventDefault();
  void send();
});
let typedAt = 0;
ui.text.addEventListener("input", () => {
  // The agent wakes while its user still types.
  if (Date.now() - typedAt < 20_000) return;
  typedAt = Date.now();
  call("/api/typing", {}).catch(() => {});
});
ui.stop.addEventListener("click", () => void command("/api/stop", ui.stop));
ui.new.addEventListener("click", () => void command("/api/new", ui.new));
void listen();
