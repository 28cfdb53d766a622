/** Spanish, about who gets in. */

/** Spanish texts by code. */
export const SPANISH_ACCESS: Readonly<Record<string, string>> = {
  "access.paired":
    "¡Hola! Este bot es privado. Para que te dejen entrar, dile este código a la persona que lo administra:\n\n`{code}`\n\nVale durante {minutes} minutos. (Tu id aquí es `{id}`.)",
  "access.full":
    "¡Hola! Este bot es privado y hay demasiadas personas esperando entrar. Inténtalo de nuevo más tarde.",
  "access.busy":
    "Ahora mismo no puedo preguntar si te dejan entrar. Inténtalo de nuevo en un minuto. (Tu id aquí es `{id}`.)",
  "access.allowed": "Ya puedes entrar. Envía tu mensaje otra vez, por favor.",
  "access.welcome":
    "¡Ya puedes entrar! Paso tus mensajes a tu propio agente, que trabaja en su propio sandbox. Escribe lo que necesites; /help muestra los comandos.",
  "access.claimed":
    "Ahora administras este bot. Este chat habla con el sandbox del operador, y aquí se pregunta quién puede entrar.",
  "access.wrong-code": "Este código no vale (o ya no vale).",
  "access.too-many-tries": "Demasiados códigos incorrectos. Espera diez minutos, por favor.",
  "access.private-only": "Para esto, escríbeme en un chat privado, por favor.",
  "access.not-here": "Eso no tiene sentido aquí.",
  "access.ask-pairing":
    "Alguien pide entrar.\n\nid: `{id}`\nse hace llamar: «{name}»\n\nCualquiera puede llamarse así. Si no estás seguro, pide el código y usa `nemoclaw pairing approve CODE`.",
  "access.ask-group":
    "`{by}` me ha añadido a un grupo.\n\nid: `{id}`\nse llama: «{name}»\n\nSi lo permites, sus miembros pueden hablar con el sandbox del grupo.",
  "access.pairing-approved": "✅ Puede entrar: `{id}` («{name}»), por `{by}`.",
  "access.pairing-rejected": "⛔ No puede entrar: `{id}` («{name}»), por `{by}`.",
  "access.group-allowed":
    "✅ Grupo permitido: `{id}` («{name}»), por `{by}`. Allí respondo cuando me mencionan o me contestan.",
  "access.group-refused": "⛔ Grupo no permitido: `{id}` («{name}»), por `{by}`.",
  "button.let-in": "Dejar entrar",
  "button.refuse": "Rechazar",
  "button.allow-group": "Permitir el grupo",
  "button.allow-group-decide": "Permitir, y yo decido allí",
  "access.press.approved": "Hecho",
  "access.press.rejected": "Rechazado",
  "access.press.stranger": "No puedes decidir esto",
  "access.press.misplaced": "Este botón no es el de la pregunta",
  "access.press.gone": "Esto ya está decidido o es demasiado antiguo",
  "access.press.link-waits": "Ahora tiene que confirmar el otro lado",
  "access.press.busy": "Tarda un momento. Si aquí no cambia nada, pulsa otra vez.",
  "access.press.cage-incomplete":
    "Esta máquina no puede aislar los agentes de otras personas. El terminal del operador dice por qué.",
  "access.link-begun":
    "Para usar este sandbox también desde tu otra plataforma, escribe allí al bot en {minutes} minutos:\n\n/link `{code}`\n\nNo des este código a nadie más.",
  "access.link-asked": "Confirma, por favor: he preguntado aquí y en el otro lado.",
  "access.link-same-platform": "Ese código se hizo en esta plataforma. Úsalo en la otra, por favor.",
  "access.link-already": "Estas dos ya están enlazadas.",
  "access.link-none": "No estás enlazado con nada.",
  "access.unlinked": "Desenlazado. Tu propio sandbox ha vuelto, con sus archivos como los dejaste.",
  "access.ask-link-from":
    "¿Debe esta cuenta usar también tu sandbox?\n\nla otra: `{other}` («{name}»)\ntú: `{mine}`\n\nQuien la tenga verá y podrá cambiar cualquier cosa en tu sandbox. Di que sí solo si eres tú.",
  "access.ask-link-to":
    "¿Quieres usar desde aquí el sandbox de esta cuenta?\n\nla otra: `{other}` («{name}»)\ntú: `{mine}`\n\nTu propio sandbox queda como está; /unlink lo devuelve.",
  "button.link": "Sí, soy yo",
  "button.dont-link": "No",
  "access.linked": "🔗 Enlazadas: `{from}` y `{to}` usan un solo sandbox. /unlink lo termina.",
  "access.link-refused": "Sin enlazar: `{from}` y `{to}` siguen separadas.",
  "access.who": "Eres `{id}`. Roles: {roles}.",
  "access.who-linked": "Eres `{id}` y hablas con un sandbox con el que estás enlazado. Roles: {roles}.",
  "command.whoami": "Quién eres para este bot",
  "command.link": "Usar un sandbox desde dos plataformas",
  "command.unlink": "Volver a tu propio sandbox",
  "argument.code": "El código de tu otra plataforma",
};
