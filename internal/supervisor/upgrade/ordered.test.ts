import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OrderedUpgrades } from '../../agent/options.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realRandom } from '../../io/random.ts';
import { issueCa } from '../../pki/certificate.ts';
import { signOrder } from '../../pki/order.ts';
import type { Doors } from '../doors.ts';
import { orderedUpgrades } from './ordered.ts';

const authority = issueCa({ cn: 'servers', nowMs: Date.UTC(2026, 0, 1), random: realRandom });
let dir: string;
let ran: string[][];
let ended: number;
let upgrades: OrderedUpgrades;
/** What the command does; its code and words. */
let command: () => { code: number; stdout: string; stderr: string };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ordered-'));
  mkdirSync(join(dir, 'upgrade'));
  writeFileSync(join(dir, 'skiff-guard.sh'), '');
  [ran, ended] = [[], 0];
  command = () => {
    const trial = { format: 1, program: '/p', from: 'v1', to: 'v1.1.0 (b)' };
    writeFileSync(join(dir, 'upgrade/trial'), JSON.stringify(trial));
    return { code: 0, stdout: '', stderr: '' };
  };
  upgrades = orderedUpgrades({
    dataDir: dir,
    nodeName: 'one',
    authorities: () => authority.cert,
    program: '/bin/skiff',
    doors: partOf<Doors>({
      disk: realDisk,
      random: realRandom,
      log: silentLog,
      processes: { kill: () => (ended++, true) },
      spawn: {
        run: async (_op: string, words: string[]) => {
          ran.push(words);
          await setImmediate();
          const { stdout, ...done } = command();
          return { ...done, signal: undefined, stdout: Buffer.from(stdout) };
        },
      },
    }),
  });
});
afterEach(() => rmSync(dir, { recursive: true }));

type Report = Record<'runs' | 'nonce' | 'phase' | 'to' | 'message', string>;
const report = async (): Promise<Report> => (await upgrades.report()) as Report;
const order = async (version: string, over: object = {}): Promise<[number, string]> => {
  const { nonce } = await report();
  const signature = signOrder({ node: 'one', version, nonce, ...over }, authority);
  const { status, text } = await upgrades.order({ version, signature });
  return [status, text];
};
const settled = async (): Promise<Report> => {
  while ((await report()).phase === 'preparing') await setImmediate();
  return await report();
};

describe('an order to upgrade', () => {
  it('brings the version by the machine’s own command, then ends this process', async () => {
    expect(await report()).toMatchObject({ phase: 'idle', to: '' });
    expect((await order('v1.1.0'))[0]).toBe(200);
    expect(await report()).toMatchObject({ phase: 'preparing', to: 'v1.1.0' });
    expect(await settled()).toMatchObject({ phase: 'trial', to: 'v1.1.0 (b)' });
    expect(ran).toEqual([
      [
        '/bin/skiff',
        'upgrade',
        'v1.1.0',
        '--prepare',
        '--data-dir',
        dir,
        '--program',
        '/bin/skiff',
      ],
    ]);
    expect(ended).toBe(1);
    expect(await order('v1.2.0')).toEqual([409, 'another version is on its way already']);
  });

  it('changes nothing when the version cannot be brought, and says why', async () => {
    command = () => ({ code: 1, stdout: '', stderr: 'skiff: the signature is wrong\n' });
    await order('v1.1.0');
    expect(await settled()).toMatchObject({
      phase: 'failed',
      to: 'v1.1.0',
      message: 'the signature is wrong',
    });
    expect(ended).toBe(0);
    expect((await order('v1.1.0'))[0]).toBe(200);
  });

  it.each([
    ['for another node', { node: 'two' }],
    ['for another version', { version: 'v1.0.9' }],
    ['from before', { nonce: 'old' }],
  ])('that was signed %s is refused', async (_what, over) => {
    expect((await order('v1.1.0', over))[0]).toBe(403);
    expect(ran).toEqual([]);
  });

  it('counts once', async () => {
    const { nonce } = await report();
    const signature = signOrder({ node: 'one', version: 'v1.1.0', nonce }, authority);
    command = () => ({ code: 1, stdout: '', stderr: 'no' });
    expect((await upgrades.order({ version: 'v1.1.0', signature })).status).toBe(200);
    await settled();
    expect((await upgrades.order({ version: 'v1.1.0', signature })).status).toBe(403);
    expect(ran).toHaveLength(1);
  });

  it.each(['latest', '--mirror=x', '/tmp/file', 'v1.1', ''])(
    'for "%s" is none',
    async (version) => {
      expect((await order(version))[0]).toBe(400);
      expect(ran).toEqual([]);
    },
  );

  it('is refused where nothing takes a version back', async () => {
    rmSync(join(dir, 'skiff-guard.sh'));
    expect((await order('v1.1.0'))[1]).toMatch(/not installed by install\.sh/);
    expect(ran).toEqual([]);
  });
});
