/** German, by the codes of `en.ts`. Du; short, polite, says what to do. */

import { GERMAN_ACCESS } from "./access.de.ts";

/** German texts by code. */
export const GERMAN: Readonly<Record<string, string>> = {
  ...GERMAN_ACCESS,

  // Commands and first contact
  welcome:
    "Hallo! Ich gebe deine Nachrichten an deinen eigenen Agenten weiter, der in seiner eigenen Sandbox arbeitet.\n\nSchreib einfach, was du brauchst. /new beginnt ein neues Gespräch, /stop hält an, was gerade läuft, /help zeigt alle Befehle.",
  help: "Schreib eine Nachricht, und dein Agent antwortet.",
  "help.edits":
    "Du kannst eine Nachricht durch Bearbeiten berichtigen, solange dein Agent nicht mit ihr begonnen hat. Spätere Änderungen bewirken nichts: Schick dann eine neue Nachricht.",
  "unknown-command": "Den Befehl /{name} kenne ich nicht. Siehe /help.",
  "not-here": "Darauf antworte ich hier nicht.",
  "text-only":
    "Ich kann Text und Dateien lesen, das hier aber nicht. Bitte schreib deine Nachricht als Text oder schick sie als Datei.",
  "not-accepted": "Deine Nachricht konnte nicht angenommen werden. Bitte schick sie noch einmal.",
  "too-long": "Diese Nachricht ist zu lang: höchstens {limit} KB Text, bitte. Du kannst sie aufteilen.",
  heard: "Verstanden habe ich: „{text}“",
  "heard-nothing": "In der Aufnahme habe ich keine Worte gehört. Dein Agent hat sie als Datei bekommen.",
  "heard-off":
    "Ich kann Gesprochenes hier nicht in Text verwandeln; dein Agent hat die Aufnahme als Datei bekommen.",
  "heard-too-large":
    "Die Aufnahme ist zu lang, um sie in Text zu verwandeln. Dein Agent hat sie als Datei bekommen.",
  "heard-used-up":
    "Gesprochenes wird vorerst nicht mehr in Text verwandelt: Das Kontingent ist aufgebraucht. Dein Agent hat die Aufnahme als Datei bekommen.",
  "heard-failed":
    "Die Aufnahme ließ sich diesmal nicht in Text verwandeln. Dein Agent hat sie als Datei bekommen.",
  "whole-answer": "📄 Die Antwort ist lang: Hier steht ihr Anfang, alles zusammen ist in der Datei darunter.",
  "file-too-large": "{name} ist zu groß: Ich kann Dateien bis höchstens {limit} MB annehmen.",
  "file-not-there": "{name} ließ sich nicht mehr abrufen. Bitte schick die Datei noch einmal.",
  "file-gone": "{name}: Diese Datei gibt es nicht mehr. Bitte deinen Agenten noch einmal darum.",
  "file-not-shown": "{name}: Dieser Chat nimmt diese Datei nicht an.",
  "omitted-too-large": "{name} wurde nicht geschickt: Die Datei ist zu groß.",
  "omitted-too-many": "{name} wurde nicht geschickt: Es waren zu viele Dateien.",
  "omitted-missing": "{name} wurde nicht geschickt: Diese Datei gibt es nicht.",
  "omitted-failed": "{name} ließ sich nicht von deinem Agenten abholen.",

  // Descriptions of commands and their arguments
  "command.start": "Hallo sagen",
  "command.help": "Was dieser Bot kann",
  "command.new": "Ein neues Gespräch beginnen",
  "command.stop": "Die Antwort anhalten, Wartendes verwerfen",
  "command.status": "Was dein Agent gerade tut",
  "command.model": "Das KI-Modell zeigen oder wählen",
  "command.usage": "Was du heute verbraucht hast",
  "command.queue": "Was mit Nachrichten geschieht, während er arbeitet",
  "command.approvals": "Fragen, die auf deine Entscheidung warten",
  "command.rules": "Was du immer erlaubst, und wie du es zurücknimmst",
  "command.export": "Dieses Gespräch als Datei",
  "argument.text": "Erste Nachricht des neuen Gesprächs",
  "argument.model": "Name oder Nummer eines Modells",
  "argument.mode": "followup, steer oder interrupt",
  "argument.rule": "revoke und die ID einer Regel",

  // /status, /usage, /model, /queue, /export
  "status.working": "⏳ Dein Agent arbeitet seit {time}.",
  "status.idle": "✅ Es läuft nichts. Dein Agent ist bereit für deine nächste Nachricht.",
  "status.waiting": "{count} Nachrichten warten",
  "status.waiting.0": "Keine Nachricht wartet",
  "status.waiting.1": "Eine Nachricht wartet",
  "status.model": "Modell: `{model}` (ändern mit /model)",
  "status.queue-followup": "Neue Nachrichten warten, bis die laufende Antwort fertig ist (/queue)",
  "status.queue-steer":
    "Eine neue Nachricht erreicht den laufenden Agenten bei seinem nächsten Schritt (/queue)",
  "status.queue-interrupt": "Eine neue Nachricht beendet die laufende Antwort (/queue)",
  "status.today": "Heute verbraucht: {tokens} Token (/usage)",
  "usage.head": "Was du heute verbraucht hast (bis Mitternacht UTC):",
  "usage.tokens": "{tokens} Token ({input} gelesen, {output} geschrieben)",
  "usage.calls": "{count} Anfragen an das KI-Modell",
  "usage.calls.1": "Eine Anfrage an das KI-Modell",
  "usage.cost": "etwa {cost}",
  "usage.limit-tokens": "{left} von {limit} Token übrig",
  "usage.limit-cost": "{left} von {limit} übrig",
  "model-now": "Dieses Gespräch benutzt `{model}`.",
  "model-how":
    "Zum Ändern schreib /model und einen Namen oder eine Nummer. Es gilt ab deiner nächsten Nachricht.",
  "model-set": "🧠 Ab jetzt benutzt dieses Gespräch `{value}`.",
  "model-unknown": "Das Modell `{model}` kenne ich nicht. /model zeigt, welche du wählen kannst.",
  "queue-how": "Zum Ändern schreib /queue und eines dieser Wörter.",
  "queue-unknown": "Die Art `{mode}` gibt es nicht. /queue zeigt, welche es gibt.",
  "queue.followup": "neue Nachrichten warten und werden dann gemeinsam beantwortet",
  "queue.steer":
    "eine neue Nachricht erreicht den laufenden Agenten bei seinem nächsten Schritt; eine Antwort gilt für beide",
  "queue.interrupt": "eine neue Nachricht beendet die laufende Antwort und kommt als nächste dran",
  "queue-set-followup": "Ab jetzt warten neue Nachrichten, bis die laufende Antwort fertig ist.",
  "queue-set-steer":
    "Ab jetzt erreicht eine neue Nachricht den laufenden Agenten bei seinem nächsten Schritt.",
  "queue-set-interrupt": "Ab jetzt beendet eine neue Nachricht die laufende Antwort.",
  "export-none": "In diesem Gespräch gibt es noch nichts zu exportieren.",
  "export-caption": "Dieses Gespräch: alles seit /new, höchstens die letzten 7 Tage.",
  "export-failed": "Die Datei konnte nicht geschickt werden. Bitte versuch es noch einmal.",
  "files-inbox": "Dein Agent hat {count} Dateien von dir (`inbox/`):",
  "files-inbox.0": "Dein Agent hat keine Dateien von dir (`inbox/`).",
  "files-inbox.1": "Dein Agent hat eine Datei von dir (`inbox/`):",
  "files-outbox": "{count} Dateien warten darauf, dir geschickt zu werden (`outbox/`):",
  "files-outbox.0": "Keine Datei wartet darauf, dir geschickt zu werden (`outbox/`).",
  "files-outbox.1": "Eine Datei wartet darauf, dir geschickt zu werden (`outbox/`):",
  "files-item": "`{name}`, {size}",
  "files-asleep": "💤 Dein Agent schläft. Ich wecke ihn; bitte frag in einer Minute noch einmal.",
  "files-no-answer":
    "Die Dateien deines Agenten lassen sich gerade nicht ansehen. Bitte versuch es in einer Minute noch einmal.",
  "command.files": "Welche Dateien dein Agent hat",
  "export.title": "Gespräch",
  "export.you": "Du",
  "export.agent": "Agent",

  // Mailbox notices
  "queue-full":
    "Es warten schon {waiting} Nachrichten, deshalb habe ich diese nicht angenommen. Bitte warte oder benutze /stop.",
  "queue-full-many":
    "Es warten schon {waiting} Nachrichten, deshalb habe ich die letzten {count} nicht angenommen. Bitte warte oder benutze /stop.",
  queued: "⏳ Dein Agent arbeitet noch. Vor dieser Nachricht kommen {count} andere.",
  "queued.1": "⏳ Dein Agent arbeitet noch; das hier kommt als Nächstes.",
  "busy-elsewhere":
    "⏳ Dein Agent ist in deinen anderen Chats beschäftigt. Er antwortet hier, sobald einer davon fertig ist.",
  "too-fast":
    "Du schickst Nachrichten schneller, als ich sie annehmen darf ({limit} pro Minute), deshalb habe ich diese nicht angenommen. Bitte schick sie in {seconds} s noch einmal.",
  "used-up-tokens":
    "Die heutigen Token sind aufgebraucht, deshalb habe ich diese Nachricht nicht angenommen. Um Mitternacht UTC gibt es neue. /usage zeigt mehr.",
  "used-up-micros":
    "Das heutige Guthaben ist aufgebraucht, deshalb habe ich diese Nachricht nicht angenommen. Um Mitternacht UTC wird es erneuert. /usage zeigt mehr.",
  "session-new": "✨ Hier beginnt ein neues Gespräch.",
  stopped: "⏹ Angehalten. {discarded} wartende Nachrichten wurden verworfen.",
  "stopped.0": "⏹ Angehalten.",
  "stopped.1": "⏹ Angehalten. Eine wartende Nachricht wurde verworfen.",
  "nothing-to-stop": "Es läuft nichts.",
  cancelled: "*(Diese Antwort wurde angehalten.)*",
  waking: "💤 Dein Agent wird geweckt…",
  working: "Arbeitet…",
  "empty-answer": "*(Der Agent ist ohne einen Text fertig geworden.)*",

  // Failures
  reference: "Kennung: `{reference}`",
  "unknown-code":
    "Es ist etwas geschehen, wofür mir die Worte fehlen (`{code}`). Bitte versuch es noch einmal.",
  "agent-failed": "Dein Agent konnte das nicht zu Ende bringen. Bitte versuch es noch einmal.",
  "agent-error":
    "Dein Agent hat einen Fehler gemeldet. Bitte versuch es noch einmal oder beginne mit /new ein neues Gespräch.",
  "agent-refused":
    "Dein Agent wollte damit nicht beginnen. Bitte versuch es noch einmal oder beginne mit /new ein neues Gespräch.",
  "agent-crashed":
    "Dein Agent ist unerwartet stehen geblieben. Mit deiner nächsten Nachricht startet er frisch.",
  "agent-off":
    "Dein Agent wurde vom Betreiber abgeschaltet. Bitte wende dich an ihn, damit er ihn wieder startet.",
  "agent-stopped":
    "Dein Agent wurde angehalten, während er daran arbeitete. Mit deiner nächsten Nachricht startet er frisch.",
  "agent-start": "Dein Agent konnte nicht gestartet werden. Bitte versuch es in einer Minute noch einmal.",
  "agent-start-failed":
    "Dein Agent konnte nicht gestartet werden. Bitte versuch es in einer Minute noch einmal.",
  "agent-unreachable": "Dein Agent antwortet nicht. Bitte versuch es in einer Minute noch einmal.",
  "guest-error": "Die Sandbox deines Agenten hatte ein Problem. Bitte versuch es noch einmal.",
  poison:
    "An dieser Nachricht ist dein Agent zweimal gescheitert, deshalb versuche ich es nicht weiter. Der Betreiber kann sie sich ansehen.",
  interrupted:
    "Dein Agent wurde neu gestartet, während er daran arbeitete. Ein Teil der Arbeit ist vielleicht getan; ich habe sie nicht wiederholt. Schick die Nachricht noch einmal, wenn ich das tun soll.",
  "out-of-memory":
    "Deinem Agenten ging der Speicher aus, darum wurde das nicht fertig. Für deine nächste Nachricht ist er bereit.",
  "disk-full":
    "Der Plattenplatz deines Agenten ist aufgebraucht. Bitte ihn, etwas zu löschen, oder den Betreiber um mehr Platz.",
  "time-limit":
    "Das hat länger gedauert, als eine Antwort dauern darf, und wurde angehalten. Versuch es in kleineren Schritten.",
  "turn-timeout":
    "Das hat länger gedauert, als eine Antwort dauern darf, und wurde angehalten. Versuch es in kleineren Schritten.",
  "waking-timeout":
    "Dein Agent ist nicht rechtzeitig gestartet. Bitte versuch es in einer Minute noch einmal.",
  "sandbox-unavailable":
    "Die Sandbox deines Agenten konnte nicht gestartet werden. Der Betreiber hat die Einzelheiten.",
  "no-capacity":
    "Die Maschine ist mit anderen Agenten beschäftigt. Bitte versuch es in einer Minute noch einmal.",
  "model-unreachable":
    "Das KI-Modell ist gerade nicht erreichbar. Bitte versuch es in einer Minute noch einmal.",
  "model-timeout": "Das KI-Modell hat zu lange für eine Antwort gebraucht. Bitte versuch es noch einmal.",
  "model-rate-limited":
    "Das KI-Modell ist ausgelastet (Ratenbegrenzung). Bitte versuch es in einer Minute noch einmal.",
  "model-auth": "Das KI-Modell hat unsere Zugangsdaten abgelehnt. Darum muss sich der Betreiber kümmern.",
  "model-refused": "Das KI-Modell hat diese Anfrage abgelehnt.",
  "model-error": "Das KI-Modell hat einen Fehler gemeldet. Bitte versuch es noch einmal.",
  "model-overloaded": "Das KI-Modell ist überlastet. Bitte versuch es in einer Minute noch einmal.",
  "context-too-long": "Dieses Gespräch ist für das KI-Modell zu lang geworden. Beginne mit /new ein neues.",
  "budget-exceeded":
    "Das heutige Guthaben für das KI-Modell ist aufgebraucht. Um Mitternacht UTC wird es erneuert.",
  "inference-denied": "Die Richtlinie des Betreibers hat die Anfrage an das KI-Modell nicht erlaubt.",
  "gateway-unavailable": "Die Verbindung zum KI-Modell ist abgerissen. Bitte versuch es noch einmal.",
  "answer-not-shown": "⚠️ Die Antwort ist da, aber dieser Chat weigert sich, sie anzuzeigen.",

  // Buttons and status lines
  "button.stop": "Stopp",
  "button.retry": "Noch einmal",
  "retry.accepted": "Ich versuche es noch einmal",
  "retry.gone": "Das ist zu alt, um es zu wiederholen. Bitte schick die Nachricht noch einmal.",
  "retry.not-yours": "Nur wer gefragt hat, kann das wiederholen.",

  // Approval cards: bare text, no Markdown
  "card.ask": "Dein Agent möchte erreichen:",
  "card.confirm": "Das immer erlauben?",
  "card.text": "{text}",
  "card.flag.ip": "bloße IP-Adresse",
  "card.flag.idn": "internationaler Name, als Punycode gezeigt",
  "card.flag.odd": "ungewöhnliche Zeichen, als \\u{…} gezeigt",
  "card.flag.paste": "jeder kann dort veröffentlichen",
  "card.flag.tunnel": "nicht einsehbar",
  "card.flag.dyndns": "dynamischer DNS-Name",
  "card.flag.write": "sendet Daten hinaus",
  "card.flag.first-time": "zum ersten Mal",
  "card.program": "Programm: {program}",
  "card.program.unknown": "Programm: unbekannt",
  "card.request": "Anfrage: {request}",
  "card.tunnel": "Anfrage: jede Methode, jeder Pfad (Tunnel)",
  "card.attempts": "{count}-mal gefragt",
  "card.attempts.1": "Einmal gefragt",
  "card.held": "{count} Verbindungen warten",
  "card.held.1": "1 Verbindung wartet",
  "card.held.0": "nichts wartet mehr",
  "card.waits": "Wartet ≤ {seconds} s, offen bis {time} UTC",
  "card.open": "Offen bis {time} UTC",
  "card.scope.once": "Einmal: was jetzt wartet, später nichts",
  "card.scope.next": "Nächster Versuch: eine Verbindung innerhalb von 2 Minuten",
  "card.scope.session": "Sitzung: {what} hier, aus diesem Gespräch, bis /new oder 12 h",
  "card.scope.always": "Immer: {what} hier, bis du es mit /rules zurücknimmst",
  "card.scope.deny": "Ablehnen: jetzt und bis zum Ende dieser Antwort",
  "card.what.tunnel": "jede Methode, jeder Pfad",
  "card.what.request": "diese Methode und dieser Pfad",
  "card.says": "der Agent sagt: „{says}“",
  "card.why.ip": "Eine bloße IP-Adresse: Kein Name sagt, wem sie gehört.",
  "card.why.idn": "Seine Buchstaben sehen vielleicht nur so aus wie ein Name, den du kennst.",
  "card.why.paste": "Jeder kann dort veröffentlichen und lesen, was dorthin geschickt wird.",
  "card.why.tunnel": "Was hindurchgeht, ist nicht zu sehen: jede Methode, jeder Pfad.",
  "card.why.dyndns": "Ein dynamischer DNS-Name: Morgen führt er vielleicht zu jemand anderem.",
  "card.why.write": "Es sendet Daten hinaus.",
  "card.why.first-time": "Dein Agent fragt zum ersten Mal danach.",
  "card.why.other": "Es lohnt einen zweiten Blick.",
  "card.state.allowed-once": "✅ Einmal erlaubt",
  "card.state.next-try": "✅ Für den nächsten Versuch erlaubt, innerhalb von 2 Minuten",
  "card.state.allowed-session": "✅ Für diese Sitzung erlaubt",
  "card.state.allowed-always": "✅ Immer erlaubt",
  "card.state.denied": "⛔ Abgelehnt",
  "card.state.expired": "⌛ Niemand hat rechtzeitig entschieden",
  "card.state.cancelled": "▫️ Nicht mehr nötig: Das Programm wartet nicht mehr",
  "card.scope-of.allowed-once": "Was wartete, ist durch; der nächste Versuch fragt wieder.",
  "card.scope-of.next-try": "Eine Verbindung, dann wird wieder gefragt.",
  "card.scope-of.allowed-session": "Aus diesem Gespräch, bis /new oder 12 h: {what}.",
  "card.scope-of.allowed-always": "Eine feste Regel: {what}. /rules nimmt sie zurück.",
  "card.scope-of.denied": "Bis zum Ende dieser Antwort wird nicht wieder gefragt.",
  "card.scope-of.expired": "Nichts wurde geöffnet.",
  "card.scope-of.cancelled": "Nichts wurde geöffnet.",
  "card.by": "{name}, {time} UTC",
  "card.at": "{time} UTC",
  "card.moved": "Diese Frage steht weiter unten.",
  "card.command.ask": "OpenClaw fragt vor einem Befehl in der Sandbox",
  "card.command.where": "In {where}",
  "card.command.note":
    "Das ist eine Rückfrage von OpenClaw zum Innern der Sandbox, keine Grenze: Was die Sandbox verlässt, wird eigens gefragt.",
  "card.command.ran": "Der Befehl darf in der Sandbox laufen.",
  "card.command.not-run": "OpenClaw führt ihn nicht aus.",
  "card.command.target": "ein Befehl in der Sandbox",
  "button.once": "Einmal erlauben",
  "button.next": "Nächsten Versuch",
  "button.session": "Diese Sitzung",
  "button.always": "Immer",
  "button.deny": "Ablehnen",
  "button.confirm": "Ja, immer",
  "button.back": "Zurück",
  "button.revoke": "{number} zurücknehmen",
  "button.repost": "{number} unten zeigen",

  // What became of a press: bare text, at most 200 characters
  "tap.allowed-once": "Einmal erlaubt",
  "tap.allowed-session": "Für diese Sitzung erlaubt",
  "tap.allowed-always": "Immer erlaubt. /rules nimmt es zurück.",
  "tap.denied": "Abgelehnt",
  "tap.done": "Erledigt",
  "tap.next-try": "Für den nächsten Versuch erlaubt: eine Verbindung innerhalb von 2 Minuten",
  "tap.confirm": "Das lohnt einen zweiten Blick: bitte bestätigen",
  "tap.back": "Nichts wurde entschieden",
  "tap.decided": "Schon entschieden.",
  "tap.decided.allowed-once": "Schon entschieden: einmal erlaubt",
  "tap.decided.allowed-session": "Schon entschieden: für diese Sitzung erlaubt",
  "tap.decided.allowed-always": "Schon entschieden: immer erlaubt",
  "tap.decided.denied": "Schon entschieden: abgelehnt",
  "tap.expired": "Zu spät: Diese Frage ist abgelaufen, und nichts wurde geöffnet",
  "tap.cancelled": "Das Programm wartet nicht mehr; nichts wurde geöffnet",
  "tap.stranger": "Das kannst du nicht entscheiden",
  "tap.misplaced": "Dieser Knopf gehört nicht zur Frage. Benutze die neueste Karte oder /approvals.",
  "tap.gone": "Diese Frage gibt es nicht mehr; nichts wurde geöffnet",
  "tap.rule-gone": "Diese Regel gibt es nicht mehr",
  "tap.revoked": "Zurückgenommen: Dein Agent muss wieder fragen",
  "tap.busy": "Das dauert einen Moment. Wenn sich hier nichts ändert, drück bitte noch einmal.",
  "tap.failed": "Deine Entscheidung kam nicht an. Bitte drück noch einmal.",
  "tap.reposted": "Hier ist sie wieder",

  // /approvals and /rules
  "approvals.none": "Nichts wartet auf deine Entscheidung.",
  "approvals.head": "Wartet auf deine Entscheidung:",
  "approvals.item": "{number}. `{target}` ({detail})",
  "approvals.elsewhere": "in einem anderen Chat gefragt",
  "rules.none": "Es gibt keine festen Regeln. „Immer“ bei einer Frage macht eine.",
  "rules.head": "Was du immer erlaubst:",
  "rules.item": "{number}. `{target}` ({detail})",
  "rules.since": "seit {day} durch {name}",
  "rules.any-program": "jedes Programm",
  "rules.any-request": "jede Methode, jeder Pfad",
  "rules.how": "Um eine zurückzunehmen: /rules revoke und ihre ID.",
};
