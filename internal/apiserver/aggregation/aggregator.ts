import { refs } from '../../api/generated/refs.ts';
import { timeOf } from '../../api/times.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { APIService } from '../../api/generated/types/apiregistration-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import type { Timer } from '../../io/clock.ts';
import type { DialTarget } from '../../io/dial.ts';
import { keyOf as storeKey } from '../../store/store.ts';
import { systemCall } from '../bootstrap/reconcile.ts';
import { send, type Exchange } from '../http/exchange.ts';
import type { Delegates, PathHandler } from '../server.ts';
import type { UserInfo } from '../authn/user.ts';
import { forward } from '../proxy/forward.ts';
import { headerKey, headerText } from '../proxy/headers.ts';
import { calledService, NoEndpoint } from '../proxy/service-endpoints.ts';
import { connect } from '../proxy/upgrade.ts';
import { follow, type Followed } from '../follow.ts';
import { objectOf } from '../registry/stored.ts';
import type { DiscoveredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import type { Outward } from '../proxy/outward.ts';
import type { LocalApi } from './local-api.ts';
import { fetchResources } from './remote-discovery.ts';

interface Remote {
  service: APIService;
  available: boolean;
  resources: DiscoveredResource[];
}

const prefix = storeKey(registryPrefix(refs.apiServices));
/** How soon an API that does not answer is tried again, and how often one that does. */
const retryMs = 2000;
const recheckMs = 30_000;

/**
 * Group versions that other servers answer for: requests go on to them, discovery shows what they
 * serve (kube-aggregator).
 */
export class Aggregator implements Delegates {
  readonly #server: Outward;
  readonly #remotes = new Map<string, Remote>();
  /** How often an APIService became unavailable, by name and reason. */
  readonly #unavailable = new Map<string, number>();
  #followed: Followed | undefined;
  #timer: Timer | undefined;
  #checking = false;
  #stopped = false;

  readonly #local: readonly LocalApi[];

  /** `local`: what this process answers itself, unless an APIService gives it to another. */
  constructor(server: Outward, local: readonly LocalApi[] = []) {
    this.#server = server;
    this.#local = local;
  }

  async start(): Promise<void> {
    const { store, clock, log } = this.#server.core;
    this.#followed = await follow({
      store,
      clock,
      log,
      name: 'apiservices',
      prefix,
      onChanges: (changes) => {
        for (const { key, kv } of changes) {
          if (kv) this.#put(objectOf(kv) as APIService);
          else this.#drop(key.slice(prefix.length));
        }
      },
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#followed?.stop();
    this.#timer?.cancel();
  }

  /** What the remote servers and the local APIs serve, for discovery. */
  resources(): DiscoveredResource[] {
    const local = this.#local.filter((api) => !this.#remotes.has(`${api.version}.${api.group}`));
    return [
      ...local.flatMap((api) => api.resources),
      ...[...this.#remotes.values()].flatMap((remote) =>
        remote.available ? remote.resources : [],
      ),
    ];
  }

  /** Which remote APIs do not answer, in kube-aggregator's names. */
  metrics(): string[] {
    return [
      '# TYPE aggregator_unavailable_apiservice gauge',
      ...[...this.#remotes].map(
        ([name, { available }]) =>
          `aggregator_unavailable_apiservice{name="${name}"} ${available ? 0 : 1}`,
      ),
      '# TYPE aggregator_unavailable_apiservice_total counter',
      ...[...this.#unavailable].map(
        ([labels, count]) => `aggregator_unavailable_apiservice_total{${labels}} ${count}`,
      ),
    ];
  }

  #put(service: APIService): void {
    const name = service.metadata.name ?? '';
    if (!service.spec?.service) return this.#drop(name);
    const known = this.#remotes.get(name);
    if (!known && this.#local.length > 0) this.#server.core.resources.touch();
    const changed = !known || JSON.stringify(known.service.spec) !== JSON.stringify(service.spec);
    this.#remotes.set(name, {
      service,
      available: known?.available ?? false,
      resources: known?.resources ?? [],
    });
    if (changed) this.#soon(0);
  }

  #drop(name: string): void {
    if (this.#remotes.delete(name)) this.#server.core.resources.touch();
  }

  /** One timer while there are remote APIs, none otherwise. */
  #soon(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#server.core.clock.after(
      'aggregation.check',
      ms,
      () => void this.#checkAll(),
    );
  }

  async #checkAll(): Promise<void> {
    if (this.#checking || this.#stopped) return;
    this.#checking = true;
    try {
      // Side by side: one that does not answer keeps nobody waiting.
      await Promise.all([...this.#remotes].map(([name, remote]) => this.#check(name, remote)));
    } finally {
      this.#checking = false;
    }
    const waiting = [...this.#remotes.values()].some((remote) => !remote.available);
    if (this.#remotes.size && !this.#stopped) this.#soon(waiting ? retryMs : recheckMs);
  }

  async #check(name: string, remote: Remote): Promise<void> {
    const { spec } = remote.service;
    let reason = 'Passed';
    let message = 'all checks passed';
    let resources: DiscoveredResource[] = remote.resources;
    try {
      const target = await this.#target(remote.service);
      resources = await fetchResources(
        this.#server,
        target,
        spec.group ?? '',
        spec.version ?? '',
        asUser({ name: 'system:kube-aggregator', groups: ['system:masters'] }),
      );
    } catch (error) {
      reason = error instanceof NoEndpoint ? error.reason : 'FailedDiscoveryCheck';
      message =
        error instanceof NoEndpoint
          ? error.message
          : 'failing or missing response from ' +
            `https://${spec.service?.name}.${spec.service?.namespace}.` +
            `svc:${spec.service?.port ?? 443}/apis/${spec.group}/${spec.version}: ` +
            `${messageOf(error)}`;
    }
    const now = this.#remotes.get(name);
    if (!now) return;
    const available = reason === 'Passed';
    const changed =
      now.available !== available ||
      JSON.stringify(now.resources.map(shown)) !== JSON.stringify(resources.map(shown));
    if (!available && now.available) {
      const labels = `name="${name}",reason="${reason}"`;
      this.#unavailable.set(labels, (this.#unavailable.get(labels) ?? 0) + 1);
    }
    now.available = available;
    now.resources = resources;
    if (changed) this.#server.core.resources.touch();
    await this.#report(name, { available, reason, message }).catch((error: unknown) =>
      this.#server.core.log.debug('an APIService status was not written', {
        name,
        error: messageOf(error),
      }),
    );
  }

  async #report(
    name: string,
    state: { available: boolean; reason: string; message: string },
  ): Promise<void> {
    const { core } = this.#server;
    const status = state.available ? 'True' : 'False';
    const have = this.#remotes
      .get(name)
      ?.service.status?.conditions?.find((one) => one.type === 'Available');
    if (have?.status === status && have.reason === state.reason && have.message === state.message)
      return;
    const call = {
      ...systemCall(
        core,
        { group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' },
        '',
        name,
      ),
      subresource: 'status',
    };
    await updateObject(core, call, {
      make: (old) => {
        const next = deepCopy(old) as APIService;
        const others = (next.status?.conditions ?? []).filter((one) => one.type !== 'Available');
        const time = have?.status === status ? have.lastTransitionTime : timeOf(core.clock.now());
        next.status = {
          conditions: [
            ...others,
            {
              type: 'Available',
              status,
              lastTransitionTime: time,
              reason: state.reason,
              message: state.message,
            },
          ],
        };
        return next as KubeObject;
      },
    });
  }

  async #target(service: APIService): Promise<DialTarget> {
    const { namespace = '', name = '', port = 443 } = service.spec.service ?? {};
    const found = await calledService(this.#server, namespace, name, port).catch(
      (error: unknown) => {
        throw error instanceof NoEndpoint
          ? new NoEndpoint(error.reason, unavailable(error.reason, { namespace, name, port }))
          : error;
      },
    );
    const proxy = this.#server.options.requestHeader;
    const ca = service.spec.caBundle
      ? Buffer.from(service.spec.caBundle, 'base64').toString()
      : undefined;
    return {
      ...found,
      tls: {
        ca,
        cert: proxy?.clientCert,
        key: proxy?.clientKey,
        servername: `${name}.${namespace}.svc`,
        insecure: service.spec.insecureSkipTLSVerify ?? false,
      },
    };
  }

  #remoteFor(exchange: Exchange): Remote | undefined {
    if (this.#remotes.size === 0) return undefined;
    const [, , group = '', version = ''] = exchange.info.path.split('/');
    return version ? this.#remotes.get(`${version}.${group}`) : undefined;
  }

  /** The APIService of a path, when it is not served here. */
  delegate(exchange: Exchange): PathHandler | undefined {
    const remote = this.#remoteFor(exchange);
    if (!remote) return this.#localFor(exchange);
    return async (server, asked) => {
      if (!remote.available)
        return send(asked, 503, 'text/plain; charset=utf-8', 'service unavailable\n', {
          'x-content-type-options': 'nosniff',
        });
      const target = await this.#target(remote.service);
      await forward(server, asked, {
        target,
        path: asked.request.url ?? asked.info.path,
        headers: asUser(asked.user),
      });
    };
  }

  /** Documents of discovery are made from `resources`: only what is below them is the API's. */
  #localFor({ info }: Exchange): PathHandler | undefined {
    if (!info.isResource) return undefined;
    const api = this.#local.find((a) => a.group === info.group && a.version === info.version);
    return api && ((server, asked) => api.handle(server, asked));
  }

  delegateUpgrade(exchange: Exchange, socket: Duplex, head: Buffer): Promise<void> | undefined {
    const remote = this.#remoteFor(exchange);
    if (!remote) return undefined;
    const run = async (): Promise<void> => {
      const target = await this.#target(remote.service);
      await connect(
        this.#server,
        exchange,
        {
          target,
          path: exchange.request.url ?? exchange.info.path,
          headers: asUser(exchange.user),
        },
        socket,
        head,
      );
    };
    return run();
  }
}

/** kube-aggregator's words for an API whose service cannot be called. */
function unavailable(
  reason: NoEndpoint['reason'],
  { namespace, name, port }: { namespace: string; name: string; port: number },
): string {
  if (reason === 'ServiceNotFound') return `service/${name} in "${namespace}" is not present`;
  if (reason === 'ServicePortError')
    return `service/${name} in "${namespace}" is not listening on port ${port}`;
  return `endpoints for service/${name} in "${namespace}" have no addresses for port ${port}`;
}

const shown = (resource: DiscoveredResource): unknown => [
  resource.resource,
  resource.kind,
  resource.verbs,
  [...resource.subresources.keys()],
];

/**
 * The front proxy vouches for the user in headers; what the client sent under these names was
 * dropped.
 */
function asUser(user: UserInfo): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'x-remote-user': headerText(user.name),
    'x-remote-group': user.groups.map(headerText),
  };
  if (user.uid) headers['x-remote-uid'] = headerText(user.uid);
  for (const [key, values] of Object.entries(user.extra ?? {}))
    headers[`x-remote-extra-${headerKey(key)}`] = values.map(headerText);
  return headers;
}
