import { networkGroup } from '../../pki/node-certificates.ts';
import type { UserInfo } from '../authn/user.ts';
import { ruleAllows, type AccessRequest, type Decision, type PolicyRule } from './authorizer.ts';
import type { Authorizer, Rules } from './chain.ts';
import { IngressSecrets } from './ingress-secrets.ts';
import { NodeGraph, type NodeGraphOptions } from './node-graph.ts';

const allowed: Decision = { allowed: true, reason: '' };
const no = (reason = ''): Decision => ({ allowed: false, reason });

/**
 * What a node may do with resources of which it may touch only some; everything else is what the
 * role `system:node` says.
 */
type Rule = (node: string, request: Asked, graph: NodeGraph) => Decision;
type Asked = Required<
  Pick<AccessRequest, 'verb' | 'resource' | 'subresource' | 'namespace' | 'name'>
> &
  Pick<AccessRequest, 'fields'>;

/**
 * The Node authorizer: a node may do what the role `system:node` says, but of Secrets, ConfigMaps,
 * claims, volumes, pods and accounts it reads only those that have to do with pods assigned to it,
 * and of Nodes, Leases, CSINodes and slices its own. The network of a node reads, besides what RBAC
 * gives it, the Secrets of Ingresses that it serves.
 */
export class NodeAuthorizer implements Authorizer {
  readonly type = 'Node';
  readonly name = 'node';
  readonly #graph: NodeGraph;
  readonly #ingressSecrets: IngressSecrets;
  readonly #rules: () => readonly PolicyRule[];

  /** `rules` are those of the ClusterRole system:node as they stand. */
  constructor(options: NodeGraphOptions & { rules: () => readonly PolicyRule[] }) {
    this.#graph = new NodeGraph(options);
    this.#ingressSecrets = new IngressSecrets(options);
    this.#rules = options.rules;
  }

  async start(): Promise<void> {
    await Promise.all([this.#graph.start(), this.#ingressSecrets.start()]);
  }

  stop(): void {
    this.#ingressSecrets.stop();
    this.#graph.stop();
  }

  authorize(request: AccessRequest): Decision {
    if (request.user.groups.includes(networkGroup)) return this.#network(request);
    const node = nodeNameOf(request.user);
    if (node === undefined) return no();
    if (node === '') return no(`unknown node for user ${JSON.stringify(request.user.name)}`);
    const { verb, resource = '', subresource = '', namespace = '', name = '', fields } = request;
    const rule =
      request.path === undefined ? divided.get(`${request.group ?? ''}/${resource}`) : undefined;
    if (rule)
      return rule(node, { verb, resource, subresource, namespace, name, fields }, this.#graph);
    return this.#rules().some((one) => ruleAllows(one, request)) ? allowed : no();
  }

  #network(request: AccessRequest): Decision {
    const { path, group = '', resource, subresource = '', namespace = '', name = '' } = request;
    const reads = ['get', 'list', 'watch'].includes(request.verb);
    if (path !== undefined || group !== '') return no();
    if (resource === 'configmaps')
      return reads && subresource === '' && this.#ingressSecrets.hasAuthority(namespace, name)
        ? allowed
        : no();
    if (resource !== 'secrets') return no();
    return reads && subresource === '' && this.#ingressSecrets.has(namespace, name)
      ? allowed
      : no('no Ingress or Gateway of a class of skiff names this Secret');
  }

  /** The rights of a node depend on its pods. */
  rulesFor(user: UserInfo): Rules {
    const isNode = nodeNameOf(user) !== undefined;
    return {
      rules: [],
      incomplete: isNode,
      ...(isNode && { error: 'node authorizer does not support user rule resolution' }),
    };
  }
}

/** The node that a user stands for; undefined for other users. */
export function nodeNameOf(user: { name: string; groups: readonly string[] }): string | undefined {
  const prefix = 'system:node:';
  return user.name.startsWith(prefix) && user.groups.includes('system:nodes')
    ? user.name.slice(prefix.length)
    : undefined;
}

const related: Rule = (node, asked, graph) => {
  if (asked.name === '') return no('No Object name found');
  return graph.related(node, asked.resource, asked.namespace, asked.name)
    ? allowed
    : no(`no relationship found between node '${node}' and this object`);
};

const getRelated: Rule = (node, asked, graph) => {
  if (asked.verb !== 'get') return no('can only get individual resources of this type');
  if (asked.subresource) return no('cannot get subresource');
  return related(node, asked, graph);
};

const readRelated: Rule = (node, asked, graph) => {
  if (!['get', 'list', 'watch'].includes(asked.verb))
    return no('can only read resources of this type');
  if (asked.subresource) return no('cannot read subresource');
  if (asked.namespace === '') return no('can only read namespaced object of this type');
  return related(node, asked, graph);
};

const claims: Rule = (node, asked, graph) => {
  if (asked.subresource !== 'status') return getRelated(node, asked, graph);
  return ['update', 'patch'].includes(asked.verb)
    ? related(node, asked, graph)
    : no('can only get/update/patch this type');
};

const accounts: Rule = (node, asked, graph) => {
  if (asked.subresource === '' && asked.verb === 'get') return readRelated(node, asked, graph);
  if (asked.verb !== 'create' || asked.name === '')
    return no('can only create tokens for individual service accounts');
  if (asked.subresource !== 'token')
    return no('can only create token subresource of serviceaccount');
  return related(node, asked, graph);
};

/**
 * One object with the node's own name; what is created has no name here, so the plug-in
 * NodeRestriction looks at that.
 */
const own =
  (what: string, title: string, where?: string): Rule =>
  (node, asked) => {
    if (!['get', 'create', 'update', 'patch', 'delete'].includes(asked.verb))
      return no(`can only get, create, update, patch, or delete a ${what}`);
    if (asked.subresource) return no(`cannot authorize ${title} subresources`);
    if (where !== undefined && asked.namespace !== where)
      return no(
        `can only access ${asked.resource} in the ${JSON.stringify(where)} system namespace`,
      );
    return asked.verb === 'create' || asked.name === node
      ? allowed
      : no(`can only access ${title} with the same name as the requesting node`);
  };

const pinned = (asked: Asked, field: string, value: string): boolean =>
  (asked.fields ?? []).some(
    (term) => term.field === field && term.operator === '=' && term.value === value,
  );

const slices: Rule = (node, asked, graph) => {
  if (asked.subresource) return no('cannot authorize ResourceSlice subresources');
  if (asked.verb === 'create') return allowed;
  if (['get', 'update', 'patch', 'delete'].includes(asked.verb)) return related(node, asked, graph);
  if (['watch', 'list', 'deletecollection'].includes(asked.verb)) {
    return pinned(asked, 'spec.nodeName', node)
      ? allowed
      : no('can only list/watch/deletecollection resourceslices with nodeName field selector');
  }
  return no(
    'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, ' +
      'update, patch, delete, deletecollection',
  );
};

const nodes: Rule = (node, asked) => {
  if (asked.subresource === 'status')
    return ['update', 'patch'].includes(asked.verb) ? allowed : no();
  if (asked.subresource) return no();
  if (['create', 'update', 'patch'].includes(asked.verb)) return allowed;
  if (!['get', 'list', 'watch'].includes(asked.verb)) return no();
  if (asked.name === node) return allowed;
  return no(
    asked.name
      ? `node '${node}' cannot read '${asked.name}', only its own Node object`
      : `node '${node}' cannot read all nodes, only its own Node object`,
  );
};

/** What is written the plug-in NodeRestriction looks at: an authorizer does not see it. */
const pods: Rule = (node, asked, graph) => {
  if (asked.subresource === 'status')
    return ['update', 'patch'].includes(asked.verb) ? allowed : no();
  if (asked.subresource === 'eviction') return asked.verb === 'create' ? allowed : no();
  if (asked.subresource) return no();
  if (asked.verb === 'create' || asked.verb === 'delete') return allowed;
  if (asked.verb === 'get') return related(node, asked, graph);
  if (asked.verb !== 'list' && asked.verb !== 'watch') return no();
  if (pinned(asked, 'spec.nodeName', node)) return allowed;
  return asked.name
    ? related(node, asked, graph)
    : no('can only list/watch pods with spec.nodeName field selector');
};

const divided = new Map<string, Rule>([
  ['/secrets', readRelated],
  ['/configmaps', readRelated],
  ['/persistentvolumeclaims', claims],
  ['/persistentvolumes', getRelated],
  ['/serviceaccounts', accounts],
  ['/nodes', nodes],
  ['/pods', pods],
  ['resource.k8s.io/resourceclaims', getRelated],
  ['resource.k8s.io/resourceslices', slices],
  ['storage.k8s.io/volumeattachments', getRelated],
  ['storage.k8s.io/csinodes', own('CSINode', 'CSINode')],
  ['coordination.k8s.io/leases', own('node lease', 'node lease', 'kube-node-lease')],
]);
