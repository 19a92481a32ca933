import { waitBounds, type Flow } from './flow.ts';
import type { Level } from './level.ts';

type Row = [labels: string, value: number];

/** The apiserver_flowcontrol_* of kube-apiserver that dashboards and tests read. */
export function flowControlMetrics(levels: readonly Level[], flows: readonly Flow[]): string[] {
  const out: string[] = [];
  const add = (name: string, type: string, rows: Row[]): void => {
    out.push(`# TYPE apiserver_flowcontrol_${name} ${type}`, ...rows.map(([labels, value]) => `apiserver_flowcontrol_${name}{${labels}} ${value}`));
  };
  const ofLevels = (value: (level: Level) => number): Row[] => levels.map((level) => [`priority_level="${level.name}"`, value(level)]);
  const ofFlows = (value: (flow: Flow) => number): Row[] => flows.map((flow) => [labelsOf(flow), value(flow)]);
  add('dispatched_requests_total', 'counter', ofFlows((flow) => flow.dispatched));
  add('rejected_requests_total', 'counter', flows.flatMap((flow) => [...flow.rejected].map(([why, count]): Row => [`${labelsOf(flow)},reason="${why}"`, count])));
  add('current_inqueue_requests', 'gauge', ofFlows((flow) => flow.waiting));
  add('current_executing_requests', 'gauge', ofFlows((flow) => flow.executing));
  add('current_executing_seats', 'gauge', ofFlows((flow) => flow.executing));
  add('nominal_limit_seats', 'gauge', ofLevels((level) => level.seats.own));
  add('lower_limit_seats', 'gauge', ofLevels((level) => level.seats.least));
  add('upper_limit_seats', 'gauge', ofLevels((level) => level.seats.most));
  add('current_limit_seats', 'gauge', ofLevels((level) => Math.max(level.seats.own, level.exempt ? 0 : level.executing)));
  add('request_concurrency_in_use', 'gauge', ofLevels((level) => level.executing));
  add('request_concurrency_limit', 'gauge', ofLevels((level) => level.seats.own));
  out.push('# TYPE apiserver_flowcontrol_request_wait_duration_seconds histogram');
  for (const flow of flows) out.push(...waitRows(flow));
  out.push('# TYPE apiserver_flowcontrol_request_execution_seconds summary');
  for (const flow of flows) out.push(`apiserver_flowcontrol_request_execution_seconds_sum{${labelsOf(flow)}} ${flow.executionSeconds}`, `apiserver_flowcontrol_request_execution_seconds_count{${labelsOf(flow)}} ${flow.finished}`);
  return out;
}

/** Requests that did not wait are counted here, not one by one when they pass. */
function waitRows(flow: Flow): string[] {
  const { waited, dispatched } = flow;
  const labels = `execute="true",${labelsOf(flow)}`;
  const name = 'apiserver_flowcontrol_request_wait_duration_seconds';
  let sum = dispatched - waited.count;
  const rows = waitBounds.map((bound, i) => `${name}_bucket{${labels},le="${bound}"} ${(sum += waited.buckets[i] ?? 0)}`);
  return [...rows, `${name}_bucket{${labels},le="+Inf"} ${dispatched}`, `${name}_sum{${labels}} ${waited.seconds}`, `${name}_count{${labels}} ${dispatched}`];
}

const labelsOf = (flow: Flow): string => `flow_schema="${flow.name}",priority_level="${flow.level.name}"`;
