import { table } from '../../base/own.ts';
import type { KubeObject } from '../object.ts';
import { at, dictOf, listOf, textOf } from '../loose.ts';
import type { Dict } from '../loose.ts';

const shown = 2;
const unknown = '<unknown>';

/** TARGETS of an autoscaler: present over wanted, for its first two metrics. */
export function metricsText(object: KubeObject): string {
  const specs =
    at(object, 'spec.metrics') === undefined ? oldForm(object) : listOf(at(object, 'spec.metrics'));
  if (specs.length === 0) return '<none>';
  const statuses = listOf(at(object, 'status.currentMetrics'));
  const list = specs.map((spec, i) => metric(dictOf(spec), dictOf(statuses[i])));
  const head = list.slice(0, shown).join(', ');
  return list.length > shown ? `${head} + ${list.length - shown} more...` : head;
}

/** autoscaling/v1 knows one metric and names it otherwise. */
function oldForm(object: KubeObject): Dict[] {
  const wanted = at(object, 'spec.targetCPUUtilizationPercentage');
  return wanted === undefined
    ? []
    : [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: wanted } } }];
}

const fields: Readonly<Record<string, string>> = table({
  External: 'external',
  Pods: 'pods',
  Object: 'object',
  Resource: 'resource',
  ContainerResource: 'containerResource',
});

function metric(spec: Dict, status: Dict): string {
  const type = textOf(spec['type']);
  const field = fields[type];
  if (!field) return '<unknown type>';
  const target = dictOf(at(spec, `${field}.target`));
  const current = dictOf(at(status, `${field}.current`));
  const present = (key: string): string =>
    current[key] === undefined ? unknown : String(current[key]);
  if (type === 'Resource' || type === 'ContainerResource') {
    const name = textOf(at(spec, `${field}.name`));
    if (target['averageValue'] !== undefined)
      return `${name}: ${present('averageValue')}/${String(target['averageValue'])}`;
    const percent = (value: unknown, otherwise: string): string =>
      typeof value === 'number' ? `${value}%` : otherwise;
    return (
      `${name}: ` +
      `${percent(current['averageUtilization'], unknown)}/` +
      `${percent(target['averageUtilization'], '<auto>')}`
    );
  }
  if (type === 'Pods') return `${present('averageValue')}/${String(target['averageValue'] ?? '')}`;
  return target['averageValue'] === undefined
    ? `${present('value')}/${String(target['value'] ?? '')}`
    : `${present('averageValue')}/${String(target['averageValue'])} (avg)`;
}
