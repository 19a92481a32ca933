import type { Server } from '../server.ts';
import { certificateGuards } from './certificates.ts';
import { AdmissionConfigurations } from './configurations.ts';
import { denyServiceExternalIPs } from './external-ips.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { podSecurity } from './pod-security.ts';
import { notCarriedOut } from './not-carried-out.ts';
import { priority } from './priority.ts';
import { rbacEscalation } from './rbac-escalation.ts';
import { resourceQuota } from './resource-quota.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import {
  defaultIngressClass,
  defaultStorageClass,
  persistentVolumeClaimResize,
  storageObjectInUseProtection,
} from './storage.ts';
import { policyChecks } from '../policies/checks.ts';
import { mutatingPolicies } from '../policies/mutating.ts';
import { policyStatusHook } from '../policies/status.ts';
import { validatingPolicies } from '../policies/validating.ts';
import { webhookChecks } from '../policies/webhook-checks.ts';
import { mutatingWebhooks, validatingWebhooks } from '../webhooks/plugin.ts';
import { defaultTolerationSeconds, taintNodesByCondition } from './tolerations.ts';

/** The plug-ins that are on, in kube-apiserver's order. Returns how to stop what they started. */
export async function addDefaultPlugins(server: Server): Promise<() => void> {
  const { core } = server;
  const configurations = new AdmissionConfigurations();
  const stop = await configurations.start(core);
  core.hooks.add(
    'admissionregistration.k8s.io',
    'validatingadmissionpolicies',
    policyStatusHook(server),
  );
  core.admission.add(
    namespaceLifecycle(core),
    limitRanger(core),
    serviceAccount(core),
    nodeRestriction(core),
    taintNodesByCondition,
    podSecurity(core),
    priority(core),
    defaultTolerationSeconds(server.options.defaultTolerations),
    defaultStorageClass(core),
    storageObjectInUseProtection,
    persistentVolumeClaimResize(core),
    runtimeClass(core),
    ...certificateGuards(server.authorize),
    defaultIngressClass(core),
    policyChecks,
    webhookChecks,
    mutatingPolicies(server, configurations),
    mutatingWebhooks(server, configurations),
    rbacEscalation(server),
    validatingPolicies(server, configurations),
    validatingWebhooks(server, configurations),
    ...(server.options.denyExternalIps ? [denyServiceExternalIPs] : []),
    resourceQuota(core),
    ...(server.options.carriedOutElsewhere
      ? [notCarriedOut(core, server.options.carriedOutElsewhere)]
      : []),
  );
  return stop;
}
