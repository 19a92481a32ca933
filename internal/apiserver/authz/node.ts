import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { KeyValue, Store } from '../../store/store.ts';
import { follow, type Followed } from '../follow.ts';
import { ruleAllows, type AccessRequest, type Decision, type PolicyRule } from './authorizer.ts';

const prefix = '/registry/pods/';
const denied: Decision = { allowed: false, reason: '' };
const allowed: Decision = { allowed: true, reason: '' };

/**
 * The Node authorizer: a node may do what the role `system:node` says, but reads only those Secrets, ConfigMaps and claims, and asks
 * tokens only for those accounts, that a pod assigned to it names; of Leases and CSINodes it has its own.
 */
export class NodeAuthorizer {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #objectOf: (kv: KeyValue) => KubeObject;
  readonly #rules: () => readonly PolicyRule[];
  /** `resource/namespace/name` that a pod names, by the pod's key. */
  readonly #pods = new Map<string, { node: string; names: string[] }>();
  /** How many pods of a node name a thing: `node|resource/namespace/name`. */
  readonly #counts = new Map<string, number>();
  #followed: Followed | undefined;

  /** `rules` are those of the ClusterRole system:node as they stand; `objectOf` is the registry's shared parser. */
  constructor(options: { store: Store; clock: Clock; log: Log; objectOf: (kv: KeyValue) => KubeObject; rules: () => readonly PolicyRule[] }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#objectOf = options.objectOf;
    this.#rules = options.rules;
  }

  async start(): Promise<void> {
    this.#followed = await follow({
      store: this.#store, clock: this.#clock, log: this.#log, name: 'pods', prefix,
      onChanges: (changes) => {
        for (const { key, kv } of changes) {
          if (kv) this.#set(kv);
          else this.#drop(key);
        }
      },
    });
  }

  stop(): void {
    this.#followed?.stop();
  }

  authorize(request: AccessRequest): Decision {
    const { user } = request;
    const node = user.groups.includes('system:nodes') && user.name.startsWith('system:node:') ? user.name.slice('system:node:'.length) : '';
    if (!node || request.path !== undefined) return denied;
    if (!this.#rules().some((rule) => ruleAllows(rule, request))) return denied;
    return this.#isOwn(node, request) ? allowed : denied;
  }

  #isOwn(node: string, request: AccessRequest): boolean {
    const { resource = '', namespace = '', name = '', group = '', subresource = '' } = request;
    const named = (): boolean => (this.#counts.get(`${node}|${resource}/${namespace}/${name}`) ?? 0) > 0;
    switch (`${group}/${resource}`) {
      case '/secrets':
      case '/configmaps':
      case '/persistentvolumeclaims':
        return name !== '' && named();
      case '/serviceaccounts':
        return subresource === 'token' ? named() : true;
      case 'coordination.k8s.io/leases':
        return namespace === 'kube-node-lease' && (request.verb === 'create' || name === node);
      case 'storage.k8s.io/csinodes':
        return request.verb === 'create' || name === node;
      default:
        return true;
    }
  }

  #set(kv: KeyValue): void {
    const pod = this.#objectOf(kv) as unknown as Pod;
    const node = pod.spec.nodeName ?? '';
    const before = this.#pods.get(kv.key);
    const generation = pod.metadata.generation ?? 0;
    if (before?.node === node && before.names[0] === String(generation)) return;
    this.#drop(kv.key);
    if (!node) return;
    const names = namesOf(pod);
    this.#pods.set(kv.key, { node, names: [String(generation), ...names] });
    for (const name of names) this.#counts.set(`${node}|${name}`, (this.#counts.get(`${node}|${name}`) ?? 0) + 1);
  }

  #drop(key: string): void {
    const pod = this.#pods.get(key);
    if (!pod) return;
    this.#pods.delete(key);
    for (const name of pod.names.slice(1)) {
      const count = (this.#counts.get(`${pod.node}|${name}`) ?? 0) - 1;
      if (count > 0) this.#counts.set(`${pod.node}|${name}`, count);
      else this.#counts.delete(`${pod.node}|${name}`);
    }
  }
}

/** Every `resource/namespace/name` that a pod's spec names. */
function namesOf(pod: Pod): string[] {
  const { spec } = pod;
  const namespace = pod.metadata.namespace ?? '';
  const names = new Set<string>();
  const add = (resource: string, name: string | undefined): void => {
    if (name) names.add(`${resource}/${namespace}/${name}`);
  };
  add('serviceaccounts', spec.serviceAccountName);
  for (const secret of spec.imagePullSecrets ?? []) add('secrets', secret.name);
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    for (const from of container.envFrom ?? []) {
      add('configmaps', from.configMapRef?.name);
      add('secrets', from.secretRef?.name);
    }
    for (const env of container.env ?? []) {
      add('configmaps', env.valueFrom?.configMapKeyRef?.name);
      add('secrets', env.valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of spec.volumes ?? []) {
    add('secrets', volume.secret?.secretName);
    add('configmaps', volume.configMap?.name);
    add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined));
    for (const source of volume.projected?.sources ?? []) {
      add('secrets', source.secret?.name);
      add('configmaps', source.configMap?.name);
    }
    // Volume sources that carry a secret of their own (csi, rbd, iscsi, ...), whatever they are called.
    for (const source of Object.values(volume) as Record<string, { name?: string } | undefined>[]) {
      if (source && typeof source === 'object') for (const key of ['secretRef', 'nodePublishSecretRef']) add('secrets', source[key]?.name);
    }
  }
  return [...names];
}
