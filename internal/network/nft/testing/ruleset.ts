import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireProgram } from '../../../../test/packages.ts';
import { realSpawn, runOk } from '../../../io/spawn.ts';

/**
 * Loads the texts one after the other into real nft, in a network namespace of its own, and gives
 * what the kernel then holds: its chains, sets and maps as text, in an order of their own.
 */
export async function loadedRuleset(texts: readonly string[]): Promise<string[]> {
  requireProgram('nft');
  const dir = mkdtempSync(join(tmpdir(), 'skiff-nft-'));
  try {
    const files = texts.map((text, i) => {
      const file = join(dir, `${i}.nft`);
      writeFileSync(file, text);
      return file;
    });
    const script = 'for f in "$@"; do nft -f "$f" || exit 1; done; nft -s -n list ruleset';
    const listed = await runOk(realSpawn, 'test', [
      'unshare',
      '-n',
      'sh',
      '-c',
      script,
      'sh',
      ...files,
    ]);
    // nft lists chains and sets in the order of their creation.
    const blocks = listed
      .replace(/,\n\s*/g, ', ')
      .replace(/^\}$/gm, '')
      .split('\n\n');
    return blocks.map((block) => block.trim().split('\n').map(sorted).join('\n')).sort();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A line of elements with the elements in order: the kernel's order is by hash. */
function sorted(line: string): string {
  const [head, elements] = line.split('elements = {');
  return elements === undefined
    ? line.trim()
    : `${head}${elements
        .replace(/\}\s*$/, '')
        .split(',')
        .map((e) => e.trim())
        .sort()
        .join(', ')}`;
}
