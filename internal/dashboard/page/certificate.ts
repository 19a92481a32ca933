/** Tags of DER (X.690) that lead to the dates of a certificate (RFC 5280, 4.1). */
const sequence = 0x30;
const utcTime = 0x17;
const generalizedTime = 0x18;

interface Element {
  tag: number;
  bytes: Uint8Array;
}

/**
 * When the first certificate of a PEM text ends, in milliseconds since 1970; undefined when that
 * cannot be read. Nothing is judged but the date.
 */
export function endOfCertificate(pem: string): number | undefined {
  const [, text] = /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(pem) ?? [];
  const der = text === undefined ? undefined : bytesOf(text);
  const [body] = inside(der && elements(der)[0]);
  const dates = inside(body)
    .filter(({ tag }) => tag === sequence)
    .map((part) => inside(part))
    .find((parts) => parts.length === 2 && parts.every(isTime));
  return dates?.[1] && timeOf(dates[1]);
}

const isTime = ({ tag }: Element): boolean => tag === utcTime || tag === generalizedTime;

const inside = (element: Element | undefined): Element[] =>
  element?.tag === sequence ? elements(element.bytes) : [];

/** One after the other, as far as they are whole. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const tag = bytes[at]!;
    const first = bytes[at + 1]!;
    const more = first < 0x80 ? 0 : first & 0x7f;
    if (more > 4) break;
    const begin = at + 2 + more;
    const length =
      more === 0 ? first : bytes.subarray(at + 2, begin).reduce((sum, byte) => sum * 256 + byte, 0);
    if (begin + length > bytes.length) break;
    found.push({ tag, bytes: bytes.subarray(begin, begin + length) });
    at = begin + length;
  }
  return found;
}

/** `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on. */
function timeOf({ tag, bytes }: Element): number | undefined {
  const text = String.fromCharCode(...bytes);
  const years = tag === utcTime ? '(\\d\\d)' : '(\\d{4})';
  const [, year = '', month, day, hour, minute, second] =
    new RegExp(`^${years}(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)Z$`).exec(text) ?? [];
  const century = tag === generalizedTime ? '' : Number(year) < 50 ? '20' : '19';
  const at = Date.parse(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? undefined : at;
}

function bytesOf(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** What stands in a Secret: text in base64; '' for what is not. */
export function secretText(base64: string | undefined): string {
  try {
    return atob(base64 ?? '');
  } catch {
    return '';
  }
}
