import { table } from '../../base/own.ts';
import {
  enumValues,
  jsonOrder,
  lineIndex,
  hasType,
  rawType,
  type RawField,
  type RawType,
} from '../type-table.ts';
import { kindsData } from '../generated/kinds-data.ts';
import {
  apiVersionDescription,
  describeField,
  describeType,
  kindDescription,
} from './descriptions.ts';

/**
 * OpenAPI 2 has no defaults, no junctions, and a reference stands alone; OpenAPI 3 wraps it into
 * allOf.
 */
export type Flavor = 2 | 3;
export type Json = Record<string, unknown>;

const refPrefix: Record<Flavor, string> = { 2: '#/definitions/', 3: '#/components/schemas/' };

export function refTo(name: string, flavor: Flavor): Json {
  return { $ref: refPrefix[flavor] + name };
}

/** A reference with words or a default beside it. */
export function refWith(name: string, flavor: Flavor, beside: Json): Json {
  if (flavor === 2) return { ...beside, ...refTo(name, 2) };
  return Object.keys(beside).length ? { ...beside, allOf: [refTo(name, 3)] } : refTo(name, 3);
}

const scalars: Record<string, Json> = table({
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
});
const zeros: Record<string, unknown> = table({
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
});

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const named: Record<string, string> = table({
  Time: `${meta}Time`,
  MicroTime: `${meta}MicroTime`,
  Duration: `${meta}Duration`,
  FieldsV1: `${meta}FieldsV1`,
  Quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  IntOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  RawExtension: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
});

/** Every name of a type -> kinds it stands for, `group/version/Kind`. */
let kindsByType: Map<string, string[]> | undefined;

function kindsOf(typeName: string): string[] {
  if (!kindsByType) {
    kindsByType = new Map();
    for (const [kind, short] of lineIndex(kindsData)) {
      const type = short.replace('#', meta).replace('@', 'io.k8s.api.');
      kindsByType.set(type, [...(kindsByType.get(type) ?? []), kind]);
    }
  }
  return kindsByType.get(typeName) ?? [];
}

/**
 * Versions that Kubernetes knows and no longer serves, or never did: options belong to them too.
 */
const unserved = (
  'admission.k8s.io/v1 admission.k8s.io/v1beta1 admissionregistration.k8s.io/v1alpha1 ' +
  'admissionregistration.k8s.io/v1beta1 apiextensions.k8s.io/v1beta1 ' +
  'apiregistration.k8s.io/v1beta1 apps/v1beta1 apps/v1beta2 authentication.k8s.io/v1alpha1 ' +
  'authentication.k8s.io/v1beta1 authorization.k8s.io/v1beta1 batch/v1beta1 ' +
  'certificates.k8s.io/v1alpha1 certificates.k8s.io/v1beta1 coordination.k8s.io/v1alpha2 ' +
  'coordination.k8s.io/v1beta1 discovery.k8s.io/v1beta1 events.k8s.io/v1beta1 ' +
  'extensions/v1beta1 flowcontrol.apiserver.k8s.io/v1beta1 ' +
  'flowcontrol.apiserver.k8s.io/v1beta2 flowcontrol.apiserver.k8s.io/v1beta3 ' +
  'imagepolicy.k8s.io/v1alpha1 internal.apiserver.k8s.io/v1alpha1 networking.k8s.io/v1beta1 ' +
  'node.k8s.io/v1alpha1 node.k8s.io/v1beta1 policy/v1beta1 ' +
  'rbac.authorization.k8s.io/v1alpha1 rbac.authorization.k8s.io/v1beta1 ' +
  'resource.k8s.io/v1alpha3 resource.k8s.io/v1beta1 resource.k8s.io/v1beta2 ' +
  'scheduling.k8s.io/v1alpha2 scheduling.k8s.io/v1beta1 storage.k8s.io/v1alpha1 ' +
  'storage.k8s.io/v1beta1 storagemigration.k8s.io/v1beta1'
).split(' ');

/** Types of which one field at most is set, and the field that says which. */
const unions = table<{ discriminator?: string; fields: Record<string, string> }>({
  'io.k8s.api.core.v1.AppArmorProfile': {
    discriminator: 'type',
    fields: { localhostProfile: 'LocalhostProfile' },
  },
  'io.k8s.api.core.v1.PodSchedulingGroup': { fields: { podGroupName: 'PodGroupName' } },
  'io.k8s.api.core.v1.SeccompProfile': {
    discriminator: 'type',
    fields: { localhostProfile: 'LocalhostProfile' },
  },
  'io.k8s.api.flowcontrol.v1.LimitResponse': {
    discriminator: 'type',
    fields: { queuing: 'Queuing' },
  },
  'io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec': {
    discriminator: 'type',
    fields: { exempt: 'Exempt', limited: 'Limited' },
  },
  'io.k8s.api.flowcontrol.v1.Subject': {
    discriminator: 'kind',
    fields: { group: 'Group', serviceAccount: 'ServiceAccount', user: 'User' },
  },
});

const everywhere = new Set([`${meta}DeleteOptions`, `${meta}WatchEvent`]);

/**
 * The definition of a built-in type. `groups` are the versions that it is published with: options
 * belong to all.
 */
export function definitionOf(typeName: string, flavor: Flavor, groups: readonly string[]): Json {
  const special = specialDefinition(typeName, flavor);
  if (special) return special;
  const type = rawType(typeName);
  const short = typeName.slice(typeName.lastIndexOf('.') + 1);
  const properties: Json = {};
  if (type.tm) {
    properties['apiVersion'] = { description: apiVersionDescription, type: 'string' };
    properties['kind'] = { description: kindDescription, type: 'string' };
  }
  const required: string[] = [];
  addProperties(typeName, typeName, flavor, properties, required);
  const out: Json = { description: describeType(typeName), type: 'object' };
  if (required.length) out['required'] = required;
  if (Object.keys(properties).length)
    out['properties'] = Object.fromEntries(
      Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  const kinds = everywhere.has(typeName)
    ? [...new Set(['/v1', ...groups, ...(flavor === 2 ? unserved : [])])]
        .sort()
        .map((gv) => `${gv}/${short}`)
    : type.tm
      ? kindsOf(typeName)
      : [];
  if (kinds.length) out['x-kubernetes-group-version-kind'] = kinds.map(gvk);
  const union = unions[typeName];
  if (union)
    out['x-kubernetes-unions'] = [
      {
        ...(union.discriminator && { discriminator: union.discriminator }),
        'fields-to-discriminateBy': union.fields,
      },
    ];
  if (type.st === 'atomic') out['x-kubernetes-map-type'] = 'atomic';
  return out;
}

function gvk(text: string): Json {
  const [group = '', version = '', kind = ''] = text.split('/');
  return { group, kind, version };
}

function specialDefinition(typeName: string, flavor: Flavor): Json | undefined {
  const description = describeType(typeName);
  if (!hasType(typeName)) return { description, type: 'object' };
  const type = rawType(typeName);
  switch (type.sp) {
    case 'Time':
    case 'MicroTime':
      return { description, type: 'string', format: 'date-time' };
    case 'Duration':
      return { description, type: 'string' };
    case 'Quantity':
      return flavor === 2
        ? { description, type: 'string' }
        : { description, oneOf: [{ type: 'string' }, { type: 'number' }] };
    case 'IntOrString':
      return flavor === 2
        ? { description, type: 'string', format: 'int-or-string' }
        : {
            description,
            format: 'int-or-string',
            oneOf: [{ type: 'integer' }, { type: 'string' }],
          };
    case 'RawExtension':
    case 'FieldsV1':
      return { description, type: 'object' };
    case undefined:
      return type.wrap
        ? {
            description,
            type: 'array',
            items: { type: 'string', ...(flavor === 3 ? { default: '' } : {}) },
          }
        : undefined;
    default:
      return { description };
  }
}

/** `owner` is the type that is described; `typeName` may be a struct inlined into it. */
function addProperties(
  typeName: string,
  owner: string,
  flavor: Flavor,
  properties: Json,
  required: string[],
): void {
  for (const field of jsonOrder(rawType(typeName))) {
    if (field.inl) addProperties(field.t, owner, flavor, properties, required);
    else if (field.n && field.n !== '-') {
      properties[field.n] = property(owner, field, flavor);
      if (field.req) required.push(field.n);
    }
  }
}

function property(owner: string, field: RawField, flavor: Flavor): Json {
  const head: Json = { description: describeField(owner, field.n ?? '') };
  const value = flavor === 3 ? defaultOf(field) : undefined;
  if (value !== undefined) head['default'] = value;
  const out = typed(field.t, field.e, flavor, head);
  if (field.lk) out['x-kubernetes-list-map-keys'] = field.lk;
  if (field.lt) out['x-kubernetes-list-type'] = field.lt;
  const mapType = field.mt ?? field.st;
  if (mapType) out['x-kubernetes-map-type'] = mapType;
  if (field.pk) out['x-kubernetes-patch-merge-key'] = field.pk;
  if (field.ps) out['x-kubernetes-patch-strategy'] = field.ps;
  return out;
}

function isStruct(text: string): boolean {
  if (!hasType(text)) return false;
  const type: RawType = rawType(text);
  return !type.sp && !type.wrap;
}

/** What Go holds when nothing is said; published where nil is not possible. */
function defaultOf(field: RawField): unknown {
  if (field.d !== undefined) return field.d;
  if (field.ptr) return undefined;
  if (isStruct(field.t)) return {};
  return field.oe ? undefined : zeros[field.t];
}

function typed(text: string, enumName: string | undefined, flavor: Flavor, head: Json): Json {
  if (text.startsWith('[]'))
    return { ...head, type: 'array', items: item(text.slice(2), enumName, flavor) };
  if (text.startsWith('map[string]'))
    return {
      ...head,
      type: 'object',
      additionalProperties: item(text.slice(11), enumName, flavor),
    };
  const scalar = scalars[text];
  if (scalar) {
    const values = enumName ? enumValues(enumName) : undefined;
    return { ...head, ...scalar, ...(values ? { enum: [...values].sort() } : {}) };
  }
  if (text === 'any') return head;
  if (hasType(text) && rawType(text).wrap)
    return { ...head, type: 'array', items: item('string', undefined, flavor) };
  return refWith(named[text] ?? text, flavor, head);
}

/** An item of a list or a map: always there, so it has Go's zero. */
function item(text: string, enumName: string | undefined, flavor: Flavor): Json {
  const head: Json = {};
  if (flavor === 3 && isStruct(text)) head['default'] = {};
  else if (flavor === 3 && zeros[text] !== undefined) head['default'] = zeros[text];
  return typed(text, enumName, flavor, head);
}

/** Names of the definitions that a piece of a document points to, and those that these point to. */
export function reachable(
  roots: unknown,
  flavor: Flavor,
  define: (name: string) => Json,
): Map<string, Json> {
  const found = new Map<string, Json>();
  const waiting = [...refsIn(roots, flavor)];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    const made = define(name);
    found.set(name, made);
    for (const next of refsIn(made, flavor)) if (!found.has(next)) waiting.push(next);
  }
  return found;
}

function refsIn(value: unknown, flavor: Flavor, into: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const item of value) refsIn(item, flavor, into);
  else if (value !== null && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      if (key === '$ref' && typeof inner === 'string' && inner.startsWith(refPrefix[flavor]))
        into.add(inner.slice(refPrefix[flavor].length));
      else refsIn(inner, flavor, into);
    }
  }
  return into;
}
