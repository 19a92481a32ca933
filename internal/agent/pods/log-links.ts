import { messageOf } from '../../base/errors.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { NodeSide, StopPorts } from './ports.ts';

type LogPorts = Pick<StopPorts, 'mountDoors' | 'log'> & { node: Pick<NodeSide, 'facts'> };

const op = 'pod.log.link';

/** The folder of names that log collectors read, beside the one of the logs themselves. */
const folder = (ports: LogPorts): string =>
  `${ports.node.facts().logRoot.replace(/\/[^/]*$/, '')}/containers`;

const prefix = (pod: Pod): string => `${pod.metadata.name}_${pod.metadata.namespace}_`;

/**
 * `<pod>_<namespace>_<container>-<id>.log`, as the kubelet names it. A collector's convenience: its
 * failure stops nothing.
 */
export async function linkLog(
  ports: LogPorts,
  pod: Pod,
  container: { name: string; id: string; logPath: string },
): Promise<void> {
  const dir = folder(ports);
  try {
    await ports.mountDoors.disk.makeDir(op, dir, 0o755);
    await ports.mountDoors.tree.symlink(
      op,
      container.logPath,
      `${dir}/${prefix(pod)}${container.name}-${container.id}.log`,
    );
  } catch (error) {
    ports.log.debug('no log link', { error: messageOf(error) });
  }
}

/** Removes the log of one instance of a container, and what was rotated out of it. */
export async function removeLog(ports: LogPorts, logPath: string): Promise<void> {
  const { disk } = ports.mountDoors;
  const slash = logPath.lastIndexOf('/');
  const [dir, base] = [logPath.slice(0, slash), logPath.slice(slash + 1)];
  for (const name of await disk.list(op, dir))
    if (name === base || name.startsWith(`${base}.`)) await disk.remove(op, `${dir}/${name}`);
}

/** Removes the links of a pod, or of one instance of a container. */
export async function unlinkLogs(ports: LogPorts, pod: Pod, containerId = ''): Promise<void> {
  const dir = folder(ports);
  const { disk } = ports.mountDoors;
  for (const name of await disk.list(op, dir))
    if (name.startsWith(prefix(pod)) && name.endsWith(`${containerId}.log`))
      await disk.remove(op, `${dir}/${name}`);
}
