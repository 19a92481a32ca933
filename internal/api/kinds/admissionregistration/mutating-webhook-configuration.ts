import { mutatingWebhookConfigurationDefaults as defaults } from '../../defaults/policies.ts';
import type { MutatingWebhookConfiguration } from '../../generated/types/admissionregistration-v1.ts';
import { counted } from '../../table/admin-cells.ts';
import { webhookConfiguration as validation } from '../../validation/webhook-configurations.ts';
import { kind } from '../kind.ts';

export const mutatingWebhookConfiguration = kind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  kind: 'MutatingWebhookConfiguration',
  validation,
  strategy: { generation: ['webhooks'] },
  defaults,
  cells: counted('webhooks'),
});
