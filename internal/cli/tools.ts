import { join } from 'node:path';
import { replaceProcess } from '../io/exec.ts';
import { findAirgapPrograms } from '../supervisor/airgap/programs.ts';
import { findTool } from '../supervisor/find-tool.ts';

/**
 * Becomes the tool `name`, set up for this node: kubectl and helm with the administrator's
 * kubeconfig, the others with our socket.
 */
export async function runTool(name: string, words: string[]): Promise<void> {
  const dataDir = process.env['SKIFF_DATA_DIR'] ?? '/var/lib/skiff';
  findAirgapPrograms(dataDir);
  const path = await findTool(name, {
    folders: [join(dataDir, 'bin'), ...(process.env['PATH'] ?? '').split(':').filter(Boolean)],
  });
  const env = process.env as Record<string, string>;
  replaceProcess(path, [name, ...words], { ...env, ...environmentFor(name, env) });
}

function environmentFor(name: string, env: Record<string, string>): Record<string, string> {
  const socket = '/run/skiff/containerd/containerd.sock';
  if (name === 'kubectl' || name === 'helm')
    return { KUBECONFIG: env['KUBECONFIG'] ?? '/etc/skiff/skiff.yaml' };
  if (name === 'ctr')
    return {
      CONTAINERD_ADDRESS: env['CONTAINERD_ADDRESS'] ?? socket,
      CONTAINERD_NAMESPACE: env['CONTAINERD_NAMESPACE'] ?? 'k8s.io',
    };
  return {
    CONTAINER_RUNTIME_ENDPOINT: env['CONTAINER_RUNTIME_ENDPOINT'] ?? `unix://${socket}`,
    IMAGE_SERVICE_ENDPOINT: env['IMAGE_SERVICE_ENDPOINT'] ?? `unix://${socket}`,
  };
}
