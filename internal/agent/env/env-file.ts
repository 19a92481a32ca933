/**
 * One variable of a file in the strict form of KEP-3721: `NAME='value'`, single quotes always,
 * values may span lines. Empty when the file does not set it.
 */
export function envFileValue(text: string, key: string): string {
  const lines = text.replace(/\n$/, '').split('\n');
  const bad = (line: number, why: string): Error =>
    new Error(`invalid environment variable format at line ${line}: ${why}`);
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] ?? '').replace(/^[ \t]+/, '');
    const start = i + 1;
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    if (equals < 0) throw bad(start, "missing '='");
    const name = line.slice(0, equals);
    if (name.trim() === '') throw bad(start, 'empty variable name');
    if (/[ \t]$/.test(name)) throw bad(start, "whitespace before '=' is not allowed");
    let rest = line.slice(equals + 1);
    if (/^[ \t]/.test(rest)) {
      if (name === key) return '';
      continue;
    }
    if (!rest.startsWith("'")) throw bad(start, 'value must be enclosed in single quotes');
    rest = rest.slice(1);
    while (!rest.includes("'")) {
      i++;
      if (i >= lines.length)
        throw new Error(
          `invalid environment variable format starting at line ${start}: unclosed single quote`,
        );
      rest += `\n${lines[i] ?? ''}`;
    }
    const close = rest.indexOf("'");
    const after = rest.slice(close + 1).replace(/^[ \t]+/, '');
    if (after !== '' && !after.startsWith('#'))
      throw bad(i + 1, 'unexpected content after closing quote');
    if (name === key) return rest.slice(0, close);
  }
  return '';
}
