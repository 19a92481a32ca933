import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { planDrain } from './drain.ts';
import { jobAnnotation, jobOf, newJob, nextStep, otherPlan, type NodeReport } from './job.ts';
import type { PlanSpec, UpgradePlan } from './plan-types.ts';
import { select } from './select.ts';
import { durationMs, faultOf, hashOf, idleFields, isOf, prepareOf } from './spec.ts';
import { isInWindow, windowFault } from './window.ts';

const plan = (spec: PlanSpec, applying: string[] = []): UpgradePlan => ({
  apiVersion: 'upgrade.cattle.io/v1',
  kind: 'Plan',
  metadata: { name: 'p', namespace: 'system-upgrade', uid: 'u' },
  spec: { upgrade: { image: 'rancher/k3s-upgrade' }, ...spec },
  status: { applying },
});

describe('a window', () => {
  // 2026-12-01 is a Tuesday.
  const at = (time: string): number => Date.parse(`2026-12-01T${time}Z`);
  const window = { days: ['tue', 'Sunday', '5'], startTime: '15:04', endTime: '05:30pm' };
  it.each([
    ['15:03:59', false],
    ['15:04:01', true],
    ['17:29:59', true],
    ['17:30:01', false],
  ])('at %s: %s', (time, inside) => expect(isInWindow(window, at(time))).toBe(inside));

  it('is one of its days in its own zone', () => {
    const late = { days: ['wednesday'], startTime: '00', endTime: '12am', timeZone: 'Asia/Tokyo' };
    expect(isInWindow({ ...late, endTime: '01' }, at('15:30:00'))).toBe(true);
    expect(isInWindow({ ...late, endTime: '01', timeZone: 'UTC' }, at('15:30:00'))).toBe(false);
  });

  it.each([
    [{ ...window, days: ['someday'] }, '"someday" is no day of the week'],
    [{ ...window, startTime: '25:00' }, '"25:00" is no time such as 15:04'],
    [{ ...window, endTime: '13pm' }, '"13pm" is no time such as 15:04'],
    [{ ...window, timeZone: 'Mars/Base' }, 'unknown time zone Mars/Base'],
    [{ days: ['mo'] }, '"" is no time such as 15:04'],
  ])('%j is none', (bad, fault) => {
    expect(windowFault(bad)).toBe(fault);
    expect(isInWindow(bad, at('16:00:00'))).toBe(false);
  });
});

describe('a plan', () => {
  it.each<[string, PlanSpec, RegExp]>([
    ['runs an image', { upgrade: { image: 'alpine:3' } }, /"alpine:3" is not run/],
    ['runs none', { upgrade: {} }, /"" is not run/],
    ['has a command', { upgrade: { image: 'k3s-upgrade', command: ['x'] } }, /so command cannot/],
    ['has envs', { upgrade: { image: 'skiff-upgrade', envs: [{}] } }, /so envs cannot/],
    ['prepares by a script', { prepare: { image: 'k3s-upgrade', args: ['x'] } }, /spec.prepare/],
    ['has secrets', { secrets: [{ name: 'a' }] }, /spec.secrets/],
    ['says both', { drain: { deleteLocalData: true, deleteEmptydirData: true } }, /both/],
    ['waits for a word', { drain: { timeout: 'soon' } }, /spec.drain.timeout "soon"/],
    ['goes back in time', { postCompleteDelay: '-5s' }, /negative/],
    ['has a bad window', { window: { days: ['x'] } }, /spec.window is invalid/],
  ])('that %s is refused in words', (_what, spec, message) =>
    expect(faultOf(plan(spec))?.message).toMatch(message),
  );

  it('as k3s has it is taken', () => {
    const agents = plan({
      prepare: { image: 'rancher/k3s-upgrade:v1', args: ['prepare', 'k3s-server'] },
      drain: { force: true, skipWaitForDeleteTimeout: 60 },
      priorityClassName: 'high',
    });
    expect(faultOf(agents)).toBeUndefined();
    expect(prepareOf(agents.spec!.prepare!)).toBe('k3s-server');
    expect(idleFields(agents)).toEqual(['priorityClassName']);
  });

  it('counts in one namespace', () => {
    const there = plan({});
    there.metadata.namespace = 'default';
    expect(faultOf(there)?.reason).toBe('Unsupported');
  });

  it('has the hash that upstream gives it', () => {
    // printf v1.2.3system-upgrade | sha224sum
    expect(hashOf(plan({ serviceAccountName: 'system-upgrade' }), 'v1.2.3')).toBe(
      'baca2055be3ac3fb4debebc2713d15affbdbb275cee40cea58ca6ae3',
    );
    const digest = plan({ concurrency: 2 });
    digest.metadata.annotations = { 'upgrade.cattle.io/digest': 'spec.concurrency' };
    expect(hashOf(digest, 'v1')).not.toBe(hashOf(plan({ concurrency: 2 }), 'v1'));
  });

  it('knows its version in what a program says', () => {
    expect(isOf('v1.2.3 (abc)', 'v1.2.3')).toBe(true);
    expect(isOf('v1.2.3+k1 (abc)', 'v1.2.3-k1')).toBe(true);
    expect(isOf('v1.2.30 (abc)', 'v1.2.3')).toBe(false);
    expect(isOf('', '')).toBe(false);
  });
});

describe('durations', () => {
  it.each([
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['-2s', -2000],
    [5e9, 5000],
    ['0', 0],
    ['5', undefined],
    ['', undefined],
  ])('%s', (text, ms) => expect(durationMs(text)).toBe(ms));
});

describe('the turn', () => {
  const node = (name: string, labels: Record<string, string> = {}): Node =>
    partOf<Node>({
      metadata: { name, uid: name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    });
  const server = { 'node-role.kubernetes.io/control-plane': 'true' };
  const names = (found: Node[]): string[] => found.map(({ metadata }) => metadata.name ?? '');
  const all = [node('s1', server), node('s2', server), node('a1'), node('a2'), node('a3')];

  it('is of one server at a time, whatever the concurrency, then of agents', () => {
    expect(names(select(plan({ concurrency: 5 }), 'h', all))).toHaveLength(1);
    expect(names(select(plan({ concurrency: 5 }), 'h', all))[0]).toMatch(/^s/);
    const done = [node('s1', { ...server, 'plan.upgrade.cattle.io/p': 'h' }), ...all.slice(2)];
    expect(names(select(plan({ concurrency: 2 }), 'h', done))).toHaveLength(2);
    expect(names(select(plan({}), 'h', done))).toHaveLength(1);
  });

  it('stays with those that are under way, and leaves out who is disabled', () => {
    const agents = all.slice(2);
    for (const one of ['a1', 'a2', 'a3'])
      expect(names(select(plan({}, [one]), 'h', agents))).toEqual([one]);
    const off = [node('a1', { 'plan.upgrade.cattle.io/p': 'disabled' }), agents[1]!];
    expect(names(select(plan({ concurrency: 9 }), 'h', off))).toEqual(['a2']);
    expect(select(plan({}), 'h', [partOf<Node>({ metadata: { name: 'x', labels: {} } })])).toEqual(
      [],
    );
  });
});

describe('a drain', () => {
  const pod = (name: string, more: object = {}): Pod =>
    partOf<Pod>({
      metadata: {
        name,
        namespace: 'd',
        ownerReferences: [{ controller: true, kind: 'ReplicaSet' }],
      },
      spec: {},
      status: { phase: 'Running' },
      ...more,
    });
  const named = (pods: Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata.name);
  const meta = (name: string, more: object = {}): object => ({
    metadata: { name, namespace: 'd', ...more },
  });

  it('leaves mirror pods and those of DaemonSets, and names what it may not lose', () => {
    const pods = [
      pod('web'),
      pod('mirror', meta('mirror', { annotations: { 'kubernetes.io/config.mirror': 'x' } })),
      pod('ds', meta('ds', { ownerReferences: [{ controller: true, kind: 'DaemonSet' }] })),
    ];
    expect(named(planDrain({}, pods, 0).evict)).toEqual(['web']);
    expect(planDrain({ ignoreDaemonSets: false }, pods, 0).refused).toMatch(/^d\/ds: of a Daemon/);
    const bare = [...pods, pod('bare', meta('bare'))];
    expect(planDrain({}, bare, 0)).toMatchObject({ evict: [], refused: expect.any(String) });
    expect(named(planDrain({ force: true }, bare, 0).evict)).toEqual(['web', 'bare']);
    const scratch = [pod('scratch', { spec: { volumes: [{ name: 'v', emptyDir: {} }] } })];
    expect(named(planDrain({}, scratch, 0).evict)).toEqual(['scratch']);
    expect(planDrain({ deleteEmptydirData: false }, scratch, 0).refused).toMatch(/emptyDir/);
  });

  it('waits for those that leave, not for ever when it is told so', () => {
    const going = [pod('going', meta('going', { deletionTimestamp: '1970-01-01T00:00:10Z' }))];
    expect(named(planDrain({}, going, 100_000).leaving)).toEqual(['going']);
    const skip = { skipWaitForDeleteTimeout: 60 };
    expect(planDrain(skip, going, 69_000).leaving).toHaveLength(1);
    expect(planDrain(skip, going, 71_000).leaving).toEqual([]);
  });

  it('takes only what the selector names', () => {
    const pods = [pod('a', meta('a', { labels: { app: 'a' } })), pod('b')];
    const drain = { force: true, podSelector: { matchLabels: { app: 'a' } } };
    expect(named(planDrain(drain, pods, 0).evict)).toEqual(['a']);
  });
});

describe('the next step of a node', () => {
  const report: NodeReport = { runs: 'v1.0.0 (a)', phase: 'idle', to: '', message: '', nonce: 'n' };
  const job = { ...newJob('h'), state: 'running' as const, beganMs: 1000 };
  const step = (
    said: Partial<NodeReport> | undefined,
    more: Partial<Parameters<typeof nextStep>[0]> = {},
  ): ReturnType<typeof nextStep> =>
    nextStep({
      job,
      report: said && { ...report, ...said },
      version: 'v1.1.0',
      ready: true,
      deadlineMs: 900_000,
      nowMs: 2000,
      ...more,
    });
  const ordered = { ...job, orders: 1, orderedMs: 2000 };
  const failed = { phase: 'failed', to: 'v1.1.0', message: 'no release' };

  it('is to order, and then to wait until it is good and Ready', () => {
    expect(step({})).toBe('go on');
    for (const phase of ['preparing', 'trial', 'later'])
      expect(step({ runs: 'v1.1.0 (b)', phase })).toBe('wait');
    expect(step(undefined)).toBe('wait');
    expect(step({ runs: 'v1.1.0 (b)', phase: 'good' }, { ready: false })).toBe('wait');
    expect(step({ runs: 'v1.1.0 (b)', phase: 'good' })).toBe('complete');
  });

  it('is not to order again what the node took back', () => {
    const returned = { phase: 'returned', to: 'v1.1.0 (b)', message: 'it did not start' };
    expect(step(returned, { job: ordered })).toEqual({ failed: 'taken back: it did not start' });
    // Of an order before this plan's.
    expect(step(returned)).toBe('go on');
  });

  it('is to try three times what could not begin', () => {
    expect(step(failed, { job: ordered, nowMs: 2000 })).toEqual({ waitMs: 10_000 });
    expect(step(failed, { job: ordered, nowMs: 12_000 })).toBe('go on');
    const twice = { ...ordered, orders: 2 };
    expect(step(failed, { job: twice, nowMs: 12_000 })).toEqual({ waitMs: 10_000 });
    expect(step(failed, { job: { ...ordered, orders: 3 } })).toEqual({
      failed: 'BackoffLimitExceeded: no release',
    });
  });

  it('ends with its time, unless there is none; and who gets there after all is complete', () => {
    expect(step({ phase: 'trial' }, { nowMs: 901_001 })).toEqual({
      failed: 'DeadlineExceeded: the node has not got there in time',
    });
    expect(step({ phase: 'trial' }, { nowMs: 901_001, deadlineMs: 0 })).toBe('wait');
    const over = { ...job, state: 'failed' as const, message: 'x' };
    expect(step({}, { job: over })).toEqual({ failed: 'x' });
    expect(step({ runs: 'v1.1.0 (b)', phase: 'good' }, { job: over })).toBe('complete');
  });

  it('is kept at the node, for one hash; whatever stands there', () => {
    const node = (text: string): Node =>
      partOf<Node>({ metadata: { annotations: { [jobAnnotation('p')]: text } } });
    expect(jobOf(node(JSON.stringify(ordered)), 'p', 'h')).toEqual(ordered);
    expect(jobOf(node(JSON.stringify(ordered)), 'p', 'other')).toBeUndefined();
    for (const bad of ['', '{', '[]', '{"state":"odd","hash":"h"}', 'null'])
      expect(jobOf(node(bad), 'p', 'h')).toBeUndefined();
    expect(otherPlan(node(JSON.stringify(ordered)), 'q')).toBe('p');
    expect(otherPlan(node(JSON.stringify(ordered)), 'p')).toBeUndefined();
  });
});
