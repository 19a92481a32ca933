import { expect, test } from 'vitest';
import type { PodStatus } from '../../api/generated/types/core-v1.ts';
import { TerminatedContainers } from './terminated-containers.ts';

const ended = (containerID: string, exitCode: number): object => ({
  terminated: { containerID, exitCode, reason: exitCode ? 'Error' : 'Completed' },
});
const status = (state: object, lastState: object = {}): PodStatus =>
  ({
    initContainerStatuses: [{ name: 'i', state: ended('i1', 0) }],
    containerStatuses: [{ name: 'c', state, lastState }],
  }) as PodStatus;

test('each end counts once, however often it is shown', () => {
  const counts = new TerminatedContainers();
  counts.observe('a', status({ running: {} }));
  counts.observe('a', status(ended('1', 139)));
  counts.observe('a', status(ended('1', 139)));
  counts.observe('a', status({ running: {} }, ended('1', 139)));
  counts.observe('a', status(ended('3', 139), ended('2', 1)));
  counts.observe('b', status({ waiting: {} }));
  expect(counts.samples()).toEqual([
    { container_type: 'init_container', exit_code: '0', reason: 'Completed', count: 2 },
    { container_type: 'container', exit_code: '139', reason: 'Error', count: 2 },
    { container_type: 'container', exit_code: '1', reason: 'Error', count: 1 },
  ]);
});

test('what containers choose does not fill the memory', () => {
  const counts = new TerminatedContainers();
  for (let i = 0; i < 3000; i++) counts.observe(`p${i}`, status(ended(`c${i}`, i)));
  expect(counts.samples().length).toBe(1000);
});
