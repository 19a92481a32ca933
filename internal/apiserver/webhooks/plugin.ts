import { Buffer } from 'node:buffer';
import type { AdmissionResponse } from '../../api/generated/types/admission-v1.ts';
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../../api/generated/types/admissionregistration-v1.ts';
import { applyJsonPatch } from '../../api/patch/json.ts';
import { jsonEqual } from '../../api/patch/json.ts';
import { fieldsOf, deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import { addAnnotation, goJson } from '../admission/annotations.ts';
import type { AdmissionPlugin, Attributes } from '../admission/chain.ts';
import type { AdmissionConfigurations } from '../admission/configurations.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { inVersion, post, responseOf, reviewFor } from './call-webhook.ts';
import { conditionsFit } from './match-conditions.ts';
import { isExempt, matchedResource, selectorsFit, type Webhook } from './match.ts';

interface Configured {
  configuration: string;
  webhook: Webhook;
  /** Its place among all of its sort. */
  index: number;
}

const defaultTimeoutSeconds = 10;

/** Webhooks in the order of their configurations' names. */
const configured = (
  configurations: readonly (MutatingWebhookConfiguration | ValidatingWebhookConfiguration)[],
): Configured[] =>
  configurations
    .flatMap((one) =>
      (one.webhooks ?? []).map((webhook) => ({
        configuration: one.metadata.name ?? '',
        webhook: webhook as Webhook,
      })),
    )
    .map((one, index) => ({ ...one, index }));

async function wants(
  server: Server,
  webhook: Webhook,
  attributes: Attributes,
): Promise<ServedResource | undefined> {
  const resource = matchedResource(server.core, webhook, attributes);
  if (!resource || !(await selectorsFit(server.core, webhook, attributes))) return undefined;
  return (await conditionsFit(server, webhook, attributes, resource)) ? resource : undefined;
}

/** Asks one webhook. undefined: it could not be asked and its policy is to go on. */
async function ask(
  server: Server,
  { webhook, failedOpen }: { webhook: Webhook; failedOpen: string },
  attributes: Attributes,
  resource: ServedResource,
): Promise<AdmissionResponse | undefined> {
  const sideEffects = webhook.sideEffects ?? 'Unknown';
  if (attributes.call.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
    throw new ApiError(
      'BadRequest',
      `admission webhook ${JSON.stringify(webhook.name)} does not support dry run`,
    );
  }
  const version =
    webhook.admissionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1') ?? 'v1';
  try {
    const review = reviewFor(server, attributes, resource, version);
    return responseOf(
      await post(
        server,
        webhook.clientConfig,
        review,
        webhook.timeoutSeconds ?? defaultTimeoutSeconds,
      ),
      review,
    );
  } catch (error) {
    const message =
      `failed calling webhook ${JSON.stringify(webhook.name)}: failed to call webhook: ` +
      `${messageOf(error)}`;
    if (webhook.failurePolicy === 'Ignore') {
      server.core.log.warn('webhook failed open', {
        webhook: webhook.name,
        error: messageOf(error),
      });
      addAnnotation(attributes, failedOpen, webhook.name);
      return undefined;
    }
    throw new ApiError('InternalError', `Internal error occurred: ${message}`, {
      details: { causes: [{ message } as never] },
    });
  }
}

/** A refusal, in the webhook's words (apiserver webhook/errors ToStatusErr). */
function refusal(webhook: Webhook, response: AdmissionResponse): ApiError {
  const status = response.status;
  const by = `admission webhook ${JSON.stringify(webhook.name)} denied the request`;
  const message = status?.message
    ? `${by}: ${status.message}`
    : status?.reason
      ? `${by}: ${status.reason}`
      : `${by} without explanation`;
  const code = status?.code && status.code >= 400 ? status.code : 400;
  return new ApiError((status?.reason ?? '') as never, message, {
    httpStatus: code,
    details: status?.details as never,
  });
}

export function mutatingWebhooks(
  server: Server,
  configurations: AdmissionConfigurations,
): AdmissionPlugin {
  return {
    name: 'MutatingAdmissionWebhook',
    handles: (attributes) => !isExempt(attributes),
    async admit(attributes) {
      const hooks = configured(configurations.mutatingWebhooks.list());
      if (hooks.length === 0) return;
      const again: { hook: Configured; seen: unknown }[] = [];
      for (const hook of hooks) {
        if (await mutate(server, hook, attributes))
          again.push({ hook, seen: deepCopy(attributes.object) });
      }
      // Those who ask for it see what others did after them, once.
      for (const { hook, seen } of again) {
        const policy = (hook.webhook as { reinvocationPolicy?: string }).reinvocationPolicy;
        if (policy === 'IfNeeded' && !jsonEqual(seen, attributes.object))
          await mutate(server, hook, attributes, { again: true });
      }
    },
  };
}

/** Whether the webhook was asked. */
async function mutate(
  server: Server,
  hook: Configured,
  attributes: Attributes,
  { again = false } = {},
): Promise<boolean> {
  const { webhook, configuration, index } = hook;
  const resource = await wants(server, webhook, attributes);
  if (!resource) return false;
  const before = attributes.call.audit && deepCopy(attributes.object);
  const where = `mutation.webhook.admission.k8s.io/round_${again ? 1 : 0}_index_${index}`;
  try {
    const response = await ask(
      server,
      { webhook, failedOpen: `failed-open.${where}` },
      attributes,
      resource,
    );
    if (!response) return false;
    tell(attributes, webhook, response);
    if (!response.allowed) throw refusal(webhook, response);
    if (response.patch && attributes.object) {
      patchObject(attributes, attributes.object, { response, resource });
      const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as unknown[];
      if (patch.length)
        addAnnotation(
          attributes,
          where.replace('mutation', 'patch'),
          goJson({ configuration, webhook: webhook.name, patch, patchType: 'JSONPatch' }),
          'Request',
        );
    }
    return true;
  } finally {
    if (attributes.call.audit)
      addAnnotation(
        attributes,
        where,
        goJson({
          configuration,
          webhook: webhook.name,
          mutated: !jsonEqual(before, attributes.object),
        }),
      );
  }
}

/** Lays a webhook's patch over the object, in the version the webhook was shown. */
function patchObject(
  attributes: Attributes,
  object: KubeObject,
  { response, resource }: { response: AdmissionResponse; resource: ServedResource },
): void {
  if (response.patchType && response.patchType !== 'JSONPatch')
    throw new ApiError(
      'InternalError',
      `Internal error occurred: unsupported patch type ${response.patchType}`,
    );
  const { call } = attributes;
  const shown = inVersion(object, call.resource, resource) ?? object;
  let patched: KubeObject;
  try {
    patched = applyJsonPatch(
      shown,
      JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()),
    ) as KubeObject;
  } catch (error) {
    throw new ApiError('InternalError', `Internal error occurred: ${messageOf(error)}`);
  }
  const stored = shown.kind === call.resource.kind;
  const back = stored
    ? call.resource.engine.normalize(
        inVersion(resource.engine.normalize(patched).object, resource, call.resource),
      ).object
    : patched;
  become(object, back);
}

/** The object stays the same one for all who hold it. */
function become(object: KubeObject, next: KubeObject): void {
  for (const key of Object.keys(object)) if (!(key in next)) delete fieldsOf(object)[key];
  Object.assign(object, next);
}

/** What a webhook wants the client and the audit to know. */
function tell(attributes: Attributes, webhook: Webhook, response: AdmissionResponse): void {
  for (const [key, value] of Object.entries(response.auditAnnotations ?? {}))
    addAnnotation(attributes, `${webhook.name}/${key}`, value);
  for (const warning of response.warnings ?? []) attributes.call.warnings.push(warning);
}

export function validatingWebhooks(
  server: Server,
  configurations: AdmissionConfigurations,
): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionWebhook',
    handles: (attributes) => !isExempt(attributes),
    async validate(attributes) {
      const hooks = configured(configurations.validatingWebhooks.list());
      const answers = await Promise.allSettled(
        hooks.map((hook) => validate(server, hook, attributes)),
      );
      for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    },
  };
}

async function validate(
  server: Server,
  { webhook, index }: Configured,
  attributes: Attributes,
): Promise<void> {
  const resource = await wants(server, webhook, attributes);
  if (!resource) return;
  const response = await ask(
    server,
    {
      webhook,
      failedOpen: `failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`,
    },
    attributes,
    resource,
  );
  if (!response) return;
  tell(attributes, webhook, response);
  if (!response.allowed) throw refusal(webhook, response);
}
