import { own } from '../../base/own.ts';
import { parseQuantity, Quantity } from '../quantity.ts';
import {
  each,
  isMap,
  isUnset,
  itemsOf,
  mapAt,
  need,
  unset,
  type Fields,
  type Rule,
  type Rules,
} from './rule.ts';

const core = 'io.k8s.api.core.v1.';

const reference =
  /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/|\[[0-9a-fA-F:]+\](?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::([\w][\w.-]{0,127}))?(@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$/;

/**
 * Always for `latest`, which is also meant when neither tag nor digest is given
 * (pkg/util/parsers.ParseImageName).
 */
function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  const match = reference.exec(image);
  if (!match) return 'IfNotPresent';
  const tag = match[1] ?? (match[2] ? '' : 'latest');
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

const container: Rule = (object) => {
  if (isUnset(object['imagePullPolicy']))
    object['imagePullPolicy'] = pullPolicyOf(
      typeof object['image'] === 'string' ? object['image'] : '',
    );
  if (isUnset(object['terminationMessagePath']))
    object['terminationMessagePath'] = '/dev/termination-log';
  if (isUnset(object['terminationMessagePolicy'])) object['terminationMessagePolicy'] = 'File';
};

const volume: Rule = (object) => {
  for (const name in object) if (name !== 'name' && isMap(object[name])) return imageVolume(object);
  object['emptyDir'] = {};
};

function imageVolume(object: Fields): void {
  const image = mapAt(object, 'image');
  if (image && isUnset(image['pullPolicy']))
    image['pullPolicy'] = pullPolicyOf(
      typeof image['reference'] === 'string' ? image['reference'] : '',
    );
}

/** A container that limits a resource asks for as much of it, unless it says otherwise. */
const requestsFromLimits: Rule = (object) => {
  const resources = mapAt(object, 'resources');
  const limits = resources && mapAt(resources, 'limits');
  if (!resources || !limits) return;
  const requests = need(resources, 'requests');
  for (const [name, value] of Object.entries(limits))
    if (!Object.hasOwn(requests, name)) requests[name] = value;
};

const hostPorts: Rule = each('ports', (port) => {
  if (!port['hostPort']) port['hostPort'] = port['containerPort'];
});

const pod: Rule = (object, context) => {
  const spec = mapAt(object, 'spec');
  if (!spec) return;
  for (const list of ['containers', 'initContainers']) {
    for (const item of itemsOf(spec[list])) {
      requestsFromLimits(item, context);
      if (spec['hostNetwork'] === true) hostPorts(item, context);
    }
  }
  const resources = mapAt(spec, 'resources');
  if (resources) podResources(spec, resources);
  if (isUnset(spec['enableServiceLinks'])) spec['enableServiceLinks'] = true;
};

const supportedByPods = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');

/**
 * Pod-level resources (KEP-2837): what the pod does not say follows from its containers, then from
 * its own limits.
 */
function podResources(spec: Fields, resources: Fields): void {
  const limits = mapAt(resources, 'limits');
  const requests = mapAt(resources, 'requests');
  const some = (map: Fields | undefined): boolean =>
    map !== undefined && Object.keys(map).length > 0;
  if (!some(limits) && !some(requests)) return;
  for (const [name, total] of containerTotals(spec, 'limits')) {
    if (
      !name.startsWith('hugepages-') ||
      own(limits, name) !== undefined ||
      own(requests, name) !== undefined
    )
      continue;
    need(resources, 'limits')[name] = total.toString();
  }
  const finalLimits = mapAt(resources, 'limits');
  if (!finalLimits || !some(finalLimits)) return;
  const wanted: Fields = { ...mapAt(resources, 'requests') };
  for (const [name, total] of containerTotals(spec, 'requests')) {
    const overcommittable = name === 'cpu' || name === 'memory';
    if (overcommittable && own(wanted, name) === undefined) wanted[name] = total.toString();
  }
  for (const [name, value] of Object.entries(finalLimits))
    if (supportedByPods(name) && own(wanted, name) === undefined) wanted[name] = value;
  if (some(wanted)) resources['requests'] = wanted;
}

type Totals = Map<string, Quantity>;

function amounts(item: Fields, part: 'requests' | 'limits'): Totals {
  const resources = mapAt(item, 'resources');
  const list = resources && mapAt(resources, part);
  const out: Totals = new Map();
  for (const [name, value] of Object.entries(list ?? {}))
    if (typeof value === 'string') out.set(name, parseQuantity(value));
  return out;
}

function add(into: Totals, more: Totals): void {
  for (const [name, value] of more) into.set(name, into.get(name)?.add(value) ?? value);
}

function raise(into: Totals, other: Totals): void {
  for (const [name, value] of other) {
    const known = into.get(name);
    if (!known || known.cmp(value) < 0) into.set(name, value);
  }
}

/** Containers and sidecars together, or the greatest moment of the start, whichever is more. */
function containerTotals(spec: Fields, part: 'requests' | 'limits'): Totals {
  const total: Totals = new Map();
  for (const item of itemsOf(spec['containers'])) add(total, amounts(item, part));
  const sidecars: Totals = new Map();
  const starting: Totals = new Map();
  for (const item of itemsOf(spec['initContainers'])) {
    const asked = amounts(item, part);
    if (item['restartPolicy'] === 'Always') {
      add(total, asked);
      add(sidecars, asked);
      raise(starting, sidecars);
    } else {
      add(asked, sidecars);
      raise(starting, asked);
    }
  }
  raise(total, starting);
  return total;
}

/** The old name of serviceAccountName is read when the new one is missing, and always written. */
const serviceAccount: Rule = (spec) => {
  if (isUnset(spec['serviceAccountName'])) {
    if (isUnset(spec['serviceAccount'])) return;
    spec['serviceAccountName'] = spec['serviceAccount'];
  }
  // What is right already may be frozen: parts of a patched object are shared with the stored one.
  if (spec['serviceAccount'] !== spec['serviceAccountName'])
    spec['serviceAccount'] = spec['serviceAccountName'];
};

/** A pod that wants to end before it began gets a second, as its deletion would. */
const gracePeriod: Rule = (object) => {
  const spec = object['spec'] as { terminationGracePeriodSeconds?: number } | undefined;
  if ((spec?.terminationGracePeriodSeconds ?? 0) < 0)
    object['spec'] = { ...spec, terminationGracePeriodSeconds: 1 };
};

const mode = unset({ defaultMode: 0o644 });

export const podDefaults: Rules = { [`${core}Pod`]: [pod, gracePeriod] };

/** Types that several kinds are made of, or that are only spoken. */
const podPartRules: Rules = {
  [`${core}PodSpec`]: [
    unset({
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
    }),
    serviceAccount,
  ],
  [`${core}Volume`]: [volume],
  [`${core}Container`]: [container],
  [`${core}EphemeralContainer`]: [container],
  [`${core}Probe`]: [
    unset({ timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 }),
  ],
  [`${core}HTTPGetAction`]: [unset({ path: '/', scheme: 'HTTP' })],
  [`${core}SecretVolumeSource`]: [mode],
  [`${core}ConfigMapVolumeSource`]: [mode],
  [`${core}DownwardAPIVolumeSource`]: [mode],
  [`${core}ProjectedVolumeSource`]: [mode],
  [`${core}ServiceAccountTokenProjection`]: [unset({ expirationSeconds: 3600 })],
  [`${core}ObjectFieldSelector`]: [unset({ apiVersion: 'v1' })],
  [`${core}HostPathVolumeSource`]: [unset({ type: '' })],
  [`${core}PodLogOptions`]: [unset({ stream: 'All' })],
};

export const podRules: Rules = { ...podDefaults, ...podPartRules };
