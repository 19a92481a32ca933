import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { requireProgram } from '../../../test/packages.ts';
import { realSpawn, runOk, type Spawn } from '../../io/spawn.ts';
import { makePlan } from './plan.ts';
import { readPins } from './pins.ts';
import { fullRuleset } from './ruleset.ts';
import { affinity, backend, ip, node, number, port } from './testing/samples.ts';
import { FakeSpawn } from '../../io/spawn.fake.ts';

const backends = [2, 3].map((n) => backend(n));
const ruleset = fullRuleset(
  makePlan([port({ nodePort: number(30080), backends, affinity: affinity(backends) })], []),
  node,
);

/** What nft shows of its maps after these texts, answered to who asks by name. */
async function shown(...texts: string[]): Promise<Spawn> {
  requireProgram('nft');
  const dir = mkdtempSync(join(tmpdir(), 'skiff-pins-'));
  const file = join(dir, 'rules');
  writeFileSync(file, texts.join(''));
  const maps = ['clients', 'pinned', 'npclients', 'nppinned'];
  const lists = maps.map((map) => `nft -j list map ip skiff ${map}`).join(' && ');
  const script = `nft -f "$1" && ${lists}`;
  const said = await runOk(realSpawn, 'test', ['unshare', '-n', 'sh', '-c', script, 'sh', file]);
  rmSync(dir, { recursive: true });
  const lines = said.trim().split('\n');
  return new FakeSpawn((command) => ({ stdout: lines[maps.indexOf(command.at(-1) ?? '')] ?? '' }));
}

it('are the same after a full load, with the rest of their time', async () => {
  const clients =
    'add element ip skiff clients { 10.42.0.9 . 10.43.0.5 . tcp . 80 timeout 300s : 0x2001 }\n' +
    'add element ip skiff npclients { 192.0.2.9 . tcp . 30080 timeout 300s expires 100s ' +
    ': 0x6002 }\n';
  const pins = await readPins(await shown(ruleset, clients));
  const again = await readPins(await shown(ruleset, pins.text));
  const part = (text: string, name: string): string =>
    text.split('\n').find((line) => line.includes(` ${name} `)) ?? '';
  expect(part(again.text, 'clients')).toMatch(
    /10\.42\.0\.9 \. 10\.43\.0\.5 \. tcp \. 80 timeout 300s expires 2\d\ds : 8193/,
  );
  expect(part(again.text, 'npclients')).toMatch(
    /192\.0\.2\.9 \. tcp \. 30080 timeout 300s expires [89]\ds : 24578/,
  );
  const promised = pins.promised.get('10.43.0.5 tcp 80');
  expect([...promised!.values()].map((b) => b.ip).sort()[0]).toBe(ip('10.42.0.2'));
  expect(pins.promised.get('node tcp 30080')?.size).toBe(promised?.size);
});

it.each([
  ['no table', 1, ''],
  ['no JSON', 0, 'x'],
  ['another shape', 0, '{"nftables":[{"map":{"elem":[[{"elem":{"val":{"concat":["x"]}}},"y"]]}}]}'],
])('are none of %s', async (_what, code, text) => {
  const spawn = new FakeSpawn(() => ({ code, stdout: text }));
  expect(await readPins(spawn)).toEqual({ text: '', promised: new Map() });
});
