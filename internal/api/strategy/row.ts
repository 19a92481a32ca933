import type { KubeObject } from '../object.ts';
import type { StructSchema } from '../schema.ts';

/** What a strategy needs to know of a kind. KindInfo has it all. */
export interface StrategyInfo {
  group: string;
  version: string;
  kind: string;
  namespaced: boolean;
  subresources?: ReadonlyMap<string, unknown>;
  type?: StructSchema;
  custom?: boolean;
}

export interface StrategyUser {
  name: string;
  uid?: string;
  groups?: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

export interface StrategyContext {
  /** RFC 3339, whole seconds. */
  now: string;
  user?: StrategyUser;
}

export type Update = (object: KubeObject, old: KubeObject, context: StrategyContext) => void;

/** What the registry strategy of a kind does upstream. */
export interface StrategyRow {
  /** Paths whose change makes a new generation. Objects are created with generation 1. */
  generation?: readonly string[];
  /** The kind counts generations from its creation on, though nothing ever changes them. */
  firstGeneration?: boolean;
  /** Has /status: create empties the status, update keeps it. */
  status?: boolean;
  /** What a write to /status keeps besides the spec: `metadata`, or single fields of it. */
  statusKeeps?: 'metadata' | readonly string[];
  create?(object: KubeObject, context: StrategyContext): void;
  update?: Update;
  /** Replaces what a write to /status does. */
  statusUpdate?: Update;
  others?: Readonly<Record<string, Update>>;
}
