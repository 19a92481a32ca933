import type { ObjectReference, Pod, Secret } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Clock } from '../../io/clock.ts';
import { GrpcError } from '../../io/grpc.ts';
import type { AuthConfig, Image, PodSandboxConfig } from '../../wire/cri/cri.ts';
import type { ImageUser } from '../config/security.ts';
import type { CriClient } from '../cri/client.ts';
import { BackOff, goDuration } from '../pods/back-off.ts';
import { credentialsFor } from './docker-config.ts';
import {
  parseImageName,
  suffixOf,
  wholeName,
  withDefaultTag,
  type ImageName,
} from './image-name.ts';

/** Why an image is not there: the reason of status.state.waiting. */
export class ImageError extends Error {
  readonly reason:
    | 'ErrImagePull'
    | 'ImagePullBackOff'
    | 'ErrImageNeverPull'
    | 'InvalidImageName'
    | 'ImageInspectError';
  readonly retryMs: number | undefined;

  constructor(reason: ImageError['reason'], message: string, retryMs?: number) {
    super(message);
    this.reason = reason;
    this.retryMs = retryMs;
  }
}

export interface EnsuredImage extends ImageUser {
  ref: string;
}

export interface EnsureInput {
  pod: Pod;
  image: string;
  policy: string;
  about: ObjectReference;
  sandboxConfig?: PodSandboxConfig;
  signal: AbortSignal;
}

/** More pulls at once only make each of them slower, and a flash card stall. */
const defaultParallelPulls = 3;
/**
 * A large image over a slow line takes its time; a pull that brings nothing is ended by the runtime
 * itself.
 */
const pullTimeoutMs = 3_600_000;

export interface ImagePullerOptions {
  maxParallelPulls?: number;
  cri: CriClient;
  events: EventRecorder;
  clock: Clock;
  secret(namespace: string, name: string): Promise<Secret>;
  /** Repositories of mirrors that have this image under another name, to be asked first. */
  mirrorNames?(image: ImageName): string[];
  /** Brings an image back that an archive of this node holds; false when none does. */
  restore?(name: string): Promise<boolean>;
  /** Gives what the runtime holds as `from` the name `to` instead. */
  rename?(from: string, to: string): Promise<void>;
}

/** Makes images present for containers. */
export class ImagePuller {
  readonly #cri: CriClient;
  readonly #events: EventRecorder;
  readonly #clock: Clock;
  readonly #options: ImagePullerOptions;
  readonly #backOff = new BackOff();
  readonly #lastError = new Map<string, string>();
  readonly #pulling = new Map<string, Promise<string>>();
  #active = 0;
  readonly #queue: (() => void)[] = [];
  readonly #mostPulls: number;

  constructor(options: ImagePullerOptions) {
    this.#options = options;
    this.#mostPulls = options.maxParallelPulls ?? defaultParallelPulls;
    this.#cri = options.cri;
    this.#events = options.events;
    this.#clock = options.clock;
  }

  async ensure(input: EnsureInput): Promise<EnsuredImage> {
    const image = this.#named(input);
    const present = await this.#present(input, image);
    if (present) {
      this.#events.normal(
        input.about,
        'Pulled',
        `Container image "${input.image}" already present on machine and can be accessed by ` +
          'the pod',
      );
      return ensured(present);
    }
    if (input.policy === 'Never') {
      const message = `Container image "${input.image}" is not present with pull policy of Never`;
      this.#events.warning(input.about, 'ErrImageNeverPull', message);
      throw new ImageError('ErrImageNeverPull', message);
    }
    return this.#pull(input, image);
  }

  /** The image, if it need not be pulled; one that was removed comes back from its archive. */
  async #present(input: EnsureInput, image: string): Promise<Image | undefined> {
    if (input.policy === 'Always') return undefined;
    const there = await this.#inspect(input, image);
    if (there) return there;
    const restored = await this.#options.restore?.(wholeName(image)).catch(() => false);
    return restored === true ? await this.#inspect(input, image) : undefined;
  }

  /** The pod is gone: its failures count no more. */
  forget(uid: string): void {
    this.#backOff.forget(`${uid}_`);
    for (const key of this.#lastError.keys())
      if (key.startsWith(`${uid}_`)) this.#lastError.delete(key);
  }

  #named(input: EnsureInput): string {
    try {
      return withDefaultTag(input.image);
    } catch (error) {
      const message = `Failed to apply default image tag "${input.image}": ${messageOf(error)}`;
      this.#events.warning(input.about, 'InspectFailed', message);
      throw new ImageError('InvalidImageName', message);
    }
  }

  async #inspect(input: EnsureInput, image: string): Promise<Image | undefined> {
    try {
      return (await this.#cri.imageStatus({ image: { image } })).image;
    } catch (error) {
      const message = `Failed to inspect image "${image}": ${messageOf(error)}`;
      this.#events.warning(input.about, 'InspectFailed', message);
      throw new ImageError('ImageInspectError', message);
    }
  }

  async #pull(input: EnsureInput, image: string): Promise<EnsuredImage> {
    const key = `${input.pod.metadata.uid}_${input.image}`;
    const now = this.#clock.monotonicMs();
    const wait = this.#backOff.remainingMs(key, this.#backOff.lastMs(key), now);
    if (wait > 0) {
      this.#events.normal(input.about, 'BackOff', `Back-off pulling image "${input.image}"`);
      const before = this.#lastError.get(key);
      throw new ImageError(
        'ImagePullBackOff',
        `Back-off pulling image "${input.image}"${before ? `: ${before}` : ''}`,
        wait,
      );
    }
    this.#events.normal(input.about, 'Pulling', `Pulling image "${input.image}"`);
    const asked = this.#clock.monotonicMs();
    try {
      const { ref, tookMs } = await this.#once(input, image);
      const pulled = await this.#inspect(input, ref);
      const waited = goDuration(Math.floor(this.#clock.monotonicMs() - asked));
      this.#events.normal(
        input.about,
        'Pulled',
        `Successfully pulled image "${input.image}" in ${goDuration(Math.floor(tookMs))} ` +
          `(${waited} including waiting). Image size: ${pulled?.size ?? 0} bytes.`,
      );
      this.#lastError.delete(key);
      return pulled ? ensured(pulled) : { ref };
    } catch (error) {
      if (input.signal.aborted) throw error;
      const message = pullText(error);
      this.#events.warning(
        input.about,
        'Failed',
        `Failed to pull image "${input.image}": ${message}`,
      );
      this.#backOff.next(key, this.#clock.monotonicMs());
      this.#lastError.set(key, `ErrImagePull: ${message}`);
      throw new ImageError('ErrImagePull', message, this.#backOff.current(key));
    }
  }

  /** Pods that want the same image with the same credentials at the same time share one pull. */
  async #once(input: EnsureInput, image: string): Promise<{ ref: string; tookMs: number }> {
    const credentials = await this.#credentials(input.pod, image);
    const key = `${image} ${JSON.stringify(credentials)}`;
    let pull = this.#pulling.get(key);
    let tookMs = 0;
    if (!pull) {
      pull = this.#inTurn(async () => {
        const started = this.#clock.monotonicMs();
        const ref = await this.#tryEach(image, credentials, input.sandboxConfig);
        tookMs = this.#clock.monotonicMs() - started;
        return ref;
      }).finally(() => this.#pulling.delete(key));
      this.#pulling.set(key, pull);
    }
    return { ref: await pull, tookMs };
  }

  async #tryEach(
    image: string,
    credentials: AuthConfig[],
    sandboxConfig: PodSandboxConfig | undefined,
  ): Promise<string> {
    const tries: (AuthConfig | undefined)[] = credentials.length > 0 ? credentials : [undefined];
    const from = (name: string, auth: AuthConfig | undefined): Promise<string> =>
      this.#cri
        .pullImage(
          {
            image: { image: name },
            ...(auth ? { auth } : {}),
            ...(sandboxConfig ? { sandboxConfig } : {}),
          },
          { timeoutMs: pullTimeoutMs },
        )
        .then((pulled) => pulled.imageRef);
    const errors: unknown[] = [];
    const name = parseImageName(image);
    for (const mirror of this.#options.mirrorNames?.(name) ?? []) {
      for (const auth of tries) {
        try {
          const ref = await from(`${mirror}${suffixOf(name)}`, auth);
          await this.#takeName(mirror, name, ref);
          return ref;
        } catch (error) {
          errors.push(error);
        }
      }
    }
    for (const auth of tries) {
      try {
        return await from(image, auth);
      } catch (error) {
        errors.push(error);
      }
    }
    throw errors.at(-1);
  }

  /** What came from a mirror under its name is known by the name that pods give. */
  async #takeName(mirror: string, name: ImageName, ref: string): Promise<void> {
    const image = (await this.#cri.imageStatus({ image: { image: ref } })).image;
    const names = new Set([
      `${mirror}${suffixOf(name)}`,
      ...(image?.repoTags ?? []),
      ...(image?.repoDigests ?? []),
    ]);
    for (const from of names)
      if (from.startsWith(`${mirror}:`) || from.startsWith(`${mirror}@`))
        await this.#options.rename?.(
          from,
          `${name.registry}/${name.repository}${from.slice(mirror.length)}`,
        );
  }

  async #credentials(pod: Pod, image: string): Promise<AuthConfig[]> {
    const names = pod.spec.imagePullSecrets ?? [];
    if (names.length === 0) return [];
    const secrets: Secret[] = [];
    const missing: string[] = [];
    for (const { name = '' } of names) {
      try {
        secrets.push(await this.#options.secret(pod.metadata.namespace ?? '', name));
      } catch {
        missing.push(name);
      }
    }
    if (missing.length > 0) {
      this.#events.warning(
        pod as never,
        'FailedToRetrieveImagePullSecret',
        `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to ` +
          'pull the image may not succeed.',
      );
    }
    return credentialsFor(parseImageName(image), secrets);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#active >= this.#mostPulls)
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#active += 1;
    try {
      return await work();
    } finally {
      this.#active -= 1;
      this.#queue.shift()?.();
    }
  }
}

/** A digest says all; a tag beside it is for people. */
function ensured(image: Image): EnsuredImage {
  return {
    ref: image.id,
    ...(image.uid ? { uid: image.uid.value ?? 0 } : {}),
    ...(image.username ? { username: image.username } : {}),
  };
}

function pullText(error: unknown): string {
  return error instanceof GrpcError
    ? `rpc error: code = ${codeName(error.code)} desc = ${error.message}`
    : messageOf(error);
}

/** `GRPC_NOT_FOUND` -> `NotFound`. */
function codeName(code: string): string {
  return code
    .replace('GRPC_', '')
    .toLowerCase()
    .replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
