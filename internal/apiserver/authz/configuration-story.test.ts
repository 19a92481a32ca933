import { request } from 'node:https';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { realClock } from '../../io/clock.ts';
import { configFile } from '../../io/config-file.ts';
import { realDisk } from '../../io/disk.ts';
import { startDevServer } from '../dev.ts';
import {
  admin,
  builtIn,
  client,
  configuration,
  configured,
  dev,
  hook,
  pods,
  start,
  startHook,
  startWith,
  webhook,
  write,
} from './testing/hook.ts';

startHook();

describe('the file', () => {
  test('is read again when it changes; a wrong one leaves what was there', async () => {
    await start(configuration(...builtIn));
    const status = async (): Promise<number> => (await client('ann')(pods)).status;
    expect(await status()).toBe(403);
    hook.answer = () => ({ allowed: true });
    await configured(configuration(webhook(), ...builtIn));
    await expect.poll(status).toBe(200);
    const reloads = async (): Promise<string[]> =>
      (await admin()('/metrics')).text
        .split('\n')
        .filter((line) =>
          line.startsWith('apiserver_authorization_config_controller_automatic_reloads_total'),
        )
        .map((line) => line.replace(/.*status="(\w+)"} /, '$1 '));
    // RBAC stood there when the server started.
    for (const wrong of [
      'kind: [',
      configuration(webhook({ timeout: '1h' }), ...builtIn),
      configuration(webhook()),
      configuration(
        webhook({
          connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: join(hook.dir, 'hook-token') },
        }),
        ...builtIn,
      ),
    ]) {
      const before = (await reloads()).join();
      await configured(wrong);
      await expect.poll(async () => (await reloads()).join()).not.toBe(before);
      expect(await status()).toBe(200);
    }
    expect((await reloads()).toSorted()).toEqual(['failure 4', 'success 1']);
    await configured(configuration({ type: 'AlwaysDeny', name: 'alwaysdeny' }, ...builtIn));
    await expect
      .poll(async () => (await client('ann')(pods)).json['message'])
      .toMatch(/Everything is forbidden\.$/);
  });

  test('is one line with file and field when the server cannot start with it', async () => {
    await start(configuration(...builtIn));
    const config = configFile(
      await write('wrong.yaml', configuration(webhook({ failurePolicy: 'Ignore' }))),
      { disk: realDisk, clock: realClock },
    );
    await expect(startDevServer({ more: { authorization: { config } } })).rejects.toThrow(
      `${hook.dir}/wrong.yaml: authorizers[0].webhook.failurePolicy: Unsupported value: ` +
        '"Ignore": supported values: "NoOpinion", "Deny"',
    );
  });
});

test('the mode AlwaysAllow allows everybody who has a name', async () => {
  await startWith({ more: { authorization: { modes: ['AlwaysAllow'] } } });
  expect((await client('ann')(pods)).status).toBe(200);
  const nameless = await new Promise<number | undefined>((resolve, reject) => {
    request(
      {
        host: '127.0.0.1',
        port: dev.api.port,
        path: pods,
        rejectUnauthorized: false,
        agent: false,
      },
      (res) => {
        res.resume();
        resolve(res.statusCode);
      },
    )
      .on('error', reject)
      .end();
  });
  expect(nameless).toBe(401);
});
