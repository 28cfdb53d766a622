/**
 * English. Short, polite, says what to do. Codes are those of the store (notices), the worker and the gateway
 * (failures) and of the bridges themselves.
 */

/** English texts by code. */
export const ENGLISH: Readonly<Record<string, string>> = {
  // Commands and first contact
  welcome:
    "Hello! I pass your messages to your own agent, which works in its own sandbox.\n\nJust write what you need. /new starts a fresh conversation, /stop stops what is running, /help shows this again.",
  help: "Write a message and your agent answers.\n\n- /new – start a fresh conversation\n- /stop – stop the running answer and drop waiting messages\n- /help – show this\n\nEditing a message you sent has no effect: send a new one.",
  "unknown-command": "I don't know the command /{name}. See /help.",
  stranger:
    "Hello! This bot is private, and you are not on its list yet.\n\nYour user id is `{id}`. To be let in, send it to the person who runs this bot.",
  "stranger-closed":
    "Hello! Nobody has been let in to this bot yet.\n\nYour user id is `{id}`. If you run this bot, put the id into TELEGRAM\\_ALLOWED\\_USERS and start it again.",
  "private-only": "I only answer in private chats.",
  "text-only": "I can only read text so far. Please write your message as text.",
  "not-accepted": "Your message could not be accepted. Please send it again.",
  "too-long": "This message is too long: at most {limit} KB of text, please. You could split it.",

  // Mailbox notices
  "queue-full":
    "{waiting} messages are already waiting, so I did not take this one. Please wait, or use /stop.",
  "session-new": "✨ A fresh conversation starts here.",
  stopped: "⏹ Stopped. {discarded} waiting messages were dropped.",
  "stopped.0": "⏹ Stopped.",
  "stopped.1": "⏹ Stopped. One waiting message was dropped.",
  "nothing-to-stop": "Nothing is running.",
  cancelled: "*(This answer was stopped.)*",
  waking: "💤 Waking up your agent…",
  working: "Working…",
  "empty-answer": "*(The agent finished without a text.)*",

  // Failures
  reference: "Reference: `{reference}`",
  "unknown-code": "Something happened that I have no words for (`{code}`). Please try again.",
  "agent-failed": "Your agent could not finish this. Please try again.",
  "agent-error": "Your agent reported an error. Please try again, or start a fresh conversation with /new.",
  "agent-refused":
    "Your agent refused to start on this. Please try again, or start a fresh conversation with /new.",
  "agent-crashed": "Your agent stopped unexpectedly. It starts afresh with your next message.",
  "agent-stopped": "Your agent was stopped while it worked on this. It starts afresh with your next message.",
  "agent-start": "Your agent could not be started. Please try again in a minute.",
  "agent-start-failed": "Your agent could not be started. Please try again in a minute.",
  "agent-unreachable": "Your agent does not answer. Please try again in a minute.",
  "guest-error": "Your agent's sandbox had a problem. Please try again.",
  poison: "This message made your agent fail twice, so I stopped trying. The operator can look at it.",
  interrupted:
    "Your agent was restarted while it worked on this. Some of the work may be done; I did not repeat it. Send the message again if you want me to.",
  "out-of-memory": "Your agent ran out of memory and was stopped. It starts afresh with your next message.",
  "disk-full":
    "Your agent's disk space is used up. Ask it to delete something, or ask the operator for more.",
  "time-limit": "This took longer than a turn may take, so it was stopped. Try it in smaller steps.",
  "turn-timeout": "This took longer than a turn may take, so it was stopped. Try it in smaller steps.",
  "waking-timeout": "Your agent did not start in time. Please try again in a minute.",
  "sandbox-unavailable":
    "Your agent's sandbox could not be started. The operator has been given the details.",
  "no-capacity": "The machine is busy with other agents. Please try again in a minute.",
  "model-unreachable": "The AI model can't be reached right now. Please try again in a minute.",
  "model-timeout": "The AI model took too long to answer. Please try again.",
  "model-rate-limited": "The AI model is busy (rate limit). Please try again in a minute.",
  "model-auth": "The AI model refused our credentials. The operator has to look at this.",
  "model-refused": "The AI model refused this request.",
  "model-error": "The AI model reported an error. Please try again.",
  "model-overloaded": "The AI model is overloaded. Please try again in a minute.",
  "context-too-long": "This conversation has become too long for the AI model. Start a fresh one with /new.",
  "budget-exceeded": "Today's budget for the AI model is used up. It is renewed at midnight UTC.",
  "inference-denied": "The request to the AI model was not allowed by the operator's policy.",
  "gateway-unavailable": "The connection to the AI model broke off. Please try again.",
  "answer-not-shown": "⚠️ The answer is there, but this chat refuses to show it.",

  // Buttons and status lines
  "button.retry": "Try again",
  "retry.accepted": "Trying again",
  "retry.gone": "This is too old to be repeated. Please send the message again.",
  "retry.not-yours": "Only the person who asked can repeat this.",
};
