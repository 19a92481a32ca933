import type { ConfigMap, Secret } from '../../api/generated/types/core-v1.ts';
import { keyOf, splitKey } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import { eventRecorder } from '../../client/events.ts';
import type { Mirror } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';
import { uninstallCall, upgradeCalls, type HelmCall } from './calls.ts';
import {
  chartConfigs,
  charts as chartsRef,
  finalizer,
  unmanaged,
  type HelmChart,
  type HelmChartConfig,
} from './chart.ts';
import { planFor, type Plan } from './plan.ts';
import { markedInterrupted, releaseType, revisionsOf, type Revision } from './release.ts';
import { statusOf, type Verdict } from './status.ts';
import { Refused, wishOf, type Referred, type Wish } from './wish.ts';

export const name = 'helm-controller';
/** Each is a process of some 100 MB. */
const concurrency = 2;
/** As the Jobs of k3s are tried again: 10 s, doubled, at most 6 minutes. */
const firstRetryMs = 10_000;
const longestRetryMs = 360_000;
/** Pending, healed, upgraded, reinstalled: more steps in one pass are a circle. */
const mostSteps = 6;
const lastWords = 1000;

/** Runs Helm in a folder of its own that is gone afterwards. */
export interface HelmProgram {
  /** Starts Helm once for each call, in order, in one folder; stops at the first that fails. */
  run(key: string, calls: HelmCall[]): Promise<{ ok: boolean; said: string }>;
  /** Ends what runs. */
  stop(): void;
}

/** Helm failed; its last words are the message. */
class HelmFailed extends Error {}

/**
 * HelmChart and HelmChartConfig as k3s has them, without a Job and without an image: Helm runs as a
 * child process. What is installed is read from the releases themselves, so a crash loses nothing.
 */
export function startHelm(
  ctx: ControllerContext,
  program: HelmProgram,
  api: { address: string },
): Controller {
  const client = ctx.clientFor(name);
  const events = eventRecorder({ client, clock: ctx.clock, log: ctx.log, component: name });
  const log = ctx.log.named('helm');
  const charts = ctx.mirrors.of<HelmChart>(chartsRef);
  const configs = ctx.mirrors.of<HelmChartConfig>(chartConfigs);
  /** When a chart that failed may be tried again, as long as it wishes the same. */
  const notBefore = new Map<string, { hash: string; atMs: number }>();
  const referred = lazily(ctx, { ...api, ca: ctx.rootCa });

  const update = async (chart: HelmChart, change: Partial<HelmChart>): Promise<HelmChart> =>
    await client.update<HelmChart>(chartsRef, { ...chart, ...change });

  /** Says how it is, when it is not said yet. */
  const say = async (chart: HelmChart, verdict: Verdict): Promise<void> => {
    const status = statusOf(chart.status, verdict, ctx.clock.now());
    if (status === undefined) return;
    const { namespace, name: named = '' } = chart.metadata;
    await client
      .patch(
        chartsRef,
        { namespace, name: named, subresource: 'status' },
        { type: 'merge', body: { status } },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };

  const revisions = async (chart: HelmChart, namespace: string): Promise<Revision[]> => {
    const { name: named = '' } = chart.metadata;
    const labelSelector = `owner=helm,name=${named}`;
    // Read from the server: a mirror may not show yet what Helm wrote a moment ago.
    const { items } = await client.list<Secret>(refs.secrets, { namespace, labelSelector });
    return revisionsOf(named, items);
  };

  const helm = async (chart: HelmChart, calls: HelmCall[]): Promise<void> => {
    const done = await program.run(keyOf(chart), calls);
    if (done.ok) return;
    const error = /^Error: [\s\S]*/m.exec(done.said)?.[0] ?? done.said;
    throw new HelmFailed(error.trim().slice(-lastWords));
  };

  const heal = async (chart: HelmChart, { secret, revision, status }: Revision): Promise<void> => {
    await client.update(refs.secrets, markedInterrupted(secret));
    events.normal(chart, 'Healed', `Revision ${revision} was interrupted (${status}); going on`);
  };

  const uninstall = (chart: HelmChart, namespace: string, timeoutMs: number): Promise<void> =>
    helm(chart, [uninstallCall({ name: chart.metadata.name ?? '', namespace, timeoutMs })]);

  /** Does one step. True when there is another to look for. */
  const step = async (chart: HelmChart, wish: Wish, plan: Plan): Promise<boolean> => {
    switch (plan.do) {
      case 'heal':
        await heal(chart, plan.revision);
        return true;
      case 'upgrade':
        events.normal(chart, 'ApplyingChart', 'Installing or upgrading the release');
        await helm(chart, upgradeCalls(wish));
        return true;
      case 'reinstall':
        events.normal(chart, 'RemovingRelease', 'Removing a release that failed, to install again');
        await uninstall(chart, wish.namespace, wish.timeoutMs);
        return true;
      default:
        return false;
    }
  };

  const install = async (queue: WorkQueue, key: string, chart: HelmChart): Promise<void> => {
    const wish = wishOf(chart, configs.get(key), referred.of(chart));
    const earlier = notBefore.get(key);
    const leftMs = (earlier?.atMs ?? 0) - ctx.clock.monotonicMs();
    if (earlier?.hash === wish.hash && leftMs > 0) return queue.addAfter(key, leftMs);
    let failures = chart.status?.wanted === wish.hash ? (chart.status.failures ?? 0) : 0;
    try {
      for (let steps = 0; steps < mostSteps; steps++) {
        const found = await revisions(chart, wish.namespace);
        const nowMs = ctx.clock.now();
        const plan = planFor({ ending: false, wish, revisions: found, failures, nowMs });
        if (await step(chart, wish, plan)) {
          // What was removed is installed in the same pass, and by a failed policy only once.
          if (plan.do === 'reinstall') failures = 0;
          continue;
        }
        if (plan.do === 'wait') queue.addAfter(key, plan.ms);
        if (plan.do === 'nothing') {
          notBefore.delete(key);
          if (chart.status?.wanted !== wish.hash || chart.status.failures)
            events.normal(chart, 'Deployed', `Release ${wish.name} is deployed`);
        }
        return await say(chart, {
          plan,
          hash: wish.hash,
          failures,
          revision: found.at(-1)?.revision,
        });
      }
    } catch (error) {
      if (!(error instanceof HelmFailed)) throw error;
      const counted = chart.status?.wanted === wish.hash ? (chart.status.failures ?? 0) : 0;
      failures = counted + 1;
      const delayMs = Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 10), longestRetryMs);
      notBefore.set(key, { hash: wish.hash, atMs: ctx.clock.monotonicMs() + delayMs });
      queue.addAfter(key, delayMs);
      events.warning(chart, 'HelmFailed', error.message);
      log.warn('Helm failed', { chart: key, said: error.message, failures });
      await say(chart, { failed: error.message, hash: wish.hash, failures });
    }
  };

  const end = async (key: string, chart: HelmChart): Promise<void> => {
    const finalizers = chart.metadata.finalizers ?? [];
    if (!finalizers.includes(finalizer)) return;
    const namespace = chart.spec?.targetNamespace || (chart.metadata.namespace ?? '');
    const found = await revisions(chart, namespace);
    const plan = planFor({
      ending: true,
      wish: undefined,
      revisions: found,
      failures: 0,
      nowMs: ctx.clock.now(),
    });
    if (plan.do === 'uninstall') {
      try {
        await uninstall(chart, namespace, uninstallMs);
      } catch (error) {
        events.warning(chart, 'HelmFailed', messageOf(error));
        throw error;
      }
    }
    notBefore.delete(key);
    await update(chart, {
      metadata: { ...chart.metadata, finalizers: finalizers.filter((one) => one !== finalizer) },
    });
  };

  const reconcile = async (queue: WorkQueue, key: string): Promise<void> => {
    const chart = charts.get(key);
    if (!chart) return void notBefore.delete(key);
    if (chart.metadata.deletionTimestamp) return await end(key, chart);
    if (chart.metadata.annotations?.[unmanaged] !== undefined) return;
    const finalizers = chart.metadata.finalizers ?? [];
    if (!finalizers.includes(finalizer)) {
      const metadata = { ...chart.metadata, finalizers: [...finalizers, finalizer] };
      await update(chart, { metadata });
      return; // the change comes back here
    }
    await referred.synced();
    try {
      await install(queue, key, chart);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      events.warning(chart, 'InvalidChart', error.message);
      await say(chart, { refused: error.message });
    }
  };

  const wire = (queue: WorkQueue): void => {
    charts.onChange(({ type, key, object, old }) => {
      if (type !== 'DELETED') referred.start((changed) => affected(changed));
      // Its status is our own doing.
      if (type === 'DELETED' || !old || isAnother(object, old)) queue.add(key);
    });
    configs.onChange(({ key }) => queue.add(key));
    const affected = ({ namespace, name: named, release }: Changed): void => {
      for (const chart of charts.list()) {
        const home = chart.metadata.namespace;
        const target = chart.spec?.targetNamespace || home;
        const theirs = release !== undefined && target === namespace;
        if (theirs ? chart.metadata.name === release : home === namespace && refersTo(chart, named))
          queue.add(keyOf(chart));
      }
    };
    const refersTo = (chart: HelmChart, named: string): boolean =>
      JSON.stringify([chart.spec, configs.get(keyOf(chart))?.spec]).includes(JSON.stringify(named));
  };
  let queue: WorkQueue;
  const loop = startLoop(
    ctx,
    {
      name,
      mirrors: [charts, configs],
      reconcile: (key) => reconcile(queue, key),
      concurrency,
      firstRetryMs: 1000,
    },
    (made) => {
      queue = made;
      wire(made);
    },
  );
  return {
    ...loop,
    stop: () => {
      loop.stop();
      referred.stop();
      program.stop();
    },
  };
}

/** Long enough for hooks that clean up. */
const uninstallMs = 300_000;

function isAnother({ metadata }: HelmChart, { metadata: old }: HelmChart): boolean {
  return (
    metadata.generation !== old.generation ||
    metadata.deletionTimestamp !== old.deletionTimestamp ||
    metadata.finalizers?.length !== old.finalizers?.length ||
    metadata.annotations?.[unmanaged] !== old.annotations?.[unmanaged]
  );
}

interface Changed {
  namespace: string;
  name: string;
  /** A revision of this release was removed from outside. */
  release: string | undefined;
}

/**
 * Secrets and ConfigMaps are mirrored from the first chart on: a cluster without charts pays
 * nothing.
 */
function lazily(
  ctx: ControllerContext,
  api: Referred['api'],
): {
  start(changed: (what: Changed) => void): void;
  synced(): Promise<unknown>;
  of(chart: HelmChart): Referred;
  stop(): void;
} {
  let secrets: Mirror<Secret> | undefined;
  let maps: Mirror<ConfigMap> | undefined;
  return {
    start: (changed) => {
      if (secrets) return;
      secrets = ctx.mirrors.of<Secret>(refs.secrets);
      maps = ctx.mirrors.of<ConfigMap>(refs.configMaps);
      secrets.onChange(({ type, key, object }) => {
        const ofHelm = object.type === releaseType;
        if (ofHelm && type !== 'DELETED') return;
        const release = ofHelm ? object.metadata.labels?.['name'] : undefined;
        changed({ ...splitKey(key), release });
      });
      maps.onChange(({ key }) => changed({ ...splitKey(key), release: undefined }));
    },
    synced: () => Promise.all([secrets?.synced, maps?.synced]),
    of: ({ metadata: { namespace = '' } }) => ({
      api,
      secret: (named) => secrets?.get(`${namespace}/${named}`),
      configMap: (named) => maps?.get(`${namespace}/${named}`),
    }),
    stop: () => {
      secrets?.stop();
      maps?.stop();
    },
  };
}
