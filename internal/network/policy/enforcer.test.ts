import { partOf } from '../../base/testing/part-of.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { ApiError, notFound } from '../../api/status.ts';
import { adminPolicyRefs } from '../../api/networking/admin-policy.ts';
import type { Client } from '../../client/client.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { mirrorFactory } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import { parseIpv4 } from '../../base/addresses.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import type { Disk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import type { NftGuards } from '../nft/guards.ts';
import { parseRange, type Range } from '../../base/address-ranges.ts';
import { PolicyEnforcer } from './enforcer.ts';
import { Interpreter } from './testing/interpreter.ts';
import { FakeSpawn } from '../../io/spawn.fake.ts';

let clock: FakeClock;
let client: FakeClient;
let files: Map<string, string>;
/** What the kernel holds; and each transaction that was given to it. */
let kernel: Interpreter;
let loads: string[];
let broken: boolean;
/** Reports that the table was deleted from outside. */
let takenAway: () => void;
let dnsPort: number;
let asked: string[];

const range = parseRange('10.42.0.0/24') as Range;

beforeEach(async () => {
  clock = new FakeClock();
  client = new FakeClient(clock);
  files = new Map();
  kernel = new Interpreter();
  loads = [];
  broken = false;
  dnsPort = 53;
  asked = [];
  await client.create(refs.namespaces, {
    metadata: { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } },
  });
});

const disk = {
  readIfThere: (_op: string, path: string) =>
    Promise.resolve(files.has(path) ? Buffer.from(files.get(path)!) : undefined),
  writeAtomic: (_op: string, path: string, text: string) =>
    Promise.resolve(void files.set(path, text)),
} as Disk;
const spawn = new FakeSpawn((command) => {
  if (broken) return { code: 1, stderr: 'Operation not permitted' };
  const text = files.get(command.at(-1)!)!;
  loads.push(text);
  kernel.load(text);
  return {};
});

function start(by: Client = client): PolicyEnforcer {
  const mirrors = mirrorFactory(by, clock, silentLog);
  const enforcer = new PolicyEnforcer({
    nodeName: 'n1',
    policies: mirrors.of(refs.networkPolicies),
    adminPolicies: mirrors.of(adminPolicyRefs.admin),
    baselinePolicies: mirrors.of(adminPolicyRefs.baseline),
    namespaces: mirrors.of(refs.namespaces),
    pods: mirrors.of(refs.pods, { fieldSelector: 'spec.nodeName=n1' }),
    allPods: () => {
      asked.push('all pods');
      return mirrors.of(refs.pods);
    },
    dnsAddress: parseIpv4('10.43.0.10'),
    dnsPort: () => dnsPort,
    stateDir: '/state',
    runDir: '/run',
    clock,
    disk,
    spawn,
    guards: {
      guard: (_table: string, putBack: () => void) => (
        (takenAway = putBack),
        { stamp: () => '', stop: () => undefined }
      ),
    } as NftGuards,
    log: silentLog,
    record: (kind, name) => Promise.resolve(void asked.push(`${kind} ${name}`)),
  });
  enforcer.setPodRanges([range]);
  return enforcer;
}

/** A server that does not answer. */
const away = partOf<Client>({
  watch: () => ({ stop: () => undefined }),
  list: () => new Promise(() => undefined),
});

const pod = (
  name: string,
  node: string,
  ip: string | undefined,
  labels: Record<string, string> = {},
): Pod =>
  ({
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, labels },
    spec: { nodeName: node, containers: [{ name: 'c' }] },
    status: ip ? { phase: 'Running', podIPs: [{ ip }] } : {},
  }) as Pod;
const policy = (name: string, spec: object): object => ({
  metadata: { namespace: 'shop', name },
  spec,
});
const flow = (from: string, to: string, port = 80) => ({
  from,
  to,
  protocol: 'tcp' as const,
  port,
});
const fromFriends = {
  podSelector: {},
  ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }] }],
};

describe('a pod that starts', () => {
  it('is held until its rules stand', async () => {
    await client.create(
      refs.networkPolicies,
      policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    );
    const enforcer = start();
    let held = false;
    const holding = enforcer
      .hold(pod('a', 'n1', undefined), ['10.42.0.2'])
      .then(() => (held = true));
    expect(held).toBe(false);
    await clock.advance(100);
    await holding;
    expect(kernel.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(false);
    expect(kernel.passes(flow('10.42.0.9', '192.0.2.1'))).toBe(false); // nobody
    expect(asked).toContain('nft-table inet skiff-policy');
  });

  it('is not held again for what stands', async () => {
    const enforcer = start();
    await clock.advance(100);
    const first = enforcer.hold(pod('a', 'n1', undefined), ['10.42.0.2']);
    await clock.advance(100);
    await first;
    const count = loads.length;
    await enforcer.hold(pod('a', 'n1', undefined), ['10.42.0.2']);
    expect(loads).toHaveLength(count);
  });

  it('is refused while nothing can be written, and the whole table comes next', async () => {
    const enforcer = start();
    await clock.advance(100);
    broken = true;
    const refused = enforcer
      .hold(pod('a', 'n1', undefined), ['10.42.0.2'])
      .catch((e: Error) => e.message);
    await clock.advance(100);
    expect(await refused).toContain('Operation not permitted');
    broken = false;
    const held = enforcer.hold(pod('a', 'n1', undefined), ['10.42.0.2']);
    await clock.advance(2000);
    await held;
    expect(loads.at(-1)).toMatch(/^add table inet skiff-policy\ndelete table/);
    expect(kernel.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(true);
  });

  it('has an address that cannot be read: it does not start', async () => {
    const enforcer = start();
    await expect(enforcer.hold(pod('a', 'n1', undefined), ['10.42.0.2; drop'])).rejects.toThrow(
      'cannot be read',
    );
    await enforcer.hold(
      { ...pod('h', 'n1', undefined), spec: { hostNetwork: true, containers: [] } } as Pod,
      ['192.0.2.1'],
    );
  });
});

describe('addresses', () => {
  it('are those that the agent told, not those of a status that is late', async () => {
    await client.create(refs.pods, pod('old', 'n1', '10.42.0.2', { app: 'old' }));
    await client.create(
      refs.networkPolicies,
      policy('deny', { podSelector: { matchLabels: { app: 'new' } } }),
    );
    const enforcer = start();
    await clock.advance(100);
    expect(kernel.passes(flow('192.0.2.1', '10.42.0.2'))).toBe(true);
    const held = enforcer.hold(pod('new', 'n1', undefined, { app: 'new' }), ['10.42.0.2']);
    await clock.advance(100);
    await held;
    expect(kernel.passes(flow('192.0.2.1', '10.42.0.2'))).toBe(false);
    enforcer.forget('uid-new');
    await clock.advance(100);
    expect(kernel.passes(flow('192.0.2.1', '10.42.0.2'))).toBe(true);
  });

  it('of this node cannot be claimed by pods of another', async () => {
    await client.create(refs.networkPolicies, policy('friends', fromFriends));
    await client.create(refs.pods, pod('evil', 'n2', '10.42.0.7', { role: 'friend' }));
    await client.create(refs.pods, pod('friend', 'n2', '10.42.1.7', { role: 'friend' }));
    await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
    await client.create(refs.pods, pod('b', 'n1', '10.42.0.7'));
    start();
    await clock.advance(100);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(true);
    expect(kernel.passes(flow('10.42.0.7', '10.42.0.2'))).toBe(false);
  });

  it("of pods that have ended are nobody's", async () => {
    await client.create(refs.networkPolicies, policy('friends', fromFriends));
    await client.create(refs.pods, {
      ...pod('done', 'n2', '10.42.1.7', { role: 'friend' }),
      status: { phase: 'Succeeded', podIPs: [{ ip: '10.42.1.7' }] },
    });
    await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
    start();
    await clock.advance(100);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(false);
  });
});

describe('admin policies', () => {
  const anywhere = { namespaces: {} };
  const admin = (name: string, priority: number, ingress: object[]): object => ({
    metadata: { name },
    spec: { priority, subject: anywhere, ingress },
  });
  const web = { portNumber: { protocol: 'TCP', port: 80 } };
  const deny = { action: 'Deny', from: [anywhere] };

  it('come before policies of namespaces, by their priority, and as they change', async () => {
    await client.create(refs.networkPolicies, policy('friends', fromFriends));
    await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
    await client.create(refs.pods, pod('friend', 'n2', '10.42.1.7', { role: 'friend' }));
    start();
    await clock.advance(1000);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(true);
    await client.create(adminPolicyRefs.admin, admin('closed', 5, [deny]));
    await clock.advance(1000);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(false);
    const pass = { action: 'Pass', from: [anywhere], ports: [web] };
    await client.create(adminPolicyRefs.admin, admin('web', 4, [pass]));
    await clock.advance(1000);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(true);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2', 81))).toBe(false);
    await client.delete(adminPolicyRefs.admin, { name: 'closed' });
    await clock.advance(1000);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2', 81))).toBe(true);
  });

  it('and the baseline after them, for pods that no other policy isolates', async () => {
    await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
    await client.create(refs.pods, pod('other', 'n2', '10.42.1.7'));
    const spec = { subject: anywhere, ingress: [deny] };
    await client.create(adminPolicyRefs.baseline, { metadata: { name: 'default' }, spec });
    start();
    await clock.advance(1000);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(false);
    await client.create(refs.networkPolicies, policy('open', { podSelector: {}, ingress: [{}] }));
    await clock.advance(1000);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(true);
  });

  it.each([
    ['not served', notFound(adminPolicyRefs.admin, '')],
    ['not shown to the node', new ApiError('Forbidden', 'nodes may not')],
    ['not to be had', new ApiError('InternalError', 'its webhook is away')],
  ])('that are %s keep no pod waiting', async (_what, error) => {
    await client.create(refs.networkPolicies, policy('friends', fromFriends));
    const enforcer = start(starting(error));
    await clock.advance(error.reason === 'InternalError' ? 11_000 : 100);
    const held = enforcer.hold(pod('a', 'n1', undefined), ['10.42.0.2']);
    await clock.advance(100);
    await held;
    expect(kernel.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(true);
    expect(kernel.passes(flow('192.0.2.1', '10.42.0.2'))).toBe(false);
  });

  it('are remembered by a node whose server is away, or does not serve them yet', async () => {
    await client.create(adminPolicyRefs.admin, admin('closed', 5, [deny]));
    const first = start();
    await clock.advance(40_000);
    first.stop();
    for (const by of [away, starting()]) {
      kernel = new Interpreter();
      const again = start(by);
      await clock.advance(1000);
      const held = again.hold(pod('a', 'n1', undefined), ['10.42.0.2']);
      await clock.advance(2000);
      await held;
      const other = pod('b', 'n1', undefined);
      const second = again.hold(other, ['10.42.0.3']);
      await clock.advance(100);
      await second;
      expect(kernel.passes(flow('10.42.0.3', '10.42.0.2'))).toBe(false);
      again.stop();
    }
  });
});

/** A server that serves no kinds but its own, or lets nobody read the others. */
function starting(error = notFound(adminPolicyRefs.admin, '')): Client {
  return new Proxy(client, {
    get: (of, name) => {
      const value: unknown = Reflect.get(of, name);
      if (typeof value !== 'function') return value;
      if (name !== 'watch') return value.bind(of) as unknown;
      return (...args: Parameters<Client['watch']>) => {
        const [ref, , handlers] = args;
        if (ref.group !== adminPolicyRefs.admin.group) return of.watch(...args);
        void Promise.resolve().then(() => handlers.onEnd(error));
        return { stop: () => undefined };
      };
    },
  });
}

describe('the server', () => {
  it('is asked for all pods with the first policy, not before', async () => {
    await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
    await client.create(refs.pods, pod('friend', 'n2', '10.42.1.7', { role: 'friend' }));
    start();
    await clock.advance(1000);
    expect(asked).not.toContain('all pods');
    await client.create(refs.networkPolicies, policy('friends', fromFriends));
    await clock.advance(1000);
    expect(asked.filter((a) => a === 'all pods')).toHaveLength(1);
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(true);
    expect(kernel.passes(flow('10.42.1.8', '10.42.0.2'))).toBe(false);
  });

  it('is away: what the node remembers counts; other pods are known until a reboot', async () => {
    await client.create(refs.networkPolicies, policy('friends', fromFriends));
    const first = start();
    await clock.advance(100);
    await client.create(refs.pods, pod('friend', 'n2', '10.42.1.7', { role: 'friend' }));
    await clock.advance(40_000);
    await client.create(
      refs.networkPolicies,
      policy('more', { podSelector: { matchLabels: { app: 'closed' } }, policyTypes: ['Egress'] }),
    );
    await clock.advance(10_000);
    first.stop();
    loads = [];

    const restarted = start(away);
    await clock.advance(1000);
    expect(loads).toEqual([]); // the table of before stands until then
    const held = restarted.hold(pod('a', 'n1', undefined, { app: 'closed' }), ['10.42.0.2']);
    await clock.advance(2000);
    await held;
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(true);
    expect(kernel.passes(flow('10.42.1.8', '10.42.0.2'))).toBe(false);
    expect(kernel.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(false);
    restarted.stop();

    for (const path of files.keys()) if (path.startsWith('/run')) files.delete(path);
    kernel = new Interpreter();
    const rebooted = start(away);
    const again = rebooted.hold(pod('a', 'n1', undefined), ['10.42.0.2']);
    await clock.advance(3000);
    await again;
    expect(kernel.passes(flow('10.42.1.7', '10.42.0.2'))).toBe(false);
    expect(kernel.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(true);
  });

  it('is away and nothing is remembered: no pod starts', async () => {
    const enforcer = start(away);
    const refused = enforcer
      .hold(pod('a', 'n1', undefined), ['10.42.0.2'])
      .catch((e: Error) => e.message);
    await clock.advance(20_000);
    expect(await refused).toContain('not known yet');
    expect(loads).toEqual([]);
  });

  it('comes back: what it has forgotten is forgotten here', async () => {
    files.set(
      '/state/network-policies.json',
      JSON.stringify({ policies: [policy('deny', { podSelector: {} })], namespaces: [] }),
    );
    await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
    start();
    await clock.advance(5000);
    expect(kernel.passes(flow('192.0.2.1', '10.42.0.2'))).toBe(true);
  });

  it('tells of a status: nothing is written', async () => {
    await client.create(refs.networkPolicies, policy('deny', { podSelector: {} }));
    await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
    start();
    await clock.advance(10_000);
    const [count, before] = [loads.length, new Map(files)];
    await client.patch(
      refs.pods,
      { namespace: 'shop', name: 'a' },
      { type: 'merge', body: { status: { conditions: [{ type: 'Ready', status: 'True' }] } } },
    );
    await clock.advance(60_000);
    expect(loads).toHaveLength(count);
    expect(files).toEqual(before);
  });
});

it('writes everything again when somebody took the table away', async () => {
  await client.create(refs.networkPolicies, policy('deny', { podSelector: {} }));
  await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
  start();
  await clock.advance(100);
  const before = kernel.content();
  kernel = new Interpreter();
  takenAway();
  await clock.advance(100);
  expect(kernel.content()).toEqual(before);
});

it('opens the cluster DNS to those who may speak to its pods', async () => {
  await client.create(refs.namespaces, {
    metadata: { name: 'kube-system', labels: { 'kubernetes.io/metadata.name': 'kube-system' } },
  });
  await client.create(refs.pods, pod('a', 'n1', '10.42.0.2'));
  const dns = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
    podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
  };
  await client.create(
    refs.networkPolicies,
    policy('names', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [{ to: [dns], ports: [{ protocol: 'TCP', port: 53 }] }],
    }),
  );
  const enforcer = start();
  await clock.advance(100);
  expect(kernel.passes(flow('10.42.0.2', '10.43.0.10', 53))).toBe(true);
  expect(kernel.passes(flow('10.42.0.2', '10.43.0.11', 53))).toBe(false);
  // Another program has port 53: questions are led to another, and judged as before.
  dnsPort = 5300;
  enforcer.again();
  await clock.advance(100);
  expect(kernel.passes(flow('10.42.0.2', '10.43.0.10', 5300))).toBe(true);
  expect(kernel.passes(flow('10.42.0.2', '10.43.0.11', 5300))).toBe(false);
});
