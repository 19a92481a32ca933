import { describe, expect, test } from 'vitest';
import { isPostgres, parsePostgresEndpoint, withTls } from './endpoint.ts';

describe('the endpoint', () => {
  test('is libpq’s URL', () => {
    expect(
      parsePostgresEndpoint(
        'postgres://skiff:s%40cret@db.example.com:5433/cluster?sslmode=verify-full&' +
          'sslrootcert=/ca.pem&connect_timeout=2',
      ),
    ).toMatchObject({
      hosts: [{ host: 'db.example.com', port: 5433 }],
      user: 'skiff',
      password: 's@cret',
      database: 'cluster',
      sslMode: 'verify-full',
      files: { ca: '/ca.pem' },
      connectTimeoutMs: 2000,
    });
    expect(parsePostgresEndpoint('postgresql://skiff@[fd00::1]/x').hosts).toEqual([
      { host: 'fd00::1', port: 5432 },
    ]);
    expect(
      parsePostgresEndpoint('postgres://u:p@a:1,b,c:3/x?target_session_attrs=read-write').hosts,
    ).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 5432 },
      { host: 'c', port: 3 },
    ]);
    expect(parsePostgresEndpoint('postgres://u:p@/x?host=/run/postgresql&port=5433').hosts).toEqual(
      [{ host: '/run/postgresql', port: 5433 }],
    );
    expect(parsePostgresEndpoint('postgres://u:p@%2Frun%2Fpostgresql/x').hosts).toEqual([
      { host: '/run/postgresql', port: 5432 },
    ]);
  });

  test('has k3s’ defaults', () => {
    expect(parsePostgresEndpoint('postgres://')).toMatchObject({
      hosts: [{ host: 'localhost', port: 5432 }],
      user: 'postgres',
      password: 'postgres',
      database: 'kubernetes',
      sslMode: 'prefer',
    });
    expect(parsePostgresEndpoint('postgres://u:p@h')).toMatchObject({ database: 'kubernetes' });
    expect(parsePostgresEndpoint('postgres://u:p@h/')).toMatchObject({ database: 'kubernetes' });
    expect(parsePostgresEndpoint('postgres://u@h/x')).toMatchObject({ password: '' });
  });

  test('is verified when an authority is given, unless it says otherwise', () => {
    const mode = (endpoint: string, tls: object): string =>
      withTls(endpoint, parsePostgresEndpoint(endpoint), tls).sslMode;
    expect(mode('postgres://u:p@h/x', {})).toBe('prefer');
    expect(mode('postgres://u:p@h/x', { ca: 'PEM' })).toBe('verify-full');
    expect(mode('postgres://u:p@h/x?sslmode=verify-ca', { ca: 'PEM' })).toBe('verify-ca');
    expect(parsePostgresEndpoint('postgres://u:p@h/x?sslrootcert=/ca').sslMode).toBe('verify-full');
  });

  test.each([
    ['postgres://u:p@h:port/x', /not host:port/],
    ['postgres://u:p@h:70000/x', /70000/],
    ['postgres://u:p%zz@h/x', /%/],
    ['postgres://u:p/w@h/x', /not of the form/],
    ['postgres://u:p@w@h/x', /not of the form/],
    ['postgres://u:p@h/x?port=many', /"many" where a port belongs/],
    ['postgres://u:p@h/x?sslmode=maybe', /unknown sslmode "maybe"/],
    ['postgres://u:p@h/x?sslmod=disable', /unknown setting "sslmod"/],
    ['postgres://u:p@h/x?connect_timeout=soon', /connect_timeout/],
  ])('%s is refused', (endpoint, why) => {
    expect(() => parsePostgresEndpoint(endpoint)).toThrow(why);
    expect(() => parsePostgresEndpoint(endpoint)).toThrow(
      expect.objectContaining({ code: 'CONFIG', hint: expect.any(String) as string }) as Error,
    );
  });

  test('tells PostgreSQL from others', () => {
    expect(
      ['postgres://', 'postgresql://h', 'https://h', 'mysql://h', 'h:2379'].map(isPostgres),
    ).toEqual([true, true, false, false, false]);
  });
});
