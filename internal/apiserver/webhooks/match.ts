import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type {
  MutatingWebhook,
  RuleWithOperations,
  ValidatingWebhook,
} from '../../api/generated/types/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import type { Attributes } from '../admission/chain.ts';
import { lookup } from '../admission/lookup.ts';
import type { Core } from '../registry/core.ts';
import type { ServedResource } from '../registry/resource.ts';

export type Webhook = MutatingWebhook | ValidatingWebhook;

const has = (list: readonly string[] | undefined, value: string): boolean =>
  (list ?? []).some((one) => one === '*' || one === value);

function resourceFits(
  list: readonly string[] | undefined,
  resource: string,
  subresource: string,
): boolean {
  return (list ?? []).some((one) => {
    const [wanted = '', sub] = one.split('/');
    const subOk = sub === undefined ? subresource === '' : sub === '*' || sub === subresource;
    return (wanted === '*' || wanted === resource) && (one === '*' ? subresource === '' : subOk);
  });
}

export function ruleFits(
  rule: RuleWithOperations,
  attributes: Attributes,
  resource: ServedResource,
): boolean {
  const { call, operation } = attributes;
  if (
    !has(rule.operations, operation) ||
    !has(rule.apiGroups, resource.group) ||
    !has(rule.apiVersions, resource.version)
  )
    return false;
  if (!resourceFits(rule.resources, resource.resource, call.subresource)) return false;
  const isNamespace = resource.group === '' && resource.resource === 'namespaces';
  const scope = resource.namespaced && !isNamespace ? 'Namespaced' : 'Cluster';
  return !rule.scope || rule.scope === '*' || rule.scope === scope;
}

/**
 * The version in which a webhook wants to see the object: that of the request, or (matchPolicy
 * Equivalent) another one of the same resource.
 */
export function matchedResource(
  core: Core,
  webhook: Pick<Webhook, 'rules' | 'matchPolicy'>,
  attributes: Attributes,
): ServedResource | undefined {
  const { resource } = attributes.call;
  const rules = webhook.rules ?? [];
  if (rules.some((rule) => ruleFits(rule, attributes, resource))) return resource;
  if (webhook.matchPolicy === 'Exact') return undefined;
  for (const other of core.resources.all()) {
    if (
      other.group !== resource.group ||
      other.resource !== resource.resource ||
      other.version === resource.version
    )
      continue;
    if (rules.some((rule) => ruleFits(rule, attributes, other))) return other;
  }
  return undefined;
}

/** Whether the labels of namespace and object are what the webhook asks for. */
export async function selectorsFit(
  core: Core,
  webhook: Pick<Webhook, 'namespaceSelector' | 'objectSelector'>,
  attributes: Attributes,
): Promise<boolean> {
  const { object, old } = attributes;
  if (webhook.objectSelector && !isEmpty(webhook.objectSelector)) {
    const selector = selectorFromObject(webhook.objectSelector as never);
    const fits = (one: KubeObject | undefined): boolean =>
      one !== undefined && selector.matches(one.metadata?.labels);
    if (!fits(object) && !fits(old)) return false;
  }
  if (!webhook.namespaceSelector || isEmpty(webhook.namespaceSelector)) return true;
  const labels = await namespaceLabels(core, attributes);
  return (
    labels === undefined || selectorFromObject(webhook.namespaceSelector as never).matches(labels)
  );
}

const isEmpty = (selector: object): boolean =>
  Object.values(selector).every((value) => !value || Object.keys(value as object).length === 0);

/** undefined: the request is about nothing inside a namespace, so the selector does not count. */
async function namespaceLabels(
  core: Core,
  { call, object, old }: Attributes,
): Promise<Record<string, string> | undefined> {
  if (call.resource.group === '' && call.resource.resource === 'namespaces')
    return (object ?? old)?.metadata.labels ?? {};
  if (!call.resource.namespaced) return undefined;
  const namespace = await lookup(core, registryKey(refs.namespaces, '', call.namespace));
  return namespace?.metadata.labels ?? {};
}

const selfConfiguring = new Set([
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]);

/**
 * Webhooks never judge the objects that configure webhooks: nobody could take a broken one away.
 */
export function isExempt({ call }: Attributes): boolean {
  if (call.resource.group === 'admissionregistration.k8s.io')
    return selfConfiguring.has(call.resource.resource);
  return (
    call.resource.group === 'authentication.k8s.io' ||
    call.resource.group === 'authorization.k8s.io'
  );
}
