import { Buffer } from 'node:buffer';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { own } from '../../base/own.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';

const name = 'token-cleaner';

interface TokenView {
  secret: Secret;
  nowMs: number;
}

/** Deletes bootstrap tokens that have expired; one whose end cannot be read has. */
export function startTokenCleaner(ctx: ControllerContext): Controller {
  const secrets = ctx.mirrors.of<Secret>(refs.secrets);
  return startPlanned<TokenView>(
    ctx,
    {
      name,
      mirrors: [{ ref: refs.secrets, mirror: secrets }],
      view: (key, { nowMs }) => {
        const secret = secrets.get(key);
        return secret && isToken(secret) ? { secret, nowMs } : undefined;
      },
      plan: planToken,
    },
    (queue) => {
      secrets.onChange(({ type, key, object }) => {
        if (!isToken(object)) return;
        queue.unschedule(key);
        if (type !== 'DELETED') queue.add(key);
      });
    },
  );
}

/** It goes when its time is over, and is looked at again then. */
export function planToken({ secret, nowMs }: TokenView): Plan {
  const endMs = endOf(secret);
  if (endMs === undefined) return nothing;
  if (endMs > nowMs) return { steps: [], againInMs: endMs - nowMs };
  const { uid, resourceVersion } = secret.metadata;
  // One that was prolonged a moment ago is looked at again.
  const options = { preconditions: { uid, resourceVersion } };
  return {
    steps: [{ verb: 'delete', ref: refs.secrets, object: secret, options, forgives: ['Conflict'] }],
  };
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
