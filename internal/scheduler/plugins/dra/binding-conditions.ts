import type { ResourceClaim } from '../../../api/generated/types/resource-v1.ts';
import type { Handle } from '../../framework/handle.ts';
import { keyOfClaim } from './requests.ts';

/** Devices that their driver still prepares (KEP-5007). */
export const hasBindingConditions = ({ status }: ResourceClaim): boolean =>
  (status?.allocation?.devices.results ?? []).some((r) => (r.bindingConditions ?? []).length > 0);

/** Whether all devices of a claim are ready. Throws when the driver says that one failed. */
export function isReady({ metadata, status }: ResourceClaim): boolean {
  if (!status?.allocation) return false;
  for (const result of status.allocation.devices.results ?? []) {
    const { bindingConditions = [], bindingFailureConditions = [] } = result;
    if (bindingConditions.length === 0) continue;
    const device = (status.devices ?? []).find(
      (d) => d.device === result.device && d.driver === result.driver && d.pool === result.pool,
    );
    if (!device) return false;
    const holds = (type: string): boolean =>
      (device.conditions ?? []).some((c) => c.type === type && c.status === 'True');
    const broken = (device.conditions ?? []).find(
      (c) => bindingFailureConditions.includes(c.type) && c.status === 'True',
    );
    if (broken)
      throw new Error(
        `device binding failed: claim=${metadata.name}, reason=${broken.reason}, ` +
          `message=${JSON.stringify(broken.message)}`,
      );
    if (!bindingConditions.every(holds)) return false;
  }
  return true;
}

/** Whether the devices have not become ready within the time for it. */
export function isOverdue({ status }: ResourceClaim, timeoutMs: number, nowMs: number): boolean {
  const since = Date.parse(status?.allocation?.allocationTimestamp ?? '');
  return Number.isFinite(since) && since + timeoutMs < nowMs;
}

/** Resolves when the devices of all claims are ready. Throws when one fails or time is up. */
export function untilReady(
  claims: readonly ResourceClaim[],
  { listers, clock }: Handle,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const stops: (() => void)[] = [];
  const done = new Promise<void>((resolve, reject) => {
    const look = (): void => {
      try {
        if (claims.every((c) => isReady(listers.resourceClaims.get(keyOfClaim(c)) ?? c))) resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const timer = clock.after('scheduler.devices', timeoutMs, () =>
      reject(new Error('device binding timeout')),
    );
    const gone = (): void => reject(new Error('context canceled'));
    signal.addEventListener('abort', gone, { once: true });
    stops.push(
      listers.resourceClaims.onChange(look),
      () => timer.cancel(),
      () => signal.removeEventListener('abort', gone),
    );
    if (signal.aborted) gone();
    look();
  });
  return done.finally(() => stops.forEach((stop) => stop()));
}
