import type { ResourceRef } from '../api/object.ts';
import { ApiError } from '../api/status.ts';
import { own } from '../base/own.ts';
import type { Client } from '../client/client.ts';

/** An object of the cluster that the server makes for a part of its own. */
export interface OwnObject {
  metadata: { name: string; namespace?: string; [field: string]: unknown };
}

/** The kinds of roles and their bindings. */
export const rbac = (resource: string, kind: string): ResourceRef => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  resource,
  kind,
  namespaced: false,
});
/** Undefined where there is no such object. */
export async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

/**
 * Makes what is missing, and leaves what is there as its administrator wants it. It looks first: a
 * start must not wear the disk, and a disk may take nothing.
 */
export async function makeMissing(
  client: Client,
  ref: ResourceRef,
  object: OwnObject,
): Promise<void> {
  if (await orUndefined(client.get(ref, object.metadata))) return;
  await create(client, ref, object);
}

/** Another server may be making the same at this moment. */
async function create(client: Client, ref: ResourceRef, object: OwnObject): Promise<void> {
  await client.create(ref, object).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
  });
}

/** Makes what is missing, and puts right what is not as it should be; its metadata stay. */
export async function ensure(client: Client, ref: ResourceRef, object: OwnObject): Promise<void> {
  const { metadata } = object;
  const there = await orUndefined(client.get<Record<string, unknown>>(ref, metadata));
  if (!there) return await create(client, ref, object);
  const same = Object.entries(object).every(
    ([key, value]) => key === 'metadata' || isWithin(value, there[key]),
  );
  if (!same)
    await client.patch(ref, metadata, { type: 'merge', body: object }, { fieldManager: 'skiff' });
}

/** Whether all of `wanted` is in `there`: the server adds defaults. Lists are equal or not. */
function isWithin(wanted: unknown, there: unknown): boolean {
  if (Array.isArray(wanted))
    return (
      Array.isArray(there) &&
      wanted.length === there.length &&
      wanted.every((one, i) => isWithin(one, there[i]))
    );
  if (typeof wanted !== 'object' || wanted === null) return wanted === there;
  return (
    typeof there === 'object' &&
    there !== null &&
    Object.entries(wanted).every(([key, value]) =>
      isWithin(value, own(there as Record<string, unknown>, key)),
    )
  );
}
