import type { DeviceClaim } from '../generated/types/resource-v1.ts';
import { dns1123Label } from '../names.ts';
import type { Problems } from './problems.ts';

export interface RequestNames {
  /** A reference is a request's name, or `request/alternative`. */
  check(problems: Problems, name: string, path: string): void;
}

/** What other parts of a claim may refer to. */
export function requestNames(claim: DeviceClaim | undefined): RequestNames {
  const known = new Map<string, Set<string>>();
  for (const { name = '', firstAvailable = [] } of claim?.requests ?? [])
    known.set(name, new Set(firstAvailable.map((one) => one.name ?? '')));
  const why =
    'must be the name of a request in the claim or the name of a request and a subrequest ' +
    "separated by '/'";
  return {
    check(problems, name, path) {
      const [request = '', alternative, ...more] = name.split('/');
      if (more.length > 0) return problems.invalid(path, name, why);
      problems.check(path, request, dns1123Label);
      if (alternative !== undefined) problems.check(path, alternative, dns1123Label);
      const alternatives = known.get(request);
      if (!alternatives || (alternative !== undefined && !alternatives.has(alternative)))
        problems.invalid(path, name, why);
    },
  };
}
