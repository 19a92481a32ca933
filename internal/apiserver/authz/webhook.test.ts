import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import type { DialRequest } from '../../io/dial.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom } from '../../io/random.ts';
import type { AccessRequest, Decision } from './authorizer.ts';
import type { WebhookConfiguration } from './configuration.ts';
import { compileConditions } from './match-conditions.ts';
import { reviewOf, specOf, statusIn } from './review.ts';
import { WebhookAuthorizer } from './webhook.ts';
import { WebhookMetrics } from './webhook-metrics.ts';
import { FakeDial } from '../../io/dial.fake.ts';

const request: AccessRequest = {
  user: { name: 'ann', groups: ['dev'] },
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'p',
};
const defaults: WebhookConfiguration = {
  authorizedTtlMs: 1000,
  unauthorizedTtlMs: 100,
  timeoutMs: 500,
  version: 'v1',
  failurePolicy: 'NoOpinion',
  kubeConfigFile: '/k',
  conditions: undefined,
};

type Reply = { status?: number; headers?: Record<string, string>; body?: string } | 'never' | Error;

/** A webhook on a clock of its own, answering one reply after the other, the last forever. */
function hook(
  replies: Reply[],
  configuration: Partial<WebhookConfiguration> = {},
): {
  ask(more?: Partial<AccessRequest>): Promise<Decision>;
  later(ms: number): Promise<void>;
  clock: FakeClock;
  posts: DialRequest[];
  metrics: WebhookMetrics;
} {
  const [clock, posts, metrics] = [new FakeClock(), [] as DialRequest[], new WebhookMetrics()];
  const dial = new FakeDial((post) => {
    posts.push(post);
    return replies[Math.min(posts.length, replies.length) - 1] as Reply;
  });
  const authorizer = new WebhookAuthorizer({
    name: 'hook',
    configuration: { ...defaults, ...configuration },
    metrics,
    webhook: {
      target: { host: 'h', port: 443 },
      path: '/a/b/?x=1',
      origin: 'https://h',
      authorization: () => Promise.resolve(undefined),
    },
    doors: { clock, dial, log: silentLog, random: seededRandom(1) },
  });
  const later = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 50) {
      await new Promise(setImmediate);
      await clock.advance(Math.min(50, left));
    }
    await new Promise(setImmediate);
  };
  return {
    ask: async (more = {}) => authorizer.authorize({ ...request, ...more }),
    later,
    clock,
    posts,
    metrics,
  };
}

const says = (status: object): Reply => ({
  body: JSON.stringify({
    kind: 'SubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    status,
  }),
});
const yes = says({ allowed: true, reason: 'because' });

describe('what is remembered', () => {
  test('each kind of answer for its own time', async () => {
    const { ask, clock, posts } = hook([yes, yes, says({ allowed: false })]);
    await clock.advance(1);
    for (const _ of [1, 2]) expect(await ask()).toEqual({ allowed: true, reason: 'because' });
    await clock.advance(999);
    await ask();
    expect(posts.length).toBe(1);
    await clock.advance(2);
    await ask();
    expect(posts.length).toBe(2);
    for (const _ of [1, 2])
      expect(await ask({ name: 'q' })).toEqual({ allowed: false, reason: '' });
    expect(posts.length).toBe(3);
    await clock.advance(101);
    await ask({ name: 'q' });
    expect(posts.length).toBe(4);
  });

  test('what differs in anything that is asked is another question', async () => {
    const { ask, posts } = hook([yes]);
    const more: Partial<AccessRequest>[] = [
      {},
      { name: 'q' },
      { verb: 'list' },
      { labels: 'a=b' },
      { labels: 'a=c' },
      { fields: [{ field: 'a', operator: '!=', value: 'b' }] },
      { user: { name: 'ann', groups: ['dev'], uid: '1' } },
      { user: { name: 'ann', groups: ['dev'], extra: { a: ['b'] } } },
      { user: { name: 'ann', groups: [] } },
    ];
    for (const one of [...more, ...more]) await ask(one);
    expect(posts.length).toBe(more.length);
  });

  test('nothing that is very long, and no failure', async () => {
    const long = hook([yes]);
    for (const _ of [1, 2]) await long.ask({ name: 'x'.repeat(10_000) });
    expect(long.posts.length).toBe(2);
    const failing = hook([{ body: '{' }]);
    for (const _ of [1, 2]) await failing.ask();
    expect(failing.posts.length).toBe(2);
  });
});

describe('a webhook that fails', () => {
  test.each<[string, Reply, string]>([
    ['no JSON', { body: '<html>' }, 'Post "https://h/a/b?timeout=0.5s": Unexpected token'],
    ['a list', { body: '[]' }, 'the answer must be an object'],
    [
      'another kind',
      { body: '{"kind":"Status","apiVersion":"v1","status":"Failure"}' },
      'the answer is a "Status" of "v1", not a SubjectAccessReview of authorization.k8s.io/v1',
    ],
    [
      'a status that is none',
      { body: '{"status":"fine"}' },
      'the status of the answer must be an object',
    ],
    ['"yes"', says({ allowed: 'yes' }), 'of another type'],
    ['both', says({ allowed: true, denied: true }), 'both allow and deny'],
    [
      'a redirect',
      { status: 302, headers: { location: 'http://169.254.169.254/' } },
      'status code 302',
    ],
    ['too much', { body: ' '.repeat((1 << 20) + 1) }, 'the answer is too large'],
    ['nobody there', new Error('connect ECONNREFUSED'), 'connect ECONNREFUSED'],
  ])('%s', async (_what, reply, error) => {
    const open = hook([reply]);
    const decision = await open.ask();
    expect(decision.allowed).toBe(false);
    expect(decision.error).toContain(error);
    expect(open.posts.length).toBe(1);
    expect((await hook([reply], { failurePolicy: 'Deny' }).ask()).denied).toBe(true);
  });

  test('a late answer ends the try, and is not asked for again', async () => {
    const { ask, later, posts, metrics } = hook(['never']);
    const asked = ask();
    await later(600);
    expect(await asked).toEqual({
      allowed: false,
      reason: '',
      error: 'Post "https://h/a/b?timeout=0.5s": context deadline exceeded',
    });
    expect(posts.length).toBe(1);
    expect(metrics.lines()).toContain(
      'apiserver_authorization_webhook_evaluations_fail_open_total{name="hook",result="timeout"} 1',
    );
  });

  test.each<[string, Reply, number]>([
    ['500', { status: 500 }, 5],
    ['504', { status: 504 }, 5],
    ['429', { status: 429 }, 5],
    ['503', { status: 503 }, 1],
    ['503 that asks for it', { status: 503, headers: { 'retry-after': '1' } }, 5],
    [
      'a connection that is reset',
      Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
      5,
    ],
    [
      'a connection that ends',
      Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }),
      1,
    ],
  ])('%s', async (_what, reply, tries) => {
    const { ask, later, posts } = hook([reply]);
    const asked = ask();
    await later(6000);
    expect((await asked).error).toBeDefined();
    expect(posts.length).toBe(tries);
  });

  test('tries wait longer each time, and the first good answer counts', async () => {
    const { ask, later, posts } = hook([{ status: 500 }, { status: 500 }, yes]);
    const asked = ask();
    await later(450);
    expect(posts.length).toBe(1);
    await later(200);
    expect(posts.length).toBe(2);
    await later(550);
    expect(posts.length).toBe(2);
    await later(350);
    expect(posts.length).toBe(3);
    expect((await asked).allowed).toBe(true);
  });
});

describe('the question', () => {
  test('leaves out what is empty; the older version calls groups by another name', () => {
    const spec = specOf({
      ...request,
      labels: 'a in (c,b),!d,e>1',
      fields: [{ field: 'f', operator: '=', value: '' }],
    });
    expect(spec).toEqual({
      user: 'ann',
      groups: ['dev'],
      resourceAttributes: {
        verb: 'get',
        version: 'v1',
        resource: 'pods',
        namespace: 'a',
        name: 'p',
        fieldSelector: { requirements: [{ key: 'f', operator: 'In', values: [''] }] },
        labelSelector: {
          requirements: [
            { key: 'a', operator: 'In', values: ['b', 'c'] },
            { key: 'd', operator: 'DoesNotExist' },
          ],
        },
      },
    });
    expect(
      reviewOf(
        specOf({ user: { name: 'ann', groups: ['dev'] }, verb: 'get', path: '/' }),
        'v1beta1',
      ),
    ).toEqual({
      kind: 'SubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1beta1',
      metadata: {},
      spec: { user: 'ann', group: ['dev'], nonResourceAttributes: { path: '/', verb: 'get' } },
      status: { allowed: false },
    });
  });

  test('a selector that cannot be read is left out', () => {
    expect(specOf({ ...request, labels: 'a in' }).resourceAttributes).not.toHaveProperty(
      'labelSelector',
    );
  });
});

test('a reason is cut short', () => {
  expect(
    statusIn(JSON.stringify({ status: { reason: 'x'.repeat(1 << 16) } }), 'v1').reason.length,
  ).toBeLessThan(5000);
  expect(statusIn('{"status":null}', 'v1')).toEqual({ allowed: false, denied: false, reason: '' });
});

describe('conditions', () => {
  const spec = (more: object): Parameters<ReturnType<typeof compileConditions>['match']>[0] => ({
    user: 'ann',
    ...more,
  });
  const at = {
    verb: 'list',
    resource: 'pods',
    fieldSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
  };

  test.each<[string, object, boolean]>([
    [
      "request.user == 'ann' && request.uid == '' && request.groups == [] && request.extra == {}",
      {},
      true,
    ],
    ["'dev' in request.groups", { groups: ['dev'] }, true],
    ["request.extra['k'] == ['v']", { extra: { k: ['v'] } }, true],
    ['has(request.resourceAttributes)', { nonResourceAttributes: { path: '/' } }, false],
    [
      "request.nonResourceAttributes.path == '/' && request.nonResourceAttributes.verb == ''",
      { nonResourceAttributes: { path: '/' } },
      true,
    ],
    [
      "request.resourceAttributes.namespace == '' && request.resourceAttributes.subresource == ''",
      { resourceAttributes: at },
      true,
    ],
    [
      "request.resourceAttributes.fieldSelector.requirements.exists(r, r.key == 'a' && " +
        "r.operator == 'In' && r.values[0] == 'b')",
      { resourceAttributes: at },
      true,
    ],
    ['has(request.resourceAttributes.labelSelector)', { resourceAttributes: at }, false],
  ])('%s', (expression, more, holds) =>
    expect(compileConditions([expression]).match(spec(more))).toBe(holds),
  );

  test('one that says no decides, whatever others fail with', () => {
    const failing = "request.nonResourceAttributes.path == '/'";
    expect(compileConditions([failing, 'false']).match(spec({}))).toBe(false);
    expect(() =>
      compileConditions([failing, 'true', `${failing} || false`]).match(spec({})),
    ).toThrow(
      /^\[cel evaluation error: expression '.*' resulted in error: no such key: nonResourceAttributes, cel evaluation error/,
    );
  });

  test('work is bounded', () => {
    const groups = Array.from({ length: 2000 }, (_, i) => `g${i}`);
    expect(() =>
      compileConditions([
        'request.groups.all(a, request.groups.all(b, request.groups.all(c, a + b != c)))',
      ]).match(spec({ groups })),
    ).toThrow('cost limit exceeded');
  });
});
