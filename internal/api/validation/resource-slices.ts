import { parseQuantity, quantityOf, type Quantity } from '../quantity.ts';
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  Counter,
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCapacity,
  ResourceSlice,
  ResourceSliceSpec,
} from '../generated/types/resource-v1.ts';
import type { NodeSelector } from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import { checkNodeSelector } from './affinity.ts';
import {
  checkBindingConditions,
  checkDriver,
  checkMany,
  checkMap,
  checkPoolName,
  checkQualified,
  checkTaint,
} from './device-parts.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';

const maxDevices = 128;
/** Where taints, counters or lists of values are used. */
const maxAdvancedDevices = 64;
const maxCounterSets = 8;
const maxCounters = 32;
const maxConsumptions = 2;
const maxAttributesAndCapacities = 32;
const maxAttributeValues = 48;
const maxValue = 64;
const maxTaints = 16;
const maxOptions = 10;
const longestName = 63 + 1 + 32;

const places = ['nodeName', 'nodeSelector', 'allNodes'] as const;
const placesText =
  'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
const devicePlacesText =
  'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when ' +
  '`perDeviceNodeSelection` is set to true in the ResourceSlice spec';

export const resourceSlice: Rule<ResourceSlice> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkSlice(problems, object.spec ?? {}, undefined),
  updates: ['metadata', 'change'],
  change: (problems, object, old) => checkSlice(problems, object.spec ?? {}, old.spec),
};

function checkSlice(
  problems: Problems,
  spec: Partial<ResourceSliceSpec>,
  old: ResourceSliceSpec | undefined,
): void {
  checkDriver(problems, spec.driver, 'spec.driver');
  const { name, resourceSliceCount = 0, generation = 0 } = spec.pool ?? {};
  checkPoolName(problems, name, 'spec.pool.name');
  if (resourceSliceCount <= 0)
    problems.invalid(
      'spec.pool.resourceSliceCount',
      resourceSliceCount,
      'must be greater than zero',
    );
  if (generation < 0)
    problems.invalid('spec.pool.generation', generation, 'must be greater than or equal to zero');
  if (old) {
    problems.immutable('spec.pool.name', name ?? '', old.pool?.name ?? '');
    problems.immutable('spec.driver', spec.driver ?? '', old.driver ?? '');
    problems.immutable('spec.nodeName', spec.nodeName ?? null, old.nodeName ?? null);
  }
  checkPlace(problems, spec);
  if (spec.sharedCounters && spec.devices)
    problems.invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed');
  checkMany(problems, spec.devices, 'spec.devices', {
    most: (spec.devices ?? []).some(isAdvanced) ? maxAdvancedDevices : maxDevices,
    each: (device, path) =>
      checkDevice(problems, device, path, {
        own: spec.perDeviceNodeSelection === true,
        old: old?.devices?.find((one) => one.name === device.name),
      }),
    key: (device) => device.name ?? '',
  });
  checkMany(problems, spec.sharedCounters, 'spec.sharedCounters', {
    most: maxCounterSets,
    each: (set, path) => checkCounterSet(problems, set, path),
    key: (set) => set.name ?? '',
  });
}

const listFields = ['ints', 'bools', 'strings', 'versions'] as const;
const isAdvanced = ({ taints, consumesCounters, attributes }: Device): boolean =>
  Boolean(taints?.length || consumesCounters?.length) ||
  Object.values(attributes ?? {}).some((one) =>
    listFields.some((field) => one[field] !== undefined),
  );

/** Where the devices of a slice can be used. */
function checkPlace(problems: Problems, spec: Partial<ResourceSliceSpec>): void {
  const set = checkPlaces(problems, spec, 'spec', {
    emptyNode: 'must be either unset or set to a non-empty string',
    selector: checkOneTerm,
  });
  if (spec.perDeviceNodeSelection === true) set.push('`perDeviceNodeSelection`');
  else if (spec.perDeviceNodeSelection === false)
    problems.invalid('spec.perDeviceNodeSelection', false, 'must be either unset or set to true');
  if (set.length === 0) problems.required('spec', placesText);
  else if (set.length > 1)
    problems.invalid('spec', `{${set.join(', ')}}`, `${placesText}, but multiple fields are set`);
}

type Places = Pick<Device, (typeof places)[number]>;

/** The places that are named, after their rules. */
function checkPlaces(
  problems: Problems,
  { nodeName, nodeSelector, allNodes }: Places,
  path: string,
  {
    emptyNode,
    selector,
  }: {
    emptyNode: string;
    selector(problems: Problems, selector: NodeSelector, path: string): void;
  },
): string[] {
  const set: string[] = [];
  if (nodeName === '') problems.invalid(`${path}.nodeName`, '', emptyNode);
  else if (nodeName !== undefined) {
    set.push('`nodeName`');
    problems.check(`${path}.nodeName`, nodeName, dns1123Subdomain);
  }
  if (nodeSelector) {
    set.push('`nodeSelector`');
    selector(problems, nodeSelector, `${path}.nodeSelector`);
  }
  if (allNodes === true) set.push('`allNodes`');
  else if (allNodes === false)
    problems.invalid(`${path}.allNodes`, false, 'must be either unset or set to true');
  return set;
}

function checkOneTerm(problems: Problems, selector: NodeSelector, path: string): void {
  checkNodeSelector(problems, selector, path);
  const terms = selector.nodeSelectorTerms ?? [];
  const bare = (
    list: { key?: string; operator?: string; values?: string[] }[] | undefined,
  ): unknown =>
    list?.map(({ key, operator, values }) => ({
      Key: key,
      Operator: operator,
      Values: values ?? null,
    })) ?? null;
  if (terms.length !== 1)
    problems.invalid(
      `${path}.nodeSelectorTerms`,
      terms.map((term) => ({
        MatchExpressions: bare(term.matchExpressions),
        MatchFields: bare(term.matchFields),
      })),
      'must have exactly one node selector term',
    );
}

function checkCounters(
  problems: Problems,
  counters: Record<string, Counter> | undefined,
  path: string,
): void {
  if (Object.keys(counters ?? {}).length === 0) return problems.required(path);
  checkMap(problems, counters, path, {
    most: maxCounters,
    longestKey: 63,
    key: (name, at) => problems.check(at, name, dns1123Label),
    each: () => undefined,
  });
}

function checkCounterSet(problems: Problems, { name, counters }: CounterSet, path: string): void {
  if (!name) problems.required(`${path}.name`);
  else problems.check(`${path}.name`, name, dns1123Label);
  checkCounters(problems, counters, `${path}.counters`);
}

function checkDevice(
  problems: Problems,
  device: Device,
  path: string,
  { own, old }: { own: boolean; old: Device | undefined },
): void {
  problems.check(`${path}.name`, device.name ?? '', dns1123Label);
  checkAmounts(problems, device, path);
  checkMap(problems, device.attributes, `${path}.attributes`, {
    longestKey: longestName,
    key: (name, at) => checkQualified(problems, name, at),
    each: (one, at) => checkAttribute(problems, one, at),
  });
  const shared = device.allowMultipleAllocations === true;
  checkMap(problems, device.capacity, `${path}.capacity`, {
    longestKey: longestName,
    key: (name, at) => checkQualified(problems, name, at),
    each: (one, at) => checkCapacity(problems, one, at, shared),
  });
  if (!old || !semanticEqual(old.taints, device.taints))
    checkMany(problems, device.taints, `${path}.taints`, {
      most: maxTaints,
      each: (taint, at) => checkTaint(problems, taint, at),
    });
  checkMany(problems, device.consumesCounters, `${path}.consumesCounters`, {
    most: maxConsumptions,
    each: ({ counterSet, counters }, at) => {
      if (!counterSet) problems.required(`${at}.counterSet`);
      else problems.check(`${at}.counterSet`, counterSet, dns1123Label);
      checkCounters(problems, counters, `${at}.counters`);
    },
    key: ({ counterSet }) => counterSet ?? '',
  });
  checkDevicePlace(problems, device, path, own);
  checkBindingConditions(problems, device, path);
}

function checkAmounts(problems: Problems, { attributes, capacity }: Device, path: string): void {
  const named = Object.keys(attributes ?? {}).length + Object.keys(capacity ?? {}).length;
  if (named > maxAttributesAndCapacities)
    problems.invalid(
      path,
      named,
      `the total number of attributes and capacities must not exceed ${maxAttributesAndCapacities}`,
    );
  const values = Object.values(attributes ?? {}).reduce(
    (sum, one) =>
      sum +
      Math.max(
        1,
        listFields.reduce((count, field) => count + (one[field]?.length ?? 0), 0),
      ),
    0,
  );
  if (values > maxAttributeValues)
    problems.invalid(
      path,
      values,
      `the total number of attribute values must not exceed ${maxAttributeValues}`,
    );
}

function checkDevicePlace(problems: Problems, device: Device, path: string, own: boolean): void {
  if (!own) {
    if (places.some((place) => device[place] !== undefined))
      problems.invalid(
        path,
        null,
        '`nodeName`, `nodeSelector` and `allNodes` can only be set if ' +
          '`perDeviceNodeSelection` is set to true in the ResourceSlice spec',
      );
    return;
  }
  const set = checkPlaces(problems, device, path, {
    emptyNode: 'must not be empty',
    selector: checkNodeSelector,
  });
  if (set.length === 0) problems.required(path, devicePlacesText);
  else if (set.length > 1) problems.invalid(path, `{${set.join(', ')}}`, devicePlacesText);
}

/** semver.org 2.0.0, without what it allows around it. */
const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;
const attributeFields = ['int', 'bool', 'string', 'version', ...listFields] as const;
/** Fields as Go's messages name them. */
const goNames = {
  int: 'IntValue',
  bool: 'BoolValue',
  string: 'StringValue',
  version: 'VersionValue',
  ints: 'IntValues',
  bools: 'BoolValues',
  strings: 'StringValues',
  versions: 'VersionValues',
} as const;

function checkAttribute(problems: Problems, attribute: DeviceAttribute, path: string): void {
  const set = attributeFields.filter((field) => attribute[field] !== undefined);
  const text = (value: string, at: string): void => {
    if (value.length > maxValue) problems.tooLong(at, maxValue);
  };
  const version = (value: string, at: string): void => {
    if (!semver.test(value))
      problems.invalid(at, value, 'must be a string compatible with semver.org spec 2.0.0');
    text(value, at);
  };
  if (attribute.string !== undefined) text(attribute.string, `${path}.string`);
  if (attribute.version !== undefined) version(attribute.version, `${path}.version`);
  for (const field of listFields)
    if (attribute[field]?.length === 0)
      problems.invalid(`${path}.${field}`, [], 'must not be empty if specified');
  (attribute.strings ?? []).forEach((value, i) => text(value, `${path}.strings[${i}]`));
  (attribute.versions ?? []).forEach((value, i) => version(value, `${path}.versions[${i}]`));
  const why = 'exactly one value must be specified';
  if (set.length === 0) problems.invalid(path, '', why);
  else if (set.length > 1)
    problems.invalid(
      path,
      Object.fromEntries(
        attributeFields.map((field) => [goNames[field], attribute[field] ?? null]),
      ),
      why,
    );
}

function checkCapacity(
  problems: Problems,
  { value, requestPolicy }: DeviceCapacity,
  path: string,
  shared: boolean,
): void {
  if (!requestPolicy) return;
  const at = `${path}.requestPolicy`;
  if (!shared) return problems.forbidden(at, 'allowMultipleAllocations must be true');
  const { validValues = [], validRange } = requestPolicy;
  if (validValues.length > 0 && validRange)
    return problems.forbidden(
      at,
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at ' +
        'the same time',
    );
  const kind = validValues.length > 0 ? 'validValues' : validRange ? 'validRange' : undefined;
  // Go writes it as null where it is missing.
  if (kind && (requestPolicy.default ?? undefined) === undefined)
    problems.required(`${at}.default`, `required when ${kind} is defined`);
  else if (kind === 'validValues')
    checkValues(problems, requestPolicy, quantityOf(value), `${at}.validValues`);
  else if (validRange)
    checkRange(problems, validRange, {
      most: quantityOf(value),
      usual: quantityOf(requestPolicy.default),
      path: `${at}.validRange`,
    });
}

function checkValues(
  problems: Problems,
  policy: CapacityRequestPolicy,
  most: Quantity,
  path: string,
): void {
  const usual = quantityOf(policy.default);
  const options = (policy.validValues ?? []).map((one) => parseQuantity(one));
  options.forEach((option, i) => {
    const next = options[i + 1];
    if (next && option.cmp(next) > 0)
      problems.invalid(
        `${path}[${i + 1}]`,
        next.toString(),
        'values must be sorted in ascending order',
      );
  });
  checkMany(problems, options, path, {
    most: maxOptions,
    each: (option, at) => {
      if (option.cmp(most) > 0)
        problems.invalid(
          at,
          option.toString(),
          `option is larger than capacity value: ${most.toString()}`,
        );
    },
    key: (option) => String(option.value()),
  });
  if (options.length > maxOptions || !options.some((option) => option.cmp(usual) === 0))
    problems.invalid(
      path,
      usual.toString(),
      'default value is not valid according to the requestPolicy',
    );
}

function checkRange(
  problems: Problems,
  range: CapacityRequestPolicyRange,
  { most, usual, path }: { most: Quantity; usual: Quantity; path: string },
): void {
  if (range.min === undefined)
    return problems.required(`${path}.min`, 'required when validRange is defined');
  const min = parseQuantity(range.min);
  const max = range.max === undefined ? undefined : parseQuantity(range.max);
  const wrong = (field: string, value: Quantity, why: string, bound: Quantity): void =>
    problems.invalid(`${path}.${field}`, value.toString(), `${why}: ${bound.toString()}`);
  if (min.cmp(most) > 0) wrong('min', min, 'min is larger than capacity value', most);
  if (usual.cmp(min) < 0) wrong('min', usual, 'default is less than min', min);
  if (max && min.cmp(max) > 0) wrong('max', min, 'min is larger than max', max);
  if (max && max.cmp(most) > 0) wrong('max', max, 'max is larger than capacity value', most);
  if (max && usual.cmp(max) > 0) wrong('max', usual, 'default is more than max', max);
  if (range.step === undefined) return;
  const step = parseQuantity(range.step);
  const first = min.add(step);
  if (first.cmp(most) > 0)
    wrong('step', step, `one step ${first.toString()} is larger than capacity value`, most);
  // No step at all: upstream falls over it.
  if (step.value() === 0n)
    return problems.invalid(`${path}.step`, step.toString(), 'must not be zero');
  for (const value of max ? [usual, max] : [usual]) {
    if ((value.value() - min.value()) % step.value() !== 0n)
      problems.invalid(
        `${path}.step`,
        value.toString(),
        `value is not a multiple of a given step (${step.toString()}) from (${min.toString()})`,
      );
  }
}
