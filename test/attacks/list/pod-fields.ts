import { randomBytes } from 'node:crypto';
import { each, type Attack } from '../attack.ts';
import { at, type Target } from '../target.ts';

/**
 * A field that a node passes over in silence is a promise broken: the pod runs without what it
 * asked for.
 */
const container = (target: Target, more: object = {}): object => ({
  name: 'c',
  image: target.image,
  imagePullPolicy: 'IfNotPresent',
  command: ['sleep', '3600'],
  ...more,
});
/** Long enough for a pod to run that is going to. */
const watchMs = 6_000;

type Ask = {
  spec(target: Target): object;
  kept?(target: Target, ns: string, name: string): Promise<boolean>;
};

const ownUsers = async (target: Target, ns: string, name: string): Promise<boolean> =>
  !/^\s*0\s+0\s+4294967295/.test(
    await target.kubectl(['-n', ns, 'exec', name, '--', 'cat', '/proc/self/uid_map']),
  );
const onlyGivenGroups = async (target: Target, ns: string, name: string): Promise<boolean> =>
  (await target.kubectl(['-n', ns, 'exec', name, '--', 'id', '-G'])).trim() === '0';
const confined = async (target: Target, ns: string, name: string): Promise<boolean> =>
  !/^unconfined|^$/.test(
    (
      await target.kubectl([
        '-n',
        ns,
        'exec',
        name,
        '--',
        'sh',
        '-c',
        'cat /proc/self/attr/current 2>/dev/null || true',
      ])
    ).trim(),
  );

export const attacks: Attack[] = each<Ask>(
  'field-passed-over',
  {
    'user-namespace': {
      spec: (target) => ({ hostUsers: false, containers: [container(target)] }),
      kept: ownUsers,
    },
    'claim-that-is-not-there': {
      spec: (target) => ({
        resourceClaims: [{ name: 'gpu', resourceClaimName: 'absent' }],
        containers: [container(target, { resources: { claims: [{ name: 'gpu' }] } })],
      }),
    },
    'claim-that-is-not-allocated': {
      spec: (target) => ({
        resourceClaims: [{ name: 'gpu', resourceClaimName: 'claim' }],
        containers: [container(target)],
      }),
    },
    'block-device': {
      spec: (target) => ({
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'block' } }],
        containers: [container(target, { volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] })],
      }),
    },
    'strict-groups': {
      spec: (target) => ({
        securityContext: { supplementalGroupsPolicy: 'Strict' },
        containers: [container(target)],
      }),
      kept: onlyGivenGroups,
    },
    apparmor: {
      spec: (target) => ({
        securityContext: { appArmorProfile: { type: 'RuntimeDefault' } },
        containers: [container(target)],
      }),
      kept: confined,
    },
    'missing-runtime-class': {
      spec: (target) => ({ runtimeClassName: 'attack-absent', containers: [container(target)] }),
    },
  },
  async (target, { spec, kept }) => {
    const ns = await target.namespace();
    await target.call({
      method: 'POST',
      path: `/apis/resource.k8s.io/v1/namespaces/${ns}/resourceclaims`,
      body: {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaim',
        metadata: { name: 'claim' },
        spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'none' } }] } },
      },
    });
    await target.make(`/api/v1/namespaces/${ns}/persistentvolumeclaims`, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'block' },
      spec: {
        volumeMode: 'Block',
        accessModes: ['ReadWriteOnce'],
        storageClassName: '',
        resources: { requests: { storage: '1Mi' } },
      },
    });
    const name = `p-${randomBytes(3).toString('hex')}`;
    const path = `/api/v1/namespaces/${ns}/pods`;
    const made = await target.call({
      method: 'POST',
      path,
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: { nodeName: target.node, terminationGracePeriodSeconds: 0, ...spec(target) },
      },
    });
    if (made.status !== 201) return undefined; // refused at the door
    target.later(() =>
      target.call({ method: 'DELETE', path: `${path}/${name}?gracePeriodSeconds=0` }),
    );
    const runs = await target
      .until(
        'it runs',
        async () =>
          at((await target.call({ path: `${path}/${name}` })).json, 'status', 'phase') ===
          'Running',
        watchMs,
      )
      .then(
        () => true,
        () => false,
      );
    if (!runs) return undefined;
    return kept && (await kept(target, ns, name))
      ? undefined
      : 'the pod runs without what it asked for';
  },
  { needsNode: true },
);
