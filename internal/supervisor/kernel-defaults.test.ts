import { expect, test } from 'vitest';
import { checkKernelDefaults } from './kernel-defaults.ts';

const good: Record<string, string> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};
const kernel = (settings: Record<string, string>) => ({
  readIfThere: (_op: string, path: string) =>
    Promise.resolve(
      settings[path.replace('/proc/sys/', '')] === undefined
        ? undefined
        : Buffer.from(`${settings[path.replace('/proc/sys/', '')]}\n`),
    ),
});

test('a kernel as the kubelet wants it is taken', async () => {
  await checkKernelDefaults(kernel(good));
});

test.each([
  [{ ...good, 'vm/overcommit_memory': '0' }, /vm\.overcommit_memory=1 \(it is 0\)$/],
  [
    { ...good, 'kernel/panic': '0', 'kernel/panic_on_oops': '0' },
    /kernel\.panic=10 \(it is 0\), kernel\.panic_on_oops=1 \(it is 0\)$/,
  ],
  [
    Object.fromEntries(Object.entries(good).filter(([name]) => !name.includes('keys'))),
    /root_maxkeys=1000000 \(it is not there\)/,
  ],
])('another is named in one line', async (settings, expected) => {
  await expect(checkKernelDefaults(kernel(settings as Record<string, string>))).rejects.toThrow(
    expected,
  );
});
