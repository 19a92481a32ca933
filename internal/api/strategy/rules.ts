import type { AnyKind } from '../kinds/kind.ts';
import { semanticEqual } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { bumps, keepStatus, statusOnly } from './keep.ts';
import type { StrategyContext, StrategyInfo, StrategyRow, Update } from './row.ts';
import { zeroStruct } from './zero.ts';

export interface Rule {
  create(object: KubeObject, context: StrategyContext, info: StrategyInfo): void;
  update: Update;
  subresources: Readonly<Record<string, Update>>;
}

const made = new WeakMap<AnyKind, Rule>();

/** The rule of a built-in kind with one of its own. */
export function ruleOf(kind: AnyKind | undefined): Rule | undefined {
  if (!kind?.strategy) return undefined;
  let rule = made.get(kind);
  if (!rule) made.set(kind, (rule = fromRow(kind.strategy)));
  return rule;
}

function fromRow(row: StrategyRow): Rule {
  const bump = row.generation ? bumps(row.generation) : undefined;
  return {
    create(object, context, info) {
      if (row.status) emptyStatus(object, info);
      if (row.generation || row.firstGeneration) object.metadata.generation = 1;
      row.create?.(object, context);
    },
    update(object, old, context) {
      if (row.status) keepStatus(object, old);
      row.update?.(object, old, context);
      bump?.(object, old, context);
    },
    subresources: { status: row.statusUpdate ?? statusOnly(row.statusKeeps), ...row.others },
  };
}

/** Custom resources, and kinds without a row: spec and status are apart where /status is served. */
export function genericRule(info: StrategyInfo): Rule {
  const status = info.subresources?.has('status') ?? false;
  return {
    create(object) {
      if (status) delete fieldsOf(object)['status'];
      if (info.custom) object.metadata.generation = 1;
    },
    update(object, old) {
      if (status) keepStatus(object, old);
      if (info.custom && !semanticEqual(withoutMetadata(object), withoutMetadata(old)))
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    subresources: { status: info.custom ? customStatus : statusOnly(undefined) },
  };
}

function withoutMetadata(object: KubeObject): Dict {
  const { metadata: _metadata, ...rest } = object;
  return rest;
}

/**
 * A write to /status of a custom resource changes the status and the managedFields, nothing else.
 */
function customStatus(object: KubeObject, old: KubeObject): void {
  for (const key of Object.keys(object))
    if (
      key !== 'status' &&
      key !== 'metadata' &&
      key !== 'apiVersion' &&
      key !== 'kind' &&
      !Object.hasOwn(old, key)
    )
      delete fieldsOf(object)[key];
  for (const key of Object.keys(old))
    if (key !== 'status' && key !== 'metadata' && key !== 'apiVersion' && key !== 'kind')
      fieldsOf(object)[key] = fieldsOf(old)[key];
  const { managedFields, resourceVersion } = object.metadata;
  object.metadata = { ...old.metadata };
  delete object.metadata.managedFields;
  if (managedFields) object.metadata.managedFields = managedFields;
  if (resourceVersion) object.metadata.resourceVersion = resourceVersion;
}

function emptyStatus(object: KubeObject, info: StrategyInfo): void {
  const type = info.type?.fields.get('status')?.type;
  fieldsOf(object)['status'] = type?.kind === 'struct' ? zeroStruct(type) : {};
}
