import { zoneError, zoneNamed } from '../../api/cron/zone.ts';
import type { WindowSpec } from './plan-types.ts';

const dayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** 0 is Sunday. By number, or the name's first two or three letters, or all of it. */
function dayOf(text: string): number | undefined {
  if (/^[0-6]$/.test(text)) return Number(text);
  const name = text.toLowerCase();
  const found = dayNames.findIndex((one) => [one, one.slice(0, 2), one.slice(0, 3)].includes(name));
  return found < 0 ? undefined : found;
}

/** Minutes since midnight of `15:04`, `15`, `03:04pm` or `03pm`; seconds count as parts. */
function minutesOf(text: string): number | undefined {
  const [, hours, minutes = '0', seconds = '0', half] =
    /^(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?(am|pm)?$/i.exec(text) ?? [];
  if (hours === undefined) return undefined;
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (m > 59 || s > 59 || (half ? h < 1 || h > 12 : h > 23)) return undefined;
  const hour = half ? (h % 12) + (half.toLowerCase() === 'pm' ? 12 : 0) : h;
  return hour * 60 + m + s / 60;
}

/** Why a window is none; undefined when it is one. */
export function windowFault(window: WindowSpec): string | undefined {
  for (const day of window.days ?? [])
    if (dayOf(day) === undefined) return `"${day}" is no day of the week`;
  for (const time of [window.startTime ?? '', window.endTime ?? ''])
    if (minutesOf(time) === undefined) return `"${time}" is no time such as 15:04`;
  return zoneError(window.timeZone ?? '');
}

/** Whether work may begin now. As upstream: on the named days, between both times of one day. */
export function isInWindow(window: WindowSpec, nowMs: number): boolean {
  if (windowFault(window) !== undefined) return false;
  const shown = zoneNamed(window.timeZone ?? '').at(nowMs);
  if (!(window.days ?? []).some((day) => dayOf(day) === shown.weekday)) return false;
  const now = shown.hour * 60 + shown.minute + (nowMs % 60_000) / 60_000;
  const [start, end] = [window.startTime ?? '', window.endTime ?? ''].map(minutesOf);
  return now > (start ?? 0) && now < (end ?? 0);
}
