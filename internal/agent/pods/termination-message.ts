import type { Disk } from '../../io/disk.ts';
import type { ContainerStatus } from '../../wire/cri/cri.ts';
import { annotationNames } from '../config/labels.ts';
import type { RuntimeContainer } from './model.ts';

/** The kubelet's limits for a container's last words. */
const longestMessageBytes = 4096;
const longestLogBytes = 2048;
const mostLogLines = 80;

/** What an ended container says: its message file, or the end of its log when it failed silently and wants that. */
export async function terminationMessage(disk: Disk, status: ContainerStatus, container: RuntimeContainer): Promise<string> {
  const path = status.annotations[annotationNames.terminationMessagePath];
  const file = path ? status.mounts.find((m) => m.containerPath === path)?.hostPath : undefined;
  let said = '';
  if (file) {
    const bytes = await disk.readIfThere('pod.message', file).catch(() => undefined);
    said = bytes ? bytes.subarray(Math.max(0, bytes.length - longestMessageBytes)).toString() : '';
  }
  const wantsLog = status.annotations[annotationNames.terminationMessagePolicy] === 'FallbackToLogsOnError';
  if (!said && wantsLog && container.exitCode !== 0) said = await lastWords(disk, container.logPath);
  if (!said) return status.message;
  return status.message ? `${status.message}: ${said}` : said;
}

async function lastWords(disk: Disk, logPath: string): Promise<string> {
  const bytes = await disk.readIfThere('pod.log', logPath).catch(() => undefined);
  if (!bytes) return '';
  // Lines carry a time, a stream and a tag in front; reading four times the limit is enough for any of them.
  const lines = bytes.subarray(Math.max(0, bytes.length - longestLogBytes * 8)).toString().split('\n').slice(-mostLogLines - 1);
  const text = lines.map(payload).join('');
  return text.length > longestLogBytes ? text.slice(text.length - longestLogBytes) : text;
}

function payload(line: string): string {
  const match = /^\S+ (?:stdout|stderr) ([FP])\S* (.*)$/s.exec(line);
  if (!match) return '';
  return match[1] === 'F' ? `${match[2]}\n` : match[2]!;
}
