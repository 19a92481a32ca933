import type { Node, PersistentVolume, Pod } from '../../api/generated/types/core-v1.ts';
import type { VolumeAttachment } from '../../api/generated/types/storage-v1.ts';
import { attachmentName, uniqueVolumeName } from '../../api/storage/attachments.ts';
import { refs } from '../../client/refs.ts';
import { say, type Plan, type Say, type Step } from '../kit/write.ts';

/** A volume that pods of the node use, and that its driver wants attached. */
export interface Wanted {
  volume: PersistentVolume;
  pods: Pod[];
  /** Other nodes that it is attached to, or is not yet detached from. */
  elsewhere: string[];
}

/** An attachment of ours to the node. */
export interface Attached {
  attachment: VolumeAttachment;
  /** As node.status speaks of the volume; undefined when the PersistentVolume is gone. */
  volumeName: string | undefined;
  /** Since when it is not wanted any more, by the monotonic clock. */
  unwantedSinceMs: number | undefined;
  /** A change that still has to become an event. */
  news: 'attached' | 'failed' | undefined;
}

export interface View {
  name: string;
  node: Node | undefined;
  wanted: Wanted[];
  attached: Attached[];
  monotonicMs: number;
  /** Volumes of which it was told already that another node has them. */
  told: ReadonlySet<string>;
}

/** How long a node that is not ready may take to let go of a volume (upstream's). */
export const longestUnmountMs = 360_000;
const outOfService = 'node.kubernetes.io/out-of-service';

export function plan(view: View): Plan {
  const { name, node, wanted, attached } = view;
  const leaving = attached.filter((one) => mayLeave(one, view));
  const staying = attached.filter((one) => !leaving.includes(one));
  const steps: Step[] = [];
  // The node hears first that a volume is not its own any more: it mounts nothing that is detached.
  if (node) steps.push(...statusOf(node, staying));
  for (const { attachment } of leaving)
    steps.push({ verb: 'delete', ref: refs.volumeAttachments, object: attachment });
  for (const one of wanted) steps.push(...attach(name, one, view));
  for (const one of staying) steps.push(...newsOf(one, wanted));
  const waits = attached.flatMap(({ unwantedSinceMs: since, attachment }) =>
    since !== undefined && !attachment.metadata.deletionTimestamp && !isReady(node)
      ? [Math.max(0, since + longestUnmountMs - view.monotonicMs)]
      : [],
  );
  const later = waits.filter((ms) => ms > 0);
  return { steps, ...(later.length > 0 && { againInMs: Math.min(...later) }) };
}

/** Nobody wants it, and the node has let go of it or will not say so any more. */
function mayLeave(one: Attached, { node, monotonicMs }: View): boolean {
  const { unwantedSinceMs: since, attachment, volumeName } = one;
  if (since === undefined || attachment.metadata.deletionTimestamp) return false;
  if (!node || volumeName === undefined) return true;
  if (!node.status?.volumesInUse?.includes(volumeName)) return true;
  if (node.spec.taints?.some(({ key }) => key === outOfService)) return true;
  return !isReady(node) && monotonicMs - since >= longestUnmountMs;
}

const isReady = (node: Node | undefined): boolean =>
  node?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

/** node.status.volumesAttached: what the node may mount. */
function statusOf(node: Node, staying: Attached[]): Step[] {
  const now = staying
    .flatMap(({ attachment, volumeName }) =>
      volumeName !== undefined &&
      attachment.status?.attached &&
      !attachment.metadata.deletionTimestamp
        ? [
            {
              name: volumeName,
              devicePath: attachment.status.attachmentMetadata?.['devicePath'] ?? '',
            },
          ]
        : [],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = (list: { name: string }[]): string => JSON.stringify(list.map((one) => one.name));
  const before = [...(node.status?.volumesAttached ?? [])].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  if (names(before) === names(now)) return [];
  const status = { ...node.status, volumesAttached: now.length > 0 ? now : undefined };
  const object = { ...node, status };
  return [{ verb: 'update', ref: refs.nodes, subresource: 'status', object, quiet: ['Conflict'] }];
}

function attach(nodeName: string, { volume, pods, elsewhere }: Wanted, view: View): Step[] {
  const csi = volume.spec.csi!;
  const name = attachmentName(csi.volumeHandle, csi.driver, nodeName);
  if (view.attached.some(({ attachment }) => attachment.metadata.name === name)) return [];
  const pv = volume.metadata.name ?? '';
  if (elsewhere.length > 0 && !isForMany(volume)) {
    if (view.told.has(pv)) return [];
    const message =
      `Multi-Attach error for volume ${JSON.stringify(pv)} Volume is already exclusively ` +
      "attached to one node and can't be attached to another";
    return pods.map((pod) => say(pod, 'Warning', 'FailedAttachVolume', message));
  }
  const object = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name },
    spec: { attacher: csi.driver, nodeName, source: { persistentVolumeName: pv } },
  };
  return [{ verb: 'create', ref: refs.volumeAttachments, object, forgives: ['AlreadyExists'] }];
}

/** Some way of access lets several nodes have it at once. */
function isForMany({ spec }: PersistentVolume): boolean {
  const modes = spec.accessModes ?? [];
  return modes.length === 0 || modes.some((m) => m === 'ReadWriteMany' || m === 'ReadOnlyMany');
}

function newsOf({ attachment, volumeName, news }: Attached, wanted: Wanted[]): Say[] {
  if (news === undefined) return [];
  const used = wanted.find(
    ({ volume }) =>
      uniqueVolumeName(volume.spec.csi!.driver, volume.spec.csi!.volumeHandle) === volumeName,
  );
  const pv = JSON.stringify(used?.volume.metadata.name);
  const pods = used?.pods ?? [];
  if (news === 'attached')
    return pods.map((pod) =>
      say(
        pod,
        'Normal',
        'SuccessfulAttachVolume',
        `AttachVolume.Attach succeeded for volume ${pv} `,
      ),
    );
  const why = attachment.status?.attachError?.message ?? '';
  return pods.map((pod) =>
    say(
      pod,
      'Warning',
      'FailedAttachVolume',
      `AttachVolume.Attach failed for volume ${pv} : ${why}`,
    ),
  );
}
