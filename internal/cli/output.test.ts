import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { realRandom } from '../io/random.ts';
import { issueCa } from '../pki/certificate.ts';
import { checkCertificates } from './certificate.ts';
import { program } from './program.ts';
import { printVersion } from './version.ts';

const written = (): string[] => {
  const texts: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    texts.push(String(text));
    return true;
  });
  return texts;
};
afterEach(() => void vi.restoreAllMocks());

/** All commands with `-o` for a format, as words. */
function formatted(command: Command, words: string[] = []): string[][] {
  const here = command.options.some((one) => one.long === '--output' && one.argChoices);
  return [
    ...(here ? [words] : []),
    ...command.commands.flatMap((one) => formatted(one, [...words, one.name()])),
  ];
}

describe('--output', () => {
  const all = formatted(program());

  it('is there for what scripts read', () => {
    expect(all.map((words) => words.join(' ')).sort()).toEqual([
      'certificate check',
      'doctor',
      'etcd-snapshot ls',
      'history',
      'secrets-encrypt status',
      'token list',
      'version',
    ]);
  });

  it.each(all.map((words) => [words.join(' '), words] as const))(
    'of %s takes no word that it does not know',
    async (_name, words) => {
      const said: string[] = [];
      vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
        said.push(String(text));
        return true;
      });
      const asked = program().parseAsync([...words, 'pod/a', '-o', 'nosuch'], { from: 'user' });
      await expect(asked).rejects.toThrow(/'nosuch' is invalid. Allowed choices are .*json/);
      expect(said.join('')).toMatch(/^skiff: .*nosuch.*\n$/);
    },
  );
});

describe('json', () => {
  it('of certificates has the end of each, and what is wrong with it', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'skiff-output-'));
    const dir = join(dataDir, 'server/tls');
    mkdirSync(dir, { recursive: true });
    const { cert } = issueCa({ nowMs: Date.now(), random: realRandom, cn: 'good' });
    writeFileSync(join(dir, 'a.crt'), cert);
    writeFileSync(join(dir, 'b.crt'), 'nothing');
    const texts = written();
    await checkCertificates({ dataDir, output: 'json' });
    vi.restoreAllMocks();
    rmSync(dataDir, { recursive: true });
    const rows = JSON.parse(texts.join('')) as { file: string; days?: number; status: string }[];
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ file: join(dir, 'a.crt'), status: 'OK' });
    expect(rows[0]?.days).toBeGreaterThan(90);
    expect(rows[1]?.status).toMatch(/^DAMAGED/);
    expect(rows[1]).not.toHaveProperty('days');
  });

  it('of the version', () => {
    const texts = written();
    printVersion({ output: 'json' });
    vi.restoreAllMocks();
    expect(JSON.parse(texts.join(''))).toMatchObject({ node: process.version });
  });
});
