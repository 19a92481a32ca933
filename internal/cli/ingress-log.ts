import { ConfigError } from '../base/errors.ts';
import { realClock } from '../io/clock.ts';
import { askProgram, followProgram, socketAnswers } from '../io/local-socket.ts';
import { logRing, logSwitch, socketFile } from '../network/ingress/config.ts';
import { portDir } from '../network/ingress/haproxy.ts';
import { ingressDir } from '../supervisor/node-ingress.ts';

const op = 'ingress-log';
const askMs = 5_000;
/** Two that look at once must not switch it off for each other: who still looks says so again. */
const againMs = 2_000;

/** `skiff ingress-log`: the requests to this node's Ingresses, from now on, a line each. */
export async function ingressLog(options: { runDir: string; port?: string }): Promise<void> {
  const dir = dirOf(options);
  const socket = socketFile(dir);
  if (!(await socketAnswers(socket)))
    throw new ConfigError('no HAProxy of Ingresses or Gateways runs here', {
      op,
      hint: 'run it as root, on a node that serves one',
    });
  const { key } = logSwitch;
  const map = logSwitch.file(dir);
  const ask = (text: string): Promise<string> =>
    askProgram(op, socket, { text: `${text}\n`, timeoutMs: askMs });
  const turnOn = async (): Promise<void> => {
    const said = await ask(`get map ${map} ${key}`);
    if (!said.includes('found=yes')) await ask(`add map ${map} ${key} on`);
  };
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => end.abort());
  process.stdout.once('close', () => end.abort());
  await turnOn();
  const keep = async (): Promise<void> => {
    while (!end.signal.aborted) {
      await realClock.sleep(op, againMs, end.signal);
      if (!end.signal.aborted) await turnOn().catch(() => end.abort());
    }
  };
  const text = `show events ${logRing} -w -n\n`;
  const said = (bytes: Buffer): void => void process.stdout.write(printable(bytes));
  const kept = keep().catch(() => undefined);
  await followProgram(op, socket, { text, said, signal: end.signal });
  end.abort();
  await kept;
  await ask(`del map ${map} ${key}`).catch(() => undefined);
}

function dirOf({ runDir, port }: { runDir: string; port?: string }): string {
  const dir = ingressDir(runDir);
  if (port === undefined || port === '80' || port === '443') return dir;
  if (!/^[1-9]\d{0,4}$/.test(port)) throw new ConfigError(`"${port}" is not a port`, { op });
  return portDir(dir, Number(port));
}

/** Letters of strangers do nothing to a terminal. */
const printable = (bytes: Buffer): string =>
  bytes.toString('latin1').replace(/[^\n\x20-\x7e]/g, '?');
