import { expect, test } from 'vitest';
import { realRandom } from '../io/random.ts';
import { issueCa } from './certificate.ts';
import { isOrderOf, signOrder } from './order.ts';

test('an order is of the authority that signed it, for one node, version and time', () => {
  const issuing = { nowMs: Date.UTC(2026, 0, 1), random: realRandom };
  const [own, before, other] = ['a', 'b', 'c'].map((name) => issueCa({ cn: name, ...issuing }));
  const order = { node: 'one', version: 'v1.2.3', nonce: 'n' };
  const signed = signOrder(order, own!);
  expect(isOrderOf(own!.cert, order, signed)).toBe(true);
  expect(isOrderOf(`${before!.cert}${own!.cert}`, order, signed)).toBe(true);
  expect(isOrderOf(other!.cert, order, signed)).toBe(false);
  for (const change of [{ node: 'two' }, { version: 'v1.2.4' }, { nonce: 'm' }])
    expect(isOrderOf(own!.cert, { ...order, ...change }, signed)).toBe(false);
  for (const bad of ['', 'AAAA', '%']) expect(isOrderOf(own!.cert, order, bad)).toBe(false);
});
