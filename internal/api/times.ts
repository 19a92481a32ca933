/** metav1.Time: RFC 3339 with whole seconds. */
export function timeOf(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== told.second)
    told = { second, text: new Date(ms).toISOString().slice(0, 19) + 'Z' };
  return told.text;
}

/** Each write asks for the time it is, some of them twice. */
let told = { second: Number.NaN, text: '' };

/** metav1.MicroTime: RFC 3339 with microseconds. */
export function microTimeOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23) + '000Z';
}

/** Milliseconds since 1970 of a metav1.Time or MicroTime; 0 when there is none. */
export function msOf(time: string | null | undefined): number {
  return time ? Date.parse(time) : 0;
}

/** A zero metav1.Time as Go writes it: null, where the generated types promise a text. */
export const zeroTime = null as unknown as string;
