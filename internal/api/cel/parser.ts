import { childrenOf, type ListItem, type MapEntry, type Node, type StructField } from './ast.ts';
import { CelCompileError } from './errors.ts';
import { reservedWords } from './escape.ts';
import { tokenize, type Token } from './lexer.ts';
import { expandBind, expandMacro } from './macros.ts';
import { Uint } from './values.ts';

/** Deeper nesting than this is refused, as cel-go refuses it. */
const maxDepth = 250;
/** Characters of one expression, as cel-go limits it. */
const maxSource = 100_000;
const maxInt = 2n ** 63n;
const relations = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** Parses one expression. `qualified` holds the functions whose name has dots: `math.greatest`. */
export function parse(source: string, qualified: ReadonlySet<string>): Node {
  const size =
    source.length <= maxSource
      ? source.length
      : Array.from(source.slice(0, 2 * maxSource + 1)).length;
  if (size > maxSource)
    throw new CelCompileError('', [
      {
        at: 0,
        message: `expression code point size exceeds limit: size: ${size}, limit ${maxSource}`,
      },
    ]);
  const parser = new Parser(source, qualified);
  return parser.whole();
}

class Parser {
  readonly source: string;
  readonly #qualified: ReadonlySet<string>;
  readonly #tokens: Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string, qualified: ReadonlySet<string>) {
    this.source = source;
    this.#qualified = qualified;
    this.#tokens = tokenize(source);
  }

  whole(): Node {
    const node = this.#expression();
    if (this.#peek().type !== 'end') this.#unexpected(this.#peek());
    this.#limitTree(node);
    return node;
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #isOp(text: string): boolean {
    const token = this.#peek();
    return token.type === 'op' && token.text === text;
  }

  #accept(text: string): Token | undefined {
    if (!this.#isOp(text)) return undefined;
    return this.#tokens[this.#next++];
  }

  #expect(text: string): Token {
    return this.#accept(text) ?? this.#unexpected(this.#peek());
  }

  #unexpected(token: Token): never {
    const what =
      token.type === 'end'
        ? `mismatched input '<EOF>' expecting an expression`
        : `extraneous input '${token.text}'`;
    return this.#fail(token.at, `Syntax error: ${what}`);
  }

  #fail(at: number, message: string): never {
    throw new CelCompileError(this.source, [{ at, message }]);
  }

  #expression(): Node {
    if (++this.#depth > maxDepth)
      this.#fail(this.#peek().at, `Syntax error: expression recursion limit exceeded: ${maxDepth}`);
    const condition = this.#or();
    const mark = this.#accept('?');
    if (!mark) {
      this.#depth--;
      return condition;
    }
    const yes = this.#or();
    this.#expect(':');
    const no = this.#expression();
    this.#depth--;
    return { kind: 'ternary', at: mark.at, condition, yes, no };
  }

  #or(): Node {
    return this.#logic('||', () => this.#and());
  }

  #and(): Node {
    return this.#logic('&&', () => this.#relation());
  }

  /** However many terms there are, the tree stays flat: it is halved again and again. */
  #logic(op: '&&' | '||', term: () => Node): Node {
    const terms = [term()];
    const marks: number[] = [];
    for (let mark = this.#accept(op); mark; mark = this.#accept(op)) {
      marks.push(mark.at);
      terms.push(term());
    }
    const halved = (from: number, to: number): Node => {
      if (to - from === 1) return terms[from] as Node;
      const middle = Math.floor((from + to + 1) / 2);
      return {
        kind: 'logic',
        at: marks[middle - 1] ?? 0,
        op,
        left: halved(from, middle),
        right: halved(middle, to),
      };
    };
    return halved(0, terms.length);
  }

  /** Chains in brackets in chains: checking and running go down the whole tree. */
  #limitTree(root: Node): void {
    const open: [Node, number][] = [[root, 0]];
    for (let next = open.pop(); next; next = open.pop()) {
      const [node, depth] = next;
      if (depth > 2 * maxDepth)
        this.#fail(node.at, `Syntax error: expression recursion limit exceeded: ${maxDepth}`);
      for (const child of childrenOf(node)) open.push([child, depth + 1]);
    }
  }

  /** A chain of operators or fields is as deep as it is long. */
  #limit(length: number, at: number): void {
    if (length > maxDepth)
      this.#fail(at, `Syntax error: expression recursion limit exceeded: ${maxDepth}`);
  }

  #relation(): Node {
    let left = this.#sum();
    for (let length = 1; ; length++) {
      const token = this.#peek();
      this.#limit(length, token.at);
      const isIn = token.type === 'ident' && token.text === 'in';
      if (!isIn && !(token.type === 'op' && relations.has(token.text))) return left;
      this.#next++;
      left = {
        kind: 'call',
        at: token.at,
        name: isIn ? '@in' : `_${token.text}_`,
        target: undefined,
        args: [left, this.#sum()],
      };
    }
  }

  #sum(): Node {
    let left = this.#product();
    let length = 1;
    for (
      let op = this.#accept('+') ?? this.#accept('-');
      op;
      op = this.#accept('+') ?? this.#accept('-')
    ) {
      this.#limit(++length, op.at);
      left = {
        kind: 'call',
        at: op.at,
        name: `_${op.text}_`,
        target: undefined,
        args: [left, this.#product()],
      };
    }
    return left;
  }

  #product(): Node {
    let left = this.#unary();
    for (let length = 1; ; length++) {
      this.#limit(length, this.#peek().at);
      const op = this.#accept('*') ?? this.#accept('/') ?? this.#accept('%');
      if (!op) return left;
      left = {
        kind: 'call',
        at: op.at,
        name: `_${op.text}_`,
        target: undefined,
        args: [left, this.#unary()],
      };
    }
  }

  #unary(): Node {
    const op = this.#accept('!') ?? this.#accept('-');
    if (!op) return this.#member();
    // Two undo each other.
    let isOdd = true;
    while (this.#accept(op.text)) isOdd = !isOdd;
    if (!isOdd) return this.#unary();
    const number = this.#peek();
    if (op.text === '-' && (number.type === 'int' || number.type === 'double')) {
      this.#next++;
      return this.#suffixes(this.#number(number, '-', op.at));
    }
    if (++this.#depth > maxDepth)
      this.#fail(op.at, `Syntax error: expression recursion limit exceeded: ${maxDepth}`);
    const arg = this.#unary();
    this.#depth--;
    return {
      kind: 'call',
      at: op.at,
      name: op.text === '!' ? '!_' : '-_',
      target: undefined,
      args: [arg],
    };
  }

  #member(): Node {
    return this.#suffixes(this.#primary());
  }

  #suffixes(start: Node): Node {
    let node = start;
    for (let length = 1; ; length++) {
      this.#limit(length, this.#peek().at);
      const dot = this.#accept('.');
      if (dot) {
        node = this.#dotted(node, dot);
        continue;
      }
      const bracket = this.#accept('[');
      if (bracket) {
        const optional = this.#accept('?') !== undefined;
        const index = this.#expression();
        this.#expect(']');
        node = { kind: 'index', at: bracket.at, operand: node, index, optional };
        continue;
      }
      const name = this.#isOp('{') ? dottedName(node) : undefined;
      if (name === undefined) return node;
      node = this.#struct(name, node.at);
    }
  }

  #dotted(operand: Node, dot: Token): Node {
    const optional = this.#accept('?') !== undefined;
    const field = this.#peek();
    if (field.type !== 'ident') this.#unexpected(field);
    this.#next++;
    const name = field.text.startsWith('`') ? field.text.slice(1, -1) : field.text;
    if (optional || !this.#isOp('(') || name !== field.text)
      return { kind: 'select', at: dot.at, operand, field: name, test: false, optional };
    const paren = this.#expect('(');
    return this.#call(paren.at, name, operand, this.#arguments());
  }

  #call(at: number, name: string, target: Node | undefined, args: Node[]): Node {
    if (
      name === 'bind' &&
      target?.kind === 'ident' &&
      target.name === 'cel' &&
      args.length === 3 &&
      this.#qualified.has('cel.bind')
    )
      return expandBind(at, args as [Node, Node, Node], (where, message) =>
        this.#fail(where, message),
      );
    const expanded = expandMacro({ at, name, target, args }, (where, message) =>
      this.#fail(where, message),
    );
    if (expanded) return expanded;
    const owner = target ? dottedName(target) : undefined;
    if (owner !== undefined && this.#qualified.has(`${owner}.${name}`))
      return { kind: 'call', at, name: `${owner}.${name}`, target: undefined, args };
    return { kind: 'call', at, name, target, args };
  }

  #arguments(): Node[] {
    const args: Node[] = [];
    if (this.#accept(')')) return args;
    do args.push(this.#expression());
    while (this.#accept(','));
    this.#expect(')');
    return args;
  }

  #primary(): Node {
    const token = this.#peek();
    this.#next++;
    switch (token.type) {
      case 'int':
      case 'uint':
      case 'double':
        return this.#number(token, '', token.at);
      case 'string':
        return { kind: 'literal', at: token.at, value: token.text };
      case 'bytes':
        return { kind: 'literal', at: token.at, value: token.bytes ?? new Uint8Array() };
      case 'ident':
        return this.#name(token);
      case 'op':
        return this.#enclosed(token);
      case 'end':
        return this.#unexpected(token);
    }
  }

  #name(token: Token): Node {
    const { text, at } = token;
    if (text === 'true' || text === 'false') return { kind: 'literal', at, value: text === 'true' };
    if (text === 'null') return { kind: 'literal', at, value: null };
    if (text === 'in' || text.startsWith('`')) this.#unexpected(token);
    if (reservedWords.has(text)) this.#fail(at, `reserved identifier: ${text}`);
    const paren = this.#accept('(');
    return paren
      ? this.#call(paren.at, text, undefined, this.#arguments())
      : { kind: 'ident', at, name: text };
  }

  #enclosed(token: Token): Node {
    if (token.text === '(') {
      const inner = this.#expression();
      this.#expect(')');
      return inner;
    }
    if (token.text === '[') return { kind: 'list', at: token.at, items: this.#items() };
    if (token.text === '{') return { kind: 'map', at: token.at, entries: this.#entries() };
    const name = this.#peek();
    if (token.text === '.' && name.type === 'ident') {
      this.#next++;
      return this.#name(name);
    }
    return this.#unexpected(token);
  }

  #items(): ListItem[] {
    const items: ListItem[] = [];
    while (!this.#accept(']')) {
      const optional = this.#accept('?') !== undefined;
      items.push({ optional, value: this.#expression() });
      if (!this.#accept(',')) {
        this.#expect(']');
        break;
      }
    }
    return items;
  }

  #entries(): MapEntry[] {
    const entries: MapEntry[] = [];
    while (!this.#accept('}')) {
      const optional = this.#accept('?') !== undefined;
      const key = this.#expression();
      this.#expect(':');
      entries.push({ optional, key, value: this.#expression() });
      if (!this.#accept(',')) {
        this.#expect('}');
        break;
      }
    }
    return entries;
  }

  #struct(name: string, at: number): Node {
    this.#expect('{');
    const fields: StructField[] = [];
    while (!this.#accept('}')) {
      const optional = this.#accept('?') !== undefined;
      const field = this.#peek();
      if (field.type !== 'ident') this.#unexpected(field);
      this.#next++;
      this.#expect(':');
      fields.push({
        name: field.text.replaceAll('`', ''),
        at: field.at,
        optional,
        value: this.#expression(),
      });
      if (!this.#accept(',')) {
        this.#expect('}');
        break;
      }
    }
    return { kind: 'struct', at, name, fields };
  }

  #number(token: Token, sign: '' | '-', at: number): Node {
    if (token.type === 'double') return { kind: 'literal', at, value: Number(sign + token.text) };
    const size = BigInt(token.text);
    if (token.type === 'uint') {
      if (size >= 2n ** 64n) this.#fail(at, 'invalid uint literal');
      return { kind: 'literal', at, value: new Uint(size) };
    }
    const value = sign ? -size : size;
    if (value >= maxInt || value < -maxInt) this.#fail(at, 'invalid int literal');
    return { kind: 'literal', at, value };
  }
}

/** `a.b.c` of a chain of names. */
export function dottedName(node: Node): string | undefined {
  if (node.kind === 'ident') return node.name;
  if (node.kind !== 'select' || node.test || node.optional) return undefined;
  const owner = dottedName(node.operand);
  return owner === undefined ? undefined : `${owner}.${node.field}`;
}
