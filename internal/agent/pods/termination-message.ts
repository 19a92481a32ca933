import { readRegular } from '../../io/held.ts';
import type { ContainerStatus } from '../../wire/cri/cri.ts';
import { annotationNames } from '../config/labels.ts';
import type { RuntimeContainer } from './model.ts';

/** The kubelet's limits for a container's last words. */
const longestMessageBytes = 4096;
const longestLogBytes = 2048;
const mostLogLines = 80;

/**
 * What an ended container says: its message file, or the end of its log when it failed silently and
 * wants that. The file is the container's to make: it may be a FIFO, a device or terabytes long.
 */
export async function terminationMessage(
  status: ContainerStatus,
  container: RuntimeContainer,
): Promise<string> {
  const path = status.annotations[annotationNames.terminationMessagePath];
  const file = path ? status.mounts.find((m) => m.containerPath === path)?.hostPath : undefined;
  let said = file ? await endOf('pod.message', file, longestMessageBytes) : '';
  const wantsLog =
    status.annotations[annotationNames.terminationMessagePolicy] === 'FallbackToLogsOnError';
  if (!said && wantsLog && container.exitCode !== 0) said = await lastWords(container.logPath);
  if (!said) return status.message;
  return status.message ? `${status.message}: ${said}` : said;
}

async function endOf(op: string, path: string, mostBytes: number): Promise<string> {
  const bytes = await readRegular(op, path, { mostBytes, from: 'end' }).catch(() => undefined);
  return bytes?.toString() ?? '';
}

async function lastWords(logPath: string): Promise<string> {
  // Lines carry a time, a stream and a tag in front; reading eight times the limit is enough for
  // any of them.
  const lines = (await endOf('pod.log', logPath, longestLogBytes * 8))
    .split('\n')
    .slice(-mostLogLines - 1);
  const text = Buffer.from(lines.map(payload).join(''));
  return text.subarray(Math.max(0, text.length - longestLogBytes)).toString();
}

function payload(line: string): string {
  const match = /^\S+ (?:stdout|stderr) ([FP])\S* (.*)$/s.exec(line);
  if (!match) return '';
  return match[1] === 'F' ? `${match[2]}\n` : match[2]!;
}
