import { join } from 'node:path';
import type { Secret, Service } from '../api/generated/types/core-v1.ts';
import type { Ingress, IngressClass } from '../api/generated/types/networking-v1.ts';
import { ingressController } from '../api/ingress/routes.ts';
import { ApiError } from '../api/status.ts';
import type { Client } from '../client/client.ts';
import type { Mirrors } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { startIngress } from '../network/ingress/ingress.ts';
import type { Doors } from './doors.ts';
import type { Part } from './running.ts';

/** k3s' word for its packaged ingress, and a plain one. */
export const ingressDisabled = (disable: readonly string[]): boolean =>
  disable.includes('traefik') || disable.includes('ingress');

const name = 'skiff';

/** The class of ours, and the default of whoever names none; an operator may change that. */
export async function ensureIngressClass(client: Client): Promise<void> {
  const object = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
    spec: { controller: ingressController },
  };
  await client.create(refs.ingressClasses, object).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
  });
}

/** `--disable=ingress`: Ingresses of no class wait for whoever else there is. */
export async function removeIngressClass(client: Client): Promise<void> {
  try {
    const there = await client.get<IngressClass>(refs.ingressClasses, { name });
    if (there.spec.controller === ingressController)
      await client.delete(refs.ingressClasses, { name });
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
  }
}

/** HAProxy on the node of a server, which may read every certificate. */
export function startNodeIngress(options: {
  runDir: string;
  mirrors: Mirrors;
  doors: Doors;
}): Part {
  const { runDir, mirrors, doors } = options;
  const ingress = startIngress({
    ...doors,
    dir: join(runDir, 'ingress'),
    httpPort: 80,
    httpsPort: 443,
    ingresses: mirrors.of<Ingress>(refs.ingresses),
    classes: mirrors.of<IngressClass>(refs.ingressClasses),
    services: mirrors.of<Service>(refs.services),
    secrets: () => mirrors.of<Secret>(refs.secrets, { fieldSelector: 'type=kubernetes.io/tls' }),
    log: doors.log.named('ingress'),
  });
  return { name: 'ingress', stop: () => ingress.stop() };
}
