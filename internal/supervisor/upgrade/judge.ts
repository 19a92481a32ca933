import type { Lease } from '../../api/generated/types/coordination-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import { orUndefined } from '../own-objects.ts';
import type { Doors } from '../doors.ts';
import type { Part } from '../running.ts';
import type { Before } from './trial.ts';
import { bootOf, endTrial, rejectTrial, type Trial } from './trial.ts';

const op = 'upgrade';
const looksEveryMs = 500;
/** An upgrade counts as good after it has run well for this long. */
const staysMs = 5000;

export interface Judged {
  trial: Trial;
  dataDir: string;
  doors: Pick<Doors, 'clock' | 'disk' | 'log'>;
  /** Keeps the executable as the one that is known to be good. */
  keep(): Promise<void>;
  /** Ends this process; the old executable is started in its place. */
  end(): void;
}

export interface Judge extends Part {
  /** Every part has started: the rest is judged. */
  started(what: { client: Client; nodeName: string; hasNode: boolean }): void;
}

/**
 * Judges an executable on trial from inside: it is good when its API answers, its node is Ready,
 * and what ran before runs on. One that is not good in time is rejected, and ends itself.
 */
export function startJudge({ trial, dataDir, doors, keep, end }: Judged): Judge {
  const { clock, disk, log } = doors;
  const sinceMs = clock.now();
  let lacking = 'it did not start in time';
  let stopped = false;
  let goodSince: number | undefined;
  const reject = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    log.error('this version is taken back', { from: trial.from, to: trial.to, because: lacking });
    await rejectTrial(disk, dataDir, lacking);
    end();
  };
  const deadline = clock.after(op, trial.waitSeconds * 1000, () => void reject());
  const accept = async (): Promise<void> => {
    stopped = true;
    deadline.cancel();
    await keep();
    await endTrial(disk, dataDir, trial, 'good');
    log.info('this version is good', { from: trial.from, to: trial.to });
  };
  return {
    name: 'upgrade',
    started: (what) =>
      void (async () => {
        const rebooted = trial.boot !== (await bootOf(disk));
        const known = { ...what, before: trial.before, rebooted, sinceMs };
        while (!stopped) {
          const fault = await faultOf(known).catch(messageOf);
          if (stopped) return;
          lacking = fault ?? lacking;
          if (fault !== undefined) goodSince = undefined;
          else goodSince ??= clock.monotonicMs();
          if (goodSince !== undefined && clock.monotonicMs() - goodSince >= staysMs)
            return await accept();
          await clock.sleep(op, looksEveryMs);
        }
      })().catch((error: unknown) =>
        log.error('the upgrade could not be judged', { error: messageOf(error) }),
      ),
    stop: () => {
      stopped = true;
      deadline.cancel();
    },
  };
}

async function faultOf({
  client,
  nodeName,
  hasNode,
  before,
  rebooted,
  sinceMs,
}: {
  client: Client;
  nodeName: string;
  hasNode: boolean;
  before: Before[];
  rebooted: boolean;
  sinceMs: number;
}): Promise<string | undefined> {
  if (!hasNode) return undefined;
  const node = await client.get<Node>(refs.nodes, { name: nodeName });
  const ready = node.status.conditions?.find((c) => c.type === 'Ready');
  if (ready?.status !== 'True') return `node ${nodeName} is not Ready: ${ready?.message ?? ''}`;
  const lease = { namespace: 'kube-node-lease', name: nodeName };
  const { spec } = await client.get<Lease>(refs.leases, lease);
  if (Date.parse(spec?.renewTime ?? '') < sinceMs)
    return `node ${nodeName} has sent no heartbeat since the upgrade`;
  for (const one of before) {
    const named = { namespace: one.namespace, name: one.pod };
    const pod = await orUndefined(client.get<Pod>(refs.pods, named));
    const fault = podFault(one, pod, { rebooted });
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * Why a pod is not what it was; undefined when it is, or when somebody wants it gone. No container
 * outlives a reboot: what ran before it has to run again.
 */
export function podFault(
  before: Before,
  pod: Pod | undefined,
  { rebooted }: { rebooted: boolean },
): string | undefined {
  if (!pod || pod.metadata.uid !== before.uid || pod.metadata.deletionTimestamp !== undefined)
    return undefined;
  if (pod.status.phase === 'Succeeded') return undefined;
  const all = [
    ...(pod.status.containerStatuses ?? []),
    ...(pod.status.initContainerStatuses ?? []),
  ];
  for (const [name, id] of Object.entries(before.containers)) {
    const now = all.find((status) => status.name === name);
    if (now?.state?.running === undefined || (now.containerID === id) === rebooted)
      return (
        `container ${name} of pod ${before.namespace}/${before.pod} does not run ` +
        `${rebooted ? 'again' : 'on'}`
      );
  }
  return undefined;
}

/** What runs of these pods. One that is not well before an upgrade says nothing about it. */
export function runningBefore(pods: Pod[]): Before[] {
  return pods.flatMap((pod): Before[] => {
    const containers: Record<string, string> = {};
    for (const status of [
      ...(pod.status.containerStatuses ?? []),
      ...(pod.status.initContainerStatuses ?? []),
    ])
      if (status.state?.running && status.ready && status.containerID)
        containers[status.name] = status.containerID;
    const { namespace = '', name = '', uid = '', deletionTimestamp } = pod.metadata;
    const gone = deletionTimestamp !== undefined || Object.keys(containers).length === 0;
    return gone ? [] : [{ namespace, pod: name, uid, containers }];
  });
}
