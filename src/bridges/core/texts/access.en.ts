/** English, about who gets in. */

/** English texts by code. */
export const ENGLISH_ACCESS: Readonly<Record<string, string>> = {
  // To somebody who isn't let in
  "access.paired":
    "Hello! This bot is private. To be let in, tell the person who runs it this code:\n\n`{code}`\n\nIt counts for {minutes} minutes. (Your id here is `{id}`.)",
  "access.full":
    "Hello! This bot is private, and too many people are waiting to be let in. Please try again later.",
  "access.busy":
    "I can't ask to let you in right now. Please try again in a minute. (Your id here is `{id}`.)",
  "access.allowed": "You are let in. Please send your message again.",
  "access.welcome":
    "You are let in! I pass your messages to your own agent, which works in its own sandbox. Just write what you need; /help shows the commands.",

  // The claim code
  "access.claimed":
    "You are the admin of this bot now. This chat speaks to the operator's own sandbox, and questions about who may come in are asked here.",
  "access.wrong-code": "This code doesn't count (any more).",
  "access.too-many-tries": "Too many wrong codes. Please wait ten minutes.",
  "access.private-only": "For this, please write to me in a private chat.",

  "access.not-here": "This has no meaning here.",
  "command.whoami": "Who you are to this bot",
  "command.link": "Use one sandbox from two platforms",
  "command.unlink": "Go back to your own sandbox",
  "argument.code": "The code from your other platform",

  // Questions to admins
  "access.ask-pairing":
    "Somebody asks to be let in.\n\nid: `{id}`\ncalls itself: “{name}”\n\nA name can be anybody's. If you aren't sure, ask for the code and use `nemoclaw pairing approve CODE`.",
  "access.ask-group":
    "I was added to a group by `{by}`.\n\nid: `{id}`\ncalled: “{name}”\n\nIf you allow it, its members can speak to the group's own sandbox.",
  "access.pairing-approved": "✅ Let in: `{id}` (“{name}”), by `{by}`.",
  "access.pairing-rejected": "⛔ Not let in: `{id}` (“{name}”), by `{by}`.",
  "access.group-allowed":
    "✅ Group allowed: `{id}` (“{name}”), by `{by}`. I answer there when I am mentioned or replied to.",
  "access.group-refused": "⛔ Group not allowed: `{id}` (“{name}”), by `{by}`.",
  "button.let-in": "Let in",
  "button.refuse": "Refuse",
  "button.allow-group": "Allow the group",
  "button.allow-group-decide": "Allow, and I decide there",

  // What became of a press: bare text, at most 200 characters
  "access.press.approved": "Done",
  "access.press.rejected": "Refused",
  "access.press.stranger": "You can't decide this",
  "access.press.misplaced": "This button is not the question's own",
  "access.press.gone": "This was decided already, or is too old",
  "access.press.link-waits": "Now the other side has to confirm",
  "access.press.busy": "This takes a moment. If nothing changes here, please press again.",
  "access.press.cage-incomplete":
    "This host can't cage other people's agents. The operator's terminal says why.",

  // /link and /whoami
  "access.link-begun":
    "To use this sandbox from your other platform too, write to the bot there within {minutes} minutes:\n\n/link `{code}`\n\nGive this code to nobody else.",
  "access.link-asked": "Please confirm: I have asked here and on the other side.",
  "access.link-same-platform": "That code was made on this platform. Please use it on the other one.",
  "access.link-already": "These two are linked already.",
  "access.link-none": "You are linked to nothing.",
  "access.unlinked": "Unlinked. Your own sandbox is back, with its files as you left them.",
  "access.ask-link-from":
    "Shall this account also use your sandbox?\n\nthe other: `{other}` (“{name}”)\nyou: `{mine}`\n\nWhoever has it then sees and changes everything in your sandbox. Say yes only if it is you.",
  "access.ask-link-to":
    "Shall you use the sandbox of this account from here?\n\nthe other: `{other}` (“{name}”)\nyou: `{mine}`\n\nYour own sandbox here is kept as it is; /unlink brings it back.",
  "button.link": "Yes, that is me",
  "button.dont-link": "No",
  "access.linked": "🔗 Linked: `{from}` and `{to}` use one sandbox. /unlink ends it.",
  "access.link-refused": "Not linked: `{from}` and `{to}` stay apart.",
  "access.who": "You are `{id}`. Roles: {roles}.",
  "access.who-linked": "You are `{id}`, and speak to a sandbox that you are linked to. Roles: {roles}.",
};
