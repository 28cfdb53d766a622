/**
 * Admission by the book of the access component: who is let in, into whose sandbox, in which groups. What was read is
 * kept (bounded) and used only while the book is known not to have changed, so that a message of somebody known costs no
 * round trip, a block counts at once, and without Redis nobody gets in. Numeric ids only.
 */
import { principalOf } from "../../../lib/ids.ts";
import { type AccessReadPort, AccessWatch, type Group, type Person } from "../../../store/index.ts";
import type { Admission, Admit, AllowList, Place, Role, Visitor } from "../access.ts";

/** What admission needs. */
export interface AdmissionDeps {
  read: AccessReadPort;
  platform: string;
  /** Who config.yaml lets in. */
  standing: AllowList;
  /** First word in a channel of a known guild: asks for its record; resolves when it may be there. */
  openChannel(visitor: Visitor, place: Place & { kind: "group" }): Promise<void>;
}

/** Records that are kept of each kind. */
const KEPT = 10_000;

/** Reads of one kind, kept until told otherwise. */
class Kept<T> {
  readonly #read: (key: string) => Promise<T | undefined>;
  readonly #fresh: () => boolean;
  readonly #kept = new Map<string, T | undefined>();
  #life = 0;

  constructor(read: (key: string) => Promise<T | undefined>, fresh: () => boolean) {
    this.#read = read;
    this.#fresh = fresh;
  }

  async get(key: string): Promise<T | undefined> {
    if (this.#fresh() && this.#kept.has(key)) return this.#kept.get(key);
    const life = this.#life;
    const value = await this.#read(key);
    // Read before a change, here after it: not to be kept.
    if (life !== this.#life) return value;
    this.#kept.delete(key);
    this.#kept.set(key, value);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return value;
  }

  forget(): void {
    this.#life += 1;
    this.#kept.clear();
  }
}

/** See the module's header. */
export class StoredAdmission {
  readonly #deps: AdmissionDeps;
  readonly #watch: AccessWatch;
  readonly #people: Kept<Person>;
  readonly #groups: Kept<Group>;

  constructor(deps: AdmissionDeps) {
    const { read } = deps;
    this.#deps = deps;
    this.#watch = new AccessWatch(read);
    this.#people = new Kept(
      (identity) => read.person(identity),
      () => this.#watch.fresh,
    );
    this.#groups = new Kept(
      (place) => read.group(place),
      () => this.#watch.fresh,
    );
    this.#watch.onChange(() => {
      this.#people.forget();
      this.#groups.forget();
    });
  }

  start(): Promise<void> {
    return this.#watch.start();
  }

  close(): Promise<void> {
    return this.#watch.close();
  }

  /** Decides for one visitor; rejects while it can't be known. */
  readonly admit: Admit = async (visitor) => {
    const { sender, place, platform } = visitor;
    if (platform !== this.#deps.platform || !/^[0-9]{1,20}$/.test(sender.id))
      return { kind: "ignored", reason: "not a person's id" };
    const person = await this.#people.get(`${platform}:${sender.id}`);
    if (person?.state === "blocked") return { kind: "ignored", reason: "blocked" };
    const letIn = person?.state === "allowed" || this.#deps.standing.has(sender.id);
    if (place.kind === "group") return this.#inGroup(visitor, place, letIn, person);
    if (!letIn) return { kind: "stranger", reason: "not-listed" };
    return {
      kind: "admitted",
      principal: person?.principal ?? principalOf(platform, sender.id),
      roles: rolesOf(person, false),
    };
  };

  async #inGroup(
    visitor: Visitor,
    place: Place & { kind: "group" },
    letIn: boolean,
    person: Person | undefined,
  ): Promise<Admission> {
    const { platform, sender } = visitor;
    const guild = place.within === undefined ? undefined : await this.#group(platform, place.within);
    let group = await this.#group(platform, place.id);
    if (!group && guild?.state === "allowed" && (place.addressed || guild.respond === "all")) {
      await this.#deps.openChannel(visitor, place);
      group = await this.#deps.read.group(`${platform}:${place.id}`);
    }
    if (group?.state !== "allowed" || (group.within !== undefined && guild?.state !== "allowed"))
      return { kind: "ignored", reason: "group not let in" };
    if (!place.addressed && group.respond !== "all") return { kind: "ignored", reason: "not for the bot" };
    if (group.members === "known" && !letIn) return { kind: "ignored", reason: "not let in" };
    const named = [...group.approvers, ...(guild?.approvers ?? [])].includes(`${platform}:${sender.id}`);
    const conversation = keptConversation(visitor.conversation, group.formerly);
    return {
      kind: "admitted",
      principal: group.principal,
      roles: rolesOf(person, named),
      ...(conversation === undefined ? {} : { conversation }),
    };
  }

  #group(platform: string, id: string): Promise<Group | undefined> {
    return /^-?[0-9]{1,20}$/.test(id) ? this.#groups.get(`${platform}:${id}`) : Promise.resolve(undefined);
  }
}

function rolesOf(person: Person | undefined, named: boolean): ReadonlySet<Role> {
  const roles: Role[] = person?.state === "allowed" ? person.roles : [];
  return new Set<Role>(["user", ...roles, ...(named ? ["approver" as const] : [])]);
}

/** `platform.bot.chat[.thread]` with the chat id that the group had before it moved. */
function keptConversation(conversation: string, formerly: string | undefined): string | undefined {
  if (formerly === undefined) return undefined;
  const parts = conversation.split(".");
  parts[2] = formerly;
  return parts.join(".");
}
