import type { IngressClass } from '../api/generated/types/networking-v1.ts';
import { ingressController } from '../api/ingress/routes.ts';
import { ApiError } from '../api/status.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { ingressDisabled } from './node-ingress.ts';

const name = 'skiff';

/** Whether there is the class that Ingresses of ours have, as `--disable` says. */
export async function keepIngressClass(client: Client, disable: readonly string[]): Promise<void> {
  await (ingressDisabled(disable) ? removeIngressClass : ensureIngressClass)(client);
}

/** The class of ours, and the default of whoever names none; an operator may change that. */
async function ensureIngressClass(client: Client): Promise<void> {
  const object = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
    spec: { controller: ingressController },
  };
  // A start must not write what is there already: the disk may take nothing.
  await client.get(refs.ingressClasses, { name }).catch(async (error: unknown) => {
    if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
    await client.create(refs.ingressClasses, object).catch((other: unknown) => {
      if (!(other instanceof ApiError && other.reason === 'AlreadyExists')) throw other;
    });
  });
}

/** `--disable=ingress`: Ingresses of no class wait for whoever else there is. */
async function removeIngressClass(client: Client): Promise<void> {
  try {
    const there = await client.get<IngressClass>(refs.ingressClasses, { name });
    if (there.spec.controller === ingressController)
      await client.delete(refs.ingressClasses, { name });
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
  }
}
