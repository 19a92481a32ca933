import type { CrossVersionObjectReference } from '../../api/generated/types/autoscaling-v2.ts';
import { fieldsOf, type ResourceRef } from '../../api/object.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { Client } from '../../client/client.ts';

/** What a pod uses, in thousandths. */
export interface PodMetric {
  atMs: number;
  windowMs: number;
  milli: number;
}

/** By the pod's name. */
export type PodMetrics = Map<string, PodMetric>;

/** What adapters that say no window mean. */
const defaultWindowMs = 60_000;
const customVersions = ['v1beta2', 'v1beta1'];

type Fields = Record<string, unknown>;

/** The three metrics APIs, whoever serves them. Throws what an event says. */
export class Metrics {
  readonly #client: Pick<Client, 'raw'>;

  constructor(client: Pick<Client, 'raw'>) {
    this.#client = client;
  }

  /** `container` = '': the sum of all; a pod that lacks one is left out. */
  async ofResource(of: {
    namespace: string;
    selector: string;
    resource: string;
    container: string;
  }): Promise<PodMetrics> {
    const { namespace, selector, resource, container } = of;
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${name(namespace)}/pods`;
    const items = await this.#items('resource', [`${path}?${query({ labelSelector: selector })}`]);
    const found: PodMetrics = new Map();
    for (const item of items) {
      const containers = listOr(item['containers']).map(objectOr);
      const counted = container
        ? containers.filter((c) => c['name'] === container).slice(0, 1)
        : containers;
      const values = counted.map((c) => milli(objectOr(c['usage'])[resource]));
      const pod = objectOr(item['metadata'])['name'];
      if (typeof pod !== 'string' || values.length === 0 || values.includes(undefined)) continue;
      const sum = values.reduce<number>((a, b) => a + (b ?? 0), 0);
      found.set(pod, { ...timesOf(item, durationMs(item['window'])), milli: sum });
    }
    return found;
  }

  /** A metric that an adapter has of each pod. */
  async ofPods(of: {
    namespace: string;
    selector: string;
    metric: string;
    metricSelector: string;
  }): Promise<PodMetrics> {
    const { namespace, selector, metric, metricSelector } = of;
    const asked = query({ labelSelector: selector, metricLabelSelector: metricSelector });
    const items = await this.#items(
      'custom',
      customVersions.map(
        (version) =>
          `/apis/custom.metrics.k8s.io/${version}/namespaces/${name(namespace)}/pods/*/` +
          `${name(metric)}?${asked}`,
      ),
    );
    const found: PodMetrics = new Map();
    for (const item of items) {
      const pod = objectOr(item['describedObject'])['name'];
      const value = milli(item['value']);
      if (typeof pod !== 'string' || value === undefined) continue;
      const seconds = item['windowSeconds'] ?? item['window'];
      const windowMs = typeof seconds === 'number' ? seconds * 1000 : defaultWindowMs;
      found.set(pod, { ...timesOf(item, windowMs), milli: value });
    }
    return found;
  }

  /** A metric of one object, in thousandths. */
  async ofObject(of: {
    namespace: string;
    object: CrossVersionObjectReference;
    ref: ResourceRef | undefined;
    metric: string;
    metricSelector: string;
  }): Promise<number> {
    const { namespace, object, ref, metric, metricSelector } = of;
    const isNamespace = object.kind === 'Namespace' && !(object.apiVersion ?? '').includes('/');
    if (!isNamespace && !ref) throw new Error(`no matches for kind ${JSON.stringify(object.kind)}`);
    const resource = ref?.group ? `${ref.resource}.${ref.group}` : (ref?.resource ?? '');
    const place = isNamespace ? 'metrics' : `${resource}/${name(object.name)}`;
    const items = await this.#items(
      'custom',
      customVersions.map(
        (version) =>
          `/apis/custom.metrics.k8s.io/${version}/namespaces/${name(namespace)}/${place}/` +
          `${name(metric)}?${query({ metricLabelSelector: metricSelector })}`,
      ),
    );
    const value = milli(items[0]?.['value']);
    if (value === undefined) throw new Error('the custom metrics API answered without a value');
    return value;
  }

  /** The sum of all series of an external metric, in thousandths. */
  async ofExternal(of: { namespace: string; metric: string; selector: string }): Promise<number> {
    const { namespace, metric, selector } = of;
    const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${name(namespace)}/`;
    const items = await this.#items('external', [
      `${path}${name(metric)}?${query({ labelSelector: selector })}`,
    ]);
    return items.reduce((sum, item) => sum + (milli(item['value']) ?? 0), 0);
  }

  /** The items of the first path that exists. */
  async #items(which: string, paths: string[]): Promise<Fields[]> {
    let message = '';
    for (const path of paths) {
      const { status, body } = await this.#client.raw({ method: 'GET', path });
      const document = parsed(body);
      if (status === 200) {
        const items = listOr(document['items']).map(objectOr);
        if (items.length === 0) throw new Error(`no metrics returned from ${which} metrics API`);
        return items;
      }
      message ||= said(document, status);
      if (status !== 404) break;
    }
    throw new Error(`unable to fetch metrics from ${which} metrics API: ${message}`);
  }
}

const name = encodeURIComponent;

function query(fields: Record<string, string>): string {
  return new URLSearchParams(Object.entries(fields).filter(([, value]) => value)).toString();
}

function parsed(body: Buffer): Fields {
  try {
    return objectOr(JSON.parse(body.toString()));
  } catch {
    return {};
  }
}

const said = ({ message }: Fields, status: number): string =>
  typeof message === 'string' && message ? message : `the server answered ${status}`;

const objectOr = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? fieldsOf(value) : {};
const listOr = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

function milli(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  try {
    return Number(parseQuantity(value).milliValue());
  } catch {
    return undefined; // an adapter's nonsense is a missing metric
  }
}

function timesOf(item: Fields, windowMs: number): { atMs: number; windowMs: number } {
  const { timestamp } = item;
  const atMs = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
  return { atMs: Number.isFinite(atMs) ? atMs : 0, windowMs };
}

/** `15.2s`, `1m30s`, as Go writes durations. */
function durationMs(value: unknown): number {
  if (typeof value !== 'string') return defaultWindowMs;
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(value);
  if (!match) return defaultWindowMs;
  const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return ((hours! * 60 + minutes!) * 60 + seconds!) * 1000;
}
