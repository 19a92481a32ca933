import { registryRoot as registry } from '../../api/registry-key.ts';
import { createDecipheriv } from 'node:crypto';
import { decodeProtobuf, isProtobuf } from '../../api/codec/protobuf/envelope.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Scheme } from '../../api/scheme.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { ForeignValue } from '../../store/sqlite/foreign-values.ts';

/** An EncryptionConfiguration's keys: provider and name -> key. */
export type ProviderKeys = ReadonlyMap<string, Buffer>;

export interface Judged {
  kept: ForeignValue[];
  /** What stays behind: why -> keys. */
  left: Map<string, string[]>;
  /** Some values were encrypted. */
  encrypted: boolean;
}

/** Parts of the key space that each API server makes for itself. */
const ownParts = [
  'health',
  'masterleases/',
  'peerserverleases/',
  'ranges/',
  'services/endpoints/default/kubernetes',
  'endpointslices/default/kubernetes',
  'leases/kube-system/',
];
/** The cluster DNS and the cloud controller: skiff has both inside. */
const insideOwners = new Set(['coredns', 'ccm']);
/** What controllers made for them. */
const insideKeys =
  /^\/registry\/(pods|replicasets|endpointslices|services\/endpoints|controllerrevisions)\/kube-system\/(coredns-|kube-dns(-|$))/;
const ownerName = 'objectset.rio.cattle.io/owner-name';
const ownerKind = 'objectset.rio.cattle.io/owner-gvk';
const encryptedMark = 'k8s:enc:';

/** Which values come along, as they are stored: JSON or protobuf, decrypted. */
export function judgeValues(
  values: Iterable<ForeignValue>,
  { scheme, keys }: { scheme: Scheme; keys: ProviderKeys },
): Judged {
  const judged: Judged = { kept: [], left: new Map(), encrypted: false };
  const leave = (why: string, key: string): void =>
    void judged.left.set(why, [...(judged.left.get(why) ?? []), key]);
  for (const one of values) {
    if (!one.key.startsWith(registry)) continue;
    const why = whyByKey(one);
    if (why !== undefined) {
      leave(why, one.key);
      continue;
    }
    const sealed = one.value.subarray(0, encryptedMark.length).toString('latin1') === encryptedMark;
    const value = sealed ? decrypt(one, keys) : one.value;
    judged.encrypted ||= sealed;
    try {
      const object = objectIn(value, scheme);
      if (runsInside(object)) leave('skiff has it inside', one.key);
      else judged.kept.push({ ...one, value });
    } catch (error) {
      leave(`cannot be read (${messageOf(error).slice(0, 120)})`, one.key);
    }
  }
  return judged;
}

function whyByKey({ key, leased }: ForeignValue): string | undefined {
  if (ownParts.some((part) => key.startsWith(registry + part)))
    return 'every server makes it for itself';
  if (leased) return 'it ends by itself';
  return insideKeys.test(key) ? 'skiff has it inside' : undefined;
}

function objectIn(value: Buffer, scheme: Scheme): KubeObject {
  const object = isProtobuf(value)
    ? decodeProtobuf(scheme, value)
    : (JSON.parse(value.toString()) as KubeObject);
  if (
    typeof object !== 'object' ||
    object === null ||
    typeof object.kind !== 'string' ||
    typeof object.apiVersion !== 'string'
  )
    throw new Error('it must be an object');
  return object;
}

function runsInside(object: KubeObject): boolean {
  const annotations = object.metadata?.annotations ?? {};
  if (object.kind === 'Addon' && object.apiVersion.startsWith('k3s.cattle.io/'))
    return insideOwners.has(object.metadata.name ?? '');
  return (
    annotations[ownerKind] === 'k3s.cattle.io/v1, Kind=Addon' &&
    insideOwners.has(annotations[ownerName] ?? '')
  );
}

/** Reads the keys out of k3s' server/cred/encryption-config.json. */
export function providerKeys(text: string | undefined): ProviderKeys {
  const found = new Map<string, Buffer>();
  if (text === undefined) return found;
  const config = JSON.parse(text) as {
    resources?: { providers?: Record<string, { keys?: { name: string; secret: string }[] }>[] }[];
  };
  for (const provider of (config.resources ?? []).flatMap((r) => r.providers ?? [])) {
    for (const [kind, settings] of Object.entries(provider))
      for (const { name, secret } of settings.keys ?? [])
        found.set(`${kind}/${name}`, Buffer.from(secret, 'base64'));
  }
  return found;
}

const hint =
  'say "k3s secrets-encrypt disable" and "k3s secrets-encrypt reencrypt" in k3s, stop it, ' +
  'and migrate then';

/** `k8s:enc:<provider>:v1:<key name>:<bytes>`, as kube-apiserver's envelope has it. */
function decrypt({ key, value }: ForeignValue, keys: ProviderKeys): Buffer {
  const [, provider = '', name = ''] =
    /^k8s:enc:([a-z0-9]+):v1:([^:]{1,200}):/.exec(value.subarray(0, 300).toString('latin1')) ?? [];
  const secret = keys.get(`${provider}/${name}`);
  if (provider !== 'aescbc' && provider !== 'aesgcm')
    throw new ConfigError(
      `${key} is encrypted in a way that cannot be read here (${provider || 'unknown'})`,
      { op: 'migrate', hint },
    );
  if (!secret)
    throw new ConfigError(
      `${key} is encrypted with the key "${name}", which is not in ` +
        'server/cred/encryption-config.json',
      { op: 'migrate', hint },
    );
  const body = value.subarray(`k8s:enc:${provider}:v1:${name}:`.length);
  try {
    return provider === 'aescbc' ? openCbc(body, secret) : openGcm(body, secret, key);
  } catch (cause) {
    throw new ConfigError(`${key} cannot be decrypted with the key "${name}"`, {
      op: 'migrate',
      cause,
      hint,
    });
  }
}

function openCbc(body: Buffer, secret: Buffer): Buffer {
  const decipher = createDecipheriv(`aes-${secret.length * 8}-cbc`, secret, body.subarray(0, 16));
  return Buffer.concat([decipher.update(body.subarray(16)), decipher.final()]);
}

function openGcm(body: Buffer, secret: Buffer, key: string): Buffer {
  const [nonceBytes, tagBytes] = [12, 16];
  const decipher = createDecipheriv(
    `aes-${secret.length * 8}-gcm` as 'aes-256-gcm',
    secret,
    body.subarray(0, nonceBytes),
  );
  decipher.setAAD(Buffer.from(key, 'latin1'));
  decipher.setAuthTag(body.subarray(-tagBytes));
  return Buffer.concat([decipher.update(body.subarray(nonceBytes, -tagBytes)), decipher.final()]);
}
