import type { ServerAnswer } from './https-server.ts';

/**
 * Ends an answer that has begun and cannot be finished, so that its reader sees a broken stream and
 * never a short whole.
 */
export function breakOff(answer: ServerAnswer): void {
  answer.destroy();
}
