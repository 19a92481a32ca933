import { own } from '../../base/own.ts';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import type { AuthConfig } from '../../wire/cri/cri.ts';
import type { ImageName } from './image-name.ts';

interface Entry {
  username?: string;
  password?: string;
  auth?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** The credentials that the secrets hold for this image, most specific first. */
export function credentialsFor(name: ImageName, secrets: Secret[]): AuthConfig[] {
  const found: { specific: number; auth: AuthConfig }[] = [];
  for (const secret of secrets) {
    for (const [where, entry] of Object.entries(entriesOf(secret))) {
      const specific = matchLength(where, name);
      const auth = specific >= 0 ? authOf(entry) : undefined;
      if (auth) found.push({ specific, auth });
    }
  }
  return found.sort((a, b) => b.specific - a.specific).map((f) => f.auth);
}

function entriesOf(secret: Secret): Record<string, Entry> {
  const read = (key: string): Record<string, unknown> => {
    const encoded = own(secret.data, key);
    if (!encoded) return {};
    try {
      return JSON.parse(Buffer.from(encoded as string, 'base64').toString()) as Record<
        string,
        unknown
      >;
    } catch {
      return {}; // a broken secret counts as none, as with the kubelet
    }
  };
  if (secret.type === 'kubernetes.io/dockerconfigjson')
    return (read('.dockerconfigjson')['auths'] ?? {}) as Record<string, Entry>;
  return secret.type === 'kubernetes.io/dockercfg'
    ? (read('.dockercfg') as Record<string, Entry>)
    : {};
}

function authOf(entry: Entry): AuthConfig | undefined {
  let { username = '', password = '' } = entry;
  if (entry.auth && !username) {
    const text = Buffer.from(entry.auth, 'base64').toString().replace(/\0+$/, '');
    const colon = text.indexOf(':');
    if (colon < 0) return undefined;
    username = text.slice(0, colon);
    password = text.slice(colon + 1);
  }
  return {
    username,
    password,
    identityToken: entry.identitytoken ?? '',
    registryToken: entry.registrytoken ?? '',
  };
}

/**
 * -1 = not for this image; else the length of the path that matched. Hosts may hold `*` for one
 * label.
 */
function matchLength(where: string, name: ImageName): number {
  const bare = where
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .replace(/\/$/, '');
  const [host = '', ...rest] = bare.split('/');
  const path = rest.join('/');
  const normal = /^(index\.|registry-1\.)?docker\.io$/.test(host) ? 'docker.io' : host;
  if (!hostMatches(normal, name.registry)) return -1;
  if (path && name.repository !== path && !name.repository.startsWith(`${path}/`)) return -1;
  return path.length;
}

function hostMatches(pattern: string, host: string): boolean {
  const want = pattern.split('.');
  const have = host.split('.');
  if (want.length !== have.length) return false;
  return want.every((part, i) =>
    new RegExp(
      `^${part
        .split('*')
        .map((s) => s.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*')}$`,
    ).test(have[i]!),
  );
}
