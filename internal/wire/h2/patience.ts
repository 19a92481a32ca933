import { errorCode, H2Error } from './frames.ts';
import type { H2Limits } from './limits.ts';

/**
 * Each head may be one of a request that is refused; one that is taken gives that back, and brings
 * its own allowance of frames that move nothing, for its empty end or its reset.
 */
const framesPerCall = 4;

/**
 * What a peer may make us do for nothing. It is used up by frames and comes back with time; a peer
 * that goes beyond it loses its connection.
 */
export class Patience {
  limits: H2Limits;
  #frames: number;
  #resets: number;
  #atMs = 0;

  constructor(limits: H2Limits) {
    this.limits = limits;
    this.#frames = limits.idleFrames;
    this.#resets = limits.resets;
  }

  passed(nowMs: number): void {
    const { idleFrames, idleFramesPerSecond, resets, resetsPerSecond } = this.limits;
    const seconds = (nowMs - this.#atMs) / 1000;
    this.#atMs = nowMs;
    this.#frames = Math.min(idleFrames, this.#frames + seconds * idleFramesPerSecond);
    this.#resets = Math.min(resets, this.#resets + seconds * resetsPerSecond);
  }

  /** A call began. */
  call(): void {
    this.#frames += framesPerCall;
  }

  /** A frame that moves no call. */
  idle(): void {
    if (--this.#frames < 0)
      throw new H2Error(errorCode.enhanceYourCalm, 'too many frames that move nothing');
  }

  /**
   * A stream that the peer ended before its answer: by a reset, or by a mistake for which we reset
   * it (CVE-2023-44487, CVE-2025-8671). Its handler has worked for nothing.
   */
  reset(): void {
    if (--this.#resets < 0)
      throw new H2Error(errorCode.enhanceYourCalm, 'too many streams are reset');
  }
}
