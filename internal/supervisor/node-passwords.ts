import { scrypt, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../api/generated/types/core-v1.ts';
import { ApiError } from '../api/status.ts';
import { own } from '../base/own.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import type { Random } from '../io/random.ts';
import { orUndefined } from './own-objects.ts';

const namespace = 'kube-system';
const secretName = (nodeName: string): string => `${nodeName}.node-password.skiff`;

/**
 * A node's password tells it from another machine of the same name. The cluster keeps a hash of it,
 * in a Secret (scrypt, RFC 7914: `$1:<salt>:<log2 N>:<r>:<p>:<hash>`, salt and hash in hex).
 */
export interface NodePasswords {
  /**
   * Whether a machine with this password may be the node. The first machine of a name is; so is one
   * that comes when the Node was deleted.
   */
  accepts(nodeName: string, password: string): Promise<boolean>;
}

const cost = { logN: 14, r: 8, p: 1, bytes: 32 };

export function nodePasswords({
  client,
  random,
}: {
  client: Client;
  random: Random;
}): NodePasswords {
  const read = (nodeName: string): Promise<Secret | undefined> =>
    orUndefined(client.get<Secret>(refs.secrets, { namespace, name: secretName(nodeName) }));
  const keep = async (nodeName: string, password: string): Promise<boolean> => {
    const text = await hashOf(password, Buffer.from(random.bytes(16)), cost);
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretName(nodeName), namespace },
      type: 'Opaque',
      immutable: true,
      data: { hash: Buffer.from(text).toString('base64') },
    };
    try {
      await client.create(refs.secrets, secret, { namespace });
      return true;
    } catch (error) {
      // Another machine of the name was faster, or this one asks for two certificates at once.
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
      const kept = await read(nodeName);
      return kept !== undefined && (await matches(kept, password));
    }
  };
  return {
    async accepts(nodeName, password) {
      const kept = await read(nodeName);
      if (!kept) return await keep(nodeName, password);
      if (await matches(kept, password)) return true;
      if (await orUndefined(client.get(refs.nodes, { name: nodeName }))) return false;
      const { uid } = kept.metadata;
      await orUndefined(
        client.delete(
          refs.secrets,
          { namespace, name: secretName(nodeName) },
          { preconditions: { uid } },
        ),
      );
      return await keep(nodeName, password);
    },
  };
}

async function matches(secret: Secret, password: string): Promise<boolean> {
  const text = Buffer.from(own(secret.data, 'hash') ?? '', 'base64').toString();
  const [version, salt = '', logN, r, p, hash = ''] = text.split(':');
  const params = { logN: Number(logN), r: Number(r), p: Number(p), bytes: hash.length / 2 };
  // What an administrator wrote there must not cost more than what we write.
  const sane =
    version === '$1' &&
    /^[0-9a-f]{16,128}$/.test(salt) &&
    /^[0-9a-f]{64}$/.test(hash) &&
    params.logN >= 10 &&
    params.logN <= 16 &&
    params.r === cost.r &&
    params.p === cost.p;
  if (!sane) return false;
  const own256 = await hashOf(password, Buffer.from(salt, 'hex'), params);
  return timingSafeEqual(Buffer.from(own256), Buffer.from(text));
}

function hashOf(password: string, salt: Buffer, params: typeof cost): Promise<string> {
  const { logN, r, p, bytes } = params;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, { N: 2 ** logN, r, p, maxmem: 128 << 20 }, (error, key) =>
      error
        ? reject(error)
        : resolve(`$1:${salt.toString('hex')}:${logN}:${r}:${p}:${key.toString('hex')}`),
    );
  });
}
