import type {
  MatchResources,
  ParamRef,
  ParamKind,
} from '../../api/generated/types/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { splitApiVersion } from '../../api/scheme.ts';
import type { Attributes } from '../admission/chain.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import { keyFor, scopePrefix, type ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { matchedResource, ruleFits, selectorsFit } from '../webhooks/match.ts';

/**
 * The version in which a policy wants to see the request, or undefined when it is none of its
 * business.
 */
export async function matchPolicy(
  server: Server,
  constraints: MatchResources | undefined,
  attributes: Attributes,
): Promise<ServedResource | undefined> {
  if (!constraints) return attributes.call.resource;
  const named = (names: string[] | undefined): boolean =>
    !names?.length ||
    names.includes(attributes.call.name || (attributes.object?.metadata.name ?? ''));
  const rules = constraints.resourceRules ?? [];
  const fitting = rules.filter((rule) => named(rule.resourceNames));
  if (
    (constraints.excludeResourceRules ?? []).some(
      (rule) => named(rule.resourceNames) && ruleFits(rule, attributes, attributes.call.resource),
    )
  )
    return undefined;
  const resource = rules.length
    ? matchedResource(
        server.core,
        { rules: fitting, matchPolicy: constraints.matchPolicy },
        attributes,
      )
    : attributes.call.resource;
  if (!resource || !(await selectorsFit(server.core, constraints, attributes))) return undefined;
  return resource;
}

/** The kind of a policy's parameters is not served. */
export class UnknownParamKind extends Error {}

/** The parameter objects of a binding; one `undefined` when the policy takes none. */
export async function paramsOf(
  server: Server,
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  attributes: Attributes,
): Promise<(KubeObject | undefined)[]> {
  if (!kind || !ref) return [undefined];
  const { group, version } = splitApiVersion(kind.apiVersion ?? '');
  const resource = server.core.resources.ofKind(group, version, kind.kind ?? '');
  if (!resource)
    throw new UnknownParamKind(
      `failed to find resource referenced by paramKind: '${kind.apiVersion}, Kind=${kind.kind}'`,
    );
  const namespace = resource.namespaced ? ref.namespace || attributes.call.namespace : '';
  if (ref.name) {
    const found = await lookup(server.core, keyFor(resource, namespace, ref.name));
    return found ? [found] : missing(ref);
  }
  const selector = selectorFromObject((ref.selector ?? {}) as never);
  const found = (await lookupAll(server.core, scopePrefix(resource, namespace))).filter((one) =>
    selector.matches(one.metadata.labels),
  );
  return found.length ? found : missing(ref);
}

function missing(ref: ParamRef): (KubeObject | undefined)[] {
  if (ref.parameterNotFoundAction === 'Allow') return [];
  throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
}
