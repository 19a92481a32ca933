import type { ServerAnswer } from './https-server.ts';

const internalError = 2; // RFC 9113 7

/**
 * Ends an answer that has begun and cannot be finished, so that its reader sees a broken stream and
 * never a short whole.
 */
export function breakOff(answer: ServerAnswer): void {
  if ('stream' in answer) answer.stream?.close(internalError);
  else answer.destroy();
}
