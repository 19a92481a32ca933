import { ConfigError, messageOf } from '../../base/errors.ts';
import { WrongValue } from './values.ts';

export interface Taken<T> {
  take: (settings: T, value: string) => string | void;
  /** A wrong value stops the start: the default would let in more than was asked for. */
  strict?: true;
  /** Said several times, each counts; of others the last does. */
  repeats?: true;
}

/** What becomes of one argument of a program. */
export type Arg<T> =
  /**
   * Puts the value into the settings; throws WrongValue. A text that it returns says what of it has
   * no effect.
   */
  | Taken<T>
  /** Known, and without effect here for this reason. */
  | { none: string }
  /** Going on without it would be unsafe. */
  | { refused: string; hint: string };

export type ArgTable<T> = ReadonlyMap<string, Arg<T>>;

export interface Sink {
  /** One line for the operator. */
  warn(line: string): void;
}

export function takes<T, V>(
  parse: (value: string) => V,
  set: (settings: T, value: V) => string | void,
): Taken<T> {
  return { take: (settings, value) => set(settings, parse(value)) };
}

/** Arguments that share a reason for having no effect. */
export function none<T>(reason: string, names: string): [string, Arg<T>][] {
  return names
    .split(/\s+/)
    .filter(Boolean)
    .map((name) => [name, { none: reason }]);
}

export const refuses = <T>(refused: string, hint: string): Arg<T> => ({ refused, hint });

/**
 * Reads a list of `name=value` into `settings`; `name` alone means true, and leading dashes do not
 * count. The last of a name wins, unless it may repeat. What is unknown, wrong or without effect is
 * one warning line each.
 */
export function readArgs<T>(
  flag: string,
  args: string[],
  read: { table: ArgTable<T>; settings: T } & Sink,
): T {
  const said = new Map<string, string[]>();
  for (const arg of args) {
    const [, name = '', value] = /^-*([^=]*?)\+?(?:=([\s\S]*))?$/.exec(arg.trim()) ?? [];
    if (!/^[A-Za-z][\w-]*$/.test(name))
      read.warn(`--${flag}: "${shown(arg)}" is not name=value and has no effect`);
    else
      said.set(name.replaceAll('_', '-'), [
        ...(said.get(name.replaceAll('_', '-')) ?? []),
        value ?? 'true',
      ]);
  }
  for (const [name, values] of said) {
    const known = read.table.get(name);
    const counting = known && 'take' in known && known.repeats ? values : values.slice(-1);
    for (const value of counting) readOne({ flag, name, value }, read);
  }
  return read.settings;
}

function readOne<T>(
  { flag, name, value }: { flag: string; name: string; value: string },
  { table, settings, warn }: { table: ArgTable<T>; settings: T } & Sink,
): void {
  const arg = table.get(name);
  if (!arg) return warn(`--${flag}: "${name}" is not known and has no effect`);
  if ('none' in arg) return warn(`--${flag}: ${name} has no effect here: ${arg.none}`);
  if ('refused' in arg)
    throw new ConfigError(`--${flag}: ${name} is not supported: ${arg.refused}`, {
      op: 'flags',
      hint: arg.hint,
    });
  try {
    const left = arg.take(settings, value);
    if (left) warn(`--${flag}: ${name}: ${left}`);
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    if (arg.strict)
      throw new ConfigError(`--${flag}: ${name} is wrong: ${messageOf(error)}`, { op: 'flags' });
    warn(`--${flag}: ${name} is not taken: ${messageOf(error)}`);
  }
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 80)).slice(1, -1);
