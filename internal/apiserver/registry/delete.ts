import { deepCopy, type KubeObject } from '../../api/object.ts';
import { timeOf } from '../../api/times.ts';
import { conflict, modifiedConflict, notFound } from '../../api/status.ts';
import type { KeyValue } from '../../store/store.ts';
import { limits } from '../limits.ts';
import type { Call } from './call.ts';
import type { Core } from './core.ts';
import type { Written } from './create.ts';
import { whatOf } from './resource.ts';
import { bufferOf, encode, viewOf } from './stored.ts';
import { checkPreconditions } from './preconditions.ts';
import { read, remove, replace } from './write.ts';

export interface DeleteOptions {
  gracePeriodSeconds?: number | null;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | null;
  orphanDependents?: boolean | null;
  preconditions?: { uid?: string; resourceVersion?: string } | null;
  dryRun?: string[] | null;
}

export type Deleted = Written & { gone: boolean };

/**
 * DELETE (registry/generic Store.Delete): at once, or first a mark and then whoever holds a
 * finalizer or a container.
 */
export async function deleteObject(
  core: Core,
  call: Call,
  options: DeleteOptions,
): Promise<Deleted> {
  for (let tries = 1; ; tries++) {
    const kv = await read(core, call.resource, call.namespace, call.name);
    if (!kv) throw notFound(whatOf(call.resource), call.name);
    const done = await deleteOnce(core, call, kv, options);
    if (done) return done;
    if (tries >= limits.updateTries)
      throw conflict(whatOf(call.resource), call.name, modifiedConflict);
  }
}

async function deleteOnce(
  core: Core,
  call: Call,
  kv: KeyValue,
  options: DeleteOptions,
): Promise<Deleted | undefined> {
  await call.resource.engine.prepare?.([kv]);
  const old = viewOf(call.resource, kv);
  checkPreconditions(call, old, options.preconditions ?? undefined);
  await core.admission.admit({ call, operation: 'DELETE', object: undefined, old, options });
  await core.admission.validate({ call, operation: 'DELETE', object: undefined, old, options });
  const plan = planDeletion(call, old, options, core.clock.now());
  if (plan.kind === 'remove') {
    if (call.dryRun) return { object: old, gone: true };
    const removed = await removeRecord(core, call, kv, old);
    return removed ? { ...removed, gone: true } : undefined;
  }
  if (plan.kind === 'wait' || call.dryRun)
    return {
      kv: plan.kind === 'wait' ? kv : undefined,
      object: plan.kind === 'wait' ? old : plan.object,
      gone: false,
    };
  const value = encode(
    call.resource,
    (await call.resource.engine.beforeStore?.(plan.object)) ?? plan.object,
  );
  if (bufferOf(kv.value).equals(value)) return { kv, object: old, gone: false };
  const next = await replace(core, call.resource, kv, value);
  if (next) await call.resource.engine.prepare?.([next]);
  return next ? { kv: next, object: viewOf(call.resource, next), gone: false } : undefined;
}

type Plan = { kind: 'remove' } | { kind: 'wait' } | { kind: 'mark'; object: KubeObject };

/**
 * What a deletion does to an object that is there (rest.BeforeDelete and
 * deletionFinalizersForGarbageCollection).
 */
function planDeletion(call: Call, old: KubeObject, options: DeleteOptions, nowMs: number): Plan {
  const { deletion } = call.resource;
  const grace = deletion?.gracePeriod?.(old, options.gracePeriodSeconds) ?? 0;
  const finalizers = finalizersAfter(call, old, options);
  const marked = Boolean(old.metadata.deletionTimestamp);
  const own = deletion?.finalizer;
  if (own && !marked && !finalizers.includes(own)) finalizers.push(own);
  const changed = !same(finalizers, old.metadata.finalizers ?? []);
  const held = deletion?.held?.(old) ?? false;
  if (finalizers.length === 0 && grace === 0 && !held) return { kind: 'remove' };
  const oldGrace = old.metadata.deletionGracePeriodSeconds ?? 0;
  const shorter = marked && grace < oldGrace;
  if (marked && !shorter && !changed) return { kind: 'wait' };
  const object = deepCopy(old);
  const meta = object.metadata;
  if (changed) meta.finalizers = finalizers;
  if (!marked) {
    meta.deletionTimestamp = timeOf(nowMs + grace * 1000);
    if (!held && !own) meta.deletionGracePeriodSeconds = grace;
    if (meta.generation) meta.generation += 1;
    deletion?.mark?.(object, timeOf(nowMs));
  } else if (shorter) {
    const started = Date.parse(old.metadata.deletionTimestamp ?? '') - oldGrace * 1000;
    meta.deletionTimestamp = timeOf(Math.max(started, nowMs) + grace * 1000);
    meta.deletionGracePeriodSeconds = grace;
  }
  return { kind: 'mark', object };
}

const gcFinalizers = ['orphan', 'foregroundDeletion'];

function finalizersAfter(call: Call, old: KubeObject, options: DeleteOptions): string[] {
  const have = old.metadata.finalizers ?? [];
  const kept = have.filter((name) => !gcFinalizers.includes(name));
  const orphan = shouldOrphan(have, options, call.resource.orphansDependents ?? false);
  const foreground = shouldForeground(have, options);
  return [...kept, ...(orphan ? ['orphan'] : []), ...(foreground ? ['foregroundDeletion'] : [])];
}

function shouldOrphan(
  have: readonly string[],
  options: DeleteOptions,
  byDefault: boolean,
): boolean {
  if (options.orphanDependents !== undefined && options.orphanDependents !== null)
    return options.orphanDependents;
  if (options.propagationPolicy) return options.propagationPolicy === 'Orphan';
  return have.includes('orphan') || (byDefault && !have.includes('foregroundDeletion'));
}

function shouldForeground(have: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined && options.orphanDependents !== null) return false;
  if (options.propagationPolicy) return options.propagationPolicy === 'Foreground';
  return have.includes('foregroundDeletion') && !have.includes('orphan');
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}

/**
 * Takes the record out of the store and tells who must know; undefined when it changed meanwhile.
 */
export async function removeRecord(
  core: Core,
  call: Call,
  kv: KeyValue,
  object: KubeObject,
): Promise<Written | undefined> {
  const hook = core.hooks.of(call);
  const revision = await remove(
    core,
    call.resource,
    kv,
    hook?.allocations?.(undefined, viewOf(call.resource, kv)),
  );
  if (revision === undefined) return undefined;
  await hook?.afterDelete?.(call, object);
  const last = deepCopy(object);
  last.metadata.resourceVersion = String(revision);
  return { object: last };
}
