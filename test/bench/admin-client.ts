import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { httpClient } from '../../internal/client/http.ts';

/** The administrator of the machine that this runs on. */
export function adminClient(): ReturnType<typeof httpClient> {
  const config = load(readFileSync('/etc/skiff/skiff.yaml', 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const text = (value: string | undefined): string => Buffer.from(value ?? '', 'base64').toString();
  const [c, u] = [config.clusters[0]?.cluster ?? {}, config.users[0]?.user ?? {}];
  return httpClient({
    server: c['server'] ?? '',
    ca: text(c['certificate-authority-data']),
    cert: text(u['client-certificate-data']),
    key: text(u['client-key-data']),
  });
}
