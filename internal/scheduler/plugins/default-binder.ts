import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import { messageOf } from '../../base/errors.ts';
import type { Plugin } from '../framework/plugin.ts';
import { failed } from '../framework/status.ts';

const name = 'DefaultBinder';

/** Binds through `pods/binding`, like anyone. */
export const defaultBinder = ({ client }: { client: Client }): Plugin => ({
  name,
  async bind(_state, pod, node) {
    const target = { namespace: pod.namespace, name: pod.name };
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { ...target, uid: pod.uid },
      target: { kind: 'Node', name: node },
    };
    try {
      await client.create(refs.pods, binding, { ...target, subresource: 'binding' });
      return undefined;
    } catch (error) {
      return failed(name, messageOf(error));
    }
  },
});
