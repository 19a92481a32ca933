/**
 * One defaulting rule: changes an object of its type in place. `context` holds what a pure function
 * cannot know.
 */
export type Rule = (object: Fields, context: DefaultsContext) => void;
export type Fields = Record<string, unknown>;
export type Rules = Readonly<Record<string, readonly Rule[]>>;

export interface DefaultsContext {
  /** RFC 3339, for the few fields that default to the moment of creation. */
  now?: string;
}

/** Empty texts count as unset: in Go's normal form they are only there where omitempty is not. */
export function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

export function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What is frozen was taken over from a stored object, which got its defaults when it was written,
 * and is shared with every reader. Rules see it by a copy that belongs to nobody: they can read it,
 * and what they write there is lost.
 */
function unshared(map: Fields): Fields {
  return Object.isFrozen(map) ? { ...map } : map;
}

export function mapAt(object: Fields, name: string): Fields | undefined {
  const value = object[name];
  return isMap(value) ? unshared(value) : undefined;
}

export function itemsOf(value: unknown): Fields[] {
  return Array.isArray(value) ? (value as Fields[]).filter(isMap).map(unshared) : [];
}

/** The struct at `name`, made when it is not there. */
export function need(object: Fields, name: string): Fields {
  const known = mapAt(object, name);
  if (known) return known;
  const made: Fields = {};
  object[name] = made;
  return made;
}

function copy(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? structuredClone(value) : value;
}

/** Sets fields that are unset. */
export function unset(values: Fields): Rule {
  const entries = Object.entries(values);
  return (object) => {
    for (const [name, value] of entries) if (isUnset(object[name])) object[name] = copy(value);
  };
}

/** For numbers that are not pointers and are written even when zero: zero is unset. */
export function zero(values: Fields): Rule {
  const entries = Object.entries(values);
  return (object) => {
    for (const [name, value] of entries) if (!object[name]) object[name] = value;
  };
}

/** Sets fields of the struct at `path` that are unset; the struct is made when it is not there. */
export function under(path: string, values: Fields): Rule {
  const rule = unset(values);
  return (object, context) => {
    let here = object;
    for (const name of path.split('.')) here = need(here, name);
    rule(here, context);
  };
}

/** The same, only when the struct is there. */
export function within(path: string, ...rules: Rule[]): Rule {
  return (object, context) => {
    let here: Fields | undefined = object;
    for (const name of path.split('.')) here = here && mapAt(here, name);
    if (here) for (const rule of rules) rule(here, context);
  };
}

export function each(name: string, ...rules: Rule[]): Rule {
  return (object, context) => {
    for (const item of itemsOf(object[name])) for (const rule of rules) rule(item, context);
  };
}
