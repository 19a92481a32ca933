import { table } from '../../base/own.ts';
import type { ServerResponse } from 'node:http';
import { breakOff } from '../../io/break-off.ts';
import type { ServerAnswer } from '../../io/https-server.ts';
import { openBelow } from '../../io/open-below.ts';
import { sayText } from './answer.ts';

/** What /logs/ shows, as the kubelet does. */
export const nodeLogDir = '/var/log';

/** Files and folders of the machine's logs, and nothing that a link leads to elsewhere. */
export async function serveNodeLogs(
  root: string,
  segments: readonly string[],
  { asked, answer }: { asked: string; answer: ServerAnswer },
): Promise<void> {
  const found = segments.includes('') ? undefined : await openBelow('logs.open', root, segments);
  if (!found) return sayText(answer, 404, '404 page not found\n');
  const to = answer as ServerResponse;
  if (found.kind === 'dir') {
    const [path = ''] = asked.split('?');
    // Relative links count from the last slash.
    if (!path.endsWith('/'))
      return void to.writeHead(301, { location: `${path.split('/').at(-1)}/` }).end();
    const lines = found.entries.map(
      ({ name, dir }) =>
        '<a ' +
        `href="./${encodeURIComponent(name)}${dir ? '/' : ''}">${escaped(name)}` +
        `${dir ? '/' : ''}</a>`,
    );
    return void to
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(`<!doctype html>\n<pre>\n${lines.join('\n')}\n</pre>\n`);
  }
  to.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': found.size,
    'x-content-type-options': 'nosniff',
  });
  if (found.size === 0) {
    await found.close();
    return void to.end();
  }
  const stream = found.stream();
  stream.on('error', () => breakOff(answer));
  to.on('close', () => stream.destroy());
  stream.pipe(to);
}

const entities: Record<string, string> = table({
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
});
const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => entities[c] ?? c);
