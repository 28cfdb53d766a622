/** German, about who gets in. */

/** German texts by code. */
export const GERMAN_ACCESS: Readonly<Record<string, string>> = {
  "access.paired":
    "Hallo! Dieser Bot ist privat. Um eingelassen zu werden, nenne der Person, die ihn betreibt, diesen Code:\n\n`{code}`\n\nEr gilt {minutes} Minuten. (Deine ID hier ist `{id}`.)",
  "access.full":
    "Hallo! Dieser Bot ist privat, und zu viele Leute warten auf Einlass. Bitte versuch es später noch einmal.",
  "access.busy":
    "Gerade kann ich nicht fragen, ob du eingelassen wirst. Bitte versuch es in einer Minute noch einmal. (Deine ID hier ist `{id}`.)",
  "access.allowed": "Du bist eingelassen. Bitte schick deine Nachricht noch einmal.",
  "access.welcome":
    "Du bist eingelassen! Ich gebe deine Nachrichten an deinen eigenen Agenten weiter, der in seiner eigenen Sandbox arbeitet. Schreib einfach, was du brauchst; /help zeigt die Befehle.",
  "access.claimed":
    "Du bist jetzt der Admin dieses Bots. Dieser Chat spricht mit der Sandbox des Betreibers, und hier wird gefragt, wer eingelassen werden soll.",
  "access.wrong-code": "Dieser Code gilt nicht (mehr).",
  "access.too-many-tries": "Zu viele falsche Codes. Bitte warte zehn Minuten.",
  "access.private-only": "Schreib mir dafür bitte in einem privaten Chat.",
  "access.not-here": "Das hat hier keine Bedeutung.",
  "access.ask-pairing":
    "Jemand bittet um Einlass.\n\nID: `{id}`\nnennt sich: „{name}“\n\nSo nennen kann sich jeder. Wenn du nicht sicher bist, frag nach dem Code und nimm `nemoclaw pairing approve CODE`.",
  "access.ask-group":
    "Ich wurde von `{by}` zu einer Gruppe hinzugefügt.\n\nID: `{id}`\nheißt: „{name}“\n\nWenn du sie erlaubst, können ihre Mitglieder mit der Sandbox der Gruppe sprechen.",
  "access.pairing-approved": "✅ Eingelassen: `{id}` („{name}“), von `{by}`.",
  "access.pairing-rejected": "⛔ Nicht eingelassen: `{id}` („{name}“), von `{by}`.",
  "access.group-allowed":
    "✅ Gruppe erlaubt: `{id}` („{name}“), von `{by}`. Ich antworte dort, wenn ich erwähnt werde oder man mir antwortet.",
  "access.group-refused": "⛔ Gruppe nicht erlaubt: `{id}` („{name}“), von `{by}`.",
  "button.let-in": "Einlassen",
  "button.refuse": "Ablehnen",
  "button.allow-group": "Gruppe erlauben",
  "button.allow-group-decide": "Erlauben, und ich entscheide dort",
  "access.press.approved": "Erledigt",
  "access.press.rejected": "Abgelehnt",
  "access.press.stranger": "Das kannst du nicht entscheiden",
  "access.press.misplaced": "Dieser Knopf gehört nicht zu der Frage",
  "access.press.gone": "Das ist schon entschieden oder zu alt",
  "access.press.link-waits": "Jetzt muss die andere Seite bestätigen",
  "access.press.busy": "Das dauert einen Moment. Wenn sich hier nichts ändert, drück bitte noch einmal.",
  "access.press.cage-incomplete":
    "Dieser Rechner kann Agenten anderer Leute nicht einsperren. Das Terminal des Betreibers sagt, warum.",
  "access.link-begun":
    "Um diese Sandbox auch von deiner anderen Plattform aus zu benutzen, schreib dem Bot dort innerhalb von {minutes} Minuten:\n\n/link `{code}`\n\nGib diesen Code niemandem sonst.",
  "access.link-asked": "Bitte bestätige: Ich habe hier und auf der anderen Seite gefragt.",
  "access.link-same-platform":
    "Dieser Code wurde auf dieser Plattform gemacht. Bitte benutze ihn auf der anderen.",
  "access.link-already": "Diese beiden sind schon verbunden.",
  "access.link-none": "Du bist mit nichts verbunden.",
  "access.unlinked":
    "Getrennt. Deine eigene Sandbox ist wieder da, mit ihren Dateien, wie du sie verlassen hast.",
  "access.ask-link-from":
    "Soll dieses Konto auch deine Sandbox benutzen?\n\ndas andere: `{other}` („{name}“)\ndu: `{mine}`\n\nWer es hat, sieht und ändert dann alles in deiner Sandbox. Sag nur ja, wenn du es selbst bist.",
  "access.ask-link-to":
    "Willst du von hier aus die Sandbox dieses Kontos benutzen?\n\ndas andere: `{other}` („{name}“)\ndu: `{mine}`\n\nDeine eigene Sandbox hier bleibt, wie sie ist; /unlink holt sie zurück.",
  "button.link": "Ja, das bin ich",
  "button.dont-link": "Nein",
  "access.linked": "🔗 Verbunden: `{from}` und `{to}` benutzen eine Sandbox. /unlink beendet es.",
  "access.link-refused": "Nicht verbunden: `{from}` und `{to}` bleiben getrennt.",
  "access.who": "Du bist `{id}`. Rollen: {roles}.",
  "access.who-linked":
    "Du bist `{id}` und sprichst mit einer Sandbox, mit der du verbunden bist. Rollen: {roles}.",
  "command.whoami": "Wer du für diesen Bot bist",
  "command.link": "Eine Sandbox auf zwei Plattformen benutzen",
  "command.unlink": "Zurück zur eigenen Sandbox",
  "argument.code": "Der Code von deiner anderen Plattform",
};
