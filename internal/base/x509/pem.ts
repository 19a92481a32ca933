/** One block of a PEM text. */
export interface PemBlock {
  type: string;
  /** `Name: value` lines stood before the data. */
  headers: boolean;
  bytes: Buffer;
}

/**
 * The blocks of a text, in order; what stands between them does not count, nor does a block that is
 * no base64.
 */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let type: string | undefined;
  let body: string[] = [];
  for (const line of text.split(/\r?\n/).map((one) => one.trimEnd())) {
    const begin = /^-----BEGIN ([^-]+)-----$/.exec(line)?.[1];
    if (begin !== undefined) {
      type = begin;
      body = [];
    } else if (type !== undefined && line === `-----END ${type}-----`) {
      const headers = body.some((one) => one.includes(':'));
      const data = body.filter((one) => !one.includes(':')).join('');
      if (/^[A-Za-z0-9+/\s]*={0,2}$/.test(data))
        blocks.push({ type, headers, bytes: Buffer.from(data, 'base64') });
      type = undefined;
    } else if (type !== undefined) body.push(line);
  }
  return blocks;
}
