import { parentPort, workerData } from '../../io/worker.ts';
import { LogFile, type LogFileOptions } from './log-file.ts';
import type { Answer, Question } from './protocol.ts';

/** The writer thread: the only one that touches the file while the store is open. Questions are answered in order. */
async function serve(): Promise<void> {
  // No await at the top level: in the executable this is a CommonJS script. Questions wait in the port meanwhile.
  const file = await LogFile.open(workerData as LogFileOptions);
  parentPort?.on('message', (question: Question) => {
    parentPort?.postMessage(answer(file, question));
    if (question.do === 'close') parentPort?.close();
  });
}

void serve();

function answer(file: LogFile, question: Question): Answer {
  try {
    if (question.do === 'commit') file.commit(question);
    else if (question.do === 'size') return { ok: true, ...file.size() };
    else if (question.do === 'defragment') file.defragment();
    else if (question.do === 'snapshot') file.snapshot(question.path);
    else if (question.do === 'encrypt') file.encrypt(question.encryption);
    else file.close();
    return { ok: true };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { ok: false, code: code ?? 'UNKNOWN', message };
  }
}
