import type { ObjectReference } from '../../api/generated/types/core-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { eventRecorder } from '../../client/events.ts';
import { WatchingMirror } from '../../client/mirror.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { queueObserver } from '../queue-metrics.ts';
import { isApiError } from '../owners.ts';
import { collect, releaseDependents, UnknownKind, type CollectOptions } from './collect.ts';
import { OwnerGraph, type GraphNode } from './graph.ts';

const name = 'generic-garbage-collector';
const concurrency = 20;
const longestRetryMs = 60_000;
/** Events own nothing, are owned by nothing, and are many. */
const ignored = new Set(['/events', 'events.k8s.io/events']);

/** Deletes what lost its owners, over all kinds that the server serves. */
export function startGarbageCollector(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const log = ctx.log.named(name);
  const monitors = new Map<string, { ref: ResourceRef; mirror: WatchingMirror<KubeObject> }>();
  /** Nodes whose owners are of a kind that is not served; looked at again when kinds change. */
  const unmapped = new Set<string>();
  let started = false;

  const deletions = queue(ctx, name, async (uid) => {
    const node = graph.nodes.get(uid);
    if (!node) return;
    try {
      await collect(options, node);
    } catch (error) {
      if (!(error instanceof UnknownKind)) throw error;
      unmapped.add(uid);
    }
  });
  const orphans = queue(ctx, 'orphaning', async (uid) => {
    const node = graph.nodes.get(uid);
    if (node) await releaseDependents(options, node);
  });
  const events = eventRecorder({
    client,
    clock: ctx.clock,
    log,
    component: 'garbage-collector-controller',
  });
  const graph = new OwnerGraph({
    check: (node) => deletions.add(node.uid),
    orphan: (node) => orphans.add(node.uid),
    misplaced: (node, ownerUid) => {
      const message = misplacedOwner(node, ownerUid);
      if (message && node.ref)
        events.warning(aboutNode(node, node.ref), 'OwnerRefInvalidNamespace', message);
    },
  });
  const options: CollectOptions = {
    client,
    graph,
    refOf: (group, kind) => {
      for (const { ref } of monitors.values())
        if (ref.group === group && ref.kind === kind) return ref;
      return ctx.resources().find((r) => r.group === group && r.kind === kind);
    },
    check: (node) => deletions.add(node.uid),
  };

  const syncMonitors = (): void => {
    const wanted = new Map(ctx.resources().map((ref) => [`${ref.group}/${ref.resource}`, ref]));
    for (const [key, { mirror }] of monitors) {
      if (wanted.has(key)) continue;
      mirror.stop();
      monitors.delete(key);
      // The kind is gone, and all objects of it.
      for (const object of [...mirror.list()]) graph.remove(object.metadata.uid!);
    }
    for (const [key, ref] of wanted) {
      if (monitors.has(key) || ignored.has(key)) continue;
      const mirror = new WatchingMirror<KubeObject>(
        client,
        ref,
        { project: ownership },
        ctx.clock,
        log,
      );
      monitors.set(key, { ref, mirror });
      mirror.onChange(({ type, object, old }) =>
        type === 'DELETED' ? graph.remove(object.metadata.uid!) : graph.put(ref, object, old),
      );
    }
    for (const uid of unmapped) deletions.add(uid);
    unmapped.clear();
  };

  syncMonitors();
  const unsubscribe = ctx.onResourcesChange(syncMonitors);
  const ready = Promise.all([...monitors.values()].map((m) => m.mirror.synced)).then(() => {
    started = true;
    deletions.start();
    orphans.start();
  });
  return {
    name,
    stop: () => {
      unsubscribe();
      deletions.stop();
      orphans.stop();
      for (const { mirror } of monitors.values()) mirror.stop();
    },
    idle: async () => {
      await ready;
      if (started) await Promise.all([deletions.idle(), orphans.idle()]);
    },
  };
}

function queue(
  ctx: ControllerContext,
  queueName: string,
  work: (uid: string) => Promise<void>,
): WorkQueue {
  const reconcile = (uid: string): Promise<void> =>
    work(uid).catch((error: unknown) => {
      // Kinds of broken servers behind the aggregator must not fill the log; the back-off retries
      // them.
      if (isApiError(error, 'MethodNotAllowed')) return;
      throw error;
    });
  return new WorkQueue({
    name: queueName,
    clock: ctx.clock,
    log: ctx.log.named(queueName),
    reconcile,
    concurrency,
    longestRetryMs,
    observer: ctx.metrics && queueObserver(ctx.metrics, queueName),
  });
}

/**
 * What upstream says of an owner in another namespace (garbagecollector/graph_builder.go
 * reportInvalidNamespaceOwnerRef).
 */
function misplacedOwner(node: GraphNode, ownerUid: string): string | undefined {
  const owner = node.owners.find(({ uid }) => uid === ownerUid);
  return (
    owner &&
    `ownerRef [${owner.apiVersion}/${owner.kind}, namespace: ${node.namespace}, name: ` +
      `${owner.name}, uid: ${owner.uid}] does not exist in namespace ` +
      `${JSON.stringify(node.namespace)}`
  );
}

function aboutNode(node: GraphNode, ref: ResourceRef): ObjectReference {
  const apiVersion = ref.group ? `${ref.group}/${ref.version}` : ref.version;
  return {
    kind: ref.kind,
    apiVersion,
    ...(node.namespace && { namespace: node.namespace }),
    name: node.name,
    uid: node.uid,
  };
}

/** The part of an object that ownership is about. */
function ownership({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const {
    name: objectName,
    namespace,
    uid,
    resourceVersion,
    ownerReferences,
    finalizers,
    deletionTimestamp,
  } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name: objectName,
      namespace,
      uid,
      resourceVersion,
      ownerReferences,
      finalizers,
      deletionTimestamp,
    },
  };
}
