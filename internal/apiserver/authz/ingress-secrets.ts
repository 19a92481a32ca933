import { refs } from '../../api/generated/refs.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { secretsOf } from '../../api/ingress/annotations.ts';
import { ourIngresses } from '../../api/ingress/routes.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { follow, type Change, type Followed } from '../follow.ts';
import type { NodeGraphOptions } from './node-graph.ts';

/** The Secrets that Ingresses of our classes name: every node that serves them needs these. */
export class IngressSecrets {
  readonly #o: NodeGraphOptions;
  readonly #ingresses = new Map<string, Ingress>();
  readonly #classes = new Map<string, IngressClass>();
  readonly #followed: Followed[] = [];
  /** `namespace/name`; made anew when it is asked for after a change. */
  #named: Set<string> | undefined;

  constructor(options: NodeGraphOptions) {
    this.#o = options;
  }

  async start(): Promise<void> {
    const { objectOf, ...options } = this.#o;
    const into =
      <T>(objects: Map<string, T>) =>
      (changes: Change[]): void => {
        for (const { key, kv } of changes)
          if (kv) objects.set(key, objectOf(kv) as T);
          else objects.delete(key);
        this.#named = undefined;
      };
    const [ingresses, classes] = [into(this.#ingresses), into(this.#classes)];
    this.#followed.push(
      ...(await Promise.all([
        follow({
          ...options,
          name: 'ingresses',
          prefix: registryPrefix(refs.ingresses),
          onChanges: ingresses,
        }),
        follow({
          ...options,
          name: 'ingressclasses',
          prefix: registryPrefix(refs.ingressClasses),
          onChanges: classes,
        }),
      ])),
    );
  }

  stop(): void {
    for (const one of this.#followed) one.stop();
  }

  has(namespace: string, name: string): boolean {
    this.#named ??= new Set(
      ourIngresses({
        ingresses: this.#ingresses.values(),
        classes: this.#classes.values(),
      }).flatMap((one) => secretsOf(one).map((secret) => `${one.metadata.namespace}/${secret}`)),
    );
    return this.#named.has(`${namespace}/${name}`);
  }
}
