/** A kubeconfig with one cluster, one user and one context, all called `name` as k3s does. */
export function kubeconfig(options: {
  server: string;
  ca: string;
  cert?: string;
  key?: string;
  token?: string;
  name?: string;
}): string {
  const name = options.name ?? 'default';
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  const user = [
    ...(options.cert === undefined ? [] : [`    client-certificate-data: ${base64(options.cert)}`]),
    ...(options.key === undefined ? [] : [`    client-key-data: ${base64(options.key)}`]),
    ...(options.token === undefined ? [] : [`    token: ${JSON.stringify(options.token)}`]),
  ];
  return `${[
    'apiVersion: v1',
    'clusters:',
    '- cluster:',
    `    certificate-authority-data: ${base64(options.ca)}`,
    `    server: ${options.server}`,
    `  name: ${name}`,
    'contexts:',
    '- context:',
    `    cluster: ${name}`,
    `    user: ${name}`,
    `  name: ${name}`,
    `current-context: ${name}`,
    'kind: Config',
    'users:',
    `- name: ${name}`,
    user.length > 0 ? '  user:' : '  user: {}',
    ...user,
  ].join('\n')}\n`;
}
