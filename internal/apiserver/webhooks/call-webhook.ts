import { isAddress } from '../../base/addresses.ts';
import { Buffer } from 'node:buffer';
import type { AdmissionReview, AdmissionResponse } from '../../api/generated/types/admission-v1.ts';
import type { WebhookClientConfig } from '../../api/generated/types/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import type { DialTarget } from '../../io/dial.ts';
import type { Attributes } from '../admission/chain.ts';
import { calledService } from '../proxy/service-endpoints.ts';
import { apiVersion, type ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { postJson } from './post-json.ts';

const maxAnswerBytes = 3 * 1024 * 1024;

/**
 * Where a webhook listens: the URL that an administrator wrote, which may be anywhere, or what
 * stands behind a Service, dialled directly.
 */
async function webhookTarget(
  server: Server,
  config: WebhookClientConfig,
): Promise<{ target: DialTarget; path: string; shown: string }> {
  const ca = config.caBundle ? Buffer.from(config.caBundle, 'base64').toString() : undefined;
  if (config.url) {
    const url = new URL(config.url);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return {
      target: {
        host,
        port: Number(url.port || 443),
        tls: { ca, ...(isAddress(host) ? {} : { servername: host }) },
      },
      path: `${url.pathname}${url.search}`,
      shown: config.url,
    };
  }
  const { namespace = '', name = '', path = '/', port = 443 } = config.service ?? {};
  const shown = `https://${name}.${namespace}.svc:${port}${path}`;
  const target = await calledService(server, namespace, name, port);
  return {
    target: { ...target, tls: { ca, servername: `${name}.${namespace}.svc` } },
    path,
    shown,
  };
}

/** One POST of JSON with a time limit. */
export async function post(
  server: Server,
  config: WebhookClientConfig,
  body: object,
  timeoutSeconds: number,
): Promise<unknown> {
  const { target, path, shown } = await webhookTarget(server, config);
  const withTimeout = (url: string): string =>
    `${url}${url.includes('?') ? '&' : '?'}timeout=${timeoutSeconds}s`;
  const address = withTimeout(shown);
  const doors = { dial: server.options.dial, clock: server.core.clock };
  const { statusCode, text } = await postJson(doors, {
    op: 'webhook',
    target,
    path: withTimeout(path),
    shown: address,
    headers: { 'user-agent': 'kube-apiserver-admission' },
    body,
    timeoutMs: timeoutSeconds * 1000,
    maxAnswerBytes,
  });
  try {
    if (statusCode < 200 || statusCode > 299)
      throw new Error(
        `the server responded with the status code ${statusCode} but did not return more ` +
          'information',
      );
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Post "${address}": ${messageOf(error)}`, { cause: error });
  }
}

/** Object as another version of its resource shows it. */
export function inVersion(
  object: KubeObject | undefined,
  from: ServedResource,
  to: ServedResource,
): KubeObject | undefined {
  if (!object || from === to || object.kind !== from.kind) return object;
  const stored = from.engine.toStorage?.(object) ?? object;
  return to.engine.fromStorage?.(stored) ?? { ...stored, apiVersion: apiVersion(to) };
}

export function reviewFor(
  server: Server,
  attributes: Attributes,
  resource: ServedResource,
  version: string,
): AdmissionReview {
  const { call, operation, options } = attributes;
  const shown = attributes.object ?? attributes.old;
  const spokenKind =
    shown && shown.kind !== resource.kind
      ? kindOf(shown)
      : { group: resource.group, version: resource.version, kind: resource.kind };
  const requestKind =
    shown && shown.kind !== call.resource.kind
      ? kindOf(shown)
      : { group: call.resource.group, version: call.resource.version, kind: call.resource.kind };
  const { user } = call;
  const optionsKind = {
    CREATE: 'CreateOptions',
    UPDATE: 'UpdateOptions',
    DELETE: 'DeleteOptions',
    CONNECT: '',
  }[operation];
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid: server.core.random.uuid(),
      kind: spokenKind,
      resource: { group: resource.group, version: resource.version, resource: resource.resource },
      ...(call.subresource
        ? { subResource: call.subresource, requestSubResource: call.subresource }
        : {}),
      requestKind,
      requestResource: {
        group: call.resource.group,
        version: call.resource.version,
        resource: call.resource.resource,
      },
      name: call.name || (attributes.object?.metadata?.name ?? ''),
      ...(call.namespace
        ? { namespace: call.namespace }
        : call.resource.resource === 'namespaces' && call.resource.group === ''
          ? { namespace: call.name || (attributes.object?.metadata.name ?? '') }
          : {}),
      operation,
      userInfo: {
        username: user.name,
        ...(user.uid ? { uid: user.uid } : {}),
        groups: [...user.groups],
        ...(user.extra ? { extra: user.extra } : {}),
      } as never,
      object: (operation === 'DELETE'
        ? null
        : (inVersion(attributes.object, call.resource, resource) ?? null)) as never,
      oldObject: (inVersion(attributes.old, call.resource, resource) ?? null) as never,
      dryRun: call.dryRun,
      options: (optionsKind
        ? {
            kind: optionsKind,
            apiVersion: 'meta.k8s.io/v1',
            ...options,
            ...(call.fieldManager && operation !== 'DELETE'
              ? { fieldManager: call.fieldManager }
              : {}),
          }
        : null) as never,
    },
  };
}

function kindOf(object: KubeObject): { group: string; version: string; kind: string } {
  const slash = object.apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: object.apiVersion, kind: object.kind }
    : {
        group: object.apiVersion.slice(0, slash),
        version: object.apiVersion.slice(slash + 1),
        kind: object.kind,
      };
}

/** The response of an answered review, checked for what must hold. */
export function responseOf(answer: unknown, review: AdmissionReview): AdmissionResponse {
  const response = (answer as AdmissionReview | null)?.response;
  if (!response) throw new Error('webhook response is missing');
  if (response.uid !== review.request?.uid)
    throw new Error(
      `expected response.uid=${JSON.stringify(review.request?.uid)}, got ` +
        `${JSON.stringify(response.uid)}`,
    );
  return response;
}
