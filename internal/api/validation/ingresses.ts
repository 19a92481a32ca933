import { parseIp } from '../../base/addresses.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressRule,
} from '../generated/types/networking-v1.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  pathSegmentName,
  validPortName,
  validPortNumber,
  wildcardDns1123Subdomain,
} from '../names.ts';
import { checkDomainPath } from './domain-path.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { checkIngressPoints } from './services.ts';

const classAnnotation = 'kubernetes.io/ingress.class';
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const badParts = ['//', '/./', '/../', '%2f', '%2F'];
const badEnds = ['/..', '/.'];
const longestController = 250;

function checkHost(problems: Problems, host: string, field: string): void {
  problems.check(field, host, host.includes('*') ? wildcardDns1123Subdomain : dns1123Subdomain);
}

function checkRule(problems: Problems, rule: IngressRule, path: string, lenient: boolean): void {
  const host = rule.host ?? '';
  if (host) {
    if (parseIp(host))
      problems.invalid(`${path}.host`, host, 'must be a DNS name, not an IP address');
    checkHost(problems, host, `${path}.host`);
  }
  if (!rule.http || (lenient && host.includes('*'))) return;
  if (!rule.http.paths?.length) problems.required(`${path}.http.paths`);
  (rule.http.paths ?? []).forEach((one, i) => checkPath(problems, one, `${path}.http.paths[${i}]`));
}

function checkPath(
  problems: Problems,
  { pathType, path: text = '', backend }: HTTPIngressPath,
  path: string,
): void {
  if (pathType === undefined || pathType === null)
    return problems.required(`${path}.pathType`, 'pathType must be specified');
  const field = `${path}.path`;
  const absolute = (): void => {
    if (!text.startsWith('/')) problems.invalid(field, text, 'must be an absolute path');
  };
  if (pathType === 'Exact' || pathType === 'Prefix') {
    absolute();
    for (const part of badParts)
      if (text.includes(part)) problems.invalid(field, text, `must not contain '${part}'`);
    for (const end of badEnds)
      if (text.endsWith(end)) problems.invalid(field, text, `cannot end with '${end}'`);
  } else if (pathType === 'ImplementationSpecific') {
    if (text) absolute();
  } else problems.notSupported(`${path}.pathType`, pathType, pathTypes);
  checkBackend(problems, backend ?? {}, `${path}.backend`);
}

function checkBackend(
  problems: Problems,
  { service, resource }: IngressBackend,
  path: string,
): void {
  if (resource && service)
    return problems.invalid(path, '', 'cannot set both resource and service backends');
  if (resource) return checkReference(problems, resource, `${path}.resource`);
  if (!service) return problems.invalid(path, '', 'resource or service backend is required');
  if (!service.name) problems.required(`${path}.service.name`);
  else problems.check(`${path}.service.name`, service.name, dns1123Label);
  const { name, number } = service.port ?? {};
  if (name && number) problems.invalid(path, '', 'cannot set both port name & port number');
  else if (name) problems.check(`${path}.service.port.name`, name, validPortName);
  else if (number)
    for (const m of validPortNumber(number))
      problems.invalid(`${path}.service.port.number`, number, m);
  else problems.required(path, 'port name or number is required');
}

function checkReference(
  problems: Problems,
  ref: { apiGroup?: string; kind: string; name: string },
  path: string,
): void {
  if (ref.apiGroup !== undefined)
    problems.check(`${path}.apiGroup`, ref.apiGroup, dns1123Subdomain);
  for (const field of ['kind', 'name'] as const) {
    if (!ref[field]) problems.required(`${path}.${field}`);
    else problems.check(`${path}.${field}`, ref[field], pathSegmentName);
  }
}

function checkIngress(problems: Problems, ingress: Ingress, old: Ingress | undefined): void {
  checkMetadata(problems, ingress.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
  const spec = ingress.spec ?? {};
  const rules = spec.rules ?? [];
  if (rules.length === 0 && !spec.defaultBackend)
    problems.invalid(
      'spec',
      spec.rules ?? null,
      'either `defaultBackend` or `rules` must be specified',
    );
  if (spec.defaultBackend) checkBackend(problems, spec.defaultBackend, 'spec.defaultBackend');
  const lenient = (old?.spec?.rules ?? []).some(
    (rule) => rule.host?.includes('*') && brokenRule(rule),
  );
  rules.forEach((rule, i) => checkRule(problems, rule, `spec.rules[${i}]`, lenient));
  const anySecret = (old?.spec?.tls ?? []).some(
    (tls) => tls.secretName && dns1123Subdomain(tls.secretName).length > 0,
  );
  (spec.tls ?? []).forEach((tls, i) => {
    (tls.hosts ?? []).forEach((host, j) => checkHost(problems, host, `spec.tls[${i}].hosts[${j}]`));
    if (tls.secretName && !anySecret)
      problems.check(`spec.tls[${i}].secretName`, tls.secretName, dns1123Subdomain);
  });
  if (spec.ingressClassName !== undefined)
    problems.check('spec.ingressClassName', spec.ingressClassName, dns1123Subdomain);
}

function brokenRule(rule: IngressRule): boolean {
  const own = new Problems();
  checkRule(own, { ...rule, host: '' }, '', false);
  return own.found;
}

export const ingress: Rule<Ingress> = {
  name: dns1123Subdomain,
  create(problems, object) {
    checkIngress(problems, object, undefined);
    const [annotation, name] = [
      object.metadata.annotations?.[classAnnotation],
      object.spec?.ingressClassName,
    ];
    if (annotation !== undefined && name !== undefined && annotation !== name)
      problems.invalid(
        `annotations.${classAnnotation}`,
        annotation,
        'must match `ingressClassName` when both are specified',
      );
  },
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    checkIngress(problems, object, old);
  },
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      checkIngressPoints(
        problems,
        object.status?.loadBalancer?.ingress ?? [],
        old.status?.loadBalancer?.ingress ?? [],
        'status.loadBalancer.ingress',
        false,
      );
    },
  },
};

function checkParameters(
  problems: Problems,
  ref: IngressClassParametersReference,
  path: string,
): void {
  checkReference(problems, ref, path);
  const { scope, namespace } = ref;
  if (scope === undefined) return problems.required(`${path}.scope`);
  if (scope === 'Namespace') {
    if (namespace === undefined)
      problems.required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'");
    else problems.check(`${path}.namespace`, namespace, dns1123Label);
  } else if (scope === 'Cluster') {
    if (namespace !== undefined)
      problems.forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'");
  } else problems.notSupported(`${path}.scope`, scope, ['Cluster', 'Namespace']);
}

export const ingressClass: Rule<IngressClass> = {
  name: dns1123Subdomain,
  spec(problems, { spec = {} }) {
    if ((spec.controller ?? '').length > longestController)
      problems.tooLong('spec.controller', longestController);
    checkDomainPath(problems, spec.controller ?? '', 'spec.controller');
    if (spec.parameters) checkParameters(problems, spec.parameters, 'spec.parameters');
  },
  updates: ['metadata', 'change', 'object'],
  change: (problems, object, old) =>
    problems.immutable(
      'spec.controller',
      object.spec?.controller ?? '',
      old.spec?.controller ?? '',
    ),
};
