import { refs } from '../../api/generated/refs.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { namedAuthorities } from '../../api/gateway/backend-tls.ts';
import { gatewaySecrets } from '../../api/gateway/listeners.ts';
import { ourGateways } from '../../api/gateway/plan.ts';
import {
  gatewayRefs,
  type BackendTlsPolicy,
  type Gateway,
  type GatewayClass,
  type ReferenceGrant,
} from '../../api/gateway/types.ts';
import { secretsOf } from '../../api/ingress/annotations.ts';
import { ourIngresses } from '../../api/ingress/routes.ts';
import { customPrefix, registryPrefix } from '../../api/registry-key.ts';
import { follow, type Followed } from '../follow.ts';
import type { NodeGraphOptions } from './node-graph.ts';

/**
 * The Secrets that Ingresses and Gateways of our classes name: every node that serves them needs
 * these.
 */
export class IngressSecrets {
  readonly #o: NodeGraphOptions;
  readonly #ingresses = new Map<string, Ingress>();
  readonly #classes = new Map<string, IngressClass>();
  readonly #gateways = new Map<string, Gateway>();
  readonly #gatewayClasses = new Map<string, GatewayClass>();
  readonly #grants = new Map<string, ReferenceGrant>();
  readonly #policies = new Map<string, BackendTlsPolicy>();
  #followed: Followed[] = [];
  /** `namespace/name`; made again when it is asked for after a change. */
  #named: Set<string> | undefined;
  #authorities: Set<string> | undefined;

  constructor(options: NodeGraphOptions) {
    this.#o = options;
  }

  async start(): Promise<void> {
    const { objectOf, ...options } = this.#o;
    const into = <T>(name: string, prefix: string, objects: Map<string, T>): Promise<Followed> =>
      follow({
        ...options,
        name,
        prefix,
        onChanges: (changes) => {
          for (const { key, kv } of changes)
            if (kv) objects.set(key, objectOf(kv) as T);
            else objects.delete(key);
          this.#named = undefined;
          this.#authorities = undefined;
        },
      });
    const { gateways, classes, grants, backendTlsPolicies } = gatewayRefs;
    this.#followed = await Promise.all([
      into('ingresses', registryPrefix(refs.ingresses), this.#ingresses),
      into('ingressclasses', registryPrefix(refs.ingressClasses), this.#classes),
      into('gateways', customPrefix(gateways), this.#gateways),
      into('gatewayclasses', customPrefix(classes), this.#gatewayClasses),
      into('referencegrants', customPrefix(grants), this.#grants),
      into('backendtlspolicies', customPrefix(backendTlsPolicies), this.#policies),
    ]);
  }

  stop(): void {
    for (const one of this.#followed) one.stop();
  }

  has(namespace: string, name: string): boolean {
    this.#named ??= new Set([...this.#ofIngresses(), ...this.#ofGateways()]);
    return this.#named.has(`${namespace}/${name}`);
  }

  /** A ConfigMap with certificates of authorities that a BackendTLSPolicy names. */
  hasAuthority(namespace: string, name: string): boolean {
    this.#authorities ??= new Set(namedAuthorities(this.#policies.values()));
    return this.#authorities.has(`${namespace}/${name}`);
  }

  #ofIngresses(): string[] {
    const view = { ingresses: this.#ingresses.values(), classes: this.#classes.values() };
    return ourIngresses(view).flatMap((one) =>
      secretsOf(one).map((secret) => `${one.metadata.namespace}/${secret}`),
    );
  }

  #ofGateways(): string[] {
    const view = { gateways: this.#gateways.values(), classes: this.#gatewayClasses.values() };
    return gatewaySecrets(ourGateways(view), [...this.#grants.values()]);
  }
}
