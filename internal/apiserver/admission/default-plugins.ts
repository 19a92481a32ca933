import type { Server } from '../server.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';

/** The plug-ins that are on, in kube-apiserver's order. Returns how to stop what they started. */
export async function addDefaultPlugins(server: Server): Promise<() => void> {
  const { core } = server;
  core.admission.add(namespaceLifecycle(core));
  return () => undefined;
}
