import { secondBounds, type Durations, type Flow } from './flow.ts';
import type { FlowControl } from './flow-control.ts';
import type { Level } from './level.ts';

type Row = [labels: string, value: number];

/** The apiserver_flowcontrol_* of kube-apiserver that dashboards and tests read. */
export function flowControlMetrics(control: FlowControl): string[] {
  const levels = control.levels();
  const flows = [...control.flows()];
  const out: string[] = [];
  const add = (name: string, type: string, rows: Row[]): void => {
    out.push(
      `# TYPE apiserver_flowcontrol_${name} ${type}`,
      ...rows.map(([labels, value]) => `apiserver_flowcontrol_${name}{${labels}} ${value}`),
    );
  };
  const ofLevels = (value: (level: Level) => number): Row[] =>
    levels.map((level) => [`priority_level="${level.name}"`, value(level)]);
  const ofFlows = (value: (flow: Flow) => number): Row[] =>
    flows.map((flow) => [labelsOf(flow), value(flow)]);
  add(
    'dispatched_requests_total',
    'counter',
    ofFlows((flow) => flow.dispatched),
  );
  add(
    'rejected_requests_total',
    'counter',
    flows.flatMap((flow) =>
      [...flow.rejected].map(([why, count]): Row => [`${labelsOf(flow)},reason="${why}"`, count]),
    ),
  );
  add(
    'current_inqueue_requests',
    'gauge',
    ofFlows((flow) => flow.waiting),
  );
  add(
    'current_inqueue_seats',
    'gauge',
    ofFlows((flow) => flow.waiting),
  );
  add(
    'current_executing_requests',
    'gauge',
    ofFlows((flow) => flow.executing),
  );
  add(
    'current_executing_seats',
    'gauge',
    ofFlows((flow) => flow.executing),
  );
  add(
    'nominal_limit_seats',
    'gauge',
    ofLevels((level) => level.seats.own),
  );
  add(
    'lower_limit_seats',
    'gauge',
    ofLevels((level) => level.seats.least),
  );
  add(
    'upper_limit_seats',
    'gauge',
    ofLevels((level) => level.seats.most),
  );
  add(
    'current_limit_seats',
    'gauge',
    ofLevels((level) => Math.max(level.seats.own, level.exempt ? 0 : level.executing)),
  );
  add(
    'request_concurrency_in_use',
    'gauge',
    ofLevels((level) => level.executing),
  );
  add(
    'request_concurrency_limit',
    'gauge',
    ofLevels((level) => level.seats.own),
  );
  const histogram = (name: string, rows: (flow: Flow) => string[]): void => {
    out.push(`# TYPE apiserver_flowcontrol_${name} histogram`, ...flows.flatMap(rows));
  };
  // Requests that did not wait are counted here, not one by one when they pass.
  histogram('request_wait_duration_seconds', (flow) =>
    histogramRows(
      'request_wait_duration_seconds',
      `execute="true",${labelsOf(flow)}`,
      flow.waited,
      flow.dispatched - flow.waited.count,
    ),
  );
  histogram('request_execution_seconds', (flow) =>
    histogramRows('request_execution_seconds', `${labelsOf(flow)},type="regular"`, flow.served, 0),
  );
  out.push(
    '# TYPE apiserver_current_inflight_requests gauge',
    ...Object.entries(control.inflight).map(
      ([kind, count]) => `apiserver_current_inflight_requests{request_kind="${kind}"} ${count}`,
    ),
  );
  return out;
}

function histogramRows(
  metric: string,
  labels: string,
  { seconds, count, buckets }: Durations,
  atOnce: number,
): string[] {
  const name = `apiserver_flowcontrol_${metric}`;
  let sum = atOnce;
  const rows = secondBounds.map(
    (bound, i) => `${name}_bucket{${labels},le="${bound}"} ${(sum += buckets[i] ?? 0)}`,
  );
  return [
    ...rows,
    `${name}_bucket{${labels},le="+Inf"} ${count + atOnce}`,
    `${name}_sum{${labels}} ${seconds}`,
    `${name}_count{${labels}} ${count + atOnce}`,
  ];
}

const labelsOf = (flow: Flow): string =>
  `flow_schema="${flow.name}",priority_level="${flow.level.name}"`;
