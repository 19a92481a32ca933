import { defineConfig } from 'vitest/config';

/**
 * Two projects. `unit` is everything beside the sources and the house rules: fast, and no network.
 * `e2e` runs real servers with real containers, each in namespaces of its own, two files at a time,
 * after all of `unit`. Both first install the programs that they call (test/packages.ts), or say why they cannot.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'internal/**/*.test.ts',
            'build/**/*.test.ts',
            'images/**/*.test.ts',
            'test/*.test.ts',
            'test/stories/**/*.test.ts',
            'test/simulation/**/*.test.ts',
          ],
          globalSetup: ['test/packages.ts'],
          setupFiles: ['test/seed.ts'],
          // Long enough for a machine that is busy with other things.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/setup.ts'],
          // Most of their time they wait for machines; two at once halve it, and meet a busy machine.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
