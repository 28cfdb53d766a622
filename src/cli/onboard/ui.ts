/**
 * How onboarding speaks: prompts with a spinner in a terminal, plain lines elsewhere. Where nobody can be asked, a question
 * without an answer is a mistake of the caller, and the flag that answers it is named.
 */
import { Fault } from "../../lib/errors.ts";
import { say } from "../io.ts";

/** The operator pressed Ctrl-C or Escape. */
export class Interrupted extends Error {}

/** One of several. */
export interface Choice {
  value: string;
  label: string;
  hint?: string | undefined;
}

/** A question: what is asked, and the flag that answers it beforehand. */
export interface Question {
  message: string;
  flag: string;
}

/** See the module's header. Every question throws {@link Interrupted} when it is left. */
export interface Ui {
  readonly interactive: boolean;
  step(number: number, of: number, title: string): void;
  line(text: string): void;
  warn(text: string): void;
  text(
    question: Question & { initial?: string; check?: (value: string) => string | undefined },
  ): Promise<string>;
  secret(question: Question): Promise<string>;
  one(question: Question & { choices: Choice[]; initial?: string }): Promise<string>;
  several(question: Question & { choices: Choice[]; initial?: string[] }): Promise<string[]>;
  sure(question: Question & { initial: boolean }): Promise<boolean>;
  /** Shows that something goes on; `done` makes the last line of its result, a leading `!` marks one that isn't good. */
  busy<T>(
    what: string,
    work: (tell: (line: string) => void) => Promise<T>,
    done: (result: T) => string,
  ): Promise<T>;
}

/** Without a terminal, or without questions. */
export function plainUi(): Ui {
  const nobody = ({ message, flag }: Question): Promise<never> =>
    Promise.reject(
      new Fault({ code: "usage", message: `nobody can be asked: ${message}`, hint: `say it by ${flag}` }),
    );
  return {
    interactive: false,
    step: (number, of, title) => say(`[${number}/${of}] ${title}`),
    line: (text) => say(`  ${text.replaceAll("\n", "\n  ")}`),
    warn: (text) => say(`  ! ${text}`),
    text: nobody,
    secret: nobody,
    one: nobody,
    several: nobody,
    sure: nobody,
    async busy(what, work, done) {
      say(`  ${what} …`);
      const result = await work((line) => say(`  ${line}`));
      const last = done(result);
      say(last.startsWith("! ") ? `  ${last}` : `  ✓ ${last}`);
      return result;
    },
  };
}

/** Lists longer than this are searched by typing. */
const LONG_LIST = 15;

/** In a terminal. */
export async function terminalUi(): Promise<Ui> {
  const clack = await import("@clack/prompts");
  const answer = async <T>(asked: Promise<T | typeof clack.CANCEL_SYMBOL>): Promise<T> => {
    const value = await asked;
    if (clack.isCancel(value)) throw new Interrupted();
    return value as T;
  };
  return {
    interactive: true,
    step: (number, of, title) => clack.log.step(`[${number}/${of}] ${title}`),
    line: (text) => clack.log.message(text, { spacing: 0 }),
    warn: (text) => clack.log.warn(text),
    text: ({ message, initial, check }) =>
      answer(
        clack.text({
          message,
          ...(initial === undefined ? {} : { placeholder: initial, defaultValue: initial }),
          validate: (value) => {
            const given = value?.trim() || initial;
            return given ? check?.(given) : "Please say something.";
          },
        }),
      ).then((text) => text.trim()),
    secret: ({ message }) =>
      answer(
        clack.password({
          message,
          validate: (value) => (value?.trim() ? undefined : "Please paste it here (it isn't shown)."),
        }),
      ).then((text) => text.trim()),
    one({ message, choices, initial }) {
      const options = { message, options: optionsOf(choices), ...(initial ? { initialValue: initial } : {}) };
      return answer(
        choices.length > LONG_LIST ? clack.autocomplete({ ...options, maxItems: 10 }) : clack.select(options),
      );
    },
    several: ({ message, choices, initial = [] }) =>
      answer(
        clack.multiselect({ message, options: optionsOf(choices), initialValues: initial, required: false }),
      ),
    sure: ({ message, initial }) => answer(clack.confirm({ message, initialValue: initial })),
    async busy(what, work, done) {
      const spinner = clack.spinner({ indicator: "timer" });
      spinner.start(what);
      try {
        const result = await work((line) => spinner.message(`${what}: ${line.replace(/^· /, "")}`));
        const last = done(result);
        if (last.startsWith("! ")) spinner.error(last.slice(2));
        else spinner.stop(last);
        return result;
      } catch (error) {
        spinner.error(`${what}: failed`);
        throw error;
      }
    },
  };
}

const optionsOf = (choices: Choice[]) =>
  choices.map(({ value, label, hint }) => ({ value, label, ...(hint ? { hint } : {}) }));
