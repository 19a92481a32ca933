import { connect } from 'node:http2';
import { load } from 'js-yaml';
import type { Place } from './h2-client.ts';

/** Where the server of a kubeconfig is, and who asks. */
export function placeOf(kubeconfig: string): Place {
  const { clusters, users } = load(kubeconfig) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const text = (value: string | undefined): string => Buffer.from(value ?? '', 'base64').toString();
  const url = new URL(clusters[0]?.cluster['server'] ?? '');
  return {
    host: url.hostname,
    port: Number(url.port),
    ca: text(clusters[0]?.cluster['certificate-authority-data']),
    cert: text(users[0]?.user['client-certificate-data']),
    key: text(users[0]?.user['client-key-data']),
  };
}

/** A namespace with so many ConfigMaps of 1.2 KB. */
export async function fill(place: Place, namespace: string, count: number): Promise<void> {
  const { host = '127.0.0.1', ...rest } = place;
  const session = connect(`https://${host}:${place.port}`, rest);
  const post = (path: string, body: object): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/json',
        'user-agent': 'bench',
      });
      stream.on('response', (headers) => {
        if (headers[':status'] !== 201) reject(new Error(`${path}: ${headers[':status']}`));
      });
      stream.on('error', reject);
      stream.on('data', () => undefined);
      stream.on('end', resolve);
      stream.end(JSON.stringify(body));
    });
  await post('/api/v1/namespaces', { metadata: { name: namespace } });
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  let next = 0;
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < count) {
        const name = `bench-${next++}`;
        await post(path, { metadata: { name }, data: { value: 'x'.repeat(900) } });
      }
    }),
  );
  session.close();
}
