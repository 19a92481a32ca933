import { expect, it } from 'vitest';
import { growing, MetricSet } from './metric-set.ts';

it('counts by labels, and escapes them', () => {
  const set = new MetricSet();
  const calls = set.counter('calls_total', 'Calls.');
  calls.add({ how: 'a"b\\c\nd' });
  calls.add({ how: 'a"b\\c\nd' }, 2);
  set.counter('calls_total', 'Calls.').add();
  expect(set.text()).toBe(
    '# HELP calls_total Calls.\n# TYPE calls_total counter\n' +
      'calls_total{how="a\\"b\\\\c\\nd"} 3\ncalls_total 1\n',
  );
});

it('a histogram counts what is below each bound', () => {
  const set = new MetricSet();
  const took = set.histogram('took_seconds', 'Time.', [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) took.observe(value, { verb: 'GET' });
  expect(set.text().split('\n').slice(2)).toEqual([
    'took_seconds_bucket{verb="GET",le="0.1"} 2',
    'took_seconds_bucket{verb="GET",le="1"} 3',
    'took_seconds_bucket{verb="GET",le="+Inf"} 4',
    'took_seconds_sum{verb="GET"} 7.65',
    'took_seconds_count{verb="GET"} 4',
    '',
  ]);
});

it('a gauge is read when it is asked for', () => {
  const set = new MetricSet();
  let depth = 1;
  set.gauge('depth', 'Depth.', () => [[{}, depth]]);
  depth = 5;
  expect(set.text()).toContain('\ndepth 5\n');
});

it('names from outside do not fill the memory', () => {
  const set = new MetricSet();
  const calls = set.counter('calls_total', 'Calls.');
  for (let i = 0; i < 5000; i++) calls.add({ path: String(i) });
  expect(set.text().split('\n').length).toBeLessThan(2100);
});

it('bounds grow by a factor', () => {
  expect(growing(0.001, 2, 4)).toEqual([0.001, 0.002, 0.004, 0.008]);
});
