import { table } from '../base/own.ts';
import { ConfigError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';

/** What the kubelet wants of the kernel (its setupKernelTunables). */
const wanted: Record<string, string> = table({
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
});

/**
 * `--protect-kernel-defaults`: throws when a setting of the kernel is not as the kubelet wants it.
 * Changes nothing.
 */
export async function checkKernelDefaults(disk: Pick<Disk, 'readIfThere'>): Promise<void> {
  const wrong: string[] = [];
  for (const [path, value] of Object.entries(wanted)) {
    const is = (await disk.readIfThere('kernel defaults', `/proc/sys/${path}`))?.toString().trim();
    if (is !== value)
      wrong.push(`${path.replaceAll('/', '.')}=${value} (it is ${is ?? 'not there'})`);
  }
  if (wrong.length === 0) return;
  throw new ConfigError(`--protect-kernel-defaults: the kernel needs ${wrong.join(', ')}`, {
    op: 'kernel',
    hint: 'set them in /etc/sysctl.d, or leave the flag out',
  });
}
