import { createHash } from 'node:crypto';

/** A map of HAProxy: what is asked for, and where it leads. */
export type Table = ReadonlyMap<string, string>;

/** The name of what objects name, or of what a line says. */
export const hash = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 24);
