/** What a program did to the files below a folder, in order, as fault-disk.c wrote it down. */
export type DiskCall =
  | { call: 'open'; id: number; path: string; truncated: boolean; dir: boolean }
  | { call: 'write'; id: number; at: number; data: Buffer }
  | { call: 'truncate'; id: number; size: number }
  | { call: 'sync'; id: number; failed: boolean }
  | { call: 'unlink' | 'mkdir'; path: string }
  | { call: 'rename' | 'link'; path: string; to: string }
  | { call: 'note'; text: string };

const headBytes = 24;

/** Reads a trace. A record that is cut short, as by a kill, ends it. */
export function readTrace(bytes: Buffer): DiskCall[] {
  const calls: DiskCall[] = [];
  for (let at = 0; at + headBytes <= bytes.length;) {
    const kind = String.fromCharCode(bytes[at] as number);
    const id = bytes.readUInt32LE(at + 4);
    const offset = Number(bytes.readBigUInt64LE(at + 8));
    const end = at + headBytes + bytes.readUInt32LE(at + 16);
    if (end > bytes.length) break;
    calls.push(callOf(kind, id, offset, bytes.subarray(at + headBytes, end)));
    at = end;
  }
  return calls;
}

function callOf(kind: string, id: number, offset: number, data: Buffer): DiskCall {
  const [path = '', to = ''] = kind === 'w' ? [] : data.toString().split('\0');
  switch (kind) {
    case 'o':
      return { call: 'open', id, path, truncated: offset === 1, dir: false };
    case 'd':
      return { call: 'open', id, path, truncated: false, dir: true };
    case 'w':
      return { call: 'write', id, at: offset, data };
    case 't':
      return { call: 'truncate', id, size: offset };
    case 's':
    case 'f':
      return { call: 'sync', id, failed: kind === 'f' };
    case 'u':
      return { call: 'unlink', path };
    case 'm':
      return { call: 'mkdir', path };
    case 'r':
      return { call: 'rename', path, to };
    case 'l':
      return { call: 'link', path, to };
    case 'n':
      return { call: 'note', text: path };
    default:
      throw new Error(`a trace with the unknown call "${kind}"`);
  }
}
