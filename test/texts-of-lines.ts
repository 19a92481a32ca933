/**
 * The lines, from 1, that hold a piece of template text with a line break in it: a script, YAML,
 * SQL, a help page. Such text cannot be broken without changing what a program sees. Good enough
 * for code that the formatter has written: a slash after a value divides, else it begins a pattern.
 */
export function linesOfTexts(code: string): Set<number> {
  const found = new Set<number>();
  /** What is open: `{` a block, `$` an expression in a template. */
  const open: ('{' | '$')[] = [];
  let at = 0;
  let line = 1;
  let before = '';

  const skipTo = (end: number): void => {
    for (; at < end; at++) if (code[at] === '\n') line++;
  };
  /** From the first character of a piece of text to behind its end. */
  const text = (): void => {
    const first = line;
    let end = at;
    while (end < code.length && code[end] !== '`' && !code.startsWith('${', end))
      end += code[end] === '\\' ? 2 : 1;
    skipTo(end);
    if (line > first) for (let one = first; one <= line; one++) found.add(one);
    if (code[at] === '`') at += 1;
    else {
      open.push('$');
      at += 2;
    }
    before = open.at(-1) === '$' && code[at - 1] === '{' ? '{' : '`';
  };

  while (at < code.length) {
    const rest = token.exec(code.slice(at, at + 4096))?.[0] ?? code[at] ?? '';
    const char = rest[0] ?? '';
    if (code.startsWith('/*', at)) skipTo(code.indexOf('*/', at) + 2);
    else if (code.startsWith('//', at)) skipTo(Math.max(code.indexOf('\n', at), at + 2));
    else if (char === '`') {
      at += 1;
      text();
    } else if (char === '}' && open.pop() === '$') {
      at += 1;
      text();
    } else if (char === '/' && !/[\w$)\]`'"]$/.test(before)) {
      const end = pattern.exec(code.slice(at, at + 4096))?.[0].length ?? 1;
      skipTo(at + end);
      before = ')';
    } else {
      if (char === '{') open.push('{');
      skipTo(at + rest.length);
      if (rest.trim() !== '') before = keyword.test(rest) ? '(' : rest;
    }
  }
  return found;
}

/** White space, a word, a quoted text, or a single character. */
const token = /^(?:\s+|[\w$]+|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|[^])/;
const pattern = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/;
const keyword = /^(?:return|typeof|case|in|of|await|void|else)$/;
