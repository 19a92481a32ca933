import { cidrHas, cidrOf, ipOfBytes, type Cidr } from '../addresses.ts';
import { children, DerError, items, type Element } from './der.ts';
import { ia5, type AlternativeNames } from './name.ts';

/** RFC 5280 4.2.1.10, for host names and addresses. */
export interface NameConstraints {
  permitted: Subtrees;
  excluded: Subtrees;
  /** Kinds of names are constrained that are not read here. */
  beyond: boolean;
}

interface Subtrees {
  dns: string[];
  networks: Cidr[];
}

export function readNameConstraints(element: Element): NameConstraints {
  const found: NameConstraints = {
    permitted: { dns: [], networks: [] },
    excluded: { dns: [], networks: [] },
    beyond: false,
  };
  for (const part of items(element)) {
    const trees =
      part.tag === 0xa0 ? found.permitted : part.tag === 0xa1 ? found.excluded : undefined;
    if (!trees) throw new DerError('x509: invalid NameConstraints extension');
    for (const tree of children(part.body)) {
      const [base, more] = items(tree);
      if (!base) throw new DerError('x509: invalid NameConstraints extension');
      if (more) found.beyond = true;
      else if (base.tag === 0x82) trees.dns.push(ia5(base.body).toLowerCase());
      else if (base.tag === 0x87) trees.networks.push(networkOf(base.body));
      else found.beyond = true;
    }
  }
  return found;
}

/** An address and a mask, which must be a prefix. */
function networkOf(body: Buffer): Cidr {
  const bytes = body.length / 2;
  const mask = [...body.subarray(bytes)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  if (!/^1*0*$/.test(mask)) throw new DerError('x509: IP constraint contained invalid mask');
  const ip = ipOfBytes(body.subarray(0, bytes));
  if (!ip) throw new DerError('x509: IP constraint of the wrong length');
  return cidrOf(ip, mask.replace(/0+$/, '').length);
}

/** True when an authority with these constraints may vouch for these names. */
export function namesAllowed(
  { permitted, excluded }: NameConstraints,
  names: AlternativeNames,
): boolean {
  const below = (host: string, domain: string): boolean => {
    const asked = host.toLowerCase();
    return (
      domain === '' ||
      asked === domain ||
      (domain.startsWith('.') ? asked.endsWith(domain) : asked.endsWith(`.${domain}`))
    );
  };
  const hosts = names.dns.every(
    (host) =>
      (permitted.dns.length === 0 || permitted.dns.some((one) => below(host, one))) &&
      !excluded.dns.some((one) => below(host, one)),
  );
  const addresses = names.addresses.every((address) => {
    const within = (network: Cidr): boolean => cidrHas(network, address);
    return (
      (permitted.networks.length === 0 || permitted.networks.some(within)) &&
      !excluded.networks.some(within)
    );
  });
  return hosts && addresses;
}
