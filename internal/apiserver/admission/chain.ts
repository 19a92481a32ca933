import type { KubeObject } from '../../api/object.ts';
import type { Call } from '../registry/call.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** What a plug-in sees of a request (apiserver pkg/admission Attributes). */
export interface Attributes {
  call: Call;
  operation: Operation;
  /** Mutating plug-ins change it in place; undefined for DELETE. */
  object: KubeObject | undefined;
  old: KubeObject | undefined;
  options?: object;
  /** The name was made from `generateName`: the caller does not know it yet. */
  generatedName?: boolean;
}

/** `admit` may change the object, `validate` may only refuse. Both refuse by throwing ApiError. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Resources (`pods`, `nodes/status`, group after a dot) it wants to see; undefined = all. */
  readonly handles?: (attributes: Attributes) => boolean;
  admit?(attributes: Attributes): Promise<void> | void;
  validate?(attributes: Attributes): Promise<void> | void;
}

export class AdmissionChain {
  readonly #plugins: AdmissionPlugin[] = [];

  add(...plugins: AdmissionPlugin[]): void {
    this.#plugins.push(...plugins);
  }

  async admit(attributes: Attributes): Promise<void> {
    for (const plugin of this.#plugins) {
      if (!plugin.admit || (plugin.handles && !plugin.handles(attributes))) continue;
      const done = plugin.admit(attributes);
      if (done) await done;
    }
  }

  async validate(attributes: Attributes): Promise<void> {
    for (const plugin of this.#plugins) {
      if (!plugin.validate || (plugin.handles && !plugin.handles(attributes))) continue;
      const done = plugin.validate(attributes);
      if (done) await done;
    }
  }
}
