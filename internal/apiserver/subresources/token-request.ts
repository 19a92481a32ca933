import { refs } from '../../api/generated/refs.ts';
import { timeOf } from '../../api/times.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { TokenRequest } from '../../api/generated/types/authentication-v1.ts';
import type { Pod, ServiceAccount } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { badRequest, conflict, invalid, notFound } from '../../api/status.ts';
import { lookup } from '../admission/lookup.ts';
import type { ServiceAccountTokens, TokenSubject } from '../authn/service-account-tokens.ts';
import { unstored, type Operations } from '../operations/operation.ts';
import type { Call } from '../registry/call.ts';
import type { Core } from '../registry/core.ts';

const leastSeconds = 10 * 60;
const mostSeconds = 2 ** 32;
/** kubelet asks for this odd number to mean "the default, may be extended". */
const warnSeconds = 3607;
const extendedSeconds = 365 * 24 * 3600;

const requestKind = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };

export interface TokenParts {
  tokens: ServiceAccountTokens;
}

/** POST serviceaccounts/x/token (KEP-1205). */
export function addTokenRequest(operations: Operations, { tokens }: TokenParts): void {
  operations.add(
    { group: '', resource: 'serviceaccounts', subresource: 'token' },
    async (core, call, input) => {
      const request = await input.unstored<TokenRequest>(requestKind);
      return unstored(201, await issueToken({ core, tokens }, call, request));
    },
  );
}

interface Issuing extends TokenParts {
  core: Core;
}

async function issueToken(
  { core, tokens }: Issuing,
  call: Call,
  request: TokenRequest,
): Promise<TokenRequest> {
  const account = await lookup<ServiceAccount>(
    core,
    registryKey(refs.serviceAccounts, call.namespace, call.name),
  );
  if (!account) throw notFound({ group: '', resource: 'serviceaccounts' }, call.name);
  checkNames(request, call);
  request.metadata = { ...request.metadata, name: call.name, namespace: call.namespace };
  const attributes = {
    call,
    operation: 'CREATE' as const,
    object: request as KubeObject,
    old: undefined,
  };
  await core.admission.admit(attributes);
  const spec = (request.spec ??= {} as TokenRequest['spec']);
  if (spec.audiences === undefined || spec.audiences === null || spec.audiences.length === 0)
    spec.audiences = [...tokens.audiences];
  spec.expirationSeconds ??= 3600;
  check(request, call);
  await core.admission.validate(attributes);
  const subject: TokenSubject = {
    namespace: call.namespace,
    name: call.name,
    uid: account.metadata.uid ?? '',
    ...(await boundTo(core, call, request)),
  };
  const extend =
    subject.pod !== undefined &&
    spec.expirationSeconds === warnSeconds &&
    tokens.audiences.some((one) => spec.audiences.includes(one));
  const jti = core.random.uuid();
  const issued = await tokens.issue(subject, {
    audiences: spec.audiences,
    seconds: extend ? extendedSeconds : spec.expirationSeconds,
    jti,
    ...(extend ? { warnAfterSeconds: warnSeconds } : {}),
  });
  call.audit?.annotate('authentication.kubernetes.io/issued-credential-id', `JTI=${jti}`);
  // The client is told the time it asked for, so that it renews in time.
  const expires = timeOf(extend ? core.clock.now() + warnSeconds * 1000 : issued.expiresAtMs);
  request.metadata.creationTimestamp = timeOf(core.clock.now());
  return {
    ...request,
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    status: { token: issued.token, expirationTimestamp: expires },
  };
}

/** The account is that of the URL; a body that names another one is no slip to pass over. */
function checkNames({ metadata }: TokenRequest, call: Call): void {
  if (metadata?.namespace && metadata.namespace !== call.namespace)
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  if (!metadata?.name || metadata.name === call.name) return;
  throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, call.name, [
    {
      type: 'FieldValueInvalid',
      field: 'metadata.name',
      value: metadata.name,
      detail: 'must match the service account name if specified',
    },
  ]);
}

function check(request: TokenRequest, _call: Call): void {
  const seconds = request.spec.expirationSeconds ?? 0;
  const field = 'spec.expirationSeconds';
  const wrong = (detail: string): Error =>
    invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
      { type: 'FieldValueInvalid', field, value: seconds, detail },
    ]);
  if (seconds < leastSeconds) throw wrong('may not specify a duration less than 10 minutes');
  if (seconds > mostSeconds) throw wrong('may not specify a duration larger than 2^32 seconds');
}

async function boundTo(
  core: Core,
  call: Call,
  request: TokenRequest,
): Promise<Partial<TokenSubject>> {
  const ref = request.spec.boundObjectRef;
  if (!ref) return {};
  const gvk = `${ref.apiVersion ?? ''}/${ref.kind ?? ''}`;
  const name = ref.name ?? '';
  const kind = [refs.pods, refs.secrets, refs.nodes].find((one) => `v1/${one.kind}` === gvk);
  if (!kind)
    throw badRequest(
      `cannot bind token for serviceaccount "${call.name}" to object "${ref.kind}"`.replace(
        / to object.*/,
        ` to object bound to an unsupported kind: ${ref.kind}`,
      ),
    );
  const object = await lookup(core, registryKey(kind, call.namespace, name));
  if (!object) throw notFound(kind, name);
  if (ref.uid && ref.uid !== object.metadata.uid) {
    throw conflict(
      { group: '', resource: 'serviceaccounts/token' },
      call.name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record ` +
        `(${object.metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  const bound = { name, uid: object.metadata.uid ?? '' };
  if (kind === refs.secrets) return { secret: bound };
  if (kind === refs.nodes) return { node: bound };
  const pod = object as Pod;
  if (pod.spec.serviceAccountName !== call.name)
    throw badRequest(
      `cannot bind token for serviceaccount "${call.name}" to pod running with different ` +
        'serviceaccount name.',
    );
  const node = pod.spec.nodeName
    ? await lookup(core, registryKey(refs.nodes, '', pod.spec.nodeName))
    : undefined;
  return {
    pod: bound,
    ...(pod.spec.nodeName
      ? { node: { name: pod.spec.nodeName, uid: node?.metadata.uid ?? '' } }
      : {}),
  };
}
