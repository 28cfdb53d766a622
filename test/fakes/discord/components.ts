/** Rules of message components, old (action rows) and Components V2. @see Discord, "Component Reference". */
import { forbiddenHere, invalidForm } from "./errors.ts";

/** A component as it was sent. */
export interface Component {
  type: number;
  id?: number;
  custom_id?: string;
  label?: string;
  style?: number;
  url?: string;
  disabled?: boolean;
  content?: string;
  components?: Component[];
  accessory?: Component;
  items?: { media?: { url?: string } }[];
  media?: { url?: string };
  file?: { url?: string };
  [key: string]: unknown;
}

/** `IS_COMPONENTS_V2`. */
export const V2 = 1 << 15;

const ROW = 1;
const BUTTON = 2;
const TEXT = 10;
/** Types that need the flag: section, text, thumbnail, gallery, file, separator, container. */
const V2_TYPES = new Set([9, TEXT, 11, 12, 13, 14, 17]);
const KNOWN = new Set([ROW, BUTTON, 3, 5, 6, 7, 8, ...V2_TYPES]);

/** Checks the components of one message. @throws ApiError 50035 */
export function checkComponents(components: unknown, flags: number): Component[] {
  if (components === undefined || components === null) return [];
  if (!Array.isArray(components))
    throw invalidForm("components", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
  const rows = components as Component[];
  const v2 = (flags & V2) !== 0;
  const most = v2 ? 40 : 5;
  if (rows.length > most)
    throw invalidForm("components", "BASE_TYPE_BAD_LENGTH", `Must be between 1 and ${most} in length.`);
  const seen = new Set<string>();
  let text = 0;
  const all = flat(rows);
  if (all.length > 40)
    throw invalidForm(
      "components",
      "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
      "The total number of components can't exceed 40",
    );
  for (const [index, row] of rows.entries()) {
    if (!v2 && row.type !== ROW)
      throw invalidForm(
        `components.${index}`,
        V2_TYPES.has(row.type) ? "UNION_TYPE_CHOICES" : "COMPONENT_TYPE_INVALID",
        "The specified component type is invalid in level 1",
      );
  }
  for (const component of all) {
    checkOne(component, seen, v2);
    if (component.type === TEXT) text += component.content?.length ?? 0;
  }
  if (text > 4_000)
    throw invalidForm(
      "components",
      "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
      "Total displayable text can't exceed 4000 characters",
    );
  return rows;
}

/** All components of a tree. */
export function flat(components: Component[]): Component[] {
  return components.flatMap((one) => [
    one,
    ...flat(one.components ?? []),
    ...(one.accessory ? flat([one.accessory]) : []),
  ]);
}

/** `custom_id`s that a message's buttons carry and that may be pressed. */
export function pressable(components: Component[]): string[] {
  return flat(components).flatMap((one) =>
    one.type === BUTTON && one.custom_id !== undefined && one.disabled !== true ? [one.custom_id] : [],
  );
}

function checkOne(one: Component, seen: Set<string>, v2: boolean): void {
  if (!KNOWN.has(one.type))
    throw invalidForm("components", "UNION_TYPE_CHOICES", `Value of field "type" is unknown: ${one.type}`);
  if (V2_TYPES.has(one.type) && !v2)
    throw invalidForm(
      "components",
      "COMPONENT_REQUIRES_V2",
      "This component needs the flag IS_COMPONENTS_V2",
    );
  if (one.type === ROW) {
    const count = one.components?.length ?? 0;
    if (count < 1 || count > 5)
      throw invalidForm(
        "components.0.components",
        "BASE_TYPE_BAD_LENGTH",
        "Must be between 1 and 5 in length.",
      );
  }
  if (one.type === TEXT && (one.content ?? "") === "")
    throw invalidForm("components", "BASE_TYPE_REQUIRED", "This field is required");
  if (one.type === BUTTON) checkButton(one, seen);
  for (const url of [one.media?.url, one.file?.url, ...(one.items ?? []).map((item) => item.media?.url)])
    if (url !== undefined && !url.startsWith("attachment://"))
      throw forbiddenHere("media may never be sent by URL: it makes Discord fetch");
}

function checkButton(one: Component, seen: Set<string>): void {
  const { style, custom_id: id, label } = one;
  if (style === undefined || style < 1 || style > 6)
    throw invalidForm("components.0.components.0.style", "BASE_TYPE_CHOICES", "Value must be one of 1 to 6.");
  if (style === 5) throw forbiddenHere("no link buttons: nothing an agent wrote may be one");
  if (id === undefined || id.length < 1 || id.length > 100)
    throw invalidForm(
      "components.0.components.0.custom_id",
      "BASE_TYPE_BAD_LENGTH",
      "Must be between 1 and 100 in length.",
    );
  if ((label ?? "") === "" && one["emoji"] === undefined)
    throw invalidForm(
      "components.0.components.0",
      "BUTTON_COMPONENT_INVALID",
      "A label or emoji is required",
    );
  if ((label ?? "").length > 80)
    throw invalidForm(
      "components.0.components.0.label",
      "BASE_TYPE_MAX_LENGTH",
      "Must be 80 or fewer in length.",
    );
  if (seen.has(id))
    throw invalidForm(
      "components.0.components.0.custom_id",
      "COMPONENT_CUSTOM_ID_DUPLICATED",
      "Component custom id cannot be duplicated",
    );
  seen.add(id);
}
