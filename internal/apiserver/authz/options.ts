import type { ConfigFile } from '../../io/config-file.ts';
import type { Disk } from '../../io/disk.ts';

/** kube-apiserver's --authorization-config, or its older flags: never both. */
export interface AuthorizationOptions {
  /** An AuthorizationConfiguration, read again when it changes. */
  config?: ConfigFile;
  /** --authorization-mode: types of authorizers in the order in which they are asked. */
  modes?: readonly string[];
  /** --authorization-webhook-*, for the mode Webhook. */
  webhook?: LegacyWebhook;
  /** Reads the kubeconfigs of webhooks. */
  disk?: Disk;
}

export interface LegacyWebhook {
  /** Path of a kubeconfig. */
  configFile: string;
  /** Version of SubjectAccessReview; v1beta1 when left out. */
  version?: string;
  authorizedTtlMs?: number;
  unauthorizedTtlMs?: number;
}
