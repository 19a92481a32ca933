import {
  gatewayRefs,
  type BackendTlsPolicy,
  type Gateway,
  type GatewayClass,
  type GatewayObjects,
  type GrpcRoute,
  type HttpRoute,
  type ReferenceGrant,
  type StreamRoute,
} from '../../api/gateway/types.ts';
import type { Namespace } from '../../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import type { Mirror } from '../../client/client.ts';
import type { Mirrors } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import type { Clock, Timer } from '../../io/clock.ts';

/** What is not served (a definition that somebody took away) counts as empty after this long. */
const absentMs = 10_000;

interface Rest {
  classes: Mirror<GatewayClass>;
  httpRoutes: Mirror<HttpRoute>;
  grpcRoutes: Mirror<GrpcRoute>;
  grants: Mirror<ReferenceGrant>;
  tlsRoutes: Mirror<StreamRoute>;
  tcpRoutes: Mirror<StreamRoute>;
  backendTlsPolicies: Mirror<BackendTlsPolicy>;
  namespaces: Mirror<Namespace>;
}

/**
 * The objects of the Gateway API. While there is no Gateway nothing else of it is followed.
 *
 *     closed -> opening -> open      a Gateway came; all else is there, or is not to be had
 *        ^----------------- |        the last went
 */
export class GatewayMirrors {
  readonly #mirrors: Mirrors;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #gateways: Mirror<Gateway>;
  #rest: Rest | undefined;
  #timer: Timer | undefined;
  /** What is known is all that there is, as far as can be told. */
  #settled = false;

  constructor({
    mirrors,
    clock,
    changed,
  }: {
    mirrors: Mirrors;
    clock: Clock;
    changed: () => void;
  }) {
    this.#mirrors = mirrors;
    this.#clock = clock;
    this.#changed = changed;
    this.#gateways = mirrors.of<Gateway>(gatewayRefs.gateways);
    this.#settle([this.#gateways]);
    // Tells at once what others in this process have seen.
    this.#gateways.onChange(() => this.#look());
  }

  /** False while more is about to come. */
  get settled(): boolean {
    return this.#settled;
  }

  objects(): GatewayObjects {
    const rest = this.#rest;
    return {
      gateways: this.#gateways.list(),
      classes: rest?.classes.list() ?? [],
      httpRoutes: rest?.httpRoutes.list() ?? [],
      grpcRoutes: rest?.grpcRoutes.list() ?? [],
      grants: rest?.grants.list() ?? [],
      tlsRoutes: rest?.tlsRoutes.list() ?? [],
      tcpRoutes: rest?.tcpRoutes.list() ?? [],
      // Looked at twice.
      backendTlsPolicies: [...(rest?.backendTlsPolicies.list() ?? [])],
    };
  }

  labelsOf(namespace: string): Record<string, string> | undefined {
    const found = this.#rest?.namespaces.get(namespace);
    return found && (found.metadata.labels ?? {});
  }

  stop(): void {
    this.#timer?.cancel();
    this.#gateways.stop();
    this.#close();
  }

  #of<T extends object>(ref: ResourceRef): Mirror<T> {
    const mirror = this.#mirrors.of<T>(ref);
    mirror.onChange(() => this.#changed());
    return mirror;
  }

  #look(): void {
    const isAny = !this.#gateways.list()[Symbol.iterator]().next().done;
    if (isAny && !this.#rest) {
      this.#rest = {
        classes: this.#of(gatewayRefs.classes),
        httpRoutes: this.#of(gatewayRefs.httpRoutes),
        grpcRoutes: this.#of(gatewayRefs.grpcRoutes),
        grants: this.#of(gatewayRefs.grants),
        tlsRoutes: this.#of(gatewayRefs.tlsRoutes),
        tcpRoutes: this.#of(gatewayRefs.tcpRoutes),
        backendTlsPolicies: this.#of(gatewayRefs.backendTlsPolicies),
        namespaces: this.#of(refs.namespaces),
      };
      this.#settle(Object.values(this.#rest) as Mirror<object>[]);
    } else if (!isAny && this.#rest) this.#close();
    this.#changed();
  }

  #settle(mirrors: readonly Mirror<object>[]): void {
    this.#timer?.cancel();
    this.#settled = false;
    const settled = (): void => {
      if (this.#timer !== timer) return;
      timer.cancel();
      this.#timer = undefined;
      this.#settled = true;
      this.#changed();
    };
    const timer = this.#clock.after('ingress.gateways', absentMs, settled);
    this.#timer = timer;
    void Promise.all(mirrors.map((mirror) => mirror.synced)).then(settled);
  }

  #close(): void {
    for (const mirror of Object.values(this.#rest ?? {}) as Mirror<object>[]) mirror.stop();
    this.#rest = undefined;
  }
}
