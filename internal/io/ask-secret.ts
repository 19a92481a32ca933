import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** Asks at the terminal and shows nothing of what is typed; undefined where there is no terminal. */
export async function askSecret(question: string): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) return undefined;
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(question);
  try {
    return await new Promise((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
    });
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
