import type { Doors } from './doors.ts';

/** An init that does not answer must not hold up an end. */
const answerMs = 2000;

/**
 * Whether the machine is about to end, by what its init says: systemd's state `stopping`, OpenRC's
 * runlevel, or System V's runlevel 0 or 6. Without any of them: no.
 */
export async function machineShutsDown({
  disk,
  spawn,
}: Pick<Doors, 'disk' | 'spawn'>): Promise<boolean> {
  const said = async (command: [string, ...string[]]): Promise<string> => {
    const { stdout } = await spawn.run('init', command, { timeoutMs: answerMs });
    return stdout.toString().trim();
  };
  if (await disk.stat('init', '/run/systemd/system'))
    return (await said(['systemctl', 'is-system-running'])) === 'stopping';
  const level = (await disk.readIfThere('init', '/run/openrc/softlevel'))?.toString().trim();
  if (level !== undefined) return ['shutdown', 'reboot', 'off', 'halt'].includes(level);
  if (await disk.stat('init', '/sbin/runlevel')) return / [06]$/.test(await said(['runlevel']));
  return false;
}
