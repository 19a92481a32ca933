import { describe, expect, test } from 'vitest';
import { strategyFor } from './strategy.ts';
import { created, make, updated } from './testing/objects.ts';

describe('custom resources', () => {
  const custom = strategyFor({
    group: 'g',
    version: 'v1',
    kind: 'K',
    namespaced: true,
    custom: true,
    subresources: new Map([['status', {}]]),
  });
  test('count everything but status and metadata', () => {
    const old = created(custom, make('K', { spec: 1, status: 2 }));
    expect(old).not.toHaveProperty('status');
    expect(
      updated(custom, make('K', { spec: 1, status: 3 }, { labels: { a: 'b' } }), old).metadata
        .generation,
    ).toBe(1);
    expect(updated(custom, make('K', { spec: 1, other: 3 }), old).metadata.generation).toBe(2);
  });
  test('a status write changes the status only', () => {
    const old = make('K', { spec: 1 }, { generation: 1, labels: { a: 'b' } });
    const next = updated(
      custom,
      make('K', { spec: 2, extra: 1, status: 3 }, { managedFields: [{}] }),
      old,
      'status',
    );
    expect(next).toEqual({
      apiVersion: 'v1',
      kind: 'K',
      metadata: { name: 'x', generation: 1, labels: { a: 'b' }, managedFields: [{}] },
      spec: 1,
      status: 3,
    });
  });
});
