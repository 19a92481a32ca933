import { describe, expect, test } from 'vitest';
import { validateHeaderValue } from 'node:http';
import { warningHeader } from './exchange.ts';

/** What a client reads that takes the bytes of a header for UTF-8, as Go's does. */
const read = (header: string): string => Buffer.from(header, 'latin1').toString();

describe('a warning as a header', () => {
  test.each([
    ['plain', 'unknown field "spec.x"', '299 - "unknown field \\"spec.x\\""'],
    ['a backslash', 'a\\b', '299 - "a\\\\b"'],
    ['beyond Latin-1', 'unknown field "€é𝒳"', '299 - "unknown field \\"€é𝒳\\""'],
    ['line breaks', 'one\r\n  two', '299 - "one   two"'],
    ['control characters', 'a\u0000b\u0007c\u007fd\u0085e', '299 - "a b c d e"'],
    ['half a character', 'a\ud800b', '299 - "a\ufffdb"'],
    ['a separator of lines', 'a\u2028b', '299 - "a\u2028b"'],
  ])('%s', (_what, text, header) => {
    const made = warningHeader(text);
    expect(() => validateHeaderValue('warning', made)).not.toThrow();
    expect(read(made)).toBe(header);
  });
});
