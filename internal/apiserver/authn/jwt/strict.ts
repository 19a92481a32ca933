/** What a configuration may hold: texts, truths, lists of one kind, and records. */
export type Kind = 'string' | 'boolean' | 'number' | readonly [Kind] | Fields;
export interface Fields {
  readonly [name: string]: Kind;
}

/** The value as a record of these fields; what is of another kind, or not known, goes into `complaints`. */
export function record(value: unknown, fields: Fields, path: string, complaints: string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    complaints.push(`${path || 'the file'}: must be an object`);
    return {};
  }
  const read: [string, unknown][] = [];
  for (const [name, held] of Object.entries(value)) {
    const at = path ? `${path}.${name}` : name;
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (kind === undefined) complaints.push(`unknown field "${at}"`);
    else if (held !== null && held !== undefined) read.push([name, one(held, kind, at, complaints)]);
  }
  return Object.fromEntries(read);
}

function one(value: unknown, kind: Kind, path: string, complaints: string[]): unknown {
  if (typeof kind === 'string') {
    if (typeof value !== kind) complaints.push(`${path}: must be a ${kind}`);
    return value;
  }
  if (!Array.isArray(kind)) return record(value, kind as Fields, path, complaints);
  const [each] = kind as readonly [Kind];
  if (!Array.isArray(value)) {
    complaints.push(`${path}: must be a list`);
    return [];
  }
  return value.map((held, i) => one(held, each, `${path}[${i}]`, complaints));
}
