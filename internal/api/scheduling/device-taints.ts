import type { DeviceTaint, DeviceToleration } from '../generated/types/resource-v1.ts';

/** Whether the taint of a device is borne by this toleration of a claim (KEP-5055). */
export function toleratesDeviceTaint(toleration: DeviceToleration, taint: DeviceTaint): boolean {
  const { effect, key, operator = 'Equal', value = '' } = toleration;
  return (
    (!effect || effect === taint.effect) &&
    (!key || key === taint.key) &&
    (operator === 'Exists' || value === (taint.value ?? ''))
  );
}
