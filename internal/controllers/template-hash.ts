/** apimachinery's alphabet for generated names: no vowels, nothing that looks like another sign. */
const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Maps each sign of `text` into the safe alphabet (apimachinery rand.SafeEncodeString). */
function safeEncode(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i += 1)
    out += safeAlphabet[text.charCodeAt(i) % safeAlphabet.length];
  return out;
}

/** FNV-1a in 32 bits over the UTF-8 bytes of `text`. */
function fnv32a(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (const byte of new TextEncoder().encode(text))
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/**
 * The value of `pod-template-hash`: stable for equal templates whatever the order of their keys.
 * The number itself is not upstream's (that one hashes Go's memory layout), only its form is.
 */
export function templateHash(template: unknown, collisionCount?: number): string {
  let hash = fnv32a(canonical(template));
  if (collisionCount !== undefined && collisionCount !== null)
    hash = fnv32a(String(collisionCount), hash);
  return safeEncode(String(hash));
}

/** JSON with sorted keys and without what is empty, so that one meaning has one text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const fields: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const text = canonical((value as Record<string, unknown>)[key]);
    if (text !== 'null' && text !== '{}' && text !== '[]')
      fields.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${fields.join(',')}}`;
}
