/**
 * `$(NAME)` becomes its value, `$$` becomes `$`, and a name nobody knows stays as written
 * (Kubernetes' documentation: Define Dependent Environment Variables).
 */
export function expand(input: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  let at = 0;
  for (;;) {
    const dollar = input.indexOf('$', at);
    if (dollar < 0 || dollar + 1 >= input.length) return out + input.slice(at);
    out += input.slice(at, dollar);
    const next = input[dollar + 1];
    if (next === '$') {
      out += '$';
      at = dollar + 2;
    } else if (next === '(') {
      const close = input.indexOf(')', dollar + 2);
      if (close < 0) {
        out += '$(';
        at = dollar + 2;
      } else {
        const name = input.slice(dollar + 2, close);
        out += lookup(name) ?? `$(${name})`;
        at = close + 1;
      }
    } else {
      out += `$${next}`;
      at = dollar + 2;
    }
  }
}

/** Expands each word of a command line. */
export function expandAll(
  words: string[] | undefined,
  environment: ReadonlyMap<string, string>,
): string[] {
  return (words ?? []).map((word) => expand(word, (name) => environment.get(name)));
}

/**
 * The path of a subPathExpr. A name without a value is an error, so that two pods never share a
 * folder by accident.
 */
export function expandSubPath(
  expression: string,
  environment: ReadonlyMap<string, string>,
): string {
  const missing = new Set<string>();
  const path = expand(expression, (name) => {
    const value = environment.get(name) ?? '';
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size > 0) throw new Error(`missing value for ${[...missing].sort().join(', ')}`);
  return path;
}
