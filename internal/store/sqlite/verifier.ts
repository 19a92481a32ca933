import { parentPort, workerData } from '../../io/worker.ts';
import { verifyNow, type VerifyAnswer, type VerifyRequest } from './verify.ts';

/** The thread behind verifyFile: one check, one answer. */
void verifyNow(workerData as VerifyRequest).then(
  (verified) => answer({ ok: true, verified }),
  (error: { code?: string; message: string; hint?: string }) =>
    answer({ ok: false, code: error.code ?? 'UNKNOWN', message: error.message, hint: error.hint }),
);

function answer(said: VerifyAnswer): void {
  parentPort?.postMessage(said);
}
