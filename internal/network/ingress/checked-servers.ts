import { checked } from './config.ts';
import { hash } from './table.ts';
import type { CheckedServers } from './tables.ts';

/** Servers of HAProxy by their names; those that end take nothing new. */
export type KnownServers = Map<string, 'up' | 'ending'>;

type Ask = (text: string) => Promise<string>;

const authorityFile = (pem: string | undefined): string =>
  pem === undefined ? '@system-ca' : `authority-${hash(pem)}`;

/** The servers that HAProxy has; whether they are up is told anew. */
export async function knownServers(ask: Ask): Promise<KnownServers> {
  const said = await ask(`show servers state ${checked}\n`);
  const lines = said.split('\n').slice(2);
  return new Map(lines.flatMap((line) => line.split(' ')[3] ?? []).map((one) => [one, 'ending']));
}

/** Makes those that are missing. Their names are hashes of all that they are. */
export async function addServers(
  ask: Ask,
  known: KnownServers,
  wanted: CheckedServers,
): Promise<void> {
  const did = async (text: string, what: string): Promise<void> => {
    const said = (await ask(text)).trim();
    if (!said.includes(what)) throw new Error(said.slice(0, 300));
  };
  for (const [name, { hostname, authority, h2 }] of wanted) {
    const before = known.get(name);
    if (before === 'ending') await ask(`set server ${checked}/${name} state ready\n`);
    if (before) known.set(name, 'up');
    if (before) continue;
    const file = authorityFile(authority);
    if (authority !== undefined) {
      // It may be there, for another server.
      await ask(`new ssl ca-file ${file}\n`);
      await ask(`set ssl ca-file ${file} <<\n${authority}\n`);
      await did(`commit ssl ca-file ${file}\n`, 'Success!');
    }
    const way = `sni str(${hostname}) verifyhost ${hostname}${h2 ? ' alpn h2' : ''}`;
    const made = `0.0.0.0:0 weight 0 ssl verify required ca-file ${file} ${way}`;
    await did(`add server ${checked}/${name} ${made}\n`, 'New server registered');
    await ask(`enable server ${checked}/${name}\n`);
    known.set(name, 'up');
  }
}

/** Takes away those that no route names any more; one that is at work goes another time. */
export async function removeServers(
  ask: Ask,
  known: KnownServers,
  wanted: CheckedServers,
): Promise<void> {
  for (const name of known.keys()) {
    if (wanted.has(name)) continue;
    known.set(name, 'ending');
    await ask(`set server ${checked}/${name} state maint\n`);
    const said = await ask(`del server ${checked}/${name}\n`);
    if (said.includes('deleted')) known.delete(name);
  }
  const files = new Set([...wanted.values()].map(({ authority }) => authorityFile(authority)));
  const listed = await ask('show ssl ca-file\n');
  for (const [file] of listed.matchAll(/^authority-[0-9a-f]+/gm))
    if (!files.has(file)) await ask(`del ssl ca-file ${file}\n`);
}
