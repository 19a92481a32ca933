import { request } from 'node:https';
import { expect, test } from 'vitest';
import { makeLog } from '../../io/log.ts';
import { startDevServer, type DevServer } from '../dev.ts';

const ask = (
  dev: DevServer,
  path: string,
  headers: Record<string, string> = { authorization: 'Bearer oracle' },
  method = 'GET',
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    request(`${dev.url}${path}`, { ca: dev.ca.cert, agent: false, headers, method }, (answer) =>
      answer.resume().on('end', () => resolve(answer.statusCode)),
    )
      .on('error', reject)
      .end();
  });

test('every request is a line, and no line tells a secret', async () => {
  const lines: string[] = [];
  const log = makeLog({ level: 'debug', write: (line) => void lines.push(line) });
  const dev = await startDevServer({ log, more: { logRequests: true } });
  const said = (): string[] =>
    lines
      .filter((line) => line.includes(' request '))
      .map((line) => line.slice(line.indexOf('method=')).trim());
  try {
    for (let i = 0; i < 60; i++) await ask(dev, '/readyz');
    await ask(
      dev,
      '/api/v1/namespaces/default/configmaps?limit=5&labelSelector=a%3Db&token=S3CRET',
    );
    await ask(
      dev,
      '/api/v1/namespaces/default/pods/x/exec?command=S3CRET&container=c',
      undefined,
      'POST',
    );
    await ask(dev, '/api/v1/namespaces/default/services/x/proxy/S3CRET?key=S3CRET');
    await ask(dev, '/api/v1/pods', { authorization: 'Bearer S3CRET' });
    await ask(dev, '/api/v1/pods', {});
    await expect.poll(() => said().length).toBeGreaterThanOrEqual(65);
    const own = said();
    expect(own.filter((line) => line.includes('path=/readyz'))).toHaveLength(60);
    expect(own).toContainEqual(
      expect.stringMatching(
        /^method=GET path="\/api\/v1\/namespaces\/default\/configmaps\?limit=5&labelSelector=a=b" user=oracle status=200 ms=[\d.]+$/,
      ),
    );
    expect(own).toContainEqual(
      expect.stringMatching(
        /^method=POST path="\/api\/v1\/namespaces\/default\/pods\/x\/exec\?container=c" user=oracle status=4\d\d /,
      ),
    );
    expect(own).toContainEqual(
      expect.stringMatching(
        /^method=GET path=\/api\/v1\/namespaces\/default\/services\/x\/proxy user=oracle status=\d+ /,
      ),
    );
    expect(own).toContainEqual(
      expect.stringMatching(/^method=GET path=\/api\/v1\/pods user=system:anonymous status=401 /),
    );
    expect(lines.join('')).not.toContain('S3CRET');
  } finally {
    await dev.api.close();
  }
});

test('without it none is', async () => {
  const lines: string[] = [];
  const dev = await startDevServer({
    log: makeLog({ level: 'debug', write: (line) => void lines.push(line) }),
  });
  await ask(dev, '/readyz');
  await dev.api.close();
  expect(lines.filter((line) => line.includes(' request '))).toEqual([]);
});
