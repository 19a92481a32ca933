import type {
  LabelSelector,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
} from '../generated/types/meta-v1.ts';
import { checkPrefix, dns1123Label, qualifiedName, validLabelValue } from '../names.ts';
import type { NameCheck } from '../names.ts';
import type { Problems } from './problems.ts';
import { negative } from './problems.ts';

const annotationBytes = 256 * 1024;
const managerBytes = 128;
const subresourceBytes = 256;

/** Metadata of a new object. `check` is the rule for its name. */
export function checkMetadata(
  problems: Problems,
  meta: ObjectMeta,
  options: { namespaced: boolean; name: NameCheck; path?: string; anyFinalizer?: boolean },
): void {
  const path = options.path ?? 'metadata';
  if (meta.generateName)
    for (const m of checkPrefix(options.name, meta.generateName))
      problems.invalid(`${path}.generateName`, meta.generateName, m);
  if (!meta.name) problems.required(`${path}.name`, 'name or generateName is required');
  else problems.check(`${path}.name`, meta.name, options.name);
  if (options.namespaced) {
    if (!meta.namespace) problems.required(`${path}.namespace`);
    else problems.check(`${path}.namespace`, meta.namespace, dns1123Label);
  } else if (meta.namespace) problems.forbidden(`${path}.namespace`, 'not allowed on this type');
  if ((meta.generation ?? 0) < 0) problems.invalid(`${path}.generation`, meta.generation, negative);
  checkLabels(problems, meta.labels, `${path}.labels`);
  checkAnnotations(problems, meta.annotations, `${path}.annotations`);
  checkOwners(problems, meta.ownerReferences, `${path}.ownerReferences`);
  checkFinalizers(problems, meta.finalizers ?? [], `${path}.finalizers`);
  checkManagedFields(problems, meta.managedFields, `${path}.managedFields`);
  if (!options.anyFinalizer)
    checkFinalizerNames(problems, meta.finalizers ?? [], `${path}.finalizers`);
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** A finalizer of a built-in kind has a domain, or is one of Kubernetes' own. */
function checkFinalizerNames(
  problems: Problems,
  finalizers: readonly string[],
  path: string,
): void {
  finalizers.forEach((name, i) => {
    if (!name.includes('/') && !standardFinalizers.includes(name))
      problems.invalid(
        `${path}[${i}]`,
        name,
        'name is neither a standard finalizer name nor is it fully qualified',
      );
  });
}

export function checkMetadataUpdate(
  problems: Problems,
  meta: ObjectMeta,
  old: ObjectMeta,
  options: { anyFinalizer?: boolean } = {},
): void {
  if (old.deletionTimestamp) {
    const extra = [...new Set(meta.finalizers).difference(new Set(old.finalizers))].sort();
    if (extra.length > 0) {
      problems.forbidden(
        'metadata.finalizers',
        'no new finalizers can be added if the object is being deleted, found new finalizers ' +
          `[]string{${extra.map((f) => JSON.stringify(f)).join(', ')}}`,
      );
    }
  }
  if (!meta.resourceVersion)
    problems.invalid(
      'metadata.resourceVersion',
      meta.resourceVersion ?? '',
      'must be specified for an update',
    );
  if ((meta.generation ?? 0) < (old.generation ?? 0))
    problems.invalid('metadata.generation', meta.generation ?? 0, 'must not be decremented');
  for (const field of ['name', 'namespace', 'uid'] as const)
    problems.immutable(`metadata.${field}`, meta[field] ?? '', old[field] ?? '');
  for (const field of [
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const)
    problems.immutable(`metadata.${field}`, meta[field], old[field]);
  checkLabels(problems, meta.labels, 'metadata.labels');
  checkAnnotations(problems, meta.annotations, 'metadata.annotations');
  checkOwners(problems, meta.ownerReferences, 'metadata.ownerReferences');
  checkManagedFields(problems, meta.managedFields, 'metadata.managedFields');
  if (!options.anyFinalizer)
    checkFinalizerNames(problems, meta.finalizers ?? [], 'metadata.finalizers');
}

export function checkLabels(
  problems: Problems,
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    problems.check(path, key, qualifiedName);
    problems.check(path, value, validLabelValue);
  }
}

export function checkAnnotations(
  problems: Problems,
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const m of qualifiedName(key.toLowerCase())) problems.invalid(path, key, m);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > annotationBytes) problems.tooLong(path, annotationBytes);
}

function checkOwners(
  problems: Problems,
  owners: readonly OwnerReference[] | undefined,
  path: string,
): void {
  let controller = '';
  for (const owner of owners ?? []) {
    const version = (owner.apiVersion ?? '').split('/').pop() ?? '';
    if (!version)
      problems.invalid(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty');
    if (!owner.kind) problems.invalid(`${path}.kind`, owner.kind ?? '', 'must not be empty');
    if (!owner.name) problems.invalid(`${path}.name`, owner.name ?? '', 'must not be empty');
    if (!owner.uid) problems.invalid(`${path}.uid`, owner.uid ?? '', 'must not be empty');
    if (owner.apiVersion === 'v1' && owner.kind === 'Event')
      problems.invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner');
    if (!owner.controller) continue;
    const own = `${owner.kind}/${owner.name}`;
    if (controller)
      problems.invalid(
        path,
        owners,
        'Only one reference can have Controller set to true. Found "true" in references for ' +
          `${controller} and ${own}`,
      );
    else controller = own;
  }
}

function checkFinalizers(problems: Problems, finalizers: readonly string[], path: string): void {
  for (const finalizer of finalizers) problems.check(path, finalizer, qualifiedName);
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    problems.invalid(
      path,
      finalizers,
      'finalizer orphan and foregroundDeletion cannot be both set',
    );
}

function checkManagedFields(
  problems: Problems,
  entries: readonly ManagedFieldsEntry[] | undefined,
  path: string,
): void {
  (entries ?? []).forEach((entry, i) => {
    const at = `${path}[${i}]`;
    if (entry.operation !== 'Apply' && entry.operation !== 'Update')
      problems.invalid(`${at}.operation`, entry.operation ?? '', 'must be `Apply` or `Update`');
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1')
      problems.invalid(`${at}.fieldsType`, entry.fieldsType, 'must be `FieldsV1`');
    if (Buffer.byteLength(entry.manager ?? '') > managerBytes)
      problems.tooLong(`${at}.fieldManager`, managerBytes);
    if (Buffer.byteLength(entry.subresource ?? '') > subresourceBytes)
      problems.tooLong(`${at}.subresource`, subresourceBytes);
  });
}

/** metav1 ValidateLabelSelector. */
export function checkLabelSelector(
  problems: Problems,
  selector: LabelSelector | undefined,
  path: string,
  options: { anyValue?: boolean } = {},
): void {
  if (!selector) return;
  checkLabels(problems, selector.matchLabels, `${path}.matchLabels`);
  (selector.matchExpressions ?? []).forEach(({ key, operator, values = [] }, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        problems.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        problems.forbidden(
          `${at}.values`,
          "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        );
    } else problems.invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator');
    problems.check(`${at}.key`, key ?? '', qualifiedName);
    if (!options.anyValue)
      values.forEach((value, j) => problems.check(`${at}.values[${j}]`, value, validLabelValue));
  });
}
