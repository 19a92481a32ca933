import { each, type Attack } from '../attack.ts';

/**
 * Somebody without any identity reads nothing, and a name out of JavaScript's own objects is a name
 * like any other.
 */
export const attacks: Attack[] = [
  ...each(
    'anonymous-reads',
    {
      secrets: '/api/v1/secrets',
      pods: '/api/v1/pods',
      discovery: '/api/v1',
      nodes: '/api/v1/nodes',
      metrics: '/metrics',
      logs: '/logs/',
    },
    async (target, path) => {
      const { status } = await target.call({ path, as: { anonymous: true } });
      return status === 401 || status === 403 ? undefined : `GET ${path} answers ${status}`;
    },
  ),
  ...each(
    'prototype-token',
    {
      constructor: 'constructor',
      proto: '__proto__',
      toString: 'toString',
      dotted: 'constructor.prototype.x',
    },
    async (target, token) => {
      const { status } = await target.call({ path: '/api/v1/pods', as: { token } });
      return status === 401 ? undefined : `Bearer ${token} answers ${status}`;
    },
  ),
];
