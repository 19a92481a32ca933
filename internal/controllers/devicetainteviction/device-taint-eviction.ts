import { equalAs } from '../../api/equality.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type {
  Device,
  DeviceTaint,
  ResourceClaim,
  ResourceSlice,
} from '../../api/generated/types/resource-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { isFinished } from '../pod-facts.ts';
import { claimNamesOf } from '../resourceclaim/names.ts';
import { dueMs, planDeviceEviction, type DeviceEvictionView } from './plan.ts';

const name = 'device-taint-eviction-controller';

const resultsOf = (claim: ResourceClaim) => claim.status?.allocation?.devices?.results ?? [];
const addressOf = (of: { driver: string; pool: string; device: string }): string =>
  `${of.driver}/${of.pool}/${of.device}`;
const addressIn = ({ spec }: ResourceSlice, { name: device }: Device): string =>
  addressOf({ driver: spec.driver, pool: spec.pool.name, device });

const taintsIn = (slice: ResourceSlice): Map<string, DeviceTaint[]> =>
  new Map((slice.spec.devices ?? []).map((d) => [addressIn(slice, d), d.taints ?? []]));

const indexes = {
  resourceClaim: (pod: Pod) => claimNamesOf(pod).map((n) => `${pod.metadata.namespace}/${n}`),
};

/**
 * Deletes pods whose claims have devices with NoExecute taints that they do not tolerate, or no
 * longer (pkg/controller/devicetainteviction; KEP-5055). Drivers taint devices in ResourceSlices.
 */
export function startDeviceTaintEviction(ctx: ControllerContext): Controller {
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes });
  const claims = ctx.mirrors.of<ResourceClaim>(refs.resourceClaims, {
    indexes: { device: (claim) => resultsOf(claim).map(addressOf) },
  });
  const slices = ctx.mirrors.of<ResourceSlice>(refs.resourceSlices, {
    indexes: { device: (slice) => (slice.spec.devices ?? []).map((d) => addressIn(slice, d)) },
  });
  /** Pods that a pass found a time for. */
  const due = new Set<string>();

  /** Of slices that a driver replaces, those of the newest generation count. */
  const deviceAt = (address: string): Device | undefined => {
    const newest = [...slices.byIndex('device', address)].sort(
      (a, b) => Number(b.spec.pool.generation) - Number(a.spec.pool.generation),
    )[0];
    return newest?.spec.devices?.find((device) => addressIn(newest, device) === address);
  };

  return startPlanned<DeviceEvictionView>(
    ctx,
    {
      name,
      title: 'device-taint-eviction',
      mirrors: [
        { ref: refs.pods, mirror: pods },
        { ref: refs.resourceClaims, mirror: claims },
        { ref: refs.resourceSlices, mirror: slices },
      ],
      view: (key, { nowMs }) => {
        const pod = pods.get(key);
        if (!pod?.spec.nodeName || pod.metadata.deletionTimestamp || isFinished(pod))
          return undefined;
        const devices = claimNamesOf(pod)
          .flatMap((n) => claims.get(`${pod.metadata.namespace}/${n}`) ?? [])
          .filter(({ status }) => status?.reservedFor?.some((c) => c.uid === pod.metadata.uid))
          .flatMap(resultsOf)
          .map((result) => ({
            taints: deviceAt(addressOf(result))?.taints ?? [],
            tolerations: result.tolerations ?? [],
          }));
        return { pod, devices, wasDue: due.has(key), nowMs };
      },
      plan: planDeviceEviction,
      remember: (key, view) => void (dueMs(view) === undefined ? due.delete(key) : due.add(key)),
      forget: (key) => void due.delete(key),
    },
    (queue) => {
      const lookAt = (claim: ResourceClaim): void => {
        for (const pod of pods.byIndex('resourceClaim', keyOf(claim))) queue.add(keyOf(pod));
      };
      pods.onChange(({ type, key, object }) => {
        if (type === 'DELETED') queue.unschedule(key);
        if (type === 'DELETED' ? due.has(key) : claimNamesOf(object).length > 0) queue.add(key);
      });
      claims.onChange(({ object }) => lookAt(object));
      slices.onChange(({ type, object, old }) => {
        // A new slice may replace what another one says of its devices.
        for (const [address, taints] of taintsIn(object)) {
          const before = type === 'MODIFIED' && old ? taintsIn(old).get(address) : undefined;
          if (before && equalAs('[]@resource.v1.DeviceTaint', before, taints)) continue;
          for (const claim of claims.byIndex('device', address)) lookAt(claim);
        }
      });
    },
  );
}
