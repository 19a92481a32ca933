import { expect, test } from 'vitest';
import { defaultTolerationSeconds } from './tolerations.ts';

function tolerations(
  told: Parameters<typeof defaultTolerationSeconds>[0],
  own: object[] = [],
): [string, number][] {
  const object = { spec: { tolerations: own } };
  void defaultTolerationSeconds(told).admit?.({ object } as never);
  return (object.spec.tolerations as { key: string; tolerationSeconds: number }[]).map(
    ({ key, tolerationSeconds }) => [key.split('/')[1] ?? '', tolerationSeconds],
  );
}

test('pods wait as long as the operator says on a node that is gone', () => {
  expect(tolerations(undefined)).toEqual([
    ['not-ready', 300],
    ['unreachable', 300],
  ]);
  expect(tolerations({ notReadySeconds: 20, unreachableSeconds: 30 })).toEqual([
    ['not-ready', 20],
    ['unreachable', 30],
  ]);
  expect(tolerations({ unreachableSeconds: 0 })).toEqual([
    ['not-ready', 300],
    ['unreachable', 0],
  ]);
  expect(
    tolerations({ notReadySeconds: 20 }, [
      { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', tolerationSeconds: 7 },
    ]),
  ).toEqual([
    ['not-ready', 7],
    ['unreachable', 300],
  ]);
});
