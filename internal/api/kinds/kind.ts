import type { Rules as Defaults } from '../defaults/rule.ts';
import type { KubeObject } from '../object.ts';
import type { StrategyRow } from '../strategy/row.ts';
import type { Cells } from '../table/cell.ts';
import type { ColumnRow } from '../table/column.ts';
import type { Rule as ValidationRule } from '../validation/rule.ts';

/** How one served version becomes the stored one and back. */
export interface Conversion {
  toStorage(object: KubeObject): KubeObject;
  fromStorage(object: KubeObject): KubeObject;
}

/** What deleting an object of the kind does besides removing its record. */
export interface Deletion<T = never> {
  /** Seconds that the object has to end; 0 for at once. `asked` is what the client wants. */
  gracePeriod?(object: T, asked: number | null | undefined): number;
  /** Put there by the deletion; a controller takes it away when all is done. */
  finalizer?: string;
  /** Something of its own, besides finalizers in the metadata, holds the object. */
  held?(object: T): boolean;
  /** Changes the copy that is stored as "being deleted". `now` is RFC 3339, whole seconds. */
  mark?(object: T, now: string): void;
}

/**
 * All facts about a built-in kind that are not in the generated tables (generated/kinds-data.ts
 * has names, verbs, versions). What is left out is as for most kinds.
 */
export interface Kind<T = never> {
  group: string;
  kind: string;
  /** Its name in `refs`, where the plural of the kind is taken by another group. */
  ref?: string;
  /** Where kube-apiserver stores it below `/registry/`, when that is not the resource's name. */
  folder?: string;
  validation?: ValidationRule<T>;
  /** What create, update and subresources may change. Without it: what they are given. */
  strategy?: StrategyRow;
  /** By the OpenAPI name of the type: the kind in its versions, and types that only it has. */
  defaults?: Defaults;
  /** What is allowed but unwise. `old` on update. */
  warnings?(object: KubeObject, old: KubeObject | undefined): string[];
  /** Served version -> how it becomes the stored one, where the shapes differ. */
  conversions?: Readonly<Record<string, Conversion>>;
  /** The cells of `kubectl get`. Without them: name and age. */
  cells?: Cells;
  /** Columns behind those of the generated table. */
  lateColumns?: readonly ColumnRow[];
  /** Conditions of a table's row. */
  rowConditions?(object: KubeObject): object[] | undefined;
  /** Selectable fields that are not read at their path, such as a zero that JSON leaves out. */
  fields?: Readonly<Record<string, (object: T) => string>>;
  /** Field labels of the served version, not of the stored one. */
  fieldsAsServed?: boolean;
  /** Written lazily: a power cut may lose the last seconds of it. */
  soft?: boolean;
  /**
   * A change of a soft kind that must outlive a power cut. Stored JSON; one is missing on
   * create and delete.
   */
  firmWhen?(old: Uint8Array | undefined, now: Uint8Array | undefined): boolean;
  /** Objects vanish by themselves, after `--event-ttl`. */
  expires?: boolean;
  /** Hardly ever read twice: parsed objects are not kept. */
  readOnce?: boolean;
  /** Plain writes leave no managedFields. */
  untracked?: boolean;
  /** A server-side apply to /status may create the object. */
  createdByStatusApply?: boolean;
  /** Deleting answers with the object (ReturnDeletedObject of its store). */
  returnsDeleted?: boolean;
  /** A deletion that does not say keeps dependents (DefaultGarbageCollectionPolicy). */
  orphansDependents?: boolean;
  deletion?: Deletion<T>;
  /** Sent with every answer. */
  deprecation?: string;
}

/** Any kind, for code that is written for all of them. */
export type AnyKind = Kind<KubeObject>;

/** A row, checked against the type of its objects. The registry gives it objects of no other. */
export function kind<T extends KubeObject>(row: Kind<T>): AnyKind {
  return row as AnyKind;
}
