import { Buffer } from 'node:buffer';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { own } from '../../base/own.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { makeQueue, run } from '../run.ts';

const name = 'token-cleaner';

/** Deletes bootstrap tokens that have expired; one whose end cannot be read has. */
export function startTokenCleaner(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const secrets = ctx.mirrors.of<Secret>(refs.secrets);
  const reconcile = async (key: string): Promise<void> => {
    const secret = secrets.get(key);
    const endMs = secret && isToken(secret) ? endOf(secret) : undefined;
    if (!secret || endMs === undefined) return;
    const waitMs = endMs - ctx.clock.now();
    if (waitMs > 0) return queue.addAfter(key, waitMs);
    const { namespace, name: secretName = '', uid, resourceVersion } = secret.metadata;
    // One that was prolonged a moment ago is looked at again.
    await client
      .delete(
        refs.secrets,
        { namespace, name: secretName },
        { preconditions: { uid, resourceVersion } },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      });
  };
  const queue = makeQueue(ctx, { name, reconcile });
  secrets.onChange(({ type, key, object }) => {
    if (!isToken(object)) return;
    queue.unschedule(key);
    if (type !== 'DELETED') queue.add(key);
  });
  return run(queue, { name, mirrors: [secrets] });
}

const isToken = ({ type, metadata }: Secret): boolean =>
  type === 'bootstrap.kubernetes.io/token' && metadata.namespace === 'kube-system';

/** Milliseconds since 1970; undefined = never; 0 = at once. */
function endOf({ data }: Secret): number | undefined {
  const text = Buffer.from(
    own((data ?? {}) as Record<string, string>, 'expiration') ?? '',
    'base64',
  ).toString();
  if (text === '') return undefined;
  return Date.parse(text) || 0;
}
