import type { IngressClass } from '../api/generated/types/networking-v1.ts';
import { ingressController } from '../api/ingress/routes.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { ingressDisabled } from './node-ingress.ts';
import { makeMissing, orUndefined } from './own-objects.ts';

const name = 'skiff';

/** Whether there is the class that our Ingresses have, as `--disable` says. */
export async function keepIngressClass(client: Client, disable: readonly string[]): Promise<void> {
  await (ingressDisabled(disable) ? removeIngressClass : ensureIngressClass)(client);
}

/** Our class, and the default for an Ingress that names none; an operator may change that. */
async function ensureIngressClass(client: Client): Promise<void> {
  const object = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
    spec: { controller: ingressController },
  };
  await makeMissing(client, refs.ingressClasses, object);
}

/** `--disable=ingress`: Ingresses without a class are left to other controllers. */
async function removeIngressClass(client: Client): Promise<void> {
  const there = await orUndefined(client.get<IngressClass>(refs.ingressClasses, { name }));
  if (there?.spec.controller === ingressController)
    await orUndefined(client.delete(refs.ingressClasses, { name }));
}
