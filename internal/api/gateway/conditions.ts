/** A condition but for its times. */
export interface Said {
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
}

export const yes = (type: string, reason = type, message = ''): Said => ({
  type,
  status: 'True',
  reason,
  message,
});
export const no = (type: string, reason: string, message = ''): Said => ({
  type,
  status: 'False',
  reason,
  message,
});
export const isTrue = (conditions: readonly Said[], type: string): boolean =>
  conditions.some((one) => one.type === type && one.status === 'True');
