import { qualifiedName } from './names.ts';
import { binaryOperators, requirement } from './selector-requirement.ts';
import type { LabelOperator, Requirement } from './selector-requirement.ts';
import { badRequest, fieldErrorText } from './status.ts';

type Kind =
  | 'error'
  | 'end'
  | ')'
  | ','
  | '!'
  | '=='
  | '='
  | '>'
  | '<'
  | '!='
  | '('
  | 'in'
  | 'notin'
  | 'word';

interface Token {
  kind: Kind;
  text: string;
}

const symbols = new Set<string>([')', ',', '!', '==', '=', '>', '<', '!=', '(']);
const isSpace = (c: string): boolean => c === ' ' || c === '\t' || c === '\r' || c === '\n';
const isSymbol = (c: string): boolean => '=!(),><'.includes(c);

/** Symbols are taken greedily while they still form a known one, as apimachinery's lexer does. */
function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isSpace(text[at] ?? '')) at++;
    if (at >= text.length) break;
    const start = at;
    if (isSymbol(text[at] ?? '')) {
      at++;
      while (at < text.length && isSymbol(text[at] ?? '') && symbols.has(text.slice(start, at + 1)))
        at++;
      const symbol = text.slice(start, at);
      tokens.push({ kind: symbol as Kind, text: symbol });
      continue;
    }
    while (at < text.length && !isSymbol(text[at] ?? '') && !isSpace(text[at] ?? '')) at++;
    const word = text.slice(start, at);
    tokens.push({ kind: word === 'in' || word === 'notin' ? word : 'word', text: word });
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

/** `a=b,c in (d,e),!f` into requirements. Errors carry the words of apimachinery's parser. */
export function parseLabelTerms(text: string): Requirement[] {
  return new Parser(tokenize(text)).selector();
}

const operatorOf = new Map<Kind, LabelOperator>([
  ['in', 'in'],
  ['=', '='],
  ['==', '=='],
  ['>', 'gt'],
  ['<', 'lt'],
  ['notin', 'notin'],
  ['!=', '!='],
]);

class Parser {
  readonly #tokens: Token[];
  #at = 0;

  constructor(tokens: Token[]) {
    this.#tokens = tokens;
  }

  selector(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const next = this.#peek();
      if (next.kind === 'end') return requirements;
      if (next.kind !== 'word' && next.kind !== '!')
        throw badRequest(`found '${next.text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const after = this.#take();
      if (after.kind === 'end') return requirements;
      if (after.kind !== ',')
        throw badRequest(`found '${after.text}', expected: ',' or 'end of string'`);
      const following = this.#peek();
      if (following.kind !== 'word' && following.kind !== '!')
        throw badRequest(`found '${following.text}', expected: identifier after ','`);
    }
  }

  /** Inside a value list and where a key stands, `in` and `notin` are plain words. */
  #peek(): Token {
    const token = this.#tokens[this.#at] ?? { kind: 'end', text: '' };
    return token.kind === 'in' || token.kind === 'notin'
      ? { kind: 'word', text: token.text }
      : token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #requirement(): Requirement {
    try {
      return this.#term();
    } catch (thrown) {
      throw badRequest(
        `unable to parse requirement: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      );
    }
  }

  #term(): Requirement {
    let token = this.#take();
    const negated = token.kind === '!';
    if (negated) token = this.#take();
    if (token.kind !== 'word') throw badRequest(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const wrong = qualifiedName(key);
    if (wrong.length > 0)
      throw badRequest(
        fieldErrorText({
          type: 'FieldValueInvalid',
          field: '<nil>',
          value: key,
          detail: wrong.join('; '),
        }),
      );
    if (negated) return requirement(key, '!', []);
    const next = this.#peek();
    if (next.kind === 'end' || next.kind === ',') return requirement(key, 'exists', []);
    const operator = this.#operator();
    return requirement(
      key,
      operator,
      operator === 'in' || operator === 'notin' ? this.#valueList() : [this.#exactValue()],
    );
  }

  #operator(): LabelOperator {
    const token = this.#tokens[this.#at++] ?? { kind: 'end' as const, text: '' };
    const operator = operatorOf.get(token.kind);
    if (!operator)
      throw badRequest(`found '${token.text}', expected: ${binaryOperators.join(', ')}`);
    return operator;
  }

  #exactValue(): string {
    const next = this.#peek();
    if (next.kind === 'end' || next.kind === ',') return '';
    const token = this.#take();
    if (token.kind !== 'word') throw badRequest(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  #valueList(): string[] {
    const open = this.#take();
    if (open.kind !== '(') throw badRequest(`found '${open.text}' expected: '('`);
    const next = this.#peek();
    if (next.kind === ')') {
      this.#take();
      return [''];
    }
    if (next.kind !== 'word' && next.kind !== ',')
      throw badRequest(`found '${next.text}', expected: ',', ')' or identifier`);
    const values = this.#values();
    this.#take();
    return [...values];
  }

  /**
   * Reads up to, not over, the closing bracket. A comma with nothing beside it stands for the empty
   * value.
   */
  #values(): Set<string> {
    const values = new Set<string>();
    for (;;) {
      const token = this.#take();
      if (token.kind === 'word') {
        values.add(token.text);
        const next = this.#peek();
        if (next.kind === ',') continue;
        if (next.kind === ')') return values;
        throw badRequest(`found '${next.text}', expected: ',' or ')'`);
      }
      if (token.kind !== ',')
        throw badRequest(`found '${token.text}', expected: ',', or identifier`);
      if (values.size === 0) values.add('');
      const next = this.#peek();
      if (next.kind === ')' || next.kind === ',') values.add('');
      if (next.kind === ')') return values;
    }
  }
}
