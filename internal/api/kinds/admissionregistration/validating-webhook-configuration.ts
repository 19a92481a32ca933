import { validatingWebhookConfigurationDefaults as defaults } from '../../defaults/policies.ts';
import type { ValidatingWebhookConfiguration } from '../../generated/types/admissionregistration-v1.ts';
import { counted } from '../../table/admin-cells.ts';
import { webhookConfiguration as validation } from '../../validation/webhook-configurations.ts';
import { kind } from '../kind.ts';

export const validatingWebhookConfiguration = kind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  kind: 'ValidatingWebhookConfiguration',
  validation,
  strategy: { generation: ['webhooks'] },
  defaults,
  cells: counted('webhooks'),
});
