import { createHash } from 'node:crypto';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Log } from '../io/log.ts';
import type { Random } from '../io/random.ts';
import {
  changeKeys,
  finishChange,
  keyHash,
  keyName,
  type KeyCensus,
  type KeyChange,
  type KeyKeeper,
  type KeyState,
  type Reencrypts,
} from '../store/key-ring.ts';

/** A store whose values can be encrypted again, and counted by their keys. */
export interface EncryptedValues extends Reencrypts {
  /** Undefined while a change is under way and it cannot be told. */
  keyCensus(state: KeyState | undefined): Promise<KeyCensus | undefined>;
}

/** What `skiff secrets-encrypt status` shows; the first five fields go by k3s' names. */
export interface EncryptionStatus {
  enable: boolean;
  stage: 'start' | 'reencrypt_active' | 'reencrypt_finished';
  activekey: string;
  inactivekeys: string[];
  /** The same on all servers that have the same keys. */
  hash: string;
  values: { plain: number; keys: { name: string; values: number }[] } | undefined;
  /** Whether this server works on it. */
  running: boolean;
  progress: { done: number; total: number } | undefined;
  error: string | undefined;
}

/**
 * Turns encryption of Secrets on and off and changes its key, while the server runs. One change at
 * a time.
 */
export class SecretsEncryption {
  readonly #keeper: KeyKeeper;
  readonly #values: EncryptedValues;
  readonly #random: Random;
  readonly #log: Log;
  #running: Promise<void> | undefined;
  #progress: { done: number; total: number } | undefined;
  #error: string | undefined;

  constructor(options: { keeper: KeyKeeper; values: EncryptedValues; random: Random; log: Log }) {
    this.#keeper = options.keeper;
    this.#values = options.values;
    this.#random = options.random;
    this.#log = options.log;
  }

  /** Carries on what a process before was cut off from. */
  async start(): Promise<void> {
    const state = await this.#keeper.read();
    if (state?.unfinished === undefined) return;
    this.#log.info('values are encrypted again: an earlier change of keys was not finished', {
      change: state.unfinished,
    });
    this.#run(() =>
      finishChange({
        keeper: this.#keeper,
        store: this.#values,
        progress: (done, total) => this.#at(done, total),
      }),
    );
  }

  async status(): Promise<EncryptionStatus> {
    // Read running first, so that a caller who sees false also sees the final state.
    const running = this.#running !== undefined;
    const state = await this.#keeper.read();
    const [active, ...inactive] = state?.keys ?? [];
    const census = await this.#values.keyCensus(state);
    const enabled = state?.enabled === true;
    return {
      enable: enabled,
      stage:
        state === undefined
          ? 'start'
          : state.unfinished !== undefined || running
            ? 'reencrypt_active'
            : inactive.length > 0 || !enabled
              ? 'reencrypt_finished'
              : 'start',
      activekey: active === undefined || !enabled ? '' : keyName(active.id),
      inactivekeys: (enabled ? inactive : (state?.keys ?? [])).map((key) => keyName(key.id)),
      hash:
        state === undefined
          ? ''
          : createHash('sha256')
              .update(JSON.stringify([enabled, ...state.keys.map(keyHash)]))
              .digest('hex')
              .slice(0, 16),
      values: census && {
        plain: census.plain,
        keys: census.keys.map(([id, values]) => ({ name: keyName(id), values })),
      },
      running,
      progress: running ? this.#progress : undefined,
      error: this.#error,
    };
  }

  /** Begins a change; `status` tells when it is through. */
  async begin(change: KeyChange): Promise<void> {
    if (this.#running)
      throw new ConfigError('a change of keys is under way', {
        op: 'secrets-encrypt',
        hint: 'see "skiff secrets-encrypt status"',
      });
    const state = await this.#keeper.read();
    if (change === 'enable' && state?.enabled && state.unfinished === undefined)
      throw new ConfigError('secrets are encrypted already', {
        op: 'secrets-encrypt',
        hint: '"rotate-keys" changes the key',
      });
    if (change !== 'enable' && !state?.enabled)
      throw new ConfigError('secrets are not encrypted', {
        op: 'secrets-encrypt',
        hint: 'turn it on with "skiff secrets-encrypt enable"',
      });
    // Between the question and now another change may have begun.
    if (this.#running) return await this.begin(change);
    this.#run(() =>
      changeKeys({
        keeper: this.#keeper,
        random: this.#random,
        store: this.#values,
        change,
        progress: (done, total) => this.#at(done, total),
      }),
    );
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #at(done: number, total: number): void {
    this.#progress = { done, total };
  }

  #run(work: () => Promise<KeyState>): void {
    this.#error = undefined;
    this.#progress = undefined;
    this.#running = work()
      .then(
        (state) =>
          this.#log.info('secrets are encrypted as wanted', {
            enabled: state.enabled,
            key: state.enabled && state.keys[0] ? keyName(state.keys[0].id) : 'none',
          }),
        (error: unknown) => {
          this.#error = messageOf(error);
          this.#log.error(
            'the change of keys did not come to its end; the next start carries it on',
            { error: this.#error },
          );
        },
      )
      .finally(() => (this.#running = undefined));
  }
}
