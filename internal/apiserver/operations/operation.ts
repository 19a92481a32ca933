import { own } from '../../base/own.ts';
import type { KubeObject } from '../../api/object.ts';
import type { KeyValue } from '../../store/store.ts';
import type { Call } from '../registry/call.ts';
import type { Core } from '../registry/core.ts';
import type { Written } from '../registry/create.ts';
import type { DeleteOptions } from '../registry/delete.ts';
import type { Listed, ListQuery } from '../registry/list.ts';
import type { PatchRequest } from '../registry/patch.ts';
import type { GroupVersionKind } from '../registry/resource.ts';

/** A call whose user is known and may do what it asks, however it came here. */
export interface ApiCall extends Call {
  /** get, list, create, update, patch, delete or deletecollection. A watch is a stream. */
  verb: string;
}

/**
 * What a call brings along. Read when an operation asks for it: over HTTP this is when the body is
 * read and decoded, so each may be asked for once. All of it is the operation's to change.
 */
export interface Input {
  /** The body as an object of the call's resource. */
  object(): Promise<KubeObject>;
  /** The body as an object of a kind that is not stored: Binding, Scale, TokenRequest, reviews. */
  unstored<T>(kind: GroupVersionKind): Promise<T>;
  patch(): Promise<PatchRequest>;
  deleteOptions(): Promise<DeleteOptions>;
  /** Selectors, pages and the version of a read. */
  query(): ListQuery;
}

/** What an operation answers; those who adapt it make bytes or objects of it. */
export type Result =
  /** A stored object that was read; nobody has parsed it yet. */
  | { kind: 'record'; code: number; kv: KeyValue }
  | { kind: 'stored'; code: number; written: Written }
  /** An object that was there and is gone. */
  | { kind: 'deleted'; code: number; written: Written }
  | { kind: 'list'; code: number; listed: Listed }
  /** An object that is not stored, with its kind and apiVersion. */
  | { kind: 'unstored'; code: number; object: object }
  /** A Status of success. */
  | { kind: 'status'; code: number; status: object };

export type Operation = (core: Core, call: ApiCall, input: Input) => Promise<Result>;

/** Where an operation of its own belongs; `subresource` is empty for the resource itself. */
export interface Place {
  group: string;
  resource: string;
  subresource: string;
}

const keyOf = ({ group, resource, subresource }: Place): string =>
  `${group}/${resource}/${subresource}`;

/**
 * Operations that are not those of the generic registry: subresources that are more than a part of
 * their object, and resources that are not stored.
 */
export class Operations {
  readonly #own = new Map<string, Operation>();
  readonly #anywhere: Readonly<Record<string, Operation>>;

  /** `anywhere`: subresources that are the same whatever has them, by name. */
  constructor(anywhere: Readonly<Record<string, Operation>> = {}) {
    this.#anywhere = anywhere;
  }

  add(place: Place, operation: Operation): void {
    this.#own.set(keyOf(place), operation);
  }

  find(place: Place): Operation | undefined {
    return this.#own.get(keyOf(place)) ?? own(this.#anywhere, place.subresource);
  }
}

export const placeOf = (call: Call): Place => ({
  group: call.resource.group,
  resource: call.resource.resource,
  subresource: call.subresource,
});

export const unstored = (code: number, object: object): Result => ({
  kind: 'unstored',
  code,
  object,
});

export const success = (code: number): Result => ({
  kind: 'status',
  code,
  status: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code },
});
