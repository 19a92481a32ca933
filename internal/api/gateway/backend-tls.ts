import { no, yes, isTrue, type Said } from './conditions.ts';
import { isHostname } from './hostnames.ts';
import type { BackendTlsPolicy, Gateway } from './types.ts';

/** How a backend is to prove who it is. */
export interface BackendTls {
  /** What it is asked for, and what its certificate has to have. */
  hostname: string;
  /** Certificates of who may say so; undefined: those that the machine trusts. */
  authority: string | undefined;
}

/** `refused`: it is not spoken to, for how that is to be done safely is not known. */
export type BackendTlsChoice = BackendTls | 'refused' | undefined;

export interface BackendTlsView {
  backendTlsPolicies: Iterable<BackendTlsPolicy>;
  /** The certificates of a ConfigMap; undefined where it has none. */
  authority(namespace: string, name: string): string | undefined;
}

export interface FoundPolicy {
  policy: BackendTlsPolicy;
  conditions: Said[];
  /** Our Gateways that lead to a Service of it. */
  ancestors: Gateway[];
}

const ageOf = ({ metadata }: BackendTlsPolicy): string =>
  `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;

/** What policies say of Services; of two for the same the older counts. */
export class BackendTlsPolicies {
  readonly found: FoundPolicy[] = [];
  readonly #choices = new Map<string, BackendTlsChoice>();
  readonly #ofService = new Map<string, FoundPolicy[]>();

  constructor(view: BackendTlsView) {
    const all = [...view.backendTlsPolicies].sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1));
    for (const policy of all) this.#add(policy, view);
  }

  #add(policy: BackendTlsPolicy, view: BackendTlsView): void {
    const targets = policy.spec.targetRefs
      .filter(({ group, kind }) => group === '' && kind === 'Service')
      .map((one) => ({
        service: `${policy.metadata.namespace}/${one.name}`,
        section: one.sectionName ?? '',
      }));
    const keys = targets.map(({ service, section }) => `${service}/${section}`);
    const taken = keys.find((key) => this.#choices.has(key));
    const { conditions, tls } = taken
      ? {
          conditions: [
            no('Accepted', 'Conflicted', `an older policy has ${taken.replace(/\/$/, '')}`),
          ],
          tls: undefined,
        }
      : choiceOf(policy, view);
    if (!taken) for (const key of keys) this.#choices.set(key, tls);
    const found = { policy, conditions, ancestors: [] };
    this.found.push(found);
    for (const { service } of targets)
      this.#ofService.set(service, [...(this.#ofService.get(service) ?? []), found]);
  }

  /** How a port of a Service is spoken to. */
  of(namespace: string, service: string, port: string | undefined): BackendTlsChoice {
    const key = `${namespace}/${service}/`;
    return (
      (port === undefined ? undefined : this.#choices.get(key + port)) ?? this.#choices.get(key)
    );
  }

  /** A Gateway leads to a Service. */
  reached(gateway: Gateway, namespace: string, service: string): void {
    for (const { ancestors } of this.#ofService.get(`${namespace}/${service}`) ?? [])
      if (!ancestors.includes(gateway)) ancestors.push(gateway);
  }
}

function choiceOf(
  { metadata, spec }: BackendTlsPolicy,
  view: BackendTlsView,
): { conditions: Said[]; tls: BackendTlsChoice } {
  const { hostname, subjectAltNames = [], caCertificateRefs = [] } = spec.validation;
  const { wellKnownCACertificates } = spec.validation;
  const [ref] = caCertificateRefs;
  let authority: string | undefined;
  let resolved = yes('ResolvedRefs');
  if (ref) {
    authority = view.authority(metadata.namespace ?? '', ref.name);
    if ((ref.group ?? '') !== '' || ref.kind !== 'ConfigMap')
      resolved = no('ResolvedRefs', 'InvalidKind', `${ref.kind} ${ref.name} is not a ConfigMap`);
    else if (authority === undefined)
      resolved = no(
        'ResolvedRefs',
        'InvalidCACertificateRef',
        `ConfigMap ${ref.name} has no certificates in ca.crt`,
      );
  }
  const [name] = subjectAltNames;
  const refused = (why: Said) => ({ conditions: [why, resolved], tls: 'refused' as const });
  const invalid = (why: string) => refused(no('Accepted', 'Invalid', why));
  if (!isTrue([resolved], 'ResolvedRefs'))
    return refused(no('Accepted', 'NoValidCACertificate', resolved.message));
  if (caCertificateRefs.length > 1) return invalid('more than one ConfigMap is not read');
  if (!ref && wellKnownCACertificates !== 'System')
    return invalid('no certificates are named that are known here');
  if (Object.keys(spec.options ?? {}).length > 0) return invalid('options are not read');
  // HAProxy checks the name that it asks for, and no other.
  if (
    subjectAltNames.length > 1 ||
    (name && (name.type !== 'Hostname' || name.hostname !== hostname))
  )
    return invalid('no subjectAltNames but hostname itself are checked');
  if (hostname.startsWith('*') || !isHostname(hostname)) return invalid('hostname is not a host');
  return { conditions: [yes('Accepted'), resolved], tls: { hostname, authority } };
}

/** The ConfigMaps of authorities that policies name, `namespace/name`. */
export const namedAuthorities = (policies: Iterable<BackendTlsPolicy>): string[] =>
  [...policies].flatMap(({ metadata, spec }) =>
    (spec.validation.caCertificateRefs ?? [])
      .filter(({ group = '', kind }) => group === '' && kind === 'ConfigMap')
      .map(({ name }) => `${metadata.namespace}/${name}`),
  );
