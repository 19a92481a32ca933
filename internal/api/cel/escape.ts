/** Words that no expression may use as a name. */
export const reservedWords: ReadonlySet<string> = new Set(
  (
    'as break const continue else for function if import let loop package namespace return var ' +
    'void while'
  ).split(' '),
);

const literalWords = new Set(['true', 'false', 'null', 'in']);
const marks: readonly (readonly [string, string])[] = [
  ['__', '__underscores__'],
  ['.', '__dot__'],
  ['-', '__dash__'],
  ['/', '__slash__'],
];

/**
 * A property name as an expression must write it (Kubernetes' escape rules); one that cannot be
 * written comes back as it was.
 */
export function escapeName(name: string): string {
  if (reservedWords.has(name) || literalWords.has(name)) return `__${name}__`;
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !name.includes('__')) return name;
  return name.replace(/__|[./-]/g, (mark) => marks.find(([plain]) => plain === mark)?.[1] ?? mark);
}

export function unescapeName(name: string): string {
  const word = /^__([a-z]+)__$/.exec(name)?.[1];
  if (word && (reservedWords.has(word) || literalWords.has(word))) return word;
  return name.replace(
    /__(underscores|dot|dash|slash)__/g,
    (mark) => marks.find(([, written]) => written === mark)?.[0] ?? mark,
  );
}
