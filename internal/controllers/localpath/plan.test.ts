import { describe, expect, test } from 'vitest';
import type {
  ConfigMap,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { seededRandom } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { NodeRefused } from '../kit/ask-node.ts';
import { Outcome } from '../kit/carry-out.ts';
import { writesOf, type NodeRequest, type Plan } from '../kit/write.ts';
import { concludeLocalPath, planLocalPath, type ClaimView, type LocalPathView } from './plan.ts';

const random = seededRandom(testSeed());
const some = <T>(of: readonly T[]): T => of[random.int(of.length)]!;

const provisioner = 'rancher.io/local-path';
const paths = { nodePathMap: [{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: ['/data'] }] };
const config = partOf<ConfigMap>({ data: { 'config.json': JSON.stringify(paths) } });
const node = partOf<Node>({ metadata: { name: 'n1' } });

const volume = (more: object = {}): PersistentVolume =>
  partOf<PersistentVolume & { spec: object }>({
    metadata: {
      name: 'pvc-u',
      annotations: {
        'pv.kubernetes.io/provisioned-by': provisioner,
        'local.path.provisioner/selected-node': 'n1',
      },
      finalizers: ['external-provisioner.volume.kubernetes.io/finalizer'],
    },
    spec: {
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Delete',
      local: { path: '/data/pvc-u_ns_c' },
      claimRef: { uid: 'u' },
    },
    status: { phase: 'Released' },
    ...more,
  } as never);

const claimView = (
  spec: object,
  { size, of }: { size?: string; of?: PersistentVolume } = {},
): ClaimView => ({
  what: 'claim',
  claim: partOf<PersistentVolumeClaim>({
    metadata: {
      name: 'c',
      namespace: 'ns',
      uid: 'u',
      annotations: {
        'volume.kubernetes.io/selected-node': 'n1',
        'volume.kubernetes.io/storage-provisioner': provisioner,
      },
    },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, ...spec },
    status: size === undefined ? {} : { phase: 'Bound', capacity: { storage: size } },
  } as never),
  storageClass: partOf<StorageClass>({
    metadata: {},
    provisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
  }),
  volume: of,
  node,
  config,
});
const views: Record<string, () => LocalPathView> = {
  made: () => claimView({}),
  grown: () => claimView({ volumeName: 'pvc-u' }, { size: '1Gi', of: volume() }),
  removed: () => ({ what: 'volume', volume: volume(), node, config }),
};

const shape = (plan: Plan): string[] =>
  plan.steps.map((step) => {
    if ('pace' in step) return step.pace;
    if (step.verb === 'ask node') return step.method;
    return step.verb === 'event' ? step.reason : `${step.verb} ${step.ref.kind}`;
  });

test('objects follow the folder: the node is asked before anything is written', () => {
  expect(Object.values(views).map((view) => shape(planLocalPath(view())))).toEqual([
    ['POST', 'create PersistentVolume', 'ProvisioningSucceeded'],
    ['PUT', 'update PersistentVolume', 'update PersistentVolumeClaim', 'VolumeResizeSuccessful'],
    ['DELETE', 'update PersistentVolume', 'delete PersistentVolume'],
  ]);
});

describe('what a node refuses', () => {
  const after = (view: LocalPathView, status: number): Plan => {
    const plan = planLocalPath(view);
    const outcome = new Outcome();
    outcome.failure = new NodeRefused(plan.steps[0] as NodeRequest, status, 'no');
    return concludeLocalPath(view, outcome, plan);
  };

  test('is told; a claim without a volume is given to another node when this one is full', () => {
    for (const status of [409, 422]) {
      expect(shape(after(views['made']!(), status))).toEqual(['ProvisioningFailed']);
      expect(shape(after(views['grown']!(), status))).toEqual(['VolumeResizeFailed']);
    }
    expect(shape(after(views['made']!(), 507))).toEqual([
      'ProvisioningFailed',
      'update PersistentVolumeClaim',
    ]);
    expect(shape(after(views['grown']!(), 507))).toEqual(['VolumeResizeFailed']);
    for (const status of [409, 502])
      expect(shape(after(views['removed']!(), status))).toEqual(['VolumeFailedDelete']);
  });

  test('without a word about the volume, such as a node that is away, is only tried again', () => {
    expect(after(views['made']!(), 502).steps).toEqual([]);
  });
});

test('a claim that waits for the scheduler is left alone; of another class it is told', () => {
  const view = claimView({});
  const { annotations } = view.claim.metadata;
  view.claim.metadata.annotations = {
    'volume.kubernetes.io/storage-provisioner':
      annotations!['volume.kubernetes.io/storage-provisioner']!,
  };
  expect(shape(planLocalPath(view))).toEqual([]);
  view.storageClass = partOf<StorageClass>({
    metadata: {},
    provisioner,
    volumeBindingMode: 'Immediate',
  });
  expect(shape(planLocalPath(view))).toEqual(['ProvisioningFailed']);
});

test('only folders of our own volumes are removed, and only when they are released', () => {
  for (let i = 0; i < 500; i++) {
    const phase = some(['Available', 'Bound', 'Released', 'Failed', 'Pending']);
    const policy = some(['Delete', 'Retain', 'Recycle']);
    const by = some([provisioner, 'example.com/other']);
    const present = volume({ status: { phase } });
    present.spec.persistentVolumeReclaimPolicy = policy;
    present.metadata.annotations!['pv.kubernetes.io/provisioned-by'] = by;
    const here = random.int(3) > 0 ? node : undefined;
    const view = { what: 'volume' as const, volume: present, node: here, config };
    const isDue =
      by === provisioner && policy === 'Delete' && ['Released', 'Failed'].includes(phase);
    const verbs = shape(planLocalPath(view));
    expect(verbs.length > 0).toBe(isDue);
    // A node that left the cluster took its disk along: only the object is to go.
    expect(verbs.includes('DELETE')).toBe(isDue && here !== undefined);
    expect(writesOf(planLocalPath(view)).at(-1)?.verb).toBe(isDue ? 'delete' : undefined);
  }
});
