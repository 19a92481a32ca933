import { createHash } from 'node:crypto';
import { ConfigError, messageOf } from '../../base/errors.ts';
import { dialPool } from '../../io/dial.ts';
import { realDisk, type Disk } from '../../io/disk.ts';
import type { Server } from '../server.ts';
import { readKubeconfig } from '../webhooks/kubeconfig.ts';
import { alwaysAllow, alwaysDeny } from './always.ts';
import type { Authorizer } from './chain.ts';
import {
  readConfiguration,
  type AuthorizationConfiguration,
  type AuthorizerConfiguration,
} from './configuration.ts';
import { configurationOfFlags } from './flags.ts';
import type { AuthorizationOptions } from './options.ts';
import { ReloadMetrics } from './reload-metrics.ts';
import { WebhookAuthorizer } from './webhook.ts';
import { WebhookMetrics } from './webhook-metrics.ts';

export interface ConfiguredAuthorization {
  stop(): void;
}

type Make = (configuration: AuthorizationConfiguration) => Promise<Authorizer[]>;

const op = 'authorization-config';

/**
 * Puts the authorizers that are configured in charge; a file that is wrong stops the start, and
 * later leaves what was there before.
 */
export async function configuredAuthorization(
  server: Server,
  options: AuthorizationOptions,
): Promise<ConfiguredAuthorization> {
  const { config, disk = realDisk } = options;
  const webhooks = new WebhookMetrics();
  const make: Make = (configuration) => authorizersOf(server, configuration, { disk, webhooks });
  if (!config) {
    if (options.modes?.includes('AlwaysAllow'))
      server.core.log.warn(
        'authorization-mode AlwaysAllow: requests without a user are refused, all others are ' +
          'allowed',
      );
    server.authorization.use(await make(configurationOfFlags(options)));
    server.authorization.alsoTell(() => webhooks.lines());
    return { stop: () => server.authorization.stop() };
  }
  const reloading = new Reloading(server, options);
  await reloading
    .start(make, disk)
    .catch((error: unknown) =>
      Promise.reject(
        error instanceof ConfigError
          ? new ConfigError(`${config.path}: ${error.message}`, { op, cause: error })
          : error,
      ),
    );
  server.authorization.alsoTell(() => [...webhooks.lines(), ...reloading.metrics.lines()]);
  const unwatch = config.watch(() => reloading.changed());
  return {
    stop() {
      unwatch();
      server.authorization.stop();
    },
  };
}

/** The file as it was last read, and what is made of it. */
class Reloading {
  readonly metrics: ReloadMetrics;
  readonly #server: Server;
  readonly #file: NonNullable<AuthorizationOptions['config']>;
  #make: Make = () => Promise.resolve([]);
  #disk: Disk = realDisk;
  #text = '';
  #stamp = '';
  /**
   * Authorizers other than webhooks: they must stay, and none of these may come that keeps a state
   * (kubeapiserver/authorizer reload.go).
   */
  #types: ReadonlySet<string> = new Set();
  #last: Promise<void> = Promise.resolve();

  constructor(server: Server, { config }: AuthorizationOptions) {
    this.#server = server;
    this.#file = config as NonNullable<AuthorizationOptions['config']>;
    this.metrics = new ReloadMetrics(server.core.clock, serverHash(server));
  }

  async start(make: Make, disk: Disk): Promise<void> {
    [this.#make, this.#disk] = [make, disk];
    this.#text = await this.#file.read();
    const configuration = await readConfiguration(this.#text, disk);
    this.#types = builtInTypes(configuration);
    await this.#take(configuration);
    this.metrics.applied(hashOf(this.#text));
  }

  /** Readings do not overlap: the last one counts. */
  changed(): void {
    this.#last = this.#last.then(() => this.#read());
  }

  async #read(): Promise<void> {
    const { log } = this.#server.core;
    try {
      const text = await this.#file.read();
      if (text === this.#text) return;
      this.#text = text;
      const configuration = await readConfiguration(text, this.#disk);
      const missing = [...this.#types].filter((type) => !builtInTypes(configuration).has(type));
      if (missing.length > 0)
        throw new ConfigError(`authorizers: missing required types: [${missing.join(' ')}]`, {
          op,
        });
      const fresh = [...builtInTypes(configuration)].find(
        (type) => stateful.has(type) && !this.#types.has(type),
      );
      if (fresh !== undefined)
        throw new ConfigError(
          `authorizers: type ${fresh} is not allowed if it was not enabled when the server started`,
          { op },
        );
      if (configuration.stamp === this.#stamp) return;
      await this.#take(configuration);
      this.metrics.reloaded(true);
      this.metrics.applied(hashOf(text));
      log.info('authorization configuration read again', {
        authorizers: configuration.authorizers.map(({ name }) => name).join(','),
      });
    } catch (error) {
      this.metrics.reloaded(false);
      log.error('authorization configuration is wrong, the former one stays', {
        file: this.#file.path,
        error: messageOf(error),
      });
    }
  }

  async #take(configuration: AuthorizationConfiguration): Promise<void> {
    this.#server.authorization.use(await this.#make(configuration));
    this.#stamp = configuration.stamp;
  }
}

const stateful = new Set(['Node', 'RBAC']);
const builtInTypes = ({ authorizers }: AuthorizationConfiguration): Set<string> =>
  new Set(authorizers.map(({ type }) => type).filter((type) => type !== 'Webhook'));

async function authorizersOf(
  server: Server,
  { authorizers }: AuthorizationConfiguration,
  { disk, webhooks }: { disk: Disk; webhooks: WebhookMetrics },
): Promise<Authorizer[]> {
  const { clock, log, random } = server.core;
  const doors = { clock, log, random, dial: server.options.dial };
  const made: Authorizer[] = [];
  for (const { type, name, webhook: configuration } of authorizers) {
    if (!configuration) made.push(builtIn(server, type));
    else {
      const webhook = await readKubeconfig(configuration.kubeConfigFile, {
        disk,
        clock,
        op,
        what: 'the kubeconfig',
      });
      const target = {
        ...webhook.target,
        pool: dialPool({ tls: webhook.target.tls !== undefined }),
      };
      made.push(
        new WebhookAuthorizer({
          name,
          configuration,
          webhook: { ...webhook, target },
          doors,
          metrics: webhooks,
        }),
      );
    }
  }
  return made;
}

function builtIn(server: Server, type: AuthorizerConfiguration['type']): Authorizer {
  switch (type) {
    case 'Node':
      return server.nodes;
    case 'RBAC':
      return server.rbac;
    case 'AlwaysAllow':
      return alwaysAllow;
    case 'AlwaysDeny':
      return alwaysDeny;
    default:
      throw new ConfigError(`unknown authorization mode ${type}`, { op });
  }
}

const hashOf = (text: string): string =>
  `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** kube-apiserver hashes its identity; here the address by which others know the server is that. */
const serverHash = ({ options }: Server): string =>
  hashOf(`${options.advertiseAddress}:${options.advertisePort ?? options.listen?.port ?? 0}`);
