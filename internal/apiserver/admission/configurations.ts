import { refs } from '../../api/generated/refs.ts';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../../api/generated/types/admissionregistration-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { keyOf as storeKey } from '../../store/store.ts';
import { follow, type Followed } from '../follow.ts';
import type { Core } from '../registry/core.ts';
import { objectOf } from '../registry/stored.ts';

/** All objects of one kind, as its watch tells of them. */
class Kept<T> {
  readonly #prefix: string;
  readonly #name: string;
  readonly #byName = new Map<string, T>();
  #inOrder: readonly T[] = [];

  constructor(ref: ResourceRef) {
    this.#name = ref.resource;
    this.#prefix = storeKey(registryPrefix(ref));
  }

  /** In the order of their names. */
  list(): readonly T[] {
    return this.#inOrder;
  }

  get(name: string): T | undefined {
    return this.#byName.get(name);
  }

  follow({ store, clock, log }: Core): Promise<Followed> {
    return follow({
      store,
      clock,
      log,
      name: this.#name,
      prefix: this.#prefix,
      onChanges: (changes) => {
        for (const { key, kv } of changes) {
          const name = key.slice(this.#prefix.length);
          if (kv) this.#byName.set(name, objectOf(kv) as T);
          else this.#byName.delete(name);
        }
        const names = [...this.#byName.keys()].sort();
        this.#inOrder = names.map((one) => this.#byName.get(one) as T);
      },
    });
  }
}

/**
 * Webhooks and policies, which every write asks for. They are followed, as kube-apiserver's
 * informers do: a look at the store for each of them would cost as much as the rest of admission.
 */
export class AdmissionConfigurations {
  readonly mutatingWebhooks = new Kept<MutatingWebhookConfiguration>(
    refs.mutatingWebhookConfigurations,
  );
  readonly validatingWebhooks = new Kept<ValidatingWebhookConfiguration>(
    refs.validatingWebhookConfigurations,
  );
  readonly mutatingPolicies = new Kept<MutatingAdmissionPolicy>(refs.mutatingAdmissionPolicies);
  readonly mutatingBindings = new Kept<MutatingAdmissionPolicyBinding>(
    refs.mutatingAdmissionPolicyBindings,
  );
  readonly validatingPolicies = new Kept<ValidatingAdmissionPolicy>(
    refs.validatingAdmissionPolicies,
  );
  readonly validatingBindings = new Kept<ValidatingAdmissionPolicyBinding>(
    refs.validatingAdmissionPolicyBindings,
  );

  /** Resolves when all that there is is known, with how to stop. */
  async start(core: Core): Promise<() => void> {
    const followed: Followed[] = [];
    for (const kept of [
      this.mutatingWebhooks,
      this.validatingWebhooks,
      this.mutatingPolicies,
      this.mutatingBindings,
      this.validatingPolicies,
      this.validatingBindings,
    ])
      followed.push(await kept.follow(core));
    return () => {
      for (const one of followed) one.stop();
    };
  }
}
