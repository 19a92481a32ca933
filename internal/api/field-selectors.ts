import { badRequest } from './status.ts';

export interface FieldTerm {
  field: string;
  operator: '=' | '!=';
  value: string;
}

/** A parsed field selector: all terms must hold. */
export interface FieldSelector {
  readonly terms: readonly FieldTerm[];
  readonly empty: boolean;
  /** `read` gives the value of a field, or '' where the object has none. */
  matches(read: (field: string) => string): boolean;
  /** The value that the selector pins a field to: `metadata.name=x` turns a list into a get. */
  exact(field: string): string | undefined;
  toString(): string;
}

class Terms implements FieldSelector {
  readonly terms: readonly FieldTerm[];

  constructor(terms: readonly FieldTerm[]) {
    this.terms = terms;
  }

  get empty(): boolean {
    return this.terms.length === 0;
  }

  matches(read: (field: string) => string): boolean {
    for (const term of this.terms)
      if ((read(term.field) === term.value) !== (term.operator === '=')) return false;
    return true;
  }

  exact(field: string): string | undefined {
    return this.terms.find((t) => t.field === field && t.operator === '=')?.value;
  }

  toString(): string {
    return this.terms.map((t) => `${t.field}${t.operator}${escapeFieldValue(t.value)}`).join(',');
  }
}

export const everyField: FieldSelector = new Terms([]);

/**
 * Parses the text of `?fieldSelector=`. `rename` maps an accepted field to the one the kind stores
 * (`spec.host` to `spec.nodeName`), or throws when the kind does not know it. Throws BadRequest
 * with Kubernetes' text.
 */
export function parseFieldSelector(
  text: string,
  rename: (field: string) => string = (field) => field,
): FieldSelector {
  const terms: FieldTerm[] = [];
  for (const part of splitTerms(text).sort()) {
    if (part === '') continue;
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(part);
    if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    const [, field = '', operator = '', raw = ''] = match;
    const value = unescapeValue(raw);
    // `metadata.name=` asks for nothing and is dropped by no one: an empty name matches no object.
    terms.push({ field: rename(field), operator: operator === '!=' ? '!=' : '=', value });
  }
  return terms.length === 0 ? everyField : new Terms(terms);
}

/** `field label not supported: x`: what a kind answers for a field it cannot select on. */
export function unsupportedField(field: string): Error {
  return badRequest(`field label not supported: ${field}`);
}

function splitTerms(text: string): string[] {
  if (text === '') return [];
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') [terms[terms.length], start] = [text.slice(start, i), i + 1];
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(text: string): string {
  if (!/[\\,=]/.test(text)) return text;
  let value = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? '';
    if (c === '\\') {
      const escaped = text[++i] ?? '';
      if (!['\\', ',', '='].includes(escaped))
        throw badRequest(`invalid field selector: invalid escape sequence: \\${escaped}`);
      value += escaped;
    } else if (c === ',' || c === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${c.charCodeAt(0)}`);
    } else value += c;
  }
  return value;
}

/** A value as it must be written in a field selector. */
function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, (c) => `\\${c}`);
}
