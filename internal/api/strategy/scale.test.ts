import { describe, expect, test } from 'vitest';
import { deepFreeze } from '../object.ts';
import { toScale, validateScale, withScale } from './scale.ts';
import { make } from './testing/objects.ts';

describe('scale', () => {
  const deployment = make(
    'Deployment',
    { spec: { replicas: 3, selector: { matchLabels: { app: 'web' } } }, status: { replicas: 2 } },
    { namespace: 'n', resourceVersion: '5' },
  );
  test('shows replicas and selector', () => {
    expect(toScale(deployment)).toEqual({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'x', namespace: 'n', resourceVersion: '5' },
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'app=web' },
    });
    expect(
      toScale(make('ReplicationController', { spec: { selector: { a: 'b' } } })),
    ).toMatchObject({ spec: {}, status: { replicas: 0, selector: 'a=b' } });
    expect(
      toScale(make('K', { n: 1, s: { r: 4, sel: 'x=y' } }), {
        specReplicasPath: '.n',
        statusReplicasPath: '.s.r',
        labelSelectorPath: '.s.sel',
      }),
    ).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 4, selector: 'x=y' } });
  });
  test('writes replicas into a copy', () => {
    const next = withScale(
      deepFreeze(deployment),
      make('Scale', { spec: { replicas: 7 } }, { resourceVersion: '4' }),
    );
    expect(next).toMatchObject({
      spec: { replicas: 7, selector: {} },
      metadata: { resourceVersion: '4', namespace: 'n' },
    });
    expect(withScale(deployment, make('Scale', { spec: {} }))).toMatchObject({
      spec: { replicas: 0 },
    });
  });
  test('is checked', () => {
    expect(validateScale(make('Scale', { spec: { replicas: -1 } }))).toEqual([
      {
        type: 'FieldValueInvalid',
        field: 'spec.replicas',
        value: -1,
        detail: 'must be greater than or equal to 0',
      },
    ]);
  });
});
