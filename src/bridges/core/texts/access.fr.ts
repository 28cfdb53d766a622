/** French, about who gets in. */

/** French texts by code. */
export const FRENCH_ACCESS: Readonly<Record<string, string>> = {
  "access.paired":
    "Bonjour ! Ce bot est privé. Pour être admis, donnez ce code à la personne qui le gère :\n\n`{code}`\n\nIl est valable {minutes} minutes. (Votre identifiant ici est `{id}`.)",
  "access.full":
    "Bonjour ! Ce bot est privé, et trop de personnes attendent d’être admises. Veuillez réessayer plus tard.",
  "access.busy":
    "Je ne peux pas demander votre admission pour le moment. Veuillez réessayer dans une minute. (Votre identifiant ici est `{id}`.)",
  "access.allowed": "Vous êtes admis. Veuillez renvoyer votre message.",
  "access.welcome":
    "Vous êtes admis ! Je transmets vos messages à votre propre agent, qui travaille dans son propre sandbox. Écrivez ce dont vous avez besoin ; /help montre les commandes.",
  "access.claimed":
    "Vous êtes maintenant l’administrateur de ce bot. Cette conversation parle au sandbox de l’opérateur, et c’est ici que l’on demande qui peut entrer.",
  "access.wrong-code": "Ce code n’est pas (ou plus) valable.",
  "access.too-many-tries": "Trop de codes erronés. Veuillez attendre dix minutes.",
  "access.private-only": "Pour cela, veuillez m’écrire dans une conversation privée.",
  "access.not-here": "Cela n’a pas de sens ici.",
  "access.ask-pairing":
    "Quelqu’un demande à être admis.\n\nid : `{id}`\nse fait appeler : « {name} »\n\nN’importe qui peut prendre ce nom. Dans le doute, demandez le code et utilisez `nemoclaw pairing approve CODE`.",
  "access.ask-group":
    "`{by}` m’a ajouté à un groupe.\n\nid : `{id}`\nnommé : « {name} »\n\nSi vous l’autorisez, ses membres peuvent parler au sandbox du groupe.",
  "access.pairing-approved": "✅ Admis : `{id}` (« {name} »), par `{by}`.",
  "access.pairing-rejected": "⛔ Non admis : `{id}` (« {name} »), par `{by}`.",
  "access.group-allowed":
    "✅ Groupe autorisé : `{id}` (« {name} »), par `{by}`. J’y réponds quand on me mentionne ou me répond.",
  "access.group-refused": "⛔ Groupe non autorisé : `{id}` (« {name} »), par `{by}`.",
  "button.let-in": "Admettre",
  "button.refuse": "Refuser",
  "button.allow-group": "Autoriser le groupe",
  "button.allow-group-decide": "Autoriser, et j’y décide",
  "access.press.approved": "C’est fait",
  "access.press.rejected": "Refusé",
  "access.press.stranger": "Vous ne pouvez pas en décider",
  "access.press.misplaced": "Ce bouton n’est pas celui de la question",
  "access.press.gone": "C’est déjà décidé, ou trop ancien",
  "access.press.link-waits": "L’autre côté doit maintenant confirmer",
  "access.press.busy": "Cela prend un instant. Si rien ne change ici, appuyez à nouveau.",
  "access.press.cage-incomplete":
    "Cette machine ne peut pas isoler les agents d’autres personnes. Le terminal de l’opérateur dit pourquoi.",
  "access.link-begun":
    "Pour utiliser ce sandbox aussi depuis votre autre plateforme, écrivez-y au bot dans les {minutes} minutes :\n\n/link `{code}`\n\nNe donnez ce code à personne d’autre.",
  "access.link-asked": "Veuillez confirmer : j’ai demandé ici et de l’autre côté.",
  "access.link-same-platform": "Ce code a été fait sur cette plateforme. Veuillez l’utiliser sur l’autre.",
  "access.link-already": "Ces deux-là sont déjà liés.",
  "access.link-none": "Vous n’êtes lié à rien.",
  "access.unlinked":
    "Délié. Votre propre sandbox est de retour, avec ses fichiers tels que vous les avez laissés.",
  "access.ask-link-from":
    "Ce compte doit-il aussi utiliser votre sandbox ?\n\nl’autre : `{other}` (« {name} »)\nvous : `{mine}`\n\nQui le possède verra et changera tout dans votre sandbox. Ne dites oui que si c’est vous.",
  "access.ask-link-to":
    "Voulez-vous utiliser d’ici le sandbox de ce compte ?\n\nl’autre : `{other}` (« {name} »)\nvous : `{mine}`\n\nVotre propre sandbox reste tel quel ; /unlink le ramène.",
  "button.link": "Oui, c’est moi",
  "button.dont-link": "Non",
  "access.linked": "🔗 Liés : `{from}` et `{to}` utilisent un seul sandbox. /unlink y met fin.",
  "access.link-refused": "Non liés : `{from}` et `{to}` restent séparés.",
  "access.who": "Vous êtes `{id}`. Rôles : {roles}.",
  "access.who-linked": "Vous êtes `{id}` et parlez à un sandbox auquel vous êtes lié. Rôles : {roles}.",
  "command.whoami": "Qui vous êtes pour ce bot",
  "command.link": "Utiliser un sandbox depuis deux plateformes",
  "command.unlink": "Revenir à votre propre sandbox",
  "argument.code": "Le code de votre autre plateforme",
};
