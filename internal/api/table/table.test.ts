import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, test } from 'vitest';
import golden from './testdata/tables.json' with { type: 'json' };
import type { Pod } from '../generated/types/core-v1.ts';
import { asObject, type KubeObject } from '../object.ts';
import { builtinScheme } from '../scheme.ts';
import type { Cell } from './cell.ts';
import { JsonPathError, parseJsonPath, readJsonPath } from './json-path.ts';
import { podSummary } from './pod-cells.ts';
import { cellsFor, columnsFor, rowFor, tableFor } from './table.ts';
import type { TableInfo } from './table.ts';

interface Golden {
  kind: [string, string, string];
  now: number;
  object: KubeObject;
  cells: Cell[];
  conditions?: object[];
}

const scheme = builtinScheme();
const infoOf = (group: string, version: string, kind: string): TableInfo =>
  scheme.kind(group, version, kind) as TableInfo;
/** Ages may be a second apart: the server looked at its clock a little earlier. */
const near = (cells: readonly Cell[]): Cell[] =>
  cells.map((cell) => (typeof cell === 'string' ? cell.replace(/\d+[smhdy]/g, '#') : cell));

describe('as kube-apiserver prints', () => {
  const cases = golden as Golden[];
  test.each(cases.map((g) => [`${g.kind[2]} ${g.object.metadata.name ?? ''}`, g] as const))(
    '%s',
    (_title, g) => {
      const row = rowFor(infoOf(...g.kind), g.object, { now: g.now, includeObject: 'Object' });
      expect(near(row.cells)).toEqual(near(g.cells));
      expect(row.conditions).toEqual(g.conditions);
      expect(row.cells.length).toBeGreaterThanOrEqual(columnsFor(infoOf(...g.kind)).length);
    },
  );
});

describe('rows', () => {
  const map = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' },
    data: { a: '1' },
  } as KubeObject;
  const now = Date.parse('2026-01-01T00:05:00Z');
  const maps = infoOf('', 'v1', 'ConfigMap');
  test('carry what is asked for', () => {
    expect(rowFor(maps, map, { now, includeObject: 'None' })).toEqual({
      cells: ['x', 1, '5m'],
      object: null,
    });
    expect(rowFor(maps, map, { now }).object).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: map.metadata,
    });
    expect(rowFor(maps, map, { now, includeObject: 'Object' }).object).toBe(map);
    expect(tableFor(maps, [map, map], { now }).rows).toHaveLength(2);
  });
  test('kinds without columns of their own show when they were made', () => {
    const roles = infoOf('rbac.authorization.k8s.io', 'v1', 'Role');
    expect(columnsFor(roles).map((c) => [c.name, c.type])).toEqual([
      ['Name', 'string'],
      ['Created At', 'date'],
    ]);
    expect(cellsFor(roles, map, now)).toEqual(['x', '2026-01-01T00:00:00Z']);
  });
  test('a time that is not there, or wrong', () => {
    expect(cellsFor(maps, { ...map, metadata: { name: 'x' } }, now)[2]).toBe('<unknown>');
    expect(
      cellsFor(maps, { ...map, metadata: { name: 'x', creationTimestamp: 'soon' } }, now)[2],
    ).toBe('<invalid>');
  });
});

describe('pods', () => {
  const status = (pod: Record<string, unknown>, more: Record<string, unknown> = {}): string =>
    podSummary(partOf<Pod>({ metadata: {}, spec: { containers: [{}] }, status: pod, ...more }))
      .reason;
  test.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['terminating', { phase: 'Running' }, { metadata: { deletionTimestamp: 'x' } }, 'Terminating'],
    [
      'lost',
      { phase: 'Running', reason: 'NodeLost' },
      { metadata: { deletionTimestamp: 'x' } },
      'Unknown',
    ],
    [
      'finished while deleted',
      { phase: 'Failed' },
      { metadata: { deletionTimestamp: 'x' } },
      'Failed',
    ],
    [
      'signal',
      {
        phase: 'Failed',
        containerStatuses: [{ state: { terminated: { signal: 9, exitCode: 137 } } }],
      },
      {},
      'Signal:9',
    ],
    [
      'exit code',
      { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 3 } } }] },
      {},
      'ExitCode:3',
    ],
    [
      'init signal',
      {
        phase: 'Pending',
        initContainerStatuses: [{ state: { terminated: { signal: 9, exitCode: 137 } } }],
      },
      {},
      'Init:Signal:9',
    ],
    [
      'init waiting',
      {
        phase: 'Pending',
        initContainerStatuses: [{ state: { waiting: { reason: 'ErrImagePull' } } }],
      },
      {},
      'Init:ErrImagePull',
    ],
    [
      'one done, one ready',
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          { state: { terminated: { exitCode: 0, reason: 'Completed' } } },
          { ready: true, state: { running: {} } },
        ],
      },
      {},
      'Running',
    ],
    [
      'one done, one failed',
      {
        phase: 'Failed',
        containerStatuses: [
          { state: { terminated: { exitCode: 0, reason: 'Completed' } } },
          { state: { terminated: { exitCode: 1, reason: 'Error' } } },
        ],
      },
      {},
      'Error',
    ],
  ])('%s', (_title, pod, more, reason) => expect(status(pod, more)).toBe(reason));
});

describe('custom columns', () => {
  const columns = [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    {
      name: 'Count',
      type: 'integer',
      jsonPath: '.spec.count',
      priority: 1,
      description: 'How many',
    },
    { name: 'On', type: 'boolean', jsonPath: '.spec.on' },
    { name: 'Share', type: 'number', jsonPath: '.spec.share' },
    { name: 'Map', type: 'string', jsonPath: '.spec.map' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ];
  const info: TableInfo = { group: 'g', kind: 'K', custom: true, crd: { columns } };
  const object = {
    apiVersion: 'g/v1',
    kind: 'K',
    metadata: { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { count: 3, on: true, share: 0.5, map: { a: 1 } },
    status: {
      phase: 'Up',
      conditions: [
        { type: 'Other', status: 'False' },
        { type: 'Ready', status: 'True' },
      ],
    },
  } as KubeObject;
  const now = Date.parse('2026-01-01T01:00:00Z');
  test('show what their paths find', () => {
    expect(cellsFor(info, object, now)).toEqual([
      'x',
      'Up',
      'True',
      3,
      true,
      0.5,
      '{"a":1}',
      '60m',
    ]);
    expect(columnsFor(info)[3]).toEqual({
      name: 'Count',
      type: 'integer',
      format: '',
      description: 'How many',
      priority: 1,
    });
    expect(columnsFor(info)[1]?.description).toBe(
      'Custom resource definition column (in JSONPath format): .status.phase',
    );
  });
  test('are null where nothing is, or something else', () => {
    expect(
      cellsFor(
        info,
        asObject({ ...object, spec: { count: 'x', on: 1, share: '' }, status: {} }),
        now,
      ),
    ).toEqual(['x', null, null, null, null, null, null, '60m']);
  });
  test('without any, the age', () => {
    const bare: TableInfo = { group: 'g', kind: 'B', custom: true };
    expect(columnsFor(bare).map((c) => c.name)).toEqual(['Name', 'Age']);
    expect(cellsFor(bare, object, now)).toEqual(['x', '60m']);
  });
});

test.each<[string, unknown[]]>([
  ['.a.b', [1]],
  ['{.a.b}', [1]],
  ['$.a.b', [1]],
  [".a['c.d']", [2]],
  ['.a.c\\.d', [2]],
  ['.l[0].n', ['x']],
  ['.l[-1].n', ['y']],
  ['.l[*].n', ['x', 'y']],
  ['.l[0:1].n', ['x']],
  ['..n', ['x', 'y']],
  ['.l[?(@.n=="y")].v', [9]],
  ['.l[?(@.v>5)].n', ['y']],
  ['.l[?(@.v<=5)].n', ['x']],
  ['.l[?(@.n!="y")].n', ['x']],
  ['.l[?(@.v)].n', ['x', 'y']],
  ['.l.n', []],
  ['.missing.x', []],
])('JSONPath %s', (path, found) => {
  expect(
    readJsonPath(parseJsonPath(path), {
      a: { b: 1, 'c.d': 2 },
      l: [
        { n: 'x', v: 5 },
        { n: 'y', v: 9 },
      ],
    }),
  ).toEqual(found);
});

test('a path that cannot be read is refused', () => {
  expect(() => parseJsonPath('.a[')).toThrow(JsonPathError);
});
