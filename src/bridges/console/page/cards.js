// @ts-nocheck Browser code: the project's types are those of Node.
/**
 * Approval cards on the page: one article each while it is open, with its buttons. The outcome is a transcript entry.
 * A card is whatever the bridge says last: an older state never replaces a newer one.
 */
import { renderBlocks } from "./markdown.js";

const shown = new Map();

/** Shows, changes or takes away a card. `press(card, data)` resolves when the bridge has answered. */
export function showCard(place, card, press) {
  const known = shown.get(card.approvalId);
  if (known && (known.rev > card.rev || !known.open)) return;
  shown.set(card.approvalId, card);
  const id = `card-${card.approvalId}`;
  const article = document.getElementById(id) ?? document.createElement("article");
  if (!card.open) return article.remove();
  article.id = id;
  article.className = "card";
  // A card with all its choices says last what each of them means.
  article.toggleAttribute("data-explains", !card.confirming && card.buttons.length > 3);
  article.replaceChildren(
    renderBlocks(card.blocks),
    buttonRow(card.buttons, (data) => press(card, data)),
  );
  if (!article.isConnected) place.append(article);
}

/** A new stream tells anew what is open. */
export function forgetCards(place) {
  shown.clear();
  place.replaceChildren();
}

/** A row of buttons; none can be pressed again before the bridge has answered. */
export function buttonRow(buttons, press) {
  const row = document.createElement("div");
  row.className = "buttons";
  for (const { label, data } of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    // Its last letter says what it does (bridges/core/cards/press.ts); only the colour depends on it.
    button.dataset.verb = data.split(":").at(-1);
    button.addEventListener("click", async () => {
      for (const one of row.children) one.disabled = true;
      await press(data);
      for (const one of row.children) one.disabled = false;
    });
    row.append(button);
  }
  return row;
}
