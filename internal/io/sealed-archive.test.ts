import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSealed, sealArchive } from './sealed-archive.ts';

const dir = mkdtempSync(join(tmpdir(), 'skiff-sealed-'));
const from = join(dir, 'from');
const sealed = join(dir, 'sealed');
const passphrase = 'correct horse battery staple';
const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251));
let folders = 0;

function folder(): string {
  const made = join(dir, `into-${folders++}`);
  mkdirSync(made);
  return made;
}

beforeAll(async () => {
  mkdirSync(join(from, 'deep'), { recursive: true });
  writeFileSync(join(from, 'deep/noise'), noise);
  writeFileSync(join(from, 'key'), 'a secret that nobody reads', { mode: 0o600 });
  chmodSync(join(from, 'deep'), 0o710);
  symlinkSync('deep/noise', join(from, 'link'));
  await sealArchive('test', { tar: ['-C', from, '.'], to: sealed, seal: { passphrase } });
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('a sealed archive', () => {
  it('comes out as it went in, and shows nothing of it', async () => {
    const into = folder();
    await openSealed('test', { file: sealed, into, key: { passphrase } });
    expect(readFileSync(join(into, 'deep/noise')).equals(noise)).toBe(true);
    expect(readFileSync(join(into, 'link')).equals(noise)).toBe(true);
    expect(statSync(join(into, 'key')).mode & 0o777).toBe(0o600);
    expect(statSync(join(into, 'deep')).mode & 0o777).toBe(0o710);
    const bytes = readFileSync(sealed);
    expect(bytes.includes('a secret that nobody reads')).toBe(false);
    expect(bytes.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    expect(statSync(sealed).mode & 0o777).toBe(0o600);
  });

  it('is opened by the key of a recipient, and no other', async () => {
    const [mine, other] = [await generateIdentity(), await generateIdentity()];
    const to = join(dir, 'for-a-key');
    const recipients = [await identityToRecipient(mine)];
    await sealArchive('test', { tar: ['-C', from, '.'], to, seal: { recipients } });
    const into = folder();
    await openSealed('test', { file: to, into, key: { identities: [other, mine] } });
    expect(readdirSync(into).toSorted()).toEqual(['deep', 'key', 'link']);
    await expect(
      openSealed('test', { file: to, into: folder(), key: { identities: [other] } }),
    ).rejects.toThrow(/was sealed for another passphrase or key/);
  });

  it('says what is wrong with a passphrase, a key, a recipient, a file', async () => {
    const open = (file: string, key: Parameters<typeof openSealed>[1]['key']): Promise<void> =>
      openSealed('test', { file, into: folder(), key });
    await expect(open(sealed, { passphrase: 'wrong' })).rejects.toThrow(/another passphrase/);
    await expect(open(join(dir, 'none'), { passphrase })).rejects.toThrow(/ENOENT/);
    const text = join(dir, 'text');
    writeFileSync(text, 'no capsule\n'.repeat(100));
    await expect(open(text, { passphrase })).rejects.toThrow(/is not a sealed archive/);
    const secret = 'AGE-SECRET-KEY-1NOT';
    const said = await open(sealed, { identities: [secret] }).catch((e: unknown) => e);
    expect(String(said)).toMatch(/not a key of age/);
    expect(String(said)).not.toContain(secret);
    await expect(
      sealArchive('test', { tar: ['-C', from, '.'], to: text, seal: { recipients: ['age1x'] } }),
    ).rejects.toThrow(/is not a recipient of age/);
  });

  it('is refused when one byte is wrong or missing, wherever', async () => {
    const whole = readFileSync(sealed);
    const bad = join(dir, 'bad');
    const places = [5, 40, 200, Math.floor(whole.length / 2), whole.length - 1];
    for (const place of places) {
      const changed = Buffer.from(whole);
      changed[place] = (changed[place] ?? 0) ^ 1;
      for (const bytes of [changed, whole.subarray(0, place)]) {
        writeFileSync(bad, bytes);
        await expect(
          openSealed('test', { file: bad, into: folder(), key: { passphrase } }),
          `byte ${place} of ${whole.length}`,
        ).rejects.toThrow(/damaged|another passphrase/);
      }
    }
  });

  it('is not there when what was to be packed could not be', async () => {
    const to = join(dir, 'never');
    await expect(
      sealArchive('test', { tar: ['-C', join(dir, 'nowhere'), '.'], to, seal: { passphrase } }),
    ).rejects.toThrow(/nowhere/);
    expect(existsSync(to) || existsSync(`${to}.part`)).toBe(false);
  });
});
