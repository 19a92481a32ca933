import { describe, expect, test } from 'vitest';
import type { AccessRequest, Decision } from './authorizer.ts';
import { alwaysAllow, alwaysDeny } from './always.ts';
import { Chain, DecisionCounts, type Authorizer } from './chain.ts';

const request: AccessRequest = {
  user: { name: 'ann', groups: ['dev'] },
  verb: 'get',
  resource: 'pods',
};

function says(
  name: string,
  decision: Decision,
  options: { later?: boolean; asked?: string[] } = {},
): Authorizer {
  const authorize = (): Decision | Promise<Decision> => {
    options.asked?.push(name);
    return options.later ? Promise.resolve(decision) : decision;
  };
  return {
    type: 'Webhook',
    name,
    authorize,
    rulesFor: () => ({ rules: [], incomplete: true, error: `${name} lists nothing` }),
  };
}

const no = (reason = '', error?: string): Decision => ({
  allowed: false,
  reason,
  ...(error !== undefined && { error }),
});
const chain = (...authorizers: Authorizer[]): Chain => new Chain(authorizers, new DecisionCounts());

describe.each([
  ['at once', false],
  ['later', true],
])('answers that come %s', (_when, later) => {
  test('the first that allows or denies decides', async () => {
    const asked: string[] = [];
    const a = says('a', no(), { later, asked });
    const b = says('b', { allowed: false, denied: true, reason: 'b denies' }, { later, asked });
    const c = says('c', { allowed: true, reason: 'c allows' }, { later, asked });
    expect(await chain(a, b, c).authorize(request)).toEqual({
      allowed: false,
      denied: true,
      reason: 'b denies',
    });
    expect(await chain(a, c, b).authorize(request)).toEqual({ allowed: true, reason: 'c allows' });
    expect(asked).toEqual(['a', 'b', 'a', 'c']);
  });

  test('what those without an opinion said is put together', async () => {
    const three = [
      says('a', no('one', 'x'), { later }),
      says('b', no()),
      says('c', no('', 'y'), { later }),
      says('d', no('two', 'z')),
    ];
    expect(await chain(...three).authorize(request)).toEqual({
      allowed: false,
      reason: 'one\ntwo',
      error: '[x, y, z]',
    });
    expect(await chain(says('a', no('', 'x'), { later })).authorize(request)).toEqual(no('', 'x'));
    // When a later authorizer allows, the errors before it are forgotten.
    expect(await chain(...three, alwaysAllow).authorize(request)).toEqual({
      allowed: true,
      reason: '',
    });
  });
});

test('without a webhook the answer is no promise', () => {
  expect(chain(alwaysDeny, alwaysAllow).authorize(request)).toEqual({ allowed: true, reason: '' });
  expect(chain(alwaysDeny).authorize(request)).toEqual(no('Everything is forbidden.'));
});

test('system:masters stand before whatever is configured', () => {
  const asked: string[] = [];
  const denying = says('a', { allowed: false, denied: true, reason: '' }, { asked });
  expect(
    chain(denying).authorize({ ...request, user: { name: 'root', groups: ['system:masters'] } }),
  ).toEqual({ allowed: true, reason: '' });
  expect(asked).toEqual([]);
});

test('final decisions are counted by authorizer, across chains', () => {
  const counts = new DecisionCounts();
  for (const authorizers of [[alwaysDeny, alwaysAllow], [alwaysAllow]])
    void new Chain(authorizers, counts).authorize(request);
  void new Chain([says('x', { allowed: false, denied: true, reason: '' })], counts).authorize(
    request,
  );
  expect(counts.metrics()).toEqual([
    '# TYPE apiserver_authorization_decisions_total counter',
    'apiserver_authorization_decisions_total{type="AlwaysAllow",name="alwaysallow",' +
      'decision="allowed"} 2',
    'apiserver_authorization_decisions_total{type="Webhook",name="x",decision="denied"} 1',
  ]);
});

test('rules of all are listed, and it is said when one cannot', () => {
  const user = { name: 'ann', groups: [] };
  expect(chain(alwaysAllow).rulesFor(user, 'a')).toEqual({
    rules: [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
    incomplete: false,
  });
  expect(chain(says('a', no()), alwaysDeny).rulesFor(user, 'a')).toEqual({
    rules: [],
    incomplete: true,
    error: 'a lists nothing',
  });
});
