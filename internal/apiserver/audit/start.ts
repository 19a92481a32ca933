import type { Scheme } from '../../api/scheme.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Dial } from '../../io/dial.ts';
import { realDisk, type Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import { RotatingFile } from '../../io/rotating-file.ts';
import { Auditor, type AuditBackend } from './auditor.ts';
import { Batch } from './batch.ts';
import type { AuditEvent } from './event.ts';
import { parsePolicy, type Policy } from './policy.ts';
import { readKubeconfig } from '../webhooks/kubeconfig.ts';
import { postEvents } from './webhook.ts';

/** kube-apiserver's --audit-* flags, by their names. Files are paths. */
export interface AuditOptions {
  /** --audit-policy-file: without it nothing is audited. */
  policyFile: string;
  /**
   * --audit-log-path (`-` is standard output), -maxsize in megabytes, -maxbackup, -maxage in days.
   */
  log?: { path: string; maxSizeMb?: number; maxBackups?: number; maxAgeDays?: number };
  /**
   * --audit-webhook-config-file, a kubeconfig; -batch-buffer-size, -batch-max-size,
   * -batch-max-wait, -initial-backoff.
   */
  webhook?: {
    configFile: string;
    bufferSize?: number;
    maxBatchSize?: number;
    maxBatchWaitMs?: number;
    initialBackoffMs?: number;
  };
  disk?: Disk;
}

const megabyte = 1 << 20;
const dayMs = 24 * 60 * 60 * 1000;
/** kube-apiserver's defaults of --audit-log-max*; 0 puts no bound. */
const logDefaults = { maxSizeMb: 100, maxBackups: 100, maxAgeDays: 366 };
/** kube-apiserver's defaults of --audit-webhook-batch-*. */
const batchDefaults = {
  bufferSize: 10_000,
  maxBatchSize: 400,
  maxBatchWaitMs: 30_000,
  initialBackoffMs: 10_000,
};
/** Tries after the first, each pause half as long again. */
const retries = 4;
const growth = 1.5;

/**
 * Reads the policy and opens the backends. Throws ConfigError for a policy or a path that cannot be
 * used: a server that was to audit does not run without.
 */
export async function startAudit(
  options: AuditOptions,
  parts: { clock: Clock; log: Log; dial: Dial; scheme: Scheme },
): Promise<Auditor> {
  const disk = options.disk ?? realDisk;
  const policy = await readPolicy(disk, options.policyFile);
  const backends: AuditBackend[] = [];
  if (options.log) backends.push(await logBackend(options.log, parts.log));
  if (options.webhook) backends.push(await webhookBackend(options.webhook, disk, parts));
  return new Auditor({ policy, backends, clock: parts.clock, scheme: parts.scheme });
}

async function readPolicy(disk: Disk, path: string): Promise<Policy> {
  const text = (await disk.read('audit.policy', path)).toString();
  try {
    return parsePolicy(text);
  } catch (cause) {
    throw new ConfigError(`${path}: ${messageOf(cause)}`, { op: 'audit.policy', cause });
  }
}

async function logBackend(
  options: NonNullable<AuditOptions['log']>,
  log: Log,
): Promise<AuditBackend> {
  if (options.path === '-')
    return {
      name: 'log',
      lost: 0,
      take: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
      close: () => Promise.resolve(),
    };
  const losses = counted('log', log);
  const { maxSizeMb, maxBackups, maxAgeDays } = { ...logDefaults, ...given(options) };
  const file = new RotatingFile({
    path: options.path,
    maxBytes: maxSizeMb > 0 ? maxSizeMb * megabyte : Number.POSITIVE_INFINITY,
    maxBackups,
    maxAgeMs: maxAgeDays * dayMs,
    lost: losses.lost,
  });
  await file.open();
  return {
    name: 'log',
    get lost() {
      return losses.count;
    },
    take: (event) => file.write(JSON.stringify(event)),
    close: () => file.close(),
  };
}

async function webhookBackend(
  options: NonNullable<AuditOptions['webhook']>,
  disk: Disk,
  { clock, log, dial }: { clock: Clock; log: Log; dial: Dial },
): Promise<AuditBackend> {
  const webhook = await readKubeconfig(options.configFile, {
    disk,
    clock,
    op: 'audit.webhook',
    what: "the audit webhook's configuration",
  });
  const { bufferSize, maxBatchSize, maxBatchWaitMs, initialBackoffMs } = {
    ...batchDefaults,
    ...given(options),
  };
  const losses = counted('webhook', log);
  const batch = new Batch<AuditEvent>({
    clock,
    bufferSize,
    maxBatchSize,
    maxBatchWaitMs,
    retryMs: Array.from({ length: retries }, (_, i) => initialBackoffMs * growth ** i),
    send: (items) => postEvents(dial, webhook, items),
    lost: losses.lost,
  });
  return {
    name: 'webhook',
    get lost() {
      return losses.count;
    },
    take: (event) => batch.add(event),
    close: () => batch.close(),
  };
}

function given(options: object): Record<string, never> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Record<string, never>;
}

/**
 * Counts what was lost, and says so at the first loss and each time it has doubled: the log must
 * not grow by what the audit cannot take.
 */
function counted(
  plugin: string,
  log: Log,
): { readonly count: number; lost(events: number, why: string): void } {
  let [count, said] = [0, 0];
  return {
    get count() {
      return count;
    },
    lost(events, why) {
      count += events;
      if (count < said * 2) return;
      said = count;
      log.error('audit events were lost', { plugin, lost: count, error: messageOf(why) });
    },
  };
}
