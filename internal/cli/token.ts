import { own } from '../base/own.ts';
import { timeOf } from '../api/times.ts';
import { ConfigError } from '../base/errors.ts';
import type { Secret } from '../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../api/object.ts';
import { realClock } from '../io/clock.ts';
import { realRandom } from '../io/random.ts';
import { newBootstrapToken } from '../pki/tokens.ts';
import { askOperator } from '../supervisor/operator-socket.ts';
import { clientOf } from './kube-client.ts';
import { printJson } from './output.ts';

const secrets: ResourceRef = {
  group: '',
  version: 'v1',
  resource: 'secrets',
  kind: 'Secret',
  namespaced: true,
};
const namespace = 'kube-system';
const type = 'bootstrap.kubernetes.io/token';

export function generateToken(): void {
  process.stdout.write(`${newBootstrapToken(realRandom)}\n`);
}

/** Stores the token as the Secret that Kubernetes defines for it (KEP-130). */
export async function createToken(
  text: string | undefined,
  options: Record<string, string>,
): Promise<void> {
  const token = text ?? newBootstrapToken(realRandom);
  const [id = '', secret = ''] = token.split('.');
  if (!/^[a-z0-9]{6}$/.test(id) || !/^[a-z0-9]{16}$/.test(secret))
    throw new ConfigError(`"${token}" is not id.secret of 6 and 16 letters or digits`, {
      op: 'token',
    });
  const ttlMs = durationMs(options['ttl'] ?? '24h');
  const data: Record<string, string> = {
    'token-id': id,
    'token-secret': secret,
    'auth-extra-groups': options['groups'] ?? '',
    ...(options['description'] !== undefined && { description: options['description'] }),
    ...(ttlMs > 0 && { expiration: timeOf(realClock.now() + ttlMs) }),
  };
  for (const usage of (options['usages'] ?? '').split(',').filter(Boolean))
    data[`usage-bootstrap-${usage}`] = 'true';
  const client = await clientOf(options['kubeconfig'] ?? '');
  try {
    await client.create(
      secrets,
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: `bootstrap-token-${id}`, namespace },
        type,
        stringData: data,
      },
      { namespace },
    );
  } finally {
    client.close();
  }
  process.stdout.write(`${token}\n`);
}

export async function listTokens(options: Record<string, string>): Promise<void> {
  const client = await clientOf(options['kubeconfig'] ?? '');
  try {
    const { items } = await client.list<Secret>(secrets, {
      namespace,
      fieldSelector: `type=${type}`,
    });
    const read = (item: Secret, key: string): string =>
      Buffer.from(String(own(item.data, key) ?? ''), 'base64').toString();
    const rows = items.map((item) => ({
      token: `${read(item, 'token-id')}.${read(item, 'token-secret')}`,
      expires: read(item, 'expiration') || '<forever>',
      usages: Object.keys(item.data ?? {})
        .filter((k) => k.startsWith('usage-bootstrap-'))
        .map((k) => k.slice('usage-bootstrap-'.length)),
      groups: read(item, 'auth-extra-groups').split(',').filter(Boolean),
      description: read(item, 'description') || '<none>',
    }));
    if (options['output'] === 'json') printJson(rows);
    else
      for (const row of [
        {
          token: 'TOKEN',
          expires: 'EXPIRES',
          usages: ['USAGES'],
          groups: ['GROUPS'],
          description: 'DESCRIPTION',
        },
        ...rows,
      ]) {
        const cells = [
          row.token.padEnd(24),
          row.expires.padEnd(21),
          row.usages.join(',').padEnd(23),
          row.description,
          row.groups.join(','),
        ];
        process.stdout.write(`${cells.join('  ')}\n`);
      }
  } finally {
    client.close();
  }
}

export async function deleteTokens(ids: string[], options: Record<string, string>): Promise<void> {
  const client = await clientOf(options['kubeconfig'] ?? '');
  try {
    for (const id of ids) {
      await client.delete(secrets, { namespace, name: `bootstrap-token-${id.split('.')[0]}` });
      process.stdout.write(`bootstrap token "${id}" deleted\n`);
    }
  } finally {
    client.close();
  }
}

export async function rotateToken({
  dataDir,
  ...request
}: {
  dataDir: string;
  token?: string;
  newToken?: string;
}): Promise<void> {
  const done = await askOperator(dataDir, 'POST /token', request);
  if (!done)
    throw new ConfigError(`no server runs with the data directory ${dataDir}`, {
      op: 'token',
      hint: 'start it: a token is replaced while its server runs',
    });
  process.stdout.write(`token rotated; the new one stands in ${done.file}\n`);
}

/** Go's durations (`1h30m`) as far as people write them. */
function durationMs(text: string): number {
  if (text === '0') return 0;
  const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const parts = [...text.matchAll(/(\d+)([smhd])/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text)
    throw new ConfigError(`--ttl: "${text}" is not a duration such as 24h`, { op: 'token' });
  return parts.reduce((sum, part) => sum + Number(part[1]) * (unitMs[part[2] ?? ''] ?? 0), 0);
}
