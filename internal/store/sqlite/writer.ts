import { parentPort, receiveMessageOnPort, workerData } from '../../io/worker.ts';
import { LogFile } from './log-file.ts';
import type { Answer, Question, WriterData } from './protocol.ts';

/** The writer thread: the only one that touches the file while the store is open. Questions are answered in order. */
async function serve({ options, bell }: WriterData): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('the writer runs in a thread of its own');
  const file = await LogFile.open(options);
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: Question } | undefined;
    if (received === undefined) {
      // Waiting on shared memory wakes the thread in half the time that its event loop would take.
      Atomics.wait(bell, 0, 0);
      Atomics.store(bell, 0, 0);
      continue;
    }
    port.postMessage(answer(file, received.message));
    if (received.message.do === 'close') return;
  }
}

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

void serve(workerData as WriterData).catch((error: unknown) => {
  // Reaches the store as the end of the thread, with this error.
  throw error;
});
